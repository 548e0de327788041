import { binding, report, type Endpoint } from '../native/addon'
import { fromTransfer } from '../errors/socket-error'
import type { SendContext } from '../message/encoded'
import { Batch, dropBlocked, MESSAGES, receiveInto, shorten, type Form, type ReceiveStyle } from './receive'
import type { Message } from '../types'
import type { Room } from './room'

const { slotCount } = binding.layout

/** Calls in a row that brought nothing but what blocked senders sent. */
const MOST_FRUITLESS = 64
/** The same in a turn of the loop: the loop comes back. */
const MOST_FRUITLESS_IN_TURN = 4
/** Messages that were handed out one by one are let go of at so many. */
const LEAST_TO_COMPACT = 64

/** A native status, negated, or what a block list has thrown. */
type Failure = { readonly status: number } | { readonly error: unknown }

const NOTHING = new Batch(MESSAGES)

/** Receives, and keeps what was received and not yet handed out: of coalesced datagrams more come than were asked for. */
export class ReceiveQueue {
  private batch = NOTHING
  /** The first message of the batch that is not handed out. */
  private next = 0
  /** For the next call, where the last one brought nothing. */
  private unused: Batch | undefined
  /** What came behind the batch. */
  private failure: Failure | undefined
  /** Datagrams that one message of the kernel's brought. */
  private segments = 1
  private closed = false
  /** What the kernel gave at the last call. */
  received = 0
  /** It gave all that it was asked for, so that it may have more. */
  mayHaveMore = false

  constructor(
    private readonly endpoint: Endpoint,
    private readonly facts: Pick<SendContext, 'peer'>,
    private readonly style: ReceiveStyle,
    /** Called when the kernel told of errors of earlier datagrams. */
    private readonly onEarlierErrors: () => void,
  ) {}

  get count(): number {
    return this.batch.length - this.next
  }

  /** The next call throws. */
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
   * Receives until there is as much as `room` asks for, or nothing more; not if there is something already. Code of the
   * program can run (block lists), which can call anything here and close the socket.
   */
  fill(room: Room, syscall: string): void {
    if (this.count > 0) return
    const batch = this.newBatch(MESSAGES)
    let fruitless = 0
    while (batch.length < room.count && fruitless < MOST_FRUITLESS && this.failure === undefined) {
      const before = batch.length
      const most = Math.min(slotCount, Math.ceil((room.count - before) / this.segments))
      this.receive(batch, most, room, MESSAGES)
      if (!this.mayHaveMore) break
      if (batch.length === before) fruitless++
    }
    if (this.closed) return
    if (batch.length === 0) {
      this.unused = batch
      this.throwFailure(syscall)
      return
    }
    // While a block list was asked it can have received, too: what came later.
    for (let index = this.next; index < this.batch.length; index++) batch.messages.push(this.batch.messages[index]!)
    this.batch = batch
    this.next = 0
  }

  /** At most as many messages as `room` asks for, of those that are there. */
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

  /** All that one call brings of at most `most` messages of the kernel's. Code of the program can run, as in fill(). */
  receiveAll(most: number, room: Room, form: Form): Batch {
    const batch = this.newBatch(form)
    for (let call = 0; call < MOST_FRUITLESS_IN_TURN && batch.length === 0 && this.failure === undefined; call++) {
      this.receive(batch, most, room, form)
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

  /** An error that nobody was there to take. */
  putBack(failure: { readonly error: unknown }): void {
    if (!this.closed) this.failure ??= failure
  }

  /** One call. */
  private receive(batch: Batch, most: number, room: Room, form: Form): void {
    const before = batch.length
    const received = receiveInto(batch, this.endpoint, most, room, this.style, form)
    if (report.earlierErrors() !== 0) this.onEarlierErrors()
    this.received = received
    this.mayHaveMore = received >= most
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
    throw fromTransfer(failure.status, syscall, this.facts.peer !== undefined)
  }

  /** So that messages that were handed out are not held, at a price that does not grow with those that wait. */
  private compact(): void {
    const { messages } = this.batch
    if (this.next < LEAST_TO_COMPACT || this.next * 2 < messages.length) return
    messages.splice(0, this.next)
    this.next = 0
  }
}
