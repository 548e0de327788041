import dgram from 'node:dgram'
import {
  canceled,
  fromNative,
  invalidArgType,
  invalidArgValue,
  invalidState,
  notRunning,
  outOfRange,
} from '../errors/socket-error'
import { binding } from '../native/addon'
import { SocketHandle } from './handle'
import { querySocket, SocketState } from './state'

/** A socket that other code owns: a plain `dgram.Socket`, or a raw descriptor or SOCKET number. */
export type Borrowable = dgram.Socket | number

const sockets = new WeakMap<dgram.Socket, SocketHandle>()
const descriptors = new Map<number, SocketHandle>()

/** Descriptors with calls that wait to receive. No event reports that an owner has closed its descriptor. */
const waiting = new Map<SocketHandle, number>()
let timer: NodeJS.Timeout | undefined
/** Milliseconds between two checks of them. */
const CHECK_INTERVAL = 250

/** With so many descriptors the idle ones are forgotten, as their owners may have closed them. */
const MAX_DESCRIPTORS = 1024

/** The handle of a socket that other code owns. Its state is queried once, at the first use. */
export function borrow(socket: unknown): SocketHandle {
  if (typeof socket === 'number') return borrowDescriptor(socket, 'sendmsg')
  if (socket instanceof dgram.Socket) return borrowDgram(socket)
  throw refusal(socket)
}

/** A property of the sockets of every copy of this library that is loaded, as a bundle's beside the package's. */
export const anyCopy = Symbol.for('sendmsg.Socket')

export const notSocket = (value: unknown, expected = ['Socket', 'dgram.Socket', 'number']): TypeError =>
  invalidArgType('socket', expected, value)

/** As notSocket, for what is no socket of this copy. */
const refusal = (value: unknown, expected?: string[]): TypeError =>
  typeof value === 'object' && value !== null && anyCopy in value
    ? invalidArgValue('socket', value, 'is a socket of another copy of sendmsg, whose functions take it')
    : notSocket(value, expected)

/** The handle of a descriptor. A dgram.Socket receives by itself. */
export function borrowForReceiving(socket: unknown): SocketHandle {
  if (socket instanceof dgram.Socket) {
    throw invalidArgValue('socket', socket, 'must not be a dgram.Socket, which receives by itself')
  }
  if (typeof socket === 'number') return borrowDescriptor(socket, 'recvmsg')
  throw refusal(socket, ['Socket', 'number'])
}

// Called by name, so that methods of a subclass are not called.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { ref, unref, getSendQueueCount, address } = dgram.Socket.prototype

function borrowDgram(socket: dgram.Socket): SocketHandle {
  checkRunning(socket)
  const known = sockets.get(socket)
  if (known !== undefined) return known
  const descriptor = binding.findHandle(
    () => ref.call(socket),
    () => unref.call(socket),
  )
  if (descriptor === undefined) throw invalidState('The dgram socket has no handle in this thread')
  if (descriptor === null) throw invalidState("The dgram socket is not bound; wait for 'listening'")
  // Checked again before each send: the message's own code (getters, proxies) can close the socket.
  const handle = borrowEndpoint(descriptor, 'sendmsg', () => {
    checkRunning(socket)
  })
  sockets.set(socket, handle)
  socket.once('close', () => {
    forget(socket)
  })
  return handle
}

/** Throws as soon as the socket is closed, long before its 'close' event: its descriptor can be another socket's by then. */
function checkRunning(socket: dgram.Socket): void {
  try {
    getSendQueueCount.call(socket)
  } catch {
    forget(socket)
    if (isClosed(socket)) throw notRunning()
    throw refusal(socket) // made by Object.create(): only the prototype is a socket's
  }
}

/** Node's own check. Not all versions have it in getSendQueueCount(). */
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

function borrowDescriptor(descriptor: number, syscall: string): SocketHandle {
  if (!Number.isInteger(descriptor)) throw outOfRange('socket', 'an integer', descriptor)
  const max = process.platform === 'win32' ? Number.MAX_SAFE_INTEGER : 0x7fffffff
  if (descriptor < 0 || descriptor > max) throw outOfRange('socket', `>= 0 && <= ${String(max)}`, descriptor)
  const known = descriptors.get(descriptor)
  if (known !== undefined) {
    if (known.endpoint.unchanged()) return known
    release(descriptor, known)
  }
  const handle = borrowEndpoint(descriptor, syscall, noop)
  handle.onWaiting = (waits) => {
    if (waits) watchOwner(descriptor, handle)
    else waiting.delete(handle)
  }
  handle.onEvent = () => {
    if (!handle.endpoint.unchanged()) release(descriptor, handle)
  }
  if (descriptors.size >= MAX_DESCRIPTORS) forgetIdle()
  descriptors.set(descriptor, handle)
  return handle
}

/**
 * The owner has closed the descriptor, and its number can be another socket's by now. What waits to be sent is sent through the
 * duplicate. The duplicate is closed after that, or now if nothing waits.
 */
function release(descriptor: number, handle: SocketHandle): void {
  if (descriptors.get(descriptor) === handle) descriptors.delete(descriptor)
  handle.pull.cancel((syscall) => canceled(syscall, { detail: 'the descriptor was closed' }))
  handle.update()
}

/** Checks periodically whether the owner has closed the descriptor. */
function watchOwner(descriptor: number, handle: SocketHandle): void {
  waiting.set(handle, descriptor)
  timer ??= setInterval(() => {
    for (const [handle, descriptor] of waiting) {
      if (!handle.endpoint.unchanged()) release(descriptor, handle)
    }
    if (waiting.size > 0) return
    clearInterval(timer)
    timer = undefined
  }, CHECK_INTERVAL).unref()
}

/** A handle with calls that wait, or with messages to hand out, must be kept: it has their order. */
function forgetIdle(): void {
  for (const [descriptor, handle] of descriptors) {
    if (handle.idle) descriptors.delete(descriptor)
  }
}

const noop = (): void => undefined

/** A send in the background failed. A borrowed socket has no `'error'` event of ours. */
const warn = (error: Error): void => {
  process.emitWarning(error)
}

/** Why a descriptor is refused. */
const refusals: Readonly<Partial<Record<string, string>>> = {
  EBADF: 'the descriptor is not open',
  ENOTSOCK: 'the descriptor is not a socket',
  ENOTSUP: 'the descriptor is not a datagram or raw socket',
  EAFNOSUPPORT: 'the descriptor is not an IPv4 or IPv6 socket',
}

const BORROWED_STYLE = { whole: false, splits: true, wantControl: true, blockList: undefined } as const

function borrowEndpoint(descriptor: number, syscall: string, ensureRunning: () => void): SocketHandle {
  const endpoint = new binding.Endpoint()
  const status = endpoint.borrow(descriptor)
  if (status !== 0) throw fromNative(status, syscall, { detail: refusals[fromNative(status, syscall).code] })
  const given = { borrowed: true, sendTime: true, ignoreUnsupported: false }
  const state = new SocketState(given, querySocket(endpoint))
  return new SocketHandle(endpoint, state, BORROWED_STYLE, ensureRunning, warn)
}
