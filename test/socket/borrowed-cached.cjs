// Counts how often dgram's own ref() and unref() are called while a dgram socket is borrowed, again and again.

const dgram = require('node:dgram')
const { once } = require('node:events')

let calls = 0
for (const name of ['ref', 'unref']) {
  const original = dgram.Socket.prototype[name]
  dgram.Socket.prototype[name] = function () {
    calls++
    return original.call(this)
  }
}
const { sendmsg, trySendmmsg } = require('sendmsg')

async function main() {
  const sockets = [dgram.createSocket('udp4'), dgram.createSocket('udp4')]
  const counts = []
  for (const socket of sockets) {
    await once(socket.bind(0, '127.0.0.1'), 'listening')
    const message = { data: Buffer.from('x'), address: '127.0.0.1', port: socket.address().port }
    calls = 0
    await sendmsg(socket, message)
    counts.push(calls)
    calls = 0
    for (let turn = 0; turn < 20; turn++) {
      await sendmsg(socket, message)
      trySendmmsg(socket, [message, message])
    }
    counts.push(calls)
  }
  for (const socket of sockets) socket.close()
  console.log(JSON.stringify(counts))
}

void main()
