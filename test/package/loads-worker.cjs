// Threads that load the library three times, and end while all three wait for room and for messages: prints how they
// ended, and the sockets before and after.
'use strict'

const { once } = require('node:events')
const path = require('node:path')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const { countSockets } = require('../helpers/descriptors.cjs')

const turn = () => new Promise(setImmediate)

async function main() {
  const ends = []
  const before = countSockets()
  for (let round = 0; round < Number(process.argv[2]); round++) {
    const worker = new Worker(__filename, { workerData: round })
    worker.on('message', () => {
      if (round % 2 === 0) void worker.terminate()
    })
    const [code] = await once(worker, 'exit')
    ends.push(`${round % 2 === 0 ? 'terminated' : 'ended'} ${code}`)
  }
  await turn()
  console.log(JSON.stringify({ ends, before, after: countSockets() }))
}

async function work() {
  const own = path.dirname(require.resolve('sendmsg'))
  for (let copy = 0; copy < 3; copy++) {
    for (const name of Object.keys(require.cache)) {
      if (name.startsWith(own)) delete require.cache[name]
    }
    const { createSocket, sendmsg } = require('sendmsg')
    const pulls = createSocket({ type: 'udp4', pull: true }).bind(0, '127.0.0.1')
    pulls.recvmsg().catch(() => {})
    const listens = createSocket('udp4').bind(0, '127.0.0.1')
    listens.on('message', (data, { port }) => {
      listens.send(data, port, '127.0.0.1')
    })
    await once(listens, 'listening')
    const socket = createSocket('udp4', (data, { port }) => {
      socket.send(data, port, '127.0.0.1')
    })
    await sendmsg(socket, { data: Buffer.from('ping'), address: '127.0.0.1', port: listens.address().port })
  }
  parentPort.postMessage('busy')
  if (workerData % 2 === 1) process.exit(3)
}

void (isMainThread ? main() : work())
