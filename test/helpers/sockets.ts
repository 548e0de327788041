// What the socket tests share.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import os from 'node:os'
import timers from 'node:timers/promises'
import type { Test } from 'tap'
import {
  createSocket,
  sendmmsg,
  sendmsg,
  trySendmmsg,
  trySendmsg,
  type Message,
  type OutgoingMessage,
  type Socket,
  type SocketOptions,
} from 'sendmsg'

/** A socket that is closed when the test ends. */
export function open(test: Test, options: SocketOptions): Socket {
  const socket = createSocket(options)
  let closed = false
  socket.once('close', () => (closed = true))
  test.teardown(async () => {
    if (!closed) await socket[Symbol.asyncDispose]()
  })
  return socket
}

/** The same, bound: to the wildcard and a free port unless told otherwise. */
export async function bound(test: Test, options: SocketOptions, address?: string, port = 0): Promise<Socket> {
  const socket = open(test, options)
  socket.bind(port, address)
  await once(socket, 'listening')
  return socket
}

export type SendWay = 'sendmsg' | 'trySendmsg' | 'sendmmsg' | 'trySendmmsg' | 'send'

/** Each way to send, for messages that the kernel has room for. */
export const sendWays: Record<SendWay, (socket: Socket, messages: OutgoingMessage[]) => Promise<unknown>> = {
  sendmsg: async (socket, messages) => await Promise.all(messages.map((message) => sendmsg(socket, message))),
  trySendmsg: async (socket, messages) => messages.map((message) => trySendmsg(socket, message)),
  sendmmsg,
  trySendmmsg: async (socket, messages) => trySendmmsg(socket, messages),
  send: async (socket, messages) => {
    const sent = messages.map(
      (message) =>
        new Promise<number>((resolve, reject) => {
          socket.send(message, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
        }),
    )
    return await Promise.all(sent)
  },
}

export type ReceiveWay = 'message' | 'messages' | 'recvmsg' | 'tryRecvmsg' | 'recvmmsg' | 'tryRecvmmsg' | 'for await'

export const receiveWays: readonly ReceiveWay[] = [
  'message',
  'messages',
  'recvmsg',
  'tryRecvmsg',
  'recvmmsg',
  'tryRecvmmsg',
  'for await',
]

/** Whether a socket that receives this way is made with `pull: true`. */
export const pulls = (way: ReceiveWay): boolean => way !== 'message' && way !== 'messages'

const PATIENCE = 10_000

/** Starts to receive; the promise is for `count` messages, and all that came with them. */
export async function receive(socket: Socket, way: ReceiveWay, count: number): Promise<Message[]> {
  const messages: Message[] = []
  const signal = AbortSignal.timeout(PATIENCE)
  switch (way) {
    case 'message':
      socket.on('message', (data, info) => messages.push({ ...info, data }))
      while (messages.length < count) await once(socket, 'message', { signal })
      break
    case 'messages':
      socket.on('messages', (batch) => messages.push(...batch))
      while (messages.length < count) await once(socket, 'messages', { signal })
      break
    case 'recvmsg':
      while (messages.length < count) messages.push(await socket.recvmsg({ timeout: PATIENCE }))
      break
    case 'recvmmsg':
      while (messages.length < count) messages.push(...(await socket.recvmmsg({ timeout: PATIENCE })))
      break
    case 'tryRecvmsg':
      while (messages.length < count) {
        const message = socket.tryRecvmsg()
        if (message !== null) messages.push(message)
        else await timers.setTimeout(1, undefined, { signal })
      }
      break
    case 'tryRecvmmsg':
      while (messages.length < count) {
        const batch = socket.tryRecvmmsg()
        messages.push(...batch)
        if (batch.length === 0) await timers.setTimeout(1, undefined, { signal })
      }
      break
    case 'for await':
      for await (const message of socket) {
        messages.push(message)
        if (messages.length === count) break
      }
      break
  }
  return messages
}

/** That `actual` is what is expected of it, and as long: as `match`, without its leniency for strings and arrays. */
export function told(test: Test, actual: unknown, expected: object, message = 'as told'): void {
  const part = (whole: unknown, of: object | undefined): unknown =>
    typeof whole === 'object' && whole !== null && of !== undefined
      ? Object.fromEntries(Object.keys(of).map((key) => [key, (whole as Record<string, unknown>)[key]]))
      : whole
  const parts = Array.isArray(expected)
    ? Array.isArray(actual) && actual.map((whole, at) => part(whole, expected[at]))
    : part(actual, expected)
  test.strictSame(parts, expected, message)
}

/** Bytes that tell where they stand. */
export function bytes(length: number): Buffer {
  const data = Buffer.alloc(length)
  for (let at = 0; at < length; at++) data[at] = (at * 31 + (at >> 8)) & 0xff
  return data
}

/** `data` in datagrams of `size`. */
export function cut(data: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < data.length; at += size) parts.push(data.subarray(at, at + size))
  return parts
}

/** The name of the loopback interface. */
export const loopbackInterface = Object.entries(os.networkInterfaces()).find(([, addresses]) =>
  addresses?.some(({ address }) => address === '127.0.0.1'),
)?.[0]

/** Whether a local address can be bound to here. */
export function isLocal(address: string): boolean {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('error', () => {})
  try {
    return socket.bind(0, address).address().port !== 0
  } catch {
    return false
  } finally {
    socket.close()
  }
}

/** A port that nobody has. Not one that the system gives out: another process could get it meanwhile. */
export async function closedPort(type: 'udp4' | 'udp6'): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000)
    const socket = createSocket(type)
    try {
      socket.bindSync({ port })
      return port
    } catch (error) {
      if (!['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    } finally {
      await socket[Symbol.asyncDispose]()
    }
  }
}
