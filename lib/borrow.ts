import dgram from 'node:dgram'
import { binding } from './binding'
import { fromNative, invalidArgType, invalidArgValue, invalidState, notRunning, outOfRange } from './errors'
import { SocketFacts } from './facts'
import { Transport } from './transport'

/** A socket that somebody else owns: a plain `dgram.Socket`, or a raw descriptor or SOCKET number. */
export type Borrowable = dgram.Socket | number

const sockets = new WeakMap<dgram.Socket, Transport>()
const descriptors = new Map<number, { readonly identity: number; readonly transport: Transport }>()

/** Numbers that nobody uses any more would be kept for ever. */
const MOST_DESCRIPTORS = 1024

/** The transport of a socket that somebody else owns. Its facts are read once, when it is first used. */
export function borrow(socket: unknown): Transport {
  if (typeof socket === 'number') return borrowDescriptor(socket, 'sendmsg')
  if (socket instanceof dgram.Socket) return borrowDgram(socket)
  throw notSocket(socket)
}

export const notSocket = (value: unknown): TypeError =>
  invalidArgType('socket', ['Socket', 'dgram.Socket', 'number'], value)

/** A descriptor; receiving from a dgram.Socket is its own affair. */
export function borrowForReceiving(socket: unknown): Transport {
  if (socket instanceof dgram.Socket) {
    throw invalidArgValue('socket', socket, 'must not be a dgram.Socket, which receives by itself')
  }
  if (typeof socket === 'number') return borrowDescriptor(socket, 'recvmsg')
  throw invalidArgType('socket', ['Socket', 'number'], socket)
}

// Called on the socket by name: a socket's own methods of these names are not asked.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { ref, unref, getSendQueueCount, address } = dgram.Socket.prototype

function borrowDgram(socket: dgram.Socket): Transport {
  checkRunning(socket)
  const known = sockets.get(socket)
  if (known !== undefined) return known
  const descriptor = binding.findHandle(
    () => ref.call(socket),
    () => unref.call(socket),
  )
  if (descriptor === undefined) throw invalidState('The dgram socket has no handle in this thread')
  if (descriptor === null) throw invalidState("The dgram socket is not bound; wait for 'listening'")
  // Again behind the message's own code (getters, proxies), which can close the socket.
  const transport = borrowEndpoint(descriptor, 'sendmsg', () => {
    checkRunning(socket)
  })
  sockets.set(socket, transport)
  socket.once('close', () => {
    forget(socket)
  })
  return transport
}

/** Throws as soon as the socket is closed, long before its 'close' event: its descriptor may be somebody else's. */
function checkRunning(socket: dgram.Socket): void {
  try {
    getSendQueueCount.call(socket)
  } catch {
    forget(socket)
    if (isClosed(socket)) throw notRunning()
    throw notSocket(socket) // made by Object.create(): only the prototype is a socket's
  }
}

/** Node's own check; not all versions have it in getSendQueueCount(). */
function isClosed(socket: dgram.Socket): boolean {
  try {
    address.call(socket)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_SOCKET_DGRAM_NOT_RUNNING'
  }
}

function forget(socket: dgram.Socket): void {
  sockets.get(socket)?.close()
  sockets.delete(socket)
}

function borrowDescriptor(descriptor: number, syscall: string): Transport {
  if (!Number.isInteger(descriptor)) throw outOfRange('socket', 'an integer', descriptor)
  const most = process.platform === 'win32' ? Number.MAX_SAFE_INTEGER : 0x7fffffff
  if (descriptor < 0 || descriptor > most) throw outOfRange('socket', `>= 0 && <= ${String(most)}`, descriptor)
  const identity = binding.identity(descriptor)
  const known = descriptors.get(descriptor)
  if (known !== undefined) {
    if (known.identity === identity) return known.transport
    // The number is another socket's by now; what still waits for the old one goes out through its duplicate.
    descriptors.delete(descriptor)
  }
  const transport = borrowEndpoint(descriptor, syscall, nothing)
  if (descriptors.size >= MOST_DESCRIPTORS) forgetIdle()
  descriptors.set(descriptor, { identity, transport })
  return transport
}

/** What waits, or holds messages that were received, keeps its order only as long as it is known. */
function forgetIdle(): void {
  for (const [descriptor, { transport }] of descriptors) {
    if (transport.idle) descriptors.delete(descriptor)
  }
}

const nothing = (): void => undefined

/** What was sent in the background failed, and the socket has no `'error'` event of ours. */
const warn = (error: Error): void => {
  process.emitWarning(error)
}

/** What it means that a descriptor is refused. */
const refusals: Readonly<Partial<Record<string, string>>> = {
  EBADF: 'the descriptor is not open',
  ENOTSOCK: 'the descriptor is not a socket',
  ENOTSUP: 'the descriptor is not a datagram or raw socket',
  EAFNOSUPPORT: 'the descriptor is not an IPv4 or IPv6 socket',
}

const BORROWED_STYLE = { whole: false, splits: true, wantControl: true, blockList: undefined } as const

function borrowEndpoint(descriptor: number, syscall: string, prepare: () => void): Transport {
  const endpoint = new binding.Endpoint()
  const status = endpoint.borrow(descriptor)
  if (status !== 0) throw fromNative(status, syscall, { detail: refusals[fromNative(status, syscall).code] })
  const facts = new SocketFacts(endpoint, { borrowed: true, sendTime: true, ignoreUnsupported: false })
  return new Transport(endpoint, facts, BORROWED_STYLE, prepare, warn)
}
