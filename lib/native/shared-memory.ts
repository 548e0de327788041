import { markAsUntransferable } from 'node:worker_threads'
import type { ReceivedData } from '../types'

/** Throws what structuredClone() throws for memory that can't be transferred. */
function refuse(): never {
  throw new DOMException(
    'The ArrayBuffer is shared by several received messages and cannot be transferred; copy the data first',
    'DataCloneError',
  )
}

/** Own properties, in place of those that ArrayBuffer.prototype has in this version of Node. */
const refusals: PropertyDescriptorMap = Object.fromEntries(
  Object.getOwnPropertyNames(ArrayBuffer.prototype)
    .filter((name) => name.startsWith('transfer'))
    .map((name) => [name, { value: refuse, writable: true, enumerable: false, configurable: true }]),
)

/** Other runtimes have the name and throw when it is called. */
const marks = ((): boolean => {
  try {
    markAsUntransferable(new ArrayBuffer(0))
    return true
  } catch {
    return false
  }
})()

/**
 * Memory that several received messages are views of. It cannot be transferred, as Node's own pool of Buffers cannot: that
 * would empty the other messages.
 */
export function allocateShared(size: number): ArrayBuffer {
  const { buffer } = Buffer.allocUnsafeSlow(size)
  if (marks) markAsUntransferable(buffer)
  Object.defineProperties(buffer, refusals)
  return buffer
}

type BufferClass = new (buffer: ArrayBuffer, offset: number, length: number) => ReceivedData

/**
 * Makes what Buffer.subarray() makes, at less than half the cost, by the class that Node's buffers are instances of
 * (lib/buffer.js, Buffer[Symbol.species]).
 */
export const viewOf = ((): ((buffer: ArrayBuffer, start: number, size: number) => ReceivedData) => {
  const Species = (Buffer as unknown as { [Symbol.species]?: BufferClass })[Symbol.species]
  if (Species === undefined || (Species as unknown) === Buffer || Species.prototype !== Buffer.prototype) {
    return (buffer, start, size) => Buffer.from(buffer, start, size)
  }
  return (buffer, start, size) => new Species(buffer, start, size)
})()
