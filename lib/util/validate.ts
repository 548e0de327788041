import { types } from 'node:util'
import { abortError, invalidArgType, invalidArgValue, invalidState, outOfRange } from '../errors/socket-error'
import type { WaitOptions } from '../types'

/** Also of another realm. */
export const isUint8Array = (value: unknown): value is Uint8Array => types.isUint8Array(value)

export function checkInteger(value: unknown, name: string, least: number, most: number): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < least || value > most) throw outOfRange(name, `>= ${String(least)} && <= ${String(most)}`, value)
}

/** checkInteger() for property `field` of `owner`: the hot path makes no name. */
export function checkIntegerOf(
  value: unknown,
  owner: string,
  field: string,
  least: number,
  most: number,
): asserts value is number {
  if (typeof value === 'number' && value >= least && value <= most && Number.isInteger(value)) return
  checkInteger(value, `${owner}.${field}`, least, most)
}

export function checkBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'boolean', value)
}

export function checkString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, 'string', value)
}

export function checkFunction(value: unknown, name: string): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') throw invalidArgType(name, 'Function', value)
}

export function checkObject(value: unknown, name: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidArgType(name, 'Object', value)
}

/** In place of options that are not given: it inherits nothing. */
export const NO_OPTIONS: Readonly<Record<string, never>> = Object.freeze(Object.create(null) as Record<string, never>)

type Getter<T> = (this: Uint8Array) => T

// What a view really is: a subclass can say otherwise.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { at } = Uint8Array.prototype
const accessors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array)
const getByteLength = accessors.byteLength.get as Getter<number>
const getBuffer = accessors.buffer.get as Getter<ArrayBufferLike>
const getByteOffset = accessors.byteOffset.get as Getter<number>

export const byteLengthOf = (view: Uint8Array): number => getByteLength.call(view)

/** The bytes of a view from `start` on, as a view that runs no code of a subclass. */
export const partOf = (view: Uint8Array, start: number, size = byteLengthOf(view) - start): Uint8Array =>
  new Uint8Array(getBuffer.call(view), getByteOffset.call(view) + start, size)

/** A detached view, or one that lies outside of its resized buffer, has no bytes; an empty one has none either. */
function isGone(view: Uint8Array): boolean {
  if (byteLengthOf(view) > 0) return false
  try {
    at.call(view, 0) // throws on such a view, and only on such
    return false
  } catch {
    return true
  }
}

const isShared = (view: Uint8Array): boolean => types.isSharedArrayBuffer(getBuffer.call(view))

/** A Uint8Array whose memory is there. */
export function checkView(
  value: unknown,
  name: string,
  expected: string | string[] = 'Uint8Array',
): asserts value is Uint8Array {
  if (!isUint8Array(value)) throw invalidArgType(name, expected, value)
  if (isGone(value)) throw invalidState(`${name} is detached, or out of the bounds of its buffer`)
}

/** What checkData() says yes to, unless its memory is shared; and no to what only checkData() can tell. */
export const seemsData = (value: unknown): value is Uint8Array => isUint8Array(value) && byteLengthOf(value) > 0

/** The data of message `owner`, or view `index` of it, that can be sent: over memory of this thread alone. */
export function checkData(value: unknown, owner: string, index?: number): asserts value is Uint8Array {
  if (isUint8Array(value) && !isShared(value) && !isGone(value)) return
  const name = index === undefined ? `${owner}.data` : `${owner}.data[${String(index)}]`
  checkView(value, name, index === undefined ? ['Uint8Array', 'Array'] : 'Uint8Array')
  throw invalidArgValue(name, value, 'must not be shared memory; other threads could change it meanwhile')
}

/** The options of a call that waits, each read once. An aborted signal is thrown as what it rejects with. */
export function readWaitOptions(options: WaitOptions | undefined): WaitOptions | undefined {
  if (options === undefined) return undefined
  checkObject(options, 'options')
  const { signal, timeout } = options
  if (timeout !== undefined) checkInteger(timeout, 'options.timeout', 0, 0x7fffffff)
  if (signal === undefined) return { signal, timeout }
  checkSignal(signal, 'options.signal')
  if (signal.aborted) throw abortError(signal.reason)
  return { signal, timeout }
}

export function checkSignal(signal: unknown, name: string): asserts signal is AbortSignal {
  if (
    typeof signal !== 'object' ||
    signal === null ||
    !('aborted' in signal) ||
    typeof (signal as Partial<AbortSignal>).addEventListener !== 'function'
  ) {
    throw invalidArgType(name, 'AbortSignal', signal)
  }
}
