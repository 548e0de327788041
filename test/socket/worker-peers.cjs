// Several threads at once: main thread and workers each send to a socket of their own through a socket of ours and a
// plain dgram socket, and say what came.

const dgram = require('node:dgram')
const { once } = require('node:events')
const { isMainThread, parentPort, threadId, Worker, workerData } = require('node:worker_threads')
const { createSocket, sendmmsg, sendmsg } = require('sendmsg')

async function work(name) {
  const receiver = createSocket({ type: 'udp4', pull: true })
  const own = createSocket('udp4')
  const plain = dgram.createSocket('udp4')
  for (const socket of [receiver, own, plain]) socket.bind(0, '127.0.0.1')
  await Promise.all([receiver, own, plain].map((socket) => once(socket, 'listening')))
  const to = { address: '127.0.0.1', port: receiver.address().port }
  const wrong = []
  for (let round = 0; round < 300; round++) {
    const data = Buffer.from(`${name} ${round}`)
    const from = { [own.address().port]: '127.0.0.3', [plain.address().port]: '127.0.0.4' }
    await sendmsg(own, { ...to, data, source: '127.0.0.3' })
    await sendmmsg(plain, [{ ...to, data, source: '127.0.0.4' }])
    for (let count = 0; count < 2; count++) {
      const message = await receiver.recvmsg({ timeout: 10_000 })
      if (!message.data.equals(data) || from[message.port] !== message.address) wrong.push(round)
      delete from[message.port]
    }
  }
  for (const socket of [receiver, own, plain]) socket.close()
  return wrong
}

if (!isMainThread) {
  void work(`thread ${threadId}`).then((wrong) => parentPort.postMessage(wrong))
} else {
  const workers = Array.from({ length: 4 }, () => once(new Worker(__filename, { workerData }), 'message'))
  void Promise.all([work('main'), ...workers.map((one) => one.then(([wrong]) => wrong))]).then((results) => {
    console.log(JSON.stringify(results))
  })
}
