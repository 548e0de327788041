// A queue of the interface that drops what exceeds it, and a socket that the kernel tells of that.
'use strict'
const { createSocket, trySendmsg, sendmmsg } = require('sendmsg')

async function main() {
  const receiver = createSocket({ type: 'udp4', pull: true, recvBufferSize: 1 << 22 })
  const { port } = receiver.bindSync({ address: '127.0.0.1' })
  const socket = createSocket({ type: 'udp4', pull: true, receiveErrors: true })
  const message = (number) => {
    const data = Buffer.alloc(1000)
    data.writeUInt32BE(number)
    return { data, address: '127.0.0.1', port }
  }
  const codes = []
  socket.on('error', ({ code }) => codes.push(code))
  const numbers = (count, first) => Array.from({ length: count }, (_, at) => first + at)
  const single = numbers(150, 0).map((number) => socket.sendmsg(message(number)).catch(({ code }) => codes.push(code)))
  const refused = trySendmsg(socket, message(1000))
  const batch = sendmmsg(socket, numbers(150, 150).map(message)).catch(({ code }) => codes.push(code))
  const heard = []
  while (heard.length < 300) {
    const messages = await receiver.recvmmsg({ timeout: 10_000 }).catch(({ code }) => void codes.push(code))
    if (messages === undefined) break
    heard.push(...messages.map(({ data }) => data.readUInt32BE()))
  }
  await Promise.all(single)
  const taken = await batch
  socket.close()
  receiver.close()
  console.log(
    JSON.stringify({ codes, refused, taken, inOrder: heard.every((number, at) => number === at), count: heard.length }),
  )
}

void main()
