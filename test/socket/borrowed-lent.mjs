// borrowed-lent.mjs WITNESS DESCRIPTOR PORT: sends and receives on a descriptor that another program owns and does not
// read from. The last datagram is left to the owner.

import dgram from 'node:dgram'
import { recvmmsg, recvmsg, sendmmsg, sendmsg, tryRecvmmsg, tryRecvmsg } from 'sendmsg'

const [witness, descriptor, port] = process.argv.slice(2).map(Number)
const other = dgram.createSocket('udp4')
const tell = (data) => new Promise((resolve) => other.send(data, port, '127.0.0.1', resolve))
const text = (message) => message?.data.toString() ?? null
const codeOf = (promise) => promise.then(String, (error) => error.code)

const results = {}
const message = { address: '127.0.0.1', port: witness }
results.sent = await sendmsg(descriptor, { ...message, data: Buffer.from('one'), source: '127.0.0.3' })
results.batch = await sendmmsg(descriptor, [
  { ...message, data: Buffer.from('two'), trafficClass: 0xb9 },
  { ...message, data: Buffer.from('three'), source: '127.0.0.4' },
])
results.nothing = tryRecvmsg(descriptor)
results.timedOut = await codeOf(recvmsg(descriptor, { timeout: 20 }))
const controller = new AbortController()
const aborted = codeOf(recvmsg(descriptor, { signal: controller.signal }))
controller.abort()
results.aborted = await aborted

const first = recvmsg(descriptor)
const second = recvmsg(descriptor)
const many = recvmmsg(descriptor, { count: 2 })
// Behind those who wait an immediate call gets nothing.
results.behind = tryRecvmsg(descriptor)
for (const data of ['a', 'b', 'c']) await tell(data)
results.pulled = [text(await first), text(await second), (await many).map(text)]
const {
  address,
  family,
  port: from,
  size,
  truncated,
} = await tell('truncated').then(() => recvmsg(descriptor, { length: 4 }))
results.truncated = { address, family, from: from === other.address().port, size, truncated }
for (const data of ['d', 'e', 'f', 'left']) await tell(data)
results.immediate = [text(tryRecvmsg(descriptor)), tryRecvmmsg(descriptor, { count: 2 }).map(text)]
other.close()
console.log(JSON.stringify(results))
