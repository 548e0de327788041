// Answers as reference/echo.c does, from the address that was asked; dgram can't choose it. with=, warm=, count=.
import dgram from 'node:dgram'
import { createSocket, replyTo } from 'sendmsg'
import { given, meter } from './subject.mjs'

const count = meter(() => process.exit())

function echoOfDgram() {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (data, { address, port }) => {
    socket.send(data, port, address)
    count(1)
  })
  return socket
}

function echoOfOurs() {
  const socket = createSocket('udp4')
  socket.on('messages', (messages) => {
    socket.trySendmmsg(messages.map((message) => ({ data: message.data, ...replyTo(message) })))
    count(messages.length)
  })
  return socket
}

const socket = given.with === 'dgram' ? echoOfDgram() : echoOfOurs()
socket.bind(0, '0.0.0.0', () => process.stdout.write(`port ${socket.address().port}\n`))
