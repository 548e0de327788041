// Sends to a dead and a living port in turn: flood.cjs FORM. What each ICMP message does to later calls.
'use strict'
const { setImmediate: turn } = require('node:timers/promises')
const { createSocket } = require('sendmsg')

const COUNT = 6000
const form = process.argv[2]

async function main() {
  const gone = createSocket('udp4')
  const { port: dead } = gone.bindSync({ address: '127.0.0.1' })
  gone.close()
  const living = createSocket({ type: 'udp4', recvBufferSize: 1 << 22 })
  let arrived = 0
  living.on('messages', (messages) => (arrived += messages.length))
  const { port } = living.bindSync({ address: '127.0.0.1' })
  const socket = createSocket({ type: 'udp4', receiveErrors: true, pull: form !== 'listening' })
  const heard = { error: 0, datagramError: 0, refused: 0 }
  socket.on('error', () => heard.error++)
  socket.on('datagramError', ({ port: to }) => {
    heard.datagramError++
    if (to !== dead) heard.wrong = true
  })
  if (form === 'connected') socket.connectSync(dead)
  else socket.bindSync({ address: '127.0.0.1' })
  const waiting = form === 'pulling' ? socket.recvmsg().catch(() => heard.refused++) : undefined
  for (let at = 0; at < COUNT; at++) {
    const to = form === 'connected' ? {} : { address: '127.0.0.1', port: at % 2 === 0 ? dead : port }
    try {
      if (at % 3 === 0) await socket.sendmsg({ data: Buffer.from('x'), ...to })
      else if (socket.trySendmsg({ data: Buffer.from('x'), ...to }) === null) at--
      if (form !== 'pulling' && form !== 'listening') socket.tryRecvmsg()
    } catch {
      heard.refused++
    }
    if (at % 100 === 0 || (form !== 'deaf' && at % 10 === 0)) await turn()
  }
  for (let wait = 0; wait < 200; wait++) await turn()
  // A living peer is still heard.
  let answers = 0
  if (form === 'deaf') {
    const { port: own } = socket.address()
    for (let at = 0; at < 20; at++) await living.sendmsg({ data: Buffer.from('y'), address: '127.0.0.1', port: own })
    for (let at = 0; at < 20; at++) if (await socket.recvmsg({ timeout: 5000 })) answers++
  }
  socket.close()
  await waiting
  living.close()
  if (form === 'pulling') heard.refused-- // by close()
  console.log(JSON.stringify({ ...heard, arrived, answers }))
}

void main()
