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
export function allocateShared(size: number): ReceivedData {
  const memory = Buffer.allocUnsafeSlow(size)
  const { buffer } = memory
  if (marks) markAsUntransferable(buffer)
  Object.defineProperties(buffer, refusals)
  return memory
}
