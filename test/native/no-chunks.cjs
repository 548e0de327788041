// Receives while no chunk of memory can be had, and says what came: no-chunks.cjs WAY. Preloads allocations.c.
'use strict'
const { setTimeout: pause } = require('node:timers/promises')
const { createSocket } = require('sendmsg')

const COUNT = 200
const SIZE = 1000
const CHUNK = 65536
/** V8 tries four times for one chunk: several chunks in a row. */
const FAILURES = 24

const way = process.argv[2]
const listens = way === "'message'"
const socket = createSocket({ type: 'udp4', pull: !listens, recvBufferSize: 1 << 20 })
const { port } = socket.bindSync({ address: '127.0.0.1' })
const got = []
const errors = []
const fail = (what) => {
  process.env.FAIL_ALLOCATIONS = what
}

async function pull() {
  while (got.length < COUNT && errors.length < COUNT) {
    try {
      const messages = way === 'recvmsg' ? [await socket.recvmsg({ timeout: 2000 })] : socket.tryRecvmmsg()
      if (messages.length === 0) break
      got.push(...messages)
    } catch (error) {
      errors.push(error)
      if (error.code === 'ETIMEDOUT') break
    }
  }
}

async function listen() {
  socket.on('message', (data) => got.push({ data }))
  socket.on('error', (error) => errors.push(error))
  process.on('uncaughtException', (error) => errors.push(error))
  const until = Date.now() + 2000
  while (got.length < COUNT && Date.now() < until) await pause(5)
}

async function main() {
  for (let at = 0; at < COUNT; at++) {
    const data = Buffer.alloc(SIZE)
    data.writeUInt32BE(at)
    socket.trySendmsg({ data, address: '127.0.0.1', port })
  }
  fail(`${CHUNK} 1 ${FAILURES}`)
  await (listens ? listen() : pull())
  fail('')
  const numbers = got.map(({ data }) => data.readUInt32BE(0))
  const failed = Number(process.env.FAILED_ALLOCATIONS)
  console.log(JSON.stringify({ numbers, errors: errors.map(({ name, code }) => code ?? name), failed }))
  socket.close()
}

void main()
