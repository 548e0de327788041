// A socket, and a message of 100 bytes to where nobody reads.
import { createSocket } from 'sendmsg'

export async function narrow() {
  const sink = createSocket({ type: 'udp4', pull: true, recvBufferSize: 4096 })
  await new Promise((done) => sink.bind(0, '127.0.0.1', done))
  const socket = createSocket({ type: 'udp4', pull: true })
  await new Promise((done) => socket.bind(0, '127.0.0.1', done))
  return { socket, message: { data: Buffer.alloc(100), address: '127.0.0.1', port: sink.address().port } }
}

/** Until there is no room. */
export function fill(socket, message) {
  for (let sent = 0; socket.trySendmsg(message) !== null; sent++) {
    if (sent > 100_000) throw new Error('there is always room')
  }
}
