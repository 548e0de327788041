import { once } from 'node:events'
import type { Socket } from '../index'

/** Binds, and waits until the socket is bound. An error rejects, whether it is thrown or emitted. */
export async function bind(socket: Socket, address: string | undefined, port: number): Promise<void> {
  const listening = once(socket, 'listening')
  // If bind() throws, nothing else handles a rejection of this promise.
  listening.catch(() => undefined)
  socket.bind(address === undefined ? { port } : { port, address })
  await listening
}

export async function connect(socket: Socket, address: string, port: number): Promise<void> {
  const connected = once(socket, 'connect')
  connected.catch(() => undefined)
  socket.connect(port, address)
  await connected
}
