import { binding } from '../native/addon'
import { MAX_RECORDS, sharedRecords } from '../native/control'
import { bytesOfViews, encode } from '../message/encode'
import type { Encoded, SendContext } from '../message/encoded'
import { invalidState, type ErrorPlace } from '../errors/socket-error'
import { SEND_SLOT_SIZE, SendSlots, sharedSlots } from '../native/slots'
import type { OutgoingMessage } from '../types'

const { slotCount } = binding.layout

/** A block that had more views than this does not keep the room for them. */
const MOST_VIEWS = 4 * slotCount

/** Messages that are written down and go to the kernel in one call. */
export class Block implements Encoded {
  views: Uint8Array[] = []
  viewCount = 0
  readonly records: (Uint8Array | undefined)[] = []
  withRecords = false
  unchecked = false
  readonly places: (Readonly<ErrorPlace> | undefined)[] = []
  count = 0
  /** Bytes of records. */
  recordSize = 0
  /** Bytes of data, when it was written down. */
  bytes = 0

  constructor(readonly slots: SendSlots) {}

  /** Lets go of everything that is the caller's. The arrays keep their room: to empty them costs more than to send. */
  clear(): void {
    if (this.views.length > MOST_VIEWS) this.views = []
    else for (let index = 0; index < this.viewCount; index++) this.views[index] = NOTHING
    this.viewCount = 0
    if (this.withRecords) this.records.length = 0
    this.withRecords = false
    this.unchecked = false
    this.count = 0
    this.recordSize = 0
    this.bytes = 0
  }
}

const NOTHING = new Uint8Array(0)
const sharedBlock = new Block(sharedSlots)
/** While a message is written down its own code runs (getters, proxies), and that can send, too. */
let sharedBlockBusy = false

/** Whether the shared slots hold a block that is still to be sent. */
export const sharedBlockInUse = (): boolean => sharedBlockBusy

const freshBlock = (): Block => new Block(new SendSlots(new ArrayBuffer(slotCount * SEND_SLOT_SIZE)))

function takeBlock(): Block {
  if (sharedBlockBusy) return freshBlock()
  sharedBlockBusy = true
  return sharedBlock
}

export function releaseBlock(block: Block): void {
  block.clear()
  if (block === sharedBlock) sharedBlockBusy = false
}

export function releaseBlocks(blocks: readonly Block[]): void {
  for (const block of blocks) releaseBlock(block)
}

export function encodeOne(message: OutgoingMessage, context: SendContext): Block {
  const block = takeBlock()
  try {
    block.bytes = encode(message, 'message', context, block, 0)
    block.count = 1
    return block
  } catch (error) {
    releaseBlock(block)
    throw error
  }
}

export function encodeAll(messages: readonly OutgoingMessage[], context: SendContext): Block[] {
  let block = takeBlock()
  const blocks = [block]
  try {
    const count = messages.length
    for (let index = 0; index < count; index++) {
      if (block.count === slotCount) {
        block = freshBlock()
        blocks.push(block)
      }
      block.bytes += encode(messages[index]!, elementName(index), context, block, block.count)
      block.count++
      if (!block.withRecords) continue
      block.recordSize += block.records[block.count - 1]?.byteLength ?? 0
      if (block.recordSize > MAX_RECORDS) block = moveLast(block, blocks)
    }
    // The code of one message can take away the data of another one.
    for (const { views, viewCount, bytes } of blocks) {
      if (bytesOfViews(views, 0, viewCount) !== bytes) {
        throw invalidState('The data of a message was detached or resized while other messages were read')
      }
    }
    return blocks
  } catch (error) {
    releaseBlocks(blocks)
    throw error
  }
}

/** Names of the first messages of a batch in errors: most batches are no longer. */
const elementNames = Array.from({ length: slotCount }, (_, index) => `messages[${String(index)}]`)
export const theMessage = (): string => 'message'
export const elementName = (index: number): string => elementNames[index] ?? `messages[${String(index)}]`

/** The records of a block go to the kernel in one arena: moves the message that is too much to a block of its own. */
function moveLast(from: Block, blocks: Block[]): Block {
  const last = from.count - 1
  const to = freshBlock()
  const start = last * SEND_SLOT_SIZE
  to.slots.bytes.set(from.slots.bytes.subarray(start, start + SEND_SLOT_SIZE))
  to.viewCount = to.slots.bufferCount(0)
  from.viewCount -= to.viewCount
  for (let index = 0; index < to.viewCount; index++) to.views[index] = from.views[from.viewCount + index]!
  to.records.push(...from.records.splice(last))
  to.withRecords = true
  to.unchecked = from.unchecked
  to.places[0] = from.places[last]
  to.count = 1
  to.recordSize = to.records[0]?.byteLength ?? 0
  from.count = last
  from.recordSize -= to.recordSize
  to.bytes = bytesOfViews(to.views, 0, to.viewCount)
  from.bytes -= to.bytes
  blocks.push(to)
  return to
}

/** Puts records into the shared arena, and says in the shared slots where. */
export function loadRecords(records: readonly (Uint8Array | undefined)[], count: number): void {
  let offset = 0
  for (let index = 0; index < count; index++) {
    const own = records[index]
    if (own === undefined) continue
    sharedRecords.set(own, offset)
    sharedSlots.setControl(index, offset, own.byteLength)
    offset += own.byteLength
  }
}
