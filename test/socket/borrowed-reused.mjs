// A descriptor that is borrowed, and whose number others get: prints what each call saw.

import { once } from 'node:events'
import net from 'node:net'
import timers from 'node:timers/promises'
import { createSocket, recvmsg, sendmsg, tryRecvmsg, trySendmsg } from 'sendmsg'
import descriptors from '../helpers/descriptors.cjs'

const { countSockets, descriptorOf } = descriptors
const data = Buffer.from('x')
const codeOf = (call) => {
  try {
    return call()
  } catch (error) {
    return error.code
  }
}
const open = (type = 'udp4') => createSocket({ type, pull: true })
const receiver = open().bind(0, '127.0.0.1')
const to = { address: '127.0.0.1', port: receiver.address().port }
const from = async () => (await receiver.recvmsg({ timeout: 10_000 })).port

/** A stream socket: libuv keeps a descriptor of its own from the first one on. */
async function listen() {
  const server = net.createServer((stream) => {
    stream.on('data', (received) => (result.stream = String(received)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const result = {}
const other = await listen()
const before = countSockets()
const first = open().bind(0, '127.0.0.1')
const { port } = first.address()
const number = descriptorOf(port)
await sendmsg(number, { data, ...to })
await sendmsg(number, { data, ...to })
result.first = [await from(), await from()].map((sent) => sent === port)

// Closed, and a stream socket has its number.
first.close()
result.closed = codeOf(() => trySendmsg(number, { data, ...to }))
const server = await listen()
result.number = server._handle.fd === number
result.tcp = [codeOf(() => trySendmsg(number, { data, ...to })), codeOf(() => tryRecvmsg(number))]
await new Promise((resolve) => server.close(resolve))

// Another datagram socket has it, is waited on, and is connected meanwhile: it is no other socket for that.
const second = open().bind(0, '127.0.0.1')
result.again = descriptorOf(second.address().port) === number
await sendmsg(number, { data, ...to })
result.second = (await from()) === second.address().port
const waiting = recvmsg(number)
await timers.setTimeout(0)
second.connectSync(to.port, '127.0.0.1')
await timers.setTimeout(700)
await receiver.sendmsg({ data: Buffer.from('while connected'), address: '127.0.0.1', port: second.address().port })
result.connected = String((await waiting).data)

// Its owner closes it under one that waits, and a third one has the number before anybody looks.
const ended = recvmsg(number).then(String, (error) => [error.code, error.message])
const old = second.address().port
second.close()
const third = open('udp6').bind(0, '::1')
result.third = descriptorOf(third.address().port, 'udp6') === number
const own = recvmsg(number, { timeout: 10_000 })
result.ended = await ended
await third.sendmsg({ data: Buffer.from('to the third'), address: '::1', port: third.address().port })
result.own = String((await own).data)
const fresh = open()
fresh.bind(old, '127.0.0.1')
result.free = fresh.address().port === old
for (const socket of [third, fresh]) socket.close()
await timers.setTimeout(0)
result.left = countSockets() - before
receiver.close()
other.close()
console.log(JSON.stringify(result))
