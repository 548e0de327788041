import { Buffer } from 'node:buffer'
import { badBufferSize, badPort, bufferOutOfBounds, invalidArgType, isConnected } from './errors'
import { checkString } from './validate'

export type SendCallback = (error: Error | null, bytes: number) => void

/** What dgram's forms of `send` take as data. */
export type SendData = string | NodeJS.ArrayBufferView

export interface SendArguments {
  readonly data: Uint8Array[]
  readonly port: number | undefined
  readonly address: string | undefined
  readonly callback: SendCallback | undefined
}

/** dgram's `send(msg[, offset, length][, port][, address][, callback])`, with its rules for what is what. */
export function parseSendArguments(args: readonly unknown[], connected: boolean): SendArguments {
  const [message, ...rest] = args
  const last = rest.at(-1)
  const callback = typeof last === 'function' ? (last as SendCallback) : undefined
  const values = rest.filter((value) => typeof value !== 'function')
  const [first, second, third, fourth] = values

  const sliced = connected ? typeof second === 'number' : isGiven(third) || isGiven(fourth)
  const data = sliced ? [slice(message, first, second)] : listOf(message)
  const port = sliced ? third : first
  const address = sliced ? fourth : second
  if (connected) {
    if (isGiven(port) || isGiven(address)) throw isConnected()
    return { data, port: undefined, address: undefined, callback }
  }
  if (address !== undefined && address !== null) checkString(address, 'address')
  return { data, port: checkPort(port, 'Port', false), address: address ?? undefined, callback }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '' && value !== 0

function listOf(message: unknown): Uint8Array[] {
  if (!Array.isArray(message)) return [viewOf(message, 'buffer')]
  return message.map((part) => viewOf(part, 'buffer list arguments'))
}

function viewOf(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (ArrayBuffer.isView(value)) {
    return value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  throw invalidArgType(name, ['Buffer', 'TypedArray', 'DataView', 'string'], value)
}

function slice(message: unknown, offset: unknown, length: unknown): Uint8Array {
  const whole = viewOf(message, 'buffer')
  const start = Number(offset) >>> 0
  const size = Number(length) >>> 0
  if (start > whole.byteLength) throw bufferOutOfBounds('offset')
  if (start + size > whole.byteLength) throw bufferOutOfBounds('length')
  return whole.subarray(start, start + size)
}

/** As dgram checks ports: numbers and numeric strings. */
export function checkPort(port: unknown, name: string, allowZero: boolean): number {
  const valid = typeof port === 'number' || (typeof port === 'string' && port.trim() !== '')
  const number = Number(port)
  if (!valid || !Number.isInteger(number) || number > 65535 || number < (allowZero ? 0 : 1)) {
    throw badPort(name, port, allowZero)
  }
  return number
}

export interface BindArguments {
  readonly port: number
  readonly address: string | undefined
  readonly callback: (() => void) | undefined
}

/** dgram's `bind([port][, address][, callback])` and `bind(options[, callback])`. */
export function parseBindArguments(args: readonly unknown[]): BindArguments {
  const last = args.at(-1)
  const callback = typeof last === 'function' ? (last as () => void) : undefined
  const values = callback === undefined ? args : args.slice(0, -1)
  const [first] = values
  const options =
    typeof first === 'object' && first !== null ? (first as { port?: unknown; address?: unknown }) : undefined
  const port = options === undefined ? first : options.port
  const address = options === undefined ? values[1] : options.address
  if (address !== undefined && address !== null && address !== '') checkString(address, 'address')
  return {
    port: port === undefined || port === null ? 0 : checkPort(port, 'options.port', true),
    address: address === undefined || address === null || address === '' ? undefined : address,
    callback,
  }
}

/** dgram's `connect(port[, address][, callback])`. */
export function parseConnectArguments(args: readonly unknown[]): BindArguments {
  const [port, ...rest] = args
  const last = rest.at(-1)
  const callback = typeof last === 'function' ? (last as () => void) : undefined
  const address = typeof rest[0] === 'function' ? undefined : rest[0]
  if (address !== undefined && address !== null && address !== '') checkString(address, 'address')
  return {
    port: checkPort(port, 'Port', false),
    address: address === undefined || address === null || address === '' ? undefined : address,
    callback,
  }
}

export function checkBufferSize(size: unknown): number {
  if (typeof size !== 'number' || size >>> 0 !== size) throw badBufferSize()
  return size
}
