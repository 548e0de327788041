import { types } from 'node:util'
import { abortError, invalidArgType, invalidArgValue, invalidState, outOfRange } from '../errors/socket-error'
import type { WaitOptions } from '../types'

/** True for views of another realm, too. */
export const isUint8Array = (value: unknown): value is Uint8Array => types.isUint8Array(value)

export function checkInteger(value: unknown, name: string, min: number, max: number): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${String(min)} && <= ${String(max)}`, value)
}

/** checkInteger() for property `field` of `owner`. The name is only made for an error. */
export function checkIntegerOf(
  value: unknown,
  owner: string,
  field: string,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value === 'number' && value >= min && value <= max && Number.isInteger(value)) return
  checkInteger(value, `${owner}.${field}`, min, max)
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

/** The default for options. It inherits nothing, whatever Object.prototype has. */
export const NO_OPTIONS: Readonly<Record<string, never>> = Object.freeze(Object.create(null) as Record<string, never>)

type Getter<T> = (this: Uint8Array) => T

// The properties of the view itself: a subclass can override them.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { at } = Uint8Array.prototype
const accessors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array)
const getByteLength = accessors.byteLength.get as Getter<number>
const getBuffer = accessors.buffer.get as Getter<ArrayBufferLike>
const getByteOffset = accessors.byteOffset.get as Getter<number>

export const byteLengthOf = (view: Uint8Array): number => getByteLength.call(view)

/** The bytes of a view from `start` on, as a plain Uint8Array: no code of a subclass runs. */
export const partOf = (view: Uint8Array, start: number, size = byteLengthOf(view) - start): Uint8Array =>
  new Uint8Array(getBuffer.call(view), getByteOffset.call(view) + start, size)

/** Whether a view is detached, or out of the bounds of its resized buffer. Its length is 0, as that of an empty view. */
function isDetached(view: Uint8Array): boolean {
  if (byteLengthOf(view) > 0) return false
  try {
    at.call(view, 0) // throws for such a view only
    return false
  } catch {
    return true
  }
}

const isShared = (view: Uint8Array): boolean => types.isSharedArrayBuffer(getBuffer.call(view))

/** The view, or a copy of it where another thread could change its memory. */
export const unshared = (view: Uint8Array): Uint8Array => (isShared(view) ? new Uint8Array(partOf(view, 0)) : view)

/** Checks that a value is a Uint8Array that is not detached. */
export function checkView(
  value: unknown,
  name: string,
  expected: string | string[] = 'Uint8Array',
): asserts value is Uint8Array {
  if (!isUint8Array(value)) throw invalidArgType(name, expected, value)
  if (isDetached(value)) throw invalidState(`${name} is detached, or out of the bounds of its buffer`)
}

/** A cheap check: true only for what checkData() accepts, except that the memory can be shared. */
export const seemsData = (value: unknown): value is Uint8Array => isUint8Array(value) && byteLengthOf(value) > 0

/** Checks that the data of message `owner`, or view `index` of it, can be sent. Shared memory cannot. */
export function checkData(value: unknown, owner: string, index?: number): asserts value is Uint8Array {
  if (isUint8Array(value) && !isShared(value) && !isDetached(value)) return
  const name = index === undefined ? `${owner}.data` : `${owner}.data[${String(index)}]`
  checkView(value, name, index === undefined ? ['Uint8Array', 'Array'] : 'Uint8Array')
  throw invalidArgValue(name, value, 'must not be shared memory; other threads could change it meanwhile')
}

/** Reads the options of a call that waits, each once. @throws AbortError when the signal is aborted */
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
