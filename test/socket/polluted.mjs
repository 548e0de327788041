// What calls of dgram's own forms do while Object.prototype has properties of these names.
import { once } from 'node:events'
import { createSocket } from 'sendmsg'

const peer = createSocket({ type: 'udp4', pull: true })
peer.bindSync({ address: '127.0.0.1' })
const { port } = peer.address()

const names = {
  // of bind and createSocket
  fd: 0x7fffffff,
  exclusive: true,
  address: '127.0.0.9',
  port: 9,
  signal: AbortSignal.abort(),
  pull: true,
  lookup: 'no function',
  reuseAddr: true,
  reusePort: true,
  ipv6Only: true,
  recvBufferSize: 'none',
  receiveInfo: 'none',
  receiveErrors: 'none',
  coalesce: 'none',
  dontFragment: 'none',
  unsupported: 'none',
  protocol: 1,
  sendBlockList: 'none',
  // of messages and errors
  source: '127.0.0.9',
  to: 'nobody',
  interface: 'none',
  trafficClass: 999,
  ecn: 9,
  hopLimit: 999,
  segmentSize: 1,
  sendTime: 1n,
  flags: 'none',
  control: 'none',
  nativeName: 'EPOLLUTED',
  detail: 'polluted',
  sent: 7,
  code: 'EPOLLUTED',
  syscall: 'polluted',
  // of options
  timeout: 0,
  length: 0,
  controlLength: 'none',
  count: 0,
}
// What Node itself stumbles on is not there while Node works by itself.
const polluted = async (call) => {
  for (const [name, value] of Object.entries(names)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false })
  }
  try {
    return await call()
  } finally {
    for (const name of Object.keys(names)) delete Object.prototype[name]
  }
}
const clean = ({ code, syscall, address, sent, message }) => [code, syscall, address, sent ?? null, message]

const received = []
const heard = async (what) => {
  const { address, data } = await peer.recvmsg({ timeout: 10_000 })
  received.push([`${what}${data.toString() === what ? '' : `, but ${data}`}`, address])
}

const socket = await polluted(() => createSocket('udp4'))
const failed = []
socket.on('error', (error) => failed.push(error))
await polluted(() => socket.bind(port, '127.0.0.1'))
await once(socket, 'error').catch(() => {})
const bindError = failed[0]
await polluted(() => socket.bind(0))
await once(socket, 'listening')
const { address, family } = socket.address()
const other = await polluted(() => createSocket('udp4'))
const sync = (await polluted(() => other.bindSync())).address
await polluted(() => socket.send('send, to an address', port, '127.0.0.1'))
await heard('send, to an address')
let sendError
await polluted(() => {
  socket.send(Buffer.alloc(70_000), port, '127.0.0.1', (error) => {
    sendError = error
  })
})
while (sendError === undefined) await new Promise((resolve) => setTimeout(resolve, 1))
const message = Object.assign(Object.create(null), { data: Buffer.alloc(70_000), address: '127.0.0.1', port })
const tryError = await polluted(() => {
  try {
    return socket.trySendmsg(message)
  } catch (error) {
    return error
  }
})
await polluted(() => socket.connectSync(port, '127.0.0.1'))
await polluted(() => socket.send('send, to a peer'))
await heard('send, to a peer')

// Functions without their options.
const messages = []
const small = Object.assign(Object.create(null), { data: Buffer.from('x'), address: '127.0.0.1', port })
const waiting = await polluted(() => {
  if (peer.tryRecvmsg() === null) messages.push('tryRecvmsg')
  return { promise: peer.recvmsg() }
})
await polluted(() => other.sendmsg(small))
if ((await waiting.promise).size === 1) messages.push('recvmsg')
// Messages are read with what they inherit: that is as documented.
Object.prototype.source = '127.0.0.9'
const sent = other.sendmsg({ data: Buffer.from('y'), address: '127.0.0.1', port })
delete Object.prototype.source
await sent.catch(() => {})
const { address: from } = await peer.recvmsg({ timeout: 10_000 })
if (from === '127.0.0.9') messages.push('sendmsg with its source')

const all = { bind: bindError, send: sendError, try: tryError }
const errors = Object.fromEntries(Object.entries(all).map(([name, error]) => [name, clean(error).slice(0, 4)]))
for (const [name, error] of Object.entries(all)) {
  if (error.message.includes('polluted')) errors[name].push(error.message)
}
console.log(
  JSON.stringify({
    received,
    type: socket.type,
    bound: { address, family, sync },
    errors,
    polluted: Object.keys(names).length,
    messages,
  }),
)
for (const one of [peer, socket, other]) one.close()
