// thrown.mjs message|messages: listeners that throw. Says what was heard, and what the process was told.

import { once } from 'node:events'
import { createSocket, sendmmsg } from 'sendmsg'

const which = process.argv[2]
const count = 100
const socket = createSocket('udp4').bind(0, '127.0.0.1')
const sender = createSocket('udp4')
await once(socket, 'listening')
const heard = []
const batches = []
const uncaught = []
process.on('uncaughtException', (error) => uncaught.push(error.message))
socket.on('message', (data) => {
  const number = data.readUInt8(0)
  heard.push(number)
  if (which === 'message' && number % 7 < 2) throw new Error(`message ${number}`)
})
socket.on('messages', (messages) => {
  batches.push(...messages.map(({ data }) => data.readUInt8(0)))
  if (which === 'messages') throw new Error(`messages from ${messages[0].data.readUInt8(0)}`)
})
const { port } = socket.address()
const sent = Array.from({ length: count }, (_, index) => ({ data: Uint8Array.of(index), address: '127.0.0.1', port }))
await sendmmsg(sender, sent)
const deadline = Date.now() + 10_000
while (heard.length < count && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
await new Promise((resolve) => setTimeout(resolve, 50))
sender.close()
socket.close()
console.log(JSON.stringify({ heard, batches, uncaught }))
