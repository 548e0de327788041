import { BlockList } from 'node:net'
import { receiveFields } from '../message/fields'
import { badSocketType, invalidArgType, invalidArgValue, outOfRange } from '../errors/socket-error'
import type { ReceiveInfoName, SocketOptions, SocketType } from '../types'
import { checkBoolean, checkFunction, checkInteger, checkSignal } from '../util/validate'

/** The types of sockets. */
export const TYPES: Readonly<Record<SocketType, { family: 4 | 6; raw: boolean }>> = {
  udp4: { family: 4, raw: false },
  udp6: { family: 6, raw: false },
  raw4: { family: 4, raw: true },
  raw6: { family: 6, raw: true },
}

const OPTION_NAMES = [
  'type',
  'reuseAddr',
  'reusePort',
  'ipv6Only',
  'recvBufferSize',
  'sendBufferSize',
  'lookup',
  'signal',
  'receiveBlockList',
  'sendBlockList',
  'protocol',
  'receiveInfo',
  'receiveErrors',
  'pull',
  'coalesce',
  'dontFragment',
  'sendTime',
  'unsupported',
] as const satisfies readonly (keyof SocketOptions)[]

/** Each option is read once; it can be inherited, as with dgram. A type alone inherits nothing. */
function readOptions(given: SocketType | SocketOptions): SocketOptions {
  const read = (name: keyof SocketOptions): unknown => {
    if (typeof given !== 'string') return given[name]
    return name === 'type' ? given : undefined
  }
  return Object.fromEntries(OPTION_NAMES.map((name) => [name, read(name)])) as unknown as SocketOptions
}

/** Accepts lists of any realm where Node has its own check, which also knows lists of other threads. */
const isBlockList: (value: unknown) => boolean =
  (BlockList as { isBlockList?: (value: unknown) => boolean }).isBlockList ?? ((value) => value instanceof BlockList)

/** As in dgram. 0 or no size leaves the system's. */
function checkSize(size: unknown, name: string): void {
  if (typeof size !== 'number') throw invalidArgType(name, 'number', size)
  if (!Number.isInteger(size)) throw outOfRange(name, 'an integer', size)
  if (size < 0 || size > 0xffffffff) throw outOfRange(name, '>= 0 && <= 4294967295', size)
}

function checkReceiveInfo(names: unknown): ReceiveInfoName[] {
  if (!Array.isArray(names)) throw invalidArgType('options.receiveInfo', ['Array', 'false'], names)
  const max = Object.keys(receiveFields).length
  if (names.length > max) throw outOfRange('options.receiveInfo.length', `<= ${String(max)}`, names.length)
  return Array.from<ReceiveInfoName>(names as ReceiveInfoName[]).map((name, index) => {
    if (typeof name === 'string' && Object.hasOwn(receiveFields, name)) return name
    throw invalidArgValue(`options.receiveInfo[${String(index)}]`, name, 'is not a field of a received message')
  })
}

/** Checks the options of createSocket(). Those of dgram are checked as leniently as dgram does, ours strictly. */
export function checkOptions(given: SocketType | SocketOptions): SocketOptions {
  if (typeof given !== 'string' && (typeof given !== 'object' || (given as unknown) === null)) throw badSocketType()
  const options = readOptions(given)
  for (const name of ['reuseAddr', 'reusePort', 'ipv6Only'] as const) options[name] = Boolean(options[name])
  for (const name of ['recvBufferSize', 'sendBufferSize'] as const) {
    if (options[name]) checkSize(options[name], `options.${name}`)
  }
  for (const name of ['receiveBlockList', 'sendBlockList'] as const) {
    if (!options[name]) options[name] = undefined
    else if (!isBlockList(options[name])) {
      throw invalidArgType(`options.${name}`, 'net.BlockList', options[name])
    }
  }
  if (options.lookup !== undefined) checkFunction(options.lookup, 'lookup')
  if (typeof options.type !== 'string' || !Object.hasOwn(TYPES, options.type)) throw badSocketType()
  const { raw, family } = TYPES[options.type]
  for (const name of ['pull', 'coalesce', 'dontFragment', 'receiveErrors'] as const) {
    if (options[name] !== undefined) checkBoolean(options[name], `options.${name}`)
  }
  const { sendTime } = options
  if (sendTime !== undefined && sendTime !== 'monotonic' && sendTime !== 'tai') {
    if (typeof sendTime === 'string') {
      throw invalidArgValue('options.sendTime', sendTime, "must be a boolean, 'monotonic' or 'tai'")
    }
    checkBoolean(sendTime, 'options.sendTime')
  }
  if (options.signal !== undefined) checkSignal(options.signal, 'options.signal')
  if (options.unsupported !== undefined && options.unsupported !== 'error' && options.unsupported !== 'ignore') {
    throw invalidArgValue('options.unsupported', options.unsupported, "must be 'error' or 'ignore'")
  }
  if (raw) checkInteger(options.protocol, 'options.protocol', 0, 255)
  else if (options.protocol !== undefined) {
    throw invalidArgValue('options.protocol', options.protocol, 'is for raw sockets')
  }
  if (options.ipv6Only === true && family === 4) {
    throw invalidArgValue('options.ipv6Only', true, 'is for IPv6 sockets')
  }
  if (options.receiveInfo !== undefined && options.receiveInfo !== false) {
    options.receiveInfo = checkReceiveInfo(options.receiveInfo)
  }
  return options
}
