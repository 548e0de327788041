// On a slow loopback: the owner of a descriptor closes it while sends and receives wait on its number. Prints what became
// of them.

import timers from 'node:timers/promises'
import { createSocket, recvmmsg, recvmsg, sendmsg, trySendmsg } from 'sendmsg'
import descriptors from '../helpers/descriptors.cjs'

const { countSockets, descriptorOf } = descriptors
const receiver = createSocket({ type: 'udp4', pull: true, recvBufferSize: 1 << 22 }).bind(0, '127.0.0.1')
const to = { address: '127.0.0.1', port: receiver.address().port }
const before = countSockets()
const owner = createSocket({ type: 'udp4', pull: true, sendBufferSize: 20_000 }).bind(0, '127.0.0.1')
const { port } = owner.address()
const number = descriptorOf(port)
const numbered = (index) => {
  const data = Buffer.alloc(1200)
  data.writeUInt32BE(index)
  return { data, ...to }
}

const received = [recvmsg(number), recvmmsg(number, { count: 3 })].map((call) =>
  call.then(String, (error) => `${error.syscall} ${error.code}`),
)
const sent = Array.from({ length: 200 }, (_, index) => sendmsg(number, numbered(index)))
const waits = trySendmsg(number, numbered(0)) === null
owner.close()
const result = { waits, received: await Promise.all(received) }
result.sent = (await Promise.all(sent)).every((size) => size === 1200)
result.inOrder = true
for (let index = 0; index < 200; index++) {
  const message = await receiver.recvmsg({ timeout: 10_000 })
  result.inOrder &&= message.data.readUInt32BE(0) === index && message.port === port
}
for (let turn = 0; turn < 3; turn++) await timers.setImmediate()
result.left = countSockets() - before
const next = createSocket('udp4').bind(port, '127.0.0.1')
result.free = next.address().port === port
next.close()
receiver.close()
console.log(JSON.stringify(result))
