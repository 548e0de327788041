import { fromTransfer } from '../errors/socket-error'
import type { SendContext } from '../message/encoded'
import { binding, report, type Endpoint } from '../native/addon'
import { Batch, MESSAGES, type Form } from './batch'
import { dropBlocked, receiveInto, shorten, type ReceiveStyle } from './receive'
import type { Message } from '../types'
import type { Room } from './room'

const { slotCount } = binding.layout

/** Calls in a row that received only from blocked senders. */
const MAX_FRUITLESS = 64
/** The same in one turn of the event loop, which comes back. */
const MAX_FRUITLESS_IN_TURN = 4
/** So many messages that were handed out one by one are released together. */
const MIN_TO_COMPACT = 64

/** A native status, negated, or what a block list threw. */
type Failure = { readonly status: number } | { readonly error: unknown }

const NOTHING = new Batch(MESSAGES)

/** Receives, and keeps what is not handed out yet: of coalesced datagrams there can be more than were asked for. */
export class ReceiveQueue {
  private batch = NOTHING
  /** Index of the first message of the batch that is not handed out. */
  private next = 0
  /** A batch for the next call: the last one received nothing. */
  private unused: Batch | undefined
  /** What failed after the batch was received. */
  private failure: Failure | undefined
  /** Datagrams in each message of the kernel, as of the last call. */
  private segments = 1
  closed = false
  /** How many messages the kernel returned at the last call. */
  received = 0
  /** It returned all that it was asked for, so there may be more. */
  mayHaveMore = false

  constructor(
    private readonly endpoint: Endpoint,
    private readonly state: Pick<SendContext, 'peer'>,
    private readonly style: ReceiveStyle,
    /** Called when the kernel has errors of earlier datagrams to report. */
    private readonly onEarlierErrors: () => void,
  ) {}

  get count(): number {
    return this.batch.length - this.next
  }

  /** Whether the next call throws. */
  get failed(): boolean {
    return this.failure !== undefined
  }

  close(): void {
    this.closed = true
    this.batch = NOTHING
    this.next = 0
    this.failure = undefined
  }

  /**
   * Receives as many messages as `room` asks for, or as there are, unless some wait already. Block lists are code of the
   * program: they can call anything here, and close the socket.
   */
  fill(room: Room, syscall: string): void {
    if (this.count > 0) return
    const batch = this.newBatch(MESSAGES)
    let fruitless = 0
    while (batch.length < room.count && fruitless < MAX_FRUITLESS && this.failure === undefined) {
      const before = batch.length
      const max = Math.min(slotCount, Math.ceil((room.count - before) / this.segments))
      this.receive(batch, max, room)
      if (!this.mayHaveMore) break
      if (batch.length === before) fruitless++
    }
    if (this.closed) return
    if (batch.length === 0) {
      this.unused = batch
      this.throwFailure(syscall)
      return
    }
    // A block list can have received, too: messages that came later.
    for (let index = this.next; index < this.batch.length; index++) batch.messages.push(this.batch.messages[index]!)
    this.batch = batch
    this.next = 0
  }

  /** Hands out at most as many messages as `room` asks for. */
  take(room: Room): Message[] {
    const { batch, next } = this
    const { messages } = batch
    const left = messages.length - next
    if (left === 0) return []
    let taken = messages
    if (next > 0 || left > room.count) taken = messages.slice(next, next + room.count)
    if (taken.length === left) {
      this.batch = NOTHING
      this.next = 0
    } else {
      this.next += taken.length
      this.compact()
    }
    for (const message of taken) shorten(message, room.length)
    return taken
  }

  /** Receives at most `max` messages of the kernel in one call. Code of the program can run, as in fill(). */
  receiveAll(max: number, room: Room, form: Form): Batch {
    const batch = this.newBatch(form)
    for (let call = 0; call < MAX_FRUITLESS_IN_TURN && batch.length === 0 && this.failure === undefined; call++) {
      this.receive(batch, max, room)
      if (!this.mayHaveMore) break
    }
    if (batch.length === 0) {
      this.unused = batch
      this.throwFailure('recvmsg')
    }
    return batch
  }

  private newBatch(form: Form): Batch {
    const { unused } = this
    this.unused = undefined
    return unused?.form === form ? unused : new Batch(form)
  }

  /** Keeps an error that no call was there to take. */
  putBack(failure: { readonly error: unknown }): void {
    if (!this.closed) this.failure ??= failure
  }

  /** One call. */
  private receive(batch: Batch, max: number, room: Room): void {
    const before = batch.length
    const received = receiveInto(batch, this.endpoint, max, room, this.style)
    if (report.earlierErrors() !== 0) this.onEarlierErrors()
    this.received = received
    this.mayHaveMore = received >= max
    if (received < 0) this.failure = { status: received }
    if (received <= 0) return
    this.segments = Math.max(1, (batch.length - before) / received)
    const { blockList } = this.style
    if (blockList === undefined) return
    const thrown = dropBlocked(batch, before, blockList)
    if (thrown !== undefined && !this.closed) this.failure = thrown
  }

  private throwFailure(syscall: string): void {
    const { failure } = this
    if (failure === undefined) return
    this.failure = undefined
    if ('error' in failure) throw failure.error
    throw fromTransfer(failure.status, syscall, this.state.peer !== undefined)
  }

  /** Releases messages that were handed out, at a cost that does not grow with those that wait. */
  private compact(): void {
    const { messages } = this.batch
    if (this.next < MIN_TO_COMPACT || this.next * 2 < messages.length) return
    messages.splice(0, this.next)
    this.next = 0
  }
}
