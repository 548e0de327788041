import { binding, report, type Endpoint } from '../native/addon'
import { Field, Option, SendClock } from '../native/constants'
import { receiveFields } from '../message/fields'
import { fromEither, fromNative, invalidArgValue, invalidFdType, notSupported } from '../errors/socket-error'
import { fdType } from './fd-type'
import type { ReceiveStyle } from '../receive/receive'
import { TYPES } from './options'
import type { ReceiveInfoName, SocketOptions } from '../types'

// Sets up an endpoint by the options of createSocket().

const { options: knownOptions, receive: reportedFields, send: sentFields, toldClass: reportedClass } = binding.kernel

/** What replyTo() needs, and what has no cost beside it. */
const DEFAULT_INFO = Object.values(receiveFields)
  .filter(({ byDefault }) => byDefault)
  .map(({ name }) => name)

/** The fields that the program requests. */
const namesOf = ({ receiveInfo }: SocketOptions): readonly ReceiveInfoName[] =>
  receiveInfo === false ? [] : (receiveInfo ?? [])

/** The errors with which kernels refuse an option that they do not have. */
const NOT_THERE: readonly string[] = ['ENOPROTOOPT', 'EINVAL', 'ENOTSUP']

/** Whether the program requests coalesced datagrams (UDP_GRO, URO). */
const wantsCoalescing = (options: SocketOptions): boolean =>
  options.coalesce === true || namesOf(options).includes('segmentSize')

/** Whether the kernel's tables have coalescing for such a socket. */
const knowsCoalescing = ({ type }: SocketOptions): boolean =>
  !TYPES[type].raw && ((reportedFields.IPv4 | reportedFields.IPv6) & Field.segmentSize) !== 0

/** Whether the kernel may coalesce datagrams on receipt. */
export const coalesces = (options: SocketOptions): boolean => wantsCoalescing(options) && knowsCoalescing(options)

/** Whether the kernel's tables have segmentation for such a socket. */
export const knowsSegmentation = ({ type }: SocketOptions): boolean =>
  !TYPES[type].raw && ((sentFields.IPv4 | sentFields.IPv6) & Field.segmentSize) !== 0

/** In which form the socket hands out messages. */
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

/** Whether the kernel's tables have a field. On an IPv6 socket the options of both families count. */
function isReported(name: ReceiveInfoName, options: SocketOptions): boolean {
  if (name === 'control') return true
  if (name === 'segmentSize') return knowsCoalescing(options)
  const families = TYPES[options.type].family === 4 ? (['IPv4'] as const) : (['IPv6', 'IPv4'] as const)
  const { bit, classMask } = receiveFields[name]
  return families.some(
    (family) => (reportedFields[family] & bit) !== 0 && (reportedClass[family] & classMask) === classMask,
  )
}

/** Checks that this kernel's tables have the options. @throws ENOTSUP, naming the option */
export function checkSupported(options: SocketOptions): void {
  if (options.unsupported === 'ignore') return
  const known = knownOptions[TYPES[options.type].family === 4 ? 'IPv4' : 'IPv6']
  const needed = [
    ['dontFragment', options.dontFragment !== undefined],
    ['sendTime', Boolean(options.sendTime)],
    ['receiveErrors', options.receiveErrors === true],
  ] as const
  for (const [name, requested] of needed) {
    if (requested && (known & (1 << Option[name])) === 0) throw notSupported(name, { syscall: 'setsockopt' })
  }
  const refused = namesOf(options).find((name) => !isReported(name, options))
  if (refused !== undefined) throw notSupported(refused, { syscall: 'recvmsg', when: kindOf(options) })
  if (options.coalesce === true && !knowsCoalescing(options)) {
    throw notSupported('coalesce', { syscall: 'recvmsg', when: kindOf(options) })
  }
}

const kindOf = ({ type }: SocketOptions): string | undefined => (TYPES[type].raw ? 'on a raw socket' : undefined)

/** Sets an option that not every kernel has. @throws ENOTSUP, naming the field */
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

/**
 * Sets the options before the socket is bound: kernels note what to report when a datagram is queued. Options that can be
 * refused come first, and those that cannot be undone last. Returns whether the kernel coalesces.
 */
function configure(endpoint: Endpoint, options: SocketOptions, adopted: boolean): boolean {
  const set = (option: number, value: number, name: string): void => {
    setOption(endpoint, option, value, name, options)
  }
  const names = namesOf(options)
  const coalescing = coalesces(options)
  const all = options.receiveInfo === false ? names : [...DEFAULT_INFO, ...names]
  const wanted = all.reduce((bits, name) => bits | receiveFields[name].bit, 0) & ~(Field.control | Field.segmentSize)
  const missing = endpoint.enableReceive(wanted | (coalescing ? Field.segmentSize : 0))
  const refused = names.find((name) => (receiveFields[name].bit & missing) !== 0)
  const without = refused ?? ((missing & Field.segmentSize) === 0 ? undefined : 'coalesce')
  if (without !== undefined) {
    // Any other error says nothing about what the kernel has.
    const error = fromNative(report.status(), 'setsockopt')
    if (!NOT_THERE.includes(error.code)) throw error
    if (options.unsupported !== 'ignore') throw notSupported(without, { syscall: 'recvmsg' })
  }
  if (options.dontFragment !== undefined) set(Option.dontFragment, options.dontFragment ? 1 : 0, 'dontFragment')
  if (options.recvBufferSize) set(Option.receiveBuffer, options.recvBufferSize, 'recvBufferSize')
  if (options.sendBufferSize) set(Option.sendBuffer, options.sendBufferSize, 'sendBufferSize')
  // The socket can have coalescing on, which would not be split, and error reports, which would not be read.
  if (adopted && !coalescing) turnOff(endpoint, Option.coalesce)
  if (options.receiveErrors === true) set(Option.receiveErrors, 1, 'receiveErrors')
  else if (adopted) turnOff(endpoint, Option.receiveErrors)
  if (options.sendTime)
    set(Option.sendTime, options.sendTime === 'tai' ? SendClock.tai : SendClock.monotonic, 'sendTime')
  return coalescing && (missing & Field.segmentSize) === 0
}

/** Opens a new socket. Returns whether the kernel coalesces. @throws SocketError socket, setsockopt; ENOTSUP */
export function openEndpoint(endpoint: Endpoint, options: SocketOptions): boolean {
  const { family, raw } = TYPES[options.type]
  const status = endpoint.open(family, raw ? 1 : 0, options.protocol ?? 0)
  if (status !== 0) throw fromNative(status, 'socket')
  try {
    const coalescing = configure(endpoint, options, false)
    // Dual-stack unless the program sets ipv6Only, whatever the system's default is.
    if (family === 6 && !raw) setOption(endpoint, Option.ipv6Only, options.ipv6Only ? 1 : 0, 'ipv6Only', options)
    return coalescing
  } catch (error) {
    endpoint.close()
    throw error
  }
}

/**
 * Takes over a bound descriptor that other code opened. Returns whether the kernel coalesces. Options that are not given
 * stay as they are. A descriptor that is refused stays with its owner, unchanged.
 * @throws ERR_INVALID_FD_TYPE, ERR_INVALID_ARG_VALUE for a socket of another type; SocketError open (EEXIST: another
 * handle of this thread polls it), setsockopt
 */
export function adoptDescriptor(endpoint: Endpoint, descriptor: number, options: SocketOptions): boolean {
  const { family, raw } = TYPES[options.type]
  const borrowed = new binding.Endpoint()
  const refused = borrowed.borrow(descriptor)
  const fits = borrowed.family() === family && borrowed.raw() === (raw ? 1 : 0)
  borrowed.close()
  if (refused !== 0) throw invalidFdType(fdType(descriptor, fromNative(refused, 'open').code))
  if (!fits) throw invalidArgValue('options.fd', descriptor, `must be a socket of type ${options.type}`)
  const status = endpoint.adopt(descriptor)
  if (status !== 0) throw fromEither(status, 'open')
  let coalescing: boolean
  try {
    coalescing = configure(endpoint, options, true)
  } catch (error) {
    endpoint.endAdoption(0)
    throw error
  }
  const kept = endpoint.endAdoption(1)
  if (kept !== 0) throw fromEither(kept, 'open')
  return coalescing
}

/** Turns an option off. One that this kernel or this kind of socket does not have is off. */
function turnOff(endpoint: Endpoint, option: number): void {
  const status = endpoint.setOption(option, 0)
  if (status === 0) return
  const error = fromNative(status, 'setsockopt')
  if (error.code !== 'ENOPROTOOPT') throw error
}
