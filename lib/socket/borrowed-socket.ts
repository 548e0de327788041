import dgram from 'node:dgram'
import { binding } from '../native/addon'
import {
  canceled,
  fromNative,
  invalidArgType,
  invalidArgValue,
  invalidState,
  notRunning,
  outOfRange,
} from '../errors/socket-error'
import { SocketFacts } from './state'
import { Transport } from './handle'

/** A socket that somebody else owns: a plain `dgram.Socket`, or a raw descriptor or SOCKET number. */
export type Borrowable = dgram.Socket | number

const sockets = new WeakMap<dgram.Socket, Transport>()
const descriptors = new Map<number, Transport>()

/** Descriptors on which something waits to be received. Their owners can close them, and nothing tells. */
const waiting = new Map<Transport, number>()
let timer: NodeJS.Timeout | undefined
/** Milliseconds between two looks at them. */
const LOOK = 250

/** Numbers that nobody uses any more would be kept for ever. */
const MOST_DESCRIPTORS = 1024

/** The transport of a socket that somebody else owns. Its facts are read once, when it is first used. */
export function borrow(socket: unknown): Transport {
  if (typeof socket === 'number') return borrowDescriptor(socket, 'sendmsg')
  if (socket instanceof dgram.Socket) return borrowDgram(socket)
  throw refusal(socket)
}

/** On the sockets of every copy of this library that is loaded, as a bundle's beside the package's. */
export const anyCopy = Symbol.for('sendmsg.Socket')

export const notSocket = (value: unknown, expected = ['Socket', 'dgram.Socket', 'number']): TypeError =>
  invalidArgType('socket', expected, value)

/** As notSocket, of what is no socket of this copy. */
const refusal = (value: unknown, expected?: string[]): TypeError =>
  typeof value === 'object' && value !== null && anyCopy in value
    ? invalidArgValue('socket', value, 'is a socket of another copy of sendmsg, whose functions take it')
    : notSocket(value, expected)

/** A descriptor; receiving from a dgram.Socket is its own affair. */
export function borrowForReceiving(socket: unknown): Transport {
  if (socket instanceof dgram.Socket) {
    throw invalidArgValue('socket', socket, 'must not be a dgram.Socket, which receives by itself')
  }
  if (typeof socket === 'number') return borrowDescriptor(socket, 'recvmsg')
  throw refusal(socket, ['Socket', 'number'])
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
    throw refusal(socket) // made by Object.create(): only the prototype is a socket's
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
  const known = descriptors.get(descriptor)
  if (known !== undefined) {
    if (known.endpoint.unchanged()) return known
    letGo(descriptor, known)
  }
  const transport = borrowEndpoint(descriptor, syscall, nothing)
  transport.onWaiting = (waits) => {
    if (waits) watchOver(descriptor, transport)
    else waiting.delete(transport)
  }
  transport.onEvent = () => {
    if (!transport.endpoint.unchanged()) letGo(descriptor, transport)
  }
  if (descriptors.size >= MOST_DESCRIPTORS) forgetIdle()
  descriptors.set(descriptor, transport)
  return transport
}

/**
 * Its owner has closed the descriptor; the number can be another socket's by now. What waits to be sent goes out through
 * the duplicate, which is closed behind it, or now if there is nothing.
 */
function letGo(descriptor: number, transport: Transport): void {
  if (descriptors.get(descriptor) === transport) descriptors.delete(descriptor)
  transport.cancelReceivers((syscall) => canceled(syscall, { detail: 'the descriptor was closed' }))
}

function watchOver(descriptor: number, transport: Transport): void {
  waiting.set(transport, descriptor)
  timer ??= setInterval(() => {
    for (const [transport, descriptor] of waiting) {
      if (!transport.endpoint.unchanged()) letGo(descriptor, transport)
    }
    if (waiting.size > 0) return
    clearInterval(timer)
    timer = undefined
  }, LOOK).unref()
}

/** What waits, or holds messages that were received, keeps its order only as long as it is known. */
function forgetIdle(): void {
  for (const [descriptor, transport] of descriptors) {
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
