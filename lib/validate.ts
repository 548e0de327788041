import { types } from 'node:util'
import { invalidArgType, invalidArgValue, invalidState, outOfRange } from './errors'
import type { ReceiveManyRoom, ReceiveRoom, WaitOptions } from './types'

/** Also of another realm. */
export const isUint8Array = (value: unknown): value is Uint8Array => types.isUint8Array(value)

export function checkInteger(value: unknown, name: string, least: number, most: number): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < least || value > most) throw outOfRange(name, `>= ${String(least)} && <= ${String(most)}`, value)
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

// eslint-disable-next-line @typescript-eslint/unbound-method -- a view's own method of this name is not asked
const at = Uint8Array.prototype.at

/**
 * Data that can be sent: a Uint8Array over memory of this thread alone that is there. A view that was detached, or
 * that lies outside of its resized buffer, has no bytes; an empty one has none either, and is fine.
 */
export function checkData(value: unknown, name: string): asserts value is Uint8Array {
  if (!isUint8Array(value)) throw invalidArgType(name, ['Uint8Array', 'Array'], value)
  if (types.isSharedArrayBuffer(value.buffer)) {
    throw invalidArgValue(name, value, 'must not be shared memory; other threads could change it meanwhile')
  }
  if (value.byteLength === 0) {
    try {
      at.call(value, 0) // throws on such a view, and only on such
    } catch {
      throw invalidState(`The "${name}" argument is detached, or out of the bounds of its buffer`)
    }
  }
}

export function checkWaitOptions(options: WaitOptions): void {
  const { signal, timeout } = options
  if (signal !== undefined) checkSignal(signal, 'options.signal')
  if (timeout !== undefined) checkInteger(timeout, 'options.timeout', 0, 0x7fffffff)
}

export function checkSignal(signal: unknown, name: string): asserts signal is AbortSignal {
  if (typeof signal !== 'object' || signal === null || !('aborted' in signal)) {
    throw invalidArgType(name, 'AbortSignal', signal)
  }
}

export interface Room {
  readonly count: number
  readonly length: number
  readonly controlLength: number
}

const MAX_LENGTH = 65535
const MAX_CONTROL_LENGTH = 1024
const MAX_COUNT = 1024
const DEFAULT_COUNT = 32

export const WHOLE_ROOM: Room = { count: 1, length: MAX_LENGTH, controlLength: MAX_CONTROL_LENGTH }

export function checkRoom(options: ReceiveRoom, count: number): Room {
  const { length = MAX_LENGTH, controlLength = MAX_CONTROL_LENGTH } = options
  checkInteger(length, 'options.length', 0, MAX_LENGTH)
  checkInteger(controlLength, 'options.controlLength', 0, MAX_CONTROL_LENGTH)
  return { count, length, controlLength }
}

export function checkManyRoom(options: ReceiveManyRoom): Room {
  const { count = DEFAULT_COUNT } = options
  checkInteger(count, 'options.count', 1, MAX_COUNT)
  return checkRoom(options, count)
}
