// Answers each 'message' by send, until it is ended: with=sendmsg or dgram. With flooded=1 a second socket takes a flood
// meanwhile, and how late a timer of 10 ms is (in ns, from the first question on) and what was received of the flood in a
// second is printed as JSON at the end.
import dgram from 'node:dgram'
import { createSocket, replyTo } from 'sendmsg'
import { given, number } from './subject.mjs'

const INTERVAL = 10
const ours = given.with === 'sendmsg'
const open = (options) => (ours ? createSocket : dgram.createSocket)({ type: 'udp4', ...options })

async function bound(options, address) {
  const socket = open(options)
  await new Promise((done) => socket.bind(0, address, done))
  return socket
}

function watchTimer() {
  const late = []
  let last = performance.now()
  setInterval(() => {
    const now = performance.now()
    late.push(Math.round((now - last - INTERVAL) * 1e6))
    last = now
  }, INTERVAL)
  return late
}

const socket = await bound({}, '0.0.0.0')
const ports = [socket.address().port]
let late
let start
let received = 0
if (number('flooded', 0) === 1) {
  const flooded = await bound({ recvBufferSize: 1 << 20 }, '127.0.0.1')
  flooded.on('message', () => {
    if (late !== undefined) received++
  })
  ports.push(flooded.address().port)
}
socket.on('message', (data, info) => {
  if (ours) socket.send({ data, ...replyTo(info) })
  else socket.send(data, info.port, info.address)
  if (ports.length > 1 && late === undefined) {
    start = performance.now()
    late = watchTimer()
  }
})
process.on('SIGTERM', () => {
  if (late !== undefined) {
    console.log(JSON.stringify({ late, received: (received / (performance.now() - start)) * 1000 }))
  }
  process.exit()
})
console.log(`port ${ports.join(' ')}`)
