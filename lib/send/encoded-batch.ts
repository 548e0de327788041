import { invalidState, type ErrorPlace } from '../errors/socket-error'
import { bytesOfViews, encode } from '../message/encode'
import type { Encoded, SendContext } from '../message/encoded'
import { binding } from '../native/addon'
import { MAX_RECORDS } from '../native/control'
import { SEND_SLOT_SIZE, SendSlots, sharedSlots } from '../native/slots'
import type { OutgoingMessage } from '../types'
import { checkData } from '../util/validate'

const { slotCount } = binding.layout

/** A batch with more views than this does not keep its array of views. */
const MAX_KEPT_VIEWS = 4 * slotCount

const EMPTY = new Uint8Array(0)

/** Encoded messages that go to the kernel in one call. */
export class EncodedBatch implements Encoded {
  views: Uint8Array[] = []
  viewCount = 0
  readonly records: (Uint8Array | undefined)[] = []
  withRecords = false
  readonly places: (Readonly<ErrorPlace> | undefined)[] = []
  count = 0
  /** Bytes of control records. */
  recordSize = 0
  /** Bytes of data at the time of encoding. */
  bytes = 0

  constructor(readonly slots: SendSlots) {}

  /**
   * Checks the data again, completely. encode() does not see that memory is shared: the addon refuses it, but cannot name
   * the message, and code of the program that runs after encode() can detach memory.
   */
  checkViews(nameOf: (index: number) => string): void {
    let view = 0
    for (let index = 0; index < this.count; index++) {
      const views = this.slots.bufferCount(index)
      // encode() has checked each view of an array.
      if (views === 1) checkData(this.views[view], nameOf(index))
      view += views
    }
  }

  /** Releases all that belongs to the caller. The arrays keep their capacity: emptying them costs more than sending. */
  clear(): void {
    if (this.views.length > MAX_KEPT_VIEWS) this.views = []
    else for (let index = 0; index < this.viewCount; index++) this.views[index] = EMPTY
    this.viewCount = 0
    if (this.withRecords) this.records.length = 0
    this.withRecords = false
    this.count = 0
    this.recordSize = 0
    this.bytes = 0
  }
}

const sharedBatch = new EncodedBatch(sharedSlots)
/** Encoding a message runs code of the program (getters, proxies), and that code can send, too. */
let sharedBatchBusy = false

/** Whether the shared slots hold messages that are not sent yet. */
export const sharedBatchInUse = (): boolean => sharedBatchBusy

const freshBatch = (): EncodedBatch => new EncodedBatch(new SendSlots(new ArrayBuffer(slotCount * SEND_SLOT_SIZE)))

function takeBatch(): EncodedBatch {
  if (sharedBatchBusy) return freshBatch()
  sharedBatchBusy = true
  return sharedBatch
}

export function releaseBatch(batch: EncodedBatch): void {
  batch.clear()
  if (batch === sharedBatch) sharedBatchBusy = false
}

export function releaseBatches(batches: readonly EncodedBatch[]): void {
  for (const batch of batches) releaseBatch(batch)
}

/** @throws what encode() throws */
export function encodeOne(message: OutgoingMessage, context: SendContext): EncodedBatch {
  const batch = takeBatch()
  try {
    batch.bytes = encode(message, 'message', context, batch, 0)
    batch.count = 1
    return batch
  } catch (error) {
    releaseBatch(batch)
    throw error
  }
}

/** Encodes messages into as few batches as there can be. @throws what encode() throws */
export function encodeAll(messages: readonly OutgoingMessage[], context: SendContext): EncodedBatch[] {
  let batch = takeBatch()
  const batches = [batch]
  try {
    const count = messages.length
    for (let index = 0; index < count; index++) {
      if (batch.count === slotCount) {
        batch = freshBatch()
        batches.push(batch)
      }
      batch.bytes += encode(messages[index]!, elementName(index), context, batch, batch.count)
      batch.count++
      if (!batch.withRecords) continue
      batch.recordSize += batch.records[batch.count - 1]?.byteLength ?? 0
      if (batch.recordSize > MAX_RECORDS) batch = moveLast(batch, batches)
    }
    // The code of one message can detach the data of another one.
    for (const { views, viewCount, bytes } of batches) {
      if (bytesOfViews(views, 0, viewCount) !== bytes) {
        throw invalidState('The data of a message was detached or resized while other messages were read')
      }
    }
    return batches
  } catch (error) {
    releaseBatches(batches)
    throw error
  }
}

/** Names of messages in errors. Most batches are not longer than one with so many. */
const elementNames = Array.from({ length: slotCount }, (_, index) => `messages[${String(index)}]`)
export const messageName = (): string => 'message'
export const elementName = (index: number): string => elementNames[index] ?? `messages[${String(index)}]`

/** All records of a batch go to the kernel in one arena. Moves the message that no longer fits to a batch of its own. */
function moveLast(from: EncodedBatch, batches: EncodedBatch[]): EncodedBatch {
  const last = from.count - 1
  const to = freshBatch()
  const start = last * SEND_SLOT_SIZE
  to.slots.bytes.set(from.slots.bytes.subarray(start, start + SEND_SLOT_SIZE))
  to.viewCount = to.slots.bufferCount(0)
  from.viewCount -= to.viewCount
  for (let index = 0; index < to.viewCount; index++) to.views[index] = from.views[from.viewCount + index]!
  to.records.push(...from.records.splice(last))
  to.withRecords = true
  to.places[0] = from.places[last]
  to.count = 1
  to.recordSize = to.records[0]?.byteLength ?? 0
  from.count = last
  from.recordSize -= to.recordSize
  to.bytes = bytesOfViews(to.views, 0, to.viewCount)
  from.bytes -= to.bytes
  batches.push(to)
  return to
}
