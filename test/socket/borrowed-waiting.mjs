// borrowed-waiting.mjs COUNT: for a host whose loopback is slow. Sends more than there is room for through a plain dgram
// socket, held and then not, while it receives.

import dgram from 'node:dgram'
import { once } from 'node:events'
import { createSocket, sendmsg, trySendmsg } from 'sendmsg'
import { countSockets, descriptorOf, flagsOf } from '../helpers/descriptors.cjs'

const count = Number(process.argv[2])
const held = () => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length

async function run(unref) {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  const chatter = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  const receiver = createSocket({ type: 'udp4', pull: true, recvBufferSize: 8 << 20 })
  receiver.bind(0, '127.0.0.1')
  await Promise.all([socket, chatter, receiver].map((one) => once(one, 'listening')))
  if (unref) socket.unref()
  const { port } = socket.address()
  const descriptor = descriptorOf(port)

  let heard = 0
  socket.on('message', () => heard++)
  const talking = setInterval(() => chatter.send('hello', port, '127.0.0.1'), 2)

  const before = { held: held(), sockets: countSockets(), flags: flagsOf(descriptor) }
  const settled = []
  const sends = []
  for (let index = 0; index < count; index++) {
    const data = new Uint8Array(1200)
    new DataView(data.buffer).setUint32(0, index)
    const message = { data, address: '127.0.0.1', port: receiver.address().port, source: '127.0.0.3' }
    sends.push(sendmsg(socket, message).then(() => settled.push(index)))
  }
  const refused = trySendmsg(socket, { data: new Uint8Array(4), address: '127.0.0.1', port: receiver.address().port })
  await new Promise((resolve) => setTimeout(resolve, 100))
  const during = { held: held(), waiting: count - settled.length, heard, flags: flagsOf(descriptor) }
  await Promise.all(sends)
  const finished = heard

  const order = []
  const sources = new Set()
  while (order.length < count) {
    for (const message of await receiver.recvmmsg({ count: 64, timeout: 5000 })) {
      order.push(message.data.readUInt32BE(0))
      sources.add(message.address)
    }
  }
  await new Promise((resolve) => setImmediate(resolve))
  const after = { held: held(), sockets: countSockets(), flags: flagsOf(descriptor) }
  const again = await sendmsg(socket, { data: new Uint8Array(9), address: '127.0.0.1', port })
  clearInterval(talking)
  await Promise.all([socket, chatter, receiver].map((one) => new Promise((done) => one.close(done))))
  // libuv lets go of a handle at the end of a turn.
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
  return {
    before,
    during,
    after,
    refused,
    again,
    heardWhileWaiting: finished,
    inOrder: [settled, order].every((list) => list.length === count && list.every((value, index) => value === index)),
    sources: [...sources],
  }
}

const atStart = countSockets()
const result = [await run(false), await run(true)]
// A socket that is closed while sends wait: they are settled, all of them.
const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
await once(socket, 'listening')
const outcomes = []
for (let index = 0; index < count; index++) {
  const message = { data: new Uint8Array(1200), address: '127.0.0.1', port: socket.address().port }
  outcomes.push(
    sendmsg(socket, message).then(
      () => 'sent',
      (error) => error.code,
    ),
  )
}
await new Promise((done) => socket.close(done))
const codes = await Promise.all(outcomes)
const firstCanceled = codes.indexOf('ECANCELED')
const closed = {
  canceled: firstCanceled > 0 && codes.slice(firstCanceled).every((code) => code === 'ECANCELED'),
  sent: codes.slice(0, firstCanceled).every((code) => code === 'sent'),
  sockets: countSockets() - atStart,
}
console.log(JSON.stringify({ result, closed }))
