import { once } from 'node:events'
import type { Socket } from '../index'

/** Binds and waits for it; an error of either kind, thrown or emitted, rejects. */
export async function bind(socket: Socket, address: string | undefined, port: number): Promise<void> {
  const listening = once(socket, 'listening')
  // Should `bind` throw, nobody waits for this one.
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
