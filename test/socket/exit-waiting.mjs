// Leaves the process while sends and receives wait.

import { createSocket, recvmsg, sendmsg } from 'sendmsg'

const receiver = createSocket({ type: 'udp4', pull: true }).bind(0, '127.0.0.1')
const socket = createSocket({ type: 'udp4', sendBufferSize: 20_000 })
const message = { data: new Uint8Array(1200), address: '127.0.0.1', port: receiver.address().port }
for (let index = 0; index < 500; index++) void sendmsg(socket, message)
const silent = createSocket({ type: 'udp6', pull: true })
for (let index = 0; index < 10; index++) void recvmsg(silent)
console.log(socket.getSendQueueCount())
process.exit(7)
