// borrowed-hold.mjs ref|unref: sends through a plain dgram socket that is held or not, and says whether the event loop
// ended by itself, or was still running when a timer that does not hold it fired.

import dgram from 'node:dgram'
import { once } from 'node:events'
import { sendmsg } from 'sendmsg'

const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
await once(socket, 'listening')
if (process.argv[2] === 'unref') socket.unref()
await sendmsg(socket, { data: Buffer.from('x'), address: '127.0.0.1', port: socket.address().port })
let said = 'ended'
setTimeout(() => {
  said = 'running'
  socket.close()
}, 1000).unref()
process.on('exit', () => {
  console.log(said)
})
