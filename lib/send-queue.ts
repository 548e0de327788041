import { binding, report, Wait, type Endpoint } from './binding'
import { MAX_RECORDS, sharedRecords } from './control'
import { bytesOfViews, checkViews, encode, type Encoded, type SendContext } from './encode'
import { fromTransfer, invalidState, type ErrorPlace, type SocketError } from './errors'
import { SEND_SLOT_SIZE, SendSlots, sharedSlots } from './slots'
import type { OutgoingMessage } from './types'
import { byteLengthOf } from './validate'

const { slotCount } = binding.layout

/** A block that had more views than this does not keep the room for them. */
const MOST_VIEWS = 4 * slotCount

/** Messages that are written down and go to the kernel in one call. */
class Block implements Encoded {
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

const freshBlock = (): Block => new Block(new SendSlots(new ArrayBuffer(slotCount * SEND_SLOT_SIZE)))

function takeBlock(): Block {
  if (sharedBlockBusy) return freshBlock()
  sharedBlockBusy = true
  return sharedBlock
}

function releaseBlock(block: Block): void {
  block.clear()
  if (block === sharedBlock) sharedBlockBusy = false
}

function releaseBlocks(blocks: readonly Block[]): void {
  for (const block of blocks) releaseBlock(block)
}

/** Who waits for messages: one sendmsg or sendmmsg. Its messages stand in the queue one after the other. */
export abstract class Waiter {
  /** The call in the words of its error. */
  abstract readonly syscall: string
  /** Messages that still wait. */
  left = 0
  /** Messages that the kernel took. */
  taken = 0
  /** Bytes of the last of them. */
  bytes = 0
  /** Sequence number of the first message that still waits. */
  first = 0
  abstract done(): void
  abstract failed(error: Error): void
}

/** For the rest of a train whose start was taken by an immediate call: nobody waits for it. */
class Nobody extends Waiter {
  readonly syscall = 'sendmsg'
  constructor(readonly failed: (error: Error) => void) {
    super()
  }
  done(): void {
    // It was reported as sent when its start was.
  }
}

/** One message that waits. */
interface Waiting {
  readonly slot: Uint8Array
  readonly views: readonly Uint8Array[]
  readonly lengths: readonly number[]
  readonly size: number
  readonly records: Uint8Array | undefined
  readonly place: Readonly<ErrorPlace> | undefined
  readonly waiter: Waiter
}

/** One message that the kernel has, and will say what became of: an overlapped operation. */
interface Started {
  readonly operation: number
  readonly entry: Waiting
  result: { readonly status: number; readonly sent: number } | undefined
  /** Why it was given up. */
  reason: Error | undefined
  /** The socket was closed under it: it is settled in its turn, with what the kernel says of it. */
  closed: boolean
  /** Messages behind it were given up with it. */
  cut: boolean
}

/** In the place of what waits when the socket is closed; operations are numbered from 1. */
const NEVER_STARTED = { operation: 0, result: { status: -1, sent: 0 }, closed: true, cut: false }

/** Bytes that the kernel took of a message that waits. */
const progressOf = ({ slot }: Waiting): number => new SendSlots(slot.buffer as ArrayBuffer).progress(0)

/** Messages that are sent in one turn of the loop at most, so that one socket starves nobody. */
const TURN = 4 * slotCount
/** After ENOBUFS, which nothing tells the end of. Milliseconds. */
const FIRST_PAUSE = 1
const LONGEST_PAUSE = 64
const COMPACT_AT = 1024
/** Operations that a socket has with the kernel at a time; their data is copied, and their pages are locked. */
const MOST_STARTED = 32
const { send } = binding
const { completesSends } = binding.kernel

/**
 * Sends on one socket, in order. What the kernel has no room for waits here: its views are held, and their memory is
 * looked at again when it is sent.
 */
export class SendQueue {
  private waiting: (Waiting | undefined)[] = []
  private head = 0
  /** Sequence number of waiting[0]. */
  private base = 0
  private messages = 0
  private bytes = 0
  private pause: NodeJS.Timeout | undefined
  private pauseTime = FIRST_PAUSE
  private holds = true
  /** Where the kernel completes sends: what it has, in order. Counts as waiting, and stands in `waiting` no more. */
  private readonly started: Started[] = []
  private operations = 0
  /** The operation behind which nothing can be started: a train has units to come. */
  private barrier: Started | undefined
  /** The next message can only go in one call, and there is no room for it. */
  private needsCall = false

  constructor(
    private readonly endpoint: Endpoint,
    private readonly context: SendContext,
    /** Told when `watchesWritable` may have changed. */
    private readonly changed: () => void,
    /** Told of an error that no call is there to report. */
    private readonly lost: (error: Error) => void,
  ) {}

  /** Messages that wait. */
  get count(): number {
    return this.messages
  }

  /** Bytes that wait. */
  get size(): number {
    return this.bytes
  }

  /** Whether this queue waits for the socket to be writable. */
  get watchesWritable(): boolean {
    return this.messages > 0 && this.pause === undefined && (!completesSends || this.needsCall)
  }

  /**
   * One message: the bytes sent, or null when there is no room now, or others wait. Then it waits, if `waiter` is
   * given. A train whose start was taken is sent, and its rest waits in any case.
   */
  sendOne(message: OutgoingMessage, prepare: () => void, createWaiter?: () => Waiter): number | null {
    const block = encodeOne(message, this.context)
    try {
      // Only what goes to the kernel now can be left to the addon to refuse.
      if (this.messages > 0 || this.context.local === undefined) checkViews(block, 1, theMessage)
      prepare()
      if (this.messages > 0) {
        if (createWaiter !== undefined) this.add(block, 0, 1, createWaiter())
        this.startMore()
        return null
      }
      if (this.submit(block, theMessage) === 1) return block.slots.sent(0)
      const status = report.status()
      const wait = report.wait()
      if (status !== 0) throw this.failure(status, 'sendmsg', block.places[0])
      const started = block.slots.progress(0) > 0
      if (!started && createWaiter === undefined) return null
      const waiter = createWaiter?.() ?? new Nobody(this.lost)
      this.add(block, 0, 1, waiter)
      this.startWaiting(wait, waiter)
      return createWaiter === undefined ? block.bytes : null
    } finally {
      releaseBlock(block)
    }
  }

  /** Many messages: how many the kernel took now. The others wait, if `createWaiter` is given. */
  sendMany(
    messages: readonly OutgoingMessage[],
    prepare: () => void,
    createWaiter?: (taken: number) => Waiter,
  ): number {
    const blocks = encodeAll(messages, this.context)
    let taken = 0
    let waiter: Waiter | undefined
    let wait: number = Wait.none
    try {
      if (blocks.length > 1 || this.messages > 0 || this.context.local === undefined) {
        let before = 0
        for (const block of blocks) {
          const first = before
          checkViews(block, block.count, (index) => elementName(first + index))
          before += block.count
        }
      }
      prepare()
      for (const block of blocks) {
        if (block.count === 0) continue
        let from = 0
        if (this.messages === 0) {
          from = this.submit(block, elementName)
          taken += from
          if (from === block.count) continue
          const status = report.status()
          if (status !== 0) {
            if (taken > 0 && createWaiter === undefined) return taken
            throw Object.assign(this.failure(status, 'sendmmsg', block.places[from]), { sent: taken })
          }
          wait = report.wait()
          if (createWaiter === undefined && block.slots.progress(from) > 0) {
            const nobody = new Nobody(this.lost)
            this.add(block, from, from + 1, nobody)
            this.startWaiting(wait, nobody)
            return taken + 1
          }
        }
        if (createWaiter === undefined) return taken
        waiter ??= createWaiter(taken)
        this.add(block, from, block.count, waiter)
      }
      if (waiter !== undefined && wait !== Wait.none) this.startWaiting(wait, waiter)
      else this.startMore()
      return taken
    } finally {
      releaseBlocks(blocks)
    }
  }

  /**
   * Takes what a waiter still waits for out of the queue: it is never sent. A train whose start was taken is finished all
   * the same, and counts as taken. What the kernel has is cancelled, and its completion decides.
   */
  giveUp(waiter: Waiter, reason: Error): void {
    const started = this.started.find(({ entry }) => entry.waiter === waiter)
    if (started !== undefined) {
      this.cancel(started, reason)
      return
    }
    const index = waiter.first - this.base
    const entry = this.waiting[index]
    if (entry !== undefined && progressOf(entry) > 0) {
      const nobody = new Nobody(this.lost)
      nobody.first = waiter.first
      nobody.left = 1
      this.waiting[index] = { ...entry, waiter: nobody }
      waiter.first++
      waiter.left--
      waiter.taken++
      waiter.bytes = entry.size
    }
    const { left } = waiter
    this.remove(waiter)
    // Of a train that goes on, and nothing behind it, there was nothing to give up.
    if (left === 0) waiter.done()
    else waiter.failed(failedAfter(waiter, reason))
  }

  private remove(waiter: Waiter): void {
    const { waiting } = this
    for (let index = waiter.first - this.base; waiter.left > 0; index++) {
      this.messages--
      this.bytes -= waiting[index]?.size ?? 0
      waiting[index] = undefined
      waiter.left--
    }
    // Places at the ends are given back; those between go when their neighbours are sent.
    while (waiting.length > this.head && waiting[waiting.length - 1] === undefined) waiting.pop()
    while (this.head < waiting.length && waiting[this.head] === undefined) this.head++
    this.compact()
    if (this.messages === 0) this.stopWaiting()
  }

  /** Fails all that waits, in order: behind what the kernel has, whose completion decides. */
  clear(error: (syscall: string) => SocketError): void {
    const waiting = this.waiting.slice(this.head)
    for (const started of this.started) {
      started.closed = started.reason === undefined
      this.cancel(started, error(started.entry.waiter.syscall))
    }
    for (const entry of waiting) {
      if (entry === undefined || entry.waiter.left === 0) continue
      this.remove(entry.waiter)
      this.messages++
      this.bytes += entry.size
      this.started.push({ ...NEVER_STARTED, entry, reason: error(entry.waiter.syscall) })
    }
    this.stopWaiting()
    this.settleStarted()
  }

  /** Sends what waits, as far as there is room. Returns whether anything was settled. */
  drain(): boolean {
    this.needsCall = false
    if (this.started.length > 0) {
      this.startMore()
      return false
    }
    let moved = false
    for (let turn = 0; turn < TURN && this.messages > 0;) {
      const batch = this.load()
      if (batch.length === 0) continue // what stood there could not be sent any more
      const data = batch.flatMap(({ views }) => views)
      const taken = this.sendViews(data, data.length, batch.length)
      const status = report.status()
      const wait = report.wait()
      turn += taken + 1
      moved ||= taken > 0 || status !== 0
      for (let index = 0; index < taken; index++) this.settleHead(sharedSlots.sent(index))
      if (taken === batch.length) continue
      const next = batch[taken]!
      if (status !== 0) {
        this.fail(next.waiter, this.failure(status, next.waiter.syscall, next.place))
        continue
      }
      // How far a train has come, and whether it goes without offload.
      next.slot.set(sharedSlots.bytes.subarray(taken * SEND_SLOT_SIZE, (taken + 1) * SEND_SLOT_SIZE))
      if (wait === Wait.forBuffers) this.pauseAWhile()
      else this.startMore()
      break
    }
    if (moved) this.pauseTime = FIRST_PAUSE
    if (this.messages === 0) this.stopWaiting()
    return moved
  }

  /** Waits for a while where readiness tells nothing. */
  pauseAWhile(): void {
    if (this.pause !== undefined || this.messages === 0) return
    this.pause = setTimeout(() => {
      this.pause = undefined
      this.drain()
      this.changed()
    }, this.pauseTime)
    if (!this.holds) this.pause.unref()
    this.pauseTime = Math.min(this.pauseTime * 2, LONGEST_PAUSE)
    this.changed()
  }

  // --- where the kernel completes sends ---------------------------------------------------------

  /**
   * Hands the kernel what waits, as far as it takes it. Of one sendmmsg it has one message at a time, so that nothing is
   * sent behind a message that failed.
   */
  private startMore(): void {
    while (completesSends && this.barrier === undefined && this.pause === undefined) {
      if (this.messages === this.started.length || this.started.length === MOST_STARTED) return
      while (this.waiting[this.head] === undefined) this.head++
      const { waiter } = this.waiting[this.head]!
      if (this.started.some(({ entry }) => entry.waiter === waiter)) return
      const [entry] = this.load(1)
      if (entry === undefined) continue // it could not be sent any more
      const operation = ++this.operations
      const status = this.endpoint.startSend(operation, entry.views.length === 1 ? entry.views[0]! : entry.views)
      const wait = report.wait()
      if (status === 0 && wait === Wait.forBuffers) {
        // The next completion tells; where there is none to come, nothing does.
        if (this.started.length === 0) this.pauseAWhile()
        return
      }
      if (status === 0 && wait === Wait.forTurn) {
        this.needsCall = this.started.length === 0
        this.changed()
        return
      }
      this.waiting[this.head++] = undefined
      waiter.first = this.base + this.head
      waiter.left--
      this.compact()
      const result = status === 0 ? undefined : { status, sent: 0 }
      const started = { operation, entry, result, reason: undefined, closed: false, cut: false }
      this.started.push(started)
      if (status !== 0) this.settleStarted()
      else if (wait === Wait.forRoom) this.barrier = started
    }
  }

  /** An operation has completed. Those before it are settled first, unless it was given up. */
  settled(operation: number, status: number, sent: number): void {
    const started = this.started.find((other) => other.operation === operation)
    if (started === undefined) return
    started.result = { status, sent }
    if (this.barrier === started) this.barrier = undefined
    this.settleStarted()
    this.drain()
    this.changed()
  }

  private settleStarted(): void {
    for (;;) {
      // What its caller gave up does not wait for those before it.
      const index = this.started.findIndex(
        ({ result, reason, closed }, at) =>
          result !== undefined && (at === 0 || (reason !== undefined && !closed && result.status !== 0)),
      )
      if (index === -1) break
      const { operation, entry, result, reason, closed, cut } = this.started.splice(index, 1)[0]!
      const { waiter } = entry
      this.messages--
      this.bytes -= entry.size
      if (result!.status !== 0) {
        const told = reason === undefined || (closed && operation !== NEVER_STARTED.operation)
        this.fail(waiter, told ? this.failure(result!.status, waiter.syscall, entry.place) : reason)
        continue
      }
      waiter.taken++
      waiter.bytes = result!.sent
      if (waiter.left > 0) continue
      if (cut) waiter.failed(failedAfter(waiter, reason!))
      else waiter.done()
    }
    if (this.messages === 0) this.stopWaiting()
  }

  private cancel(started: Started, reason: Error): void {
    const { waiter } = started.entry
    started.reason ??= reason
    started.cut ||= waiter.left > 0
    this.remove(waiter)
    this.endpoint.cancelSend(started.operation)
  }

  private failure(status: number, syscall: string, place: Readonly<ErrorPlace> | undefined): SocketError {
    return fromTransfer(status, syscall, this.context.peer !== undefined, place)
  }

  /** Whether this queue waits for time to pass. */
  get paused(): boolean {
    return this.pause !== undefined
  }

  /** Whether waiting keeps the event loop alive. */
  hold(on: boolean): void {
    this.holds = on
    if (on) this.pause?.ref()
    else this.pause?.unref()
  }

  /** How many the kernel took; where that is not all, the report says why. */
  private submit(block: Block, nameOf: (index: number) => string): number {
    try {
      return this.submitChecked(block)
    } catch (error) {
      checkViews(block, block.count, nameOf)
      throw error
    }
  }

  private submitChecked(block: Block): number {
    if (block.slots === sharedSlots) return this.sendBlock(block)
    const saved = sharedBlockBusy ? sharedSlots.bytes.slice() : undefined
    sharedSlots.copyFrom(block.slots, block.count)
    try {
      return this.sendBlock(block)
    } finally {
      block.slots.copyFrom(sharedSlots, block.count)
      if (saved !== undefined) sharedSlots.bytes.set(saved)
    }
  }

  private sendBlock({ views, viewCount, records, withRecords, count }: Block): number {
    if (withRecords) loadRecords(records, count)
    if (viewCount === 1) return send(this.endpoint.number, count, views[0]!)
    return this.sendViews(views, viewCount, count)
  }

  private sendViews(views: readonly Uint8Array[], viewCount: number, count: number): number {
    if (viewCount > slotCount) return this.endpoint.send(count, views.slice(0, viewCount))
    const given = new Array<unknown>(viewCount + 2)
    given[0] = this.endpoint.number
    given[1] = count
    for (let index = 0; index < viewCount; index++) given[index + 2] = views[index]
    return Reflect.apply(send, undefined, given) as number
  }

  private add(block: Block, from: number, to: number, waiter: Waiter): void {
    if (waiter.left === 0) waiter.first = this.base + this.waiting.length
    let view = 0
    for (let index = 0; index < to; index++) {
      const views = block.slots.bufferCount(index)
      view += views
      if (index < from) continue
      const own = block.views.slice(view - views, view)
      const lengths = own.map(byteLengthOf)
      const size = lengths.reduce((sum, length) => sum + length, 0)
      const slot = block.slots.bytes.slice(index * SEND_SLOT_SIZE, (index + 1) * SEND_SLOT_SIZE)
      const records = block.records[index]
      this.waiting.push({ slot, views: own, lengths, size, records, place: block.places[index], waiter })
      this.messages++
      this.bytes += size
      waiter.left++
    }
  }

  /** Writes the first messages that wait into the shared slots. What changed meanwhile fails. */
  private load(most = slotCount): Waiting[] {
    const batch: Waiting[] = []
    const records: (Uint8Array | undefined)[] = []
    let recordSize = 0
    for (let index = this.head; index < this.waiting.length && batch.length < most; index++) {
      const entry = this.waiting[index]
      if (entry === undefined) continue
      if (!entry.views.every((view, at) => byteLengthOf(view) === entry.lengths[at])) {
        // Those before it go first.
        if (batch.length > 0) break
        this.fail(entry.waiter, invalidState('The data was detached or resized while it waited to be sent'))
        break
      }
      recordSize += entry.records?.byteLength ?? 0
      if (recordSize > MAX_RECORDS) break
      sharedSlots.bytes.set(entry.slot, batch.length * SEND_SLOT_SIZE)
      records.push(entry.records)
      batch.push(entry)
    }
    loadRecords(records, batch.length)
    return batch
  }

  private settleHead(bytes: number): void {
    while (this.waiting[this.head] === undefined) this.head++
    const { waiter, size } = this.waiting[this.head]!
    this.waiting[this.head++] = undefined
    this.messages--
    this.bytes -= size
    waiter.first = this.base + this.head
    waiter.left--
    waiter.taken++
    waiter.bytes = bytes
    this.compact()
    if (waiter.left === 0) waiter.done()
  }

  private fail(waiter: Waiter, error: Error): void {
    this.remove(waiter)
    waiter.failed(failedAfter(waiter, error))
  }

  private compact(): void {
    if (this.head < COMPACT_AT || this.head * 2 < this.waiting.length) return
    this.waiting = this.waiting.slice(this.head)
    this.base += this.head
    this.head = 0
  }

  private startWaiting(wait: number, waiter: Waiter): void {
    try {
      if (wait === Wait.forBuffers) this.pauseAWhile()
      else if (completesSends) this.startMore()
      else this.changed()
    } catch (error) {
      this.fail(waiter, error as Error)
    }
  }

  private stopWaiting(): void {
    clearTimeout(this.pause)
    this.pause = undefined
    this.changed()
  }
}

function encodeOne(message: OutgoingMessage, context: SendContext): Block {
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

function encodeAll(messages: readonly OutgoingMessage[], context: SendContext): Block[] {
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
const theMessage = (): string => 'message'
const elementName = (index: number): string => elementNames[index] ?? `messages[${String(index)}]`

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
function loadRecords(records: readonly (Uint8Array | undefined)[], count: number): void {
  let offset = 0
  for (let index = 0; index < count; index++) {
    const own = records[index]
    if (own === undefined) continue
    sharedRecords.set(own, offset)
    sharedSlots.setControl(index, offset, own.byteLength)
    offset += own.byteLength
  }
}

/** The error of a batch tells how many of its messages went before. */
function failedAfter(waiter: Waiter, error: Error): Error {
  return waiter.syscall === 'sendmmsg' ? Object.assign(error, { sent: waiter.taken }) : error
}
