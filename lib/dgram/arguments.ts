import { Buffer } from 'node:buffer'
import { isIP } from 'node:net'
import { types } from 'node:util'
import { binding } from '../native/addon'
import {
  badBufferSize,
  badPort,
  bufferOutOfBounds,
  invalidArgType,
  invalidArgValue,
  invalidState,
  isConnected,
} from '../errors/socket-error'
import { byteLengthOf, checkFunction, checkObject, checkString, checkView, partOf, unshared } from '../util/validate'

export type SendCallback = (error: Error | null, bytes: number) => void

/** Data that `send` accepts with dgram's arguments. */
export type SendData = string | NodeJS.ArrayBufferView

export interface SendArguments {
  readonly data: Uint8Array[]
  /** undefined on a connected socket. */
  readonly port: number | undefined
  readonly address: string | undefined
  readonly callback: SendCallback | undefined
}

/** dgram's `send(msg[, offset, length][, port][, address][, callback])`, with dgram's rules for which argument is which. */
export function parseSendArguments(args: readonly unknown[], connected: boolean): SendArguments {
  return connected ? parseToPeer(args) : parseToAddress(args)
}

function parseToPeer([message, second, third, fourth, fifth, sixth]: readonly unknown[]): SendArguments {
  const sliced = typeof third === 'number'
  const part = sliced ? slice(message, second, third) : undefined
  if (Boolean(fifth) || (Boolean(fourth) && !(sliced && isFunction(fourth)))) throw isConnected()
  const callback = !sliced ? second : isFunction(fourth) ? fourth : sixth
  const data = part === undefined ? listOf(message) : [part]
  return { data, port: undefined, address: undefined, callback: callbackOf(callback) }
}

function parseToAddress([message, second, third, fourth, fifth, sixth]: readonly unknown[]): SendArguments {
  const sliced = Boolean(fifth) || (Boolean(fourth) && !isFunction(fourth))
  const data = sliced ? [slice(message, second, third)] : listOf(message)
  const [given, address, callback] = sliced ? [fourth, fifth, sixth] : [second, third, fourth]
  const port = checkPort(given, 'Port', false)
  if (isFunction(address)) return { data, port, address: undefined, callback: callbackOf(address) }
  if (address !== undefined && address !== null) checkString(address, 'address')
  return { data, port, address: addressOf(address, 'address'), callback: callbackOf(callback) }
}

type Callable = (...args: unknown[]) => void

const { maxBuffers } = binding.layout

const isFunction = (value: unknown): value is Callable => typeof value === 'function'

const callbackOf = (value: unknown): Callable | undefined => (isFunction(value) ? value : undefined)

/** As in dgram, any falsy value is no address. */
function addressOf(value: unknown, name: string): string | undefined {
  if (!value) return undefined
  checkString(value, name)
  return value
}

function listOf(message: unknown): Uint8Array[] {
  if (!Array.isArray(message)) return [viewOf(message, 'buffer', message)]
  const list = Array.from(message, (part) => viewOf(part, 'buffer list arguments', message))
  return list.length > maxBuffers ? [Buffer.concat(list)] : list
}

function viewOf(value: unknown, name: string, given: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (types.isUint8Array(value)) {
    checkView(value, 'buffer')
    return unshared(value)
  }
  if (ArrayBuffer.isView(value)) {
    let view: Uint8Array
    try {
      view = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    } catch {
      throw invalidState('buffer is detached, or out of the bounds of its buffer')
    }
    return unshared(view)
  }
  throw invalidArgType(name, ['Buffer', 'TypedArray', 'DataView', 'string'], given)
}

function slice(message: unknown, offset: unknown, length: unknown): Uint8Array {
  const whole = viewOf(message, 'buffer', message)
  const start = unsigned(offset, 'offset')
  const size = unsigned(length, 'length')
  const max = byteLengthOf(whole)
  if (start > max) throw bufferOutOfBounds('offset')
  if (start + size > max) throw bufferOutOfBounds('length')
  return partOf(whole, start, size)
}

/** As in dgram, whatever JavaScript converts to a number. The conversion can run code of the program. */
function unsigned(value: unknown, name: string): number {
  if (typeof value === 'bigint') throw invalidArgType(name, 'number', value)
  try {
    return Number(value) >>> 0
  } catch (error) {
    // A symbol, or an object without a primitive value. What code of the program throws is rethrown.
    if (error instanceof TypeError && !('code' in error)) throw invalidArgType(name, 'number', value)
    throw error
  }
}

/** As dgram checks ports: numbers and numeric strings. */
export function checkPort(port: unknown, name: string, allowZero: boolean): number {
  const valid = typeof port === 'number' || (typeof port === 'string' && port.trim() !== '')
  const number = valid ? Number(port) : NaN
  if (!Number.isInteger(number) || number > 65535 || number < (allowZero ? 0 : 1)) {
    throw badPort(name, port, allowZero)
  }
  return number
}

/** Options of `bind`, as dgram has them. */
export interface BindOptions {
  port?: number | undefined
  address?: string | undefined
  /** In a cluster worker: the descriptor is this worker's own. Ports are never shared with other workers, but by `reusePort`. */
  exclusive?: boolean | undefined
  /** A bound datagram socket, to be taken over. */
  fd?: number | undefined
}

export interface BindArguments {
  readonly port: number
  readonly address: string | undefined
  /** A descriptor that other code opened. */
  readonly fd: number | undefined
  /** In a cluster worker: the socket is not shared with other workers. */
  readonly exclusive: boolean
  readonly callback: (() => void) | undefined
}

interface BindObject {
  port?: unknown
  address?: unknown
  exclusive?: unknown
  fd?: unknown
}

/** dgram's `bind([port][, address][, callback])` and `bind(options[, callback])`. */
export function parseBindArguments(args: readonly unknown[]): BindArguments {
  const [first, second] = args
  const { port, address, exclusive, fd }: BindObject =
    typeof first === 'object' && first !== null
      ? first
      : {
          port: isFunction(first) ? undefined : first,
          address: isFunction(second) ? undefined : second,
          // Object.prototype can have these.
          exclusive: undefined,
          fd: undefined,
        }
  const rest = { exclusive: Boolean(exclusive), callback: callbackOf(args.at(-1)) }
  if (typeof fd === 'number' && (fd | 0) === fd && fd > 0) return { fd, port: 0, address: undefined, ...rest }
  return {
    fd: undefined,
    port: port ? checkPort(port, 'options.port', true) : 0,
    address: addressOf(address, 'address'),
    ...rest,
  }
}

/** `bindSync([options])` of Node 26. */
export function parseBindSyncArguments(options: unknown, wildcard: string): { port: number; address: string } {
  checkObject(options, 'options')
  const { port, address } = options as BindObject
  const checked = checkPort(port ?? 0, 'options.port', true)
  return { port: checked, address: address ? checkNumeric(address, 'options.address', 'bindSync') : wildcard }
}

function checkNumeric(address: unknown, name: string, method: string): string {
  checkString(address, name)
  if (isIP(address) !== 0) return address
  throw invalidArgValue(name, address, `must be a numeric IP address; ${method} does not perform DNS resolution`)
}

export interface ConnectArguments {
  readonly port: number
  readonly address: string | undefined
  readonly callback: ((error?: Error) => void) | undefined
}

/** dgram's `connect(port[, address][, callback])`. */
export function parseConnectArguments(args: readonly unknown[]): ConnectArguments {
  const [given, second, third] = args
  const port = checkPort(given, 'Port', false)
  if (isFunction(second)) return { port, address: undefined, callback: callbackOf(second) }
  if (second !== undefined) checkString(second, 'address')
  if (third) checkFunction(third, 'listener')
  return { port, address: addressOf(second, 'address'), callback: callbackOf(third) }
}

/** `connectSync(port[, address])` of Node 26. */
export function parseConnectSyncArguments(port: unknown, address: unknown, loopback: string): [number, string] {
  const checked = checkPort(port, 'Port', false)
  if (address === undefined || address === null || address === '') return [checked, loopback]
  return [checked, checkNumeric(address, 'address', 'connectSync')]
}

export function checkBufferSize(size: unknown): number {
  if (typeof size !== 'number' || size >>> 0 !== size) throw badBufferSize()
  return size
}
