import { binding, Field, Option, SendClock, type Endpoint } from './binding'
import { receiveFields } from './capabilities'
import { fromEither, fromNative, invalidArgValue, invalidFdType, notSupported } from './errors'
import { fdType } from './fd-type'
import type { ReceiveStyle } from './receive'
import { TYPES } from './socket-options'
import type { ReceiveInfoName, SocketOptions } from './types'

// What the options of a socket mean for its endpoint.

/** What replyTo() needs, and what costs nothing beside it. */
const DEFAULT_INFO: readonly ReceiveInfoName[] = ['destination', 'interface', 'cast', 'trafficClass']

/** What the program has asked for. */
const namesOf = ({ receiveInfo }: SocketOptions): readonly ReceiveInfoName[] =>
  receiveInfo === false ? [] : (receiveInfo ?? [])

/** Whether the kernel may coalesce trains on receipt. */
export const coalesces = (options: SocketOptions): boolean =>
  !TYPES[options.type].raw && (options.coalesce === true || namesOf(options).includes('segmentSize'))

/** What the owner of the socket gets of what comes. */
export function styleOf(options: SocketOptions): ReceiveStyle {
  const names = namesOf(options)
  const whole = names.includes('segmentSize')
  return {
    whole,
    splits: coalesces(options) && !whole,
    wantControl: names.includes('control'),
    blockList: options.receiveBlockList ?? undefined,
  }
}

/** Sets what not every kernel has. @throws ENOTSUP, naming the field */
export function setOption(
  endpoint: Endpoint,
  option: number,
  value: number,
  name: string,
  { unsupported }: SocketOptions,
): void {
  const status = endpoint.setOption(option, value)
  if (status === 0) return
  const error = fromNative(status, 'setsockopt')
  if (error.code !== 'ENOPROTOOPT') throw error
  if (unsupported !== 'ignore') throw notSupported(name, { syscall: 'setsockopt' })
}

/** Before the socket is bound: kernels note what to tell when a datagram is queued. */
export function configure(endpoint: Endpoint, options: SocketOptions): void {
  const set = (option: number, value: number, name: string): void => {
    setOption(endpoint, option, value, name, options)
  }
  if (options.recvBufferSize) set(Option.receiveBuffer, options.recvBufferSize, 'recvBufferSize')
  if (options.sendBufferSize) set(Option.sendBuffer, options.sendBufferSize, 'sendBufferSize')
  if (options.dontFragment !== undefined) set(Option.dontFragment, options.dontFragment ? 1 : 0, 'dontFragment')
  if (options.sendTime)
    set(Option.sendTime, options.sendTime === 'tai' ? SendClock.tai : SendClock.monotonic, 'sendTime')
  if (options.receiveErrors === true) set(Option.receiveErrors, 1, 'receiveErrors')
  const names = namesOf(options)
  const all = options.receiveInfo === false ? names : [...DEFAULT_INFO, ...names]
  const wanted = all.reduce((bits, name) => bits | receiveFields[name], coalesces(options) ? Field.segmentSize : 0)
  const missing = endpoint.enableReceive(wanted & ~Field.control)
  const refused = names.find((name) => (receiveFields[name] & missing) !== 0)
  if (refused !== undefined && options.unsupported !== 'ignore') throw notSupported(refused, { syscall: 'recvmsg' })
}

/** A fresh socket. @throws SocketError socket, setsockopt */
export function openEndpoint(options: SocketOptions): Endpoint {
  const { family, raw } = TYPES[options.type]
  const endpoint = new binding.Endpoint()
  const status = endpoint.open(family, raw ? 1 : 0, options.protocol ?? 0)
  if (status !== 0) throw fromNative(status, 'socket')
  try {
    configure(endpoint, options)
    // Dual-stack unless asked otherwise, whatever the system's default is.
    if (family === 6 && !raw) setOption(endpoint, Option.ipv6Only, options.ipv6Only ? 1 : 0, 'ipv6Only', options)
  } catch (error) {
    endpoint.close()
    throw error
  }
  return endpoint
}

/**
 * Takes over a bound descriptor that somebody else opened. Options that are not asked for stay as they are. What is refused
 * stays with its owner.
 * @throws ERR_INVALID_FD_TYPE, ERR_INVALID_ARG_VALUE for a socket of another type; SocketError open (EEXIST: somebody in this
 * thread watches it), setsockopt
 */
export function adoptDescriptor(endpoint: Endpoint, descriptor: number, options: SocketOptions): void {
  const { family, raw } = TYPES[options.type]
  const borrowed = new binding.Endpoint()
  const refused = borrowed.borrow(descriptor)
  try {
    if (refused !== 0) throw invalidFdType(fdType(descriptor, fromNative(refused, 'open').code))
    if (borrowed.family() !== family || borrowed.raw() !== (raw ? 1 : 0)) {
      throw invalidArgValue('options.fd', descriptor, `must be a socket of type ${options.type}`)
    }
    configure(borrowed, options)
  } finally {
    borrowed.close()
  }
  const status = endpoint.adopt(descriptor)
  if (status !== 0) throw fromEither(status, 'open')
  // Errors would come that nobody reads, and trains that nobody splits.
  endpoint.setOption(Option.receiveErrors, options.receiveErrors === true ? 1 : 0)
  if (!coalesces(options)) endpoint.setOption(Option.coalesce, 0)
}
