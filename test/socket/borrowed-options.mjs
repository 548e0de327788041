// Borrows a dgram socket and its bare descriptor in every way there is, after a call that a tracer can see: access(2).

import dgram from 'node:dgram'
import { once } from 'node:events'
import { accessSync } from 'node:fs'
import { capabilities, recvmsg, sendmmsg, sendmsg, tryRecvmsg, trySendmsg } from 'sendmsg'
import { descriptorOf } from '../helpers/descriptors.cjs'

const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
await once(socket, 'listening')
socket.setTTL(9)
const { port } = socket.address()
const descriptor = descriptorOf(port)
const waits = process.argv[2] === 'waits'

accessSync(import.meta.filename ?? new URL(import.meta.url).pathname)
capabilities()
const message = { data: Buffer.alloc(300, 'x'), address: '127.0.0.1', port }
const full = { ...message, source: '127.0.0.3', trafficClass: 0xb9, hopLimit: 7, interface: 'lo', segmentSize: 100 }
let sent = 0
for (const borrowed of [socket, descriptor]) {
  sent += await sendmsg(borrowed, message)
  sent += await sendmsg(borrowed, full)
  sent += trySendmsg(borrowed, { ...message, ecn: 1 }) ?? 0
  sent += 300 * (await sendmmsg(borrowed, [full, message, { ...message, dscp: 10 }]))
}
tryRecvmsg(descriptor)
if (waits) await recvmsg(descriptor, { timeout: 50 }).catch(() => undefined)
socket.close()
console.log(JSON.stringify({ descriptor, sent }))
