import { AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import { readErrors, type DatagramError } from './datagram-error'
import type { Endpoint } from '../native/addon'
import type { ReceiveQueue } from './queue'
import { Batch, MESSAGES, type Form } from './receive'
import { roomFor } from './room'

/** Messages that are given to listeners in one turn of the loop at most, so that one socket starves nobody. */
const TURN_MESSAGES = 256
/** Bytes that are received in one turn of the loop at most, about. */
const TURN_BYTES = 1 << 20
/** A message takes as long as so many bytes at least. */
const LEAST_COST = 4096
/** Asked for at once. To ask for more than there is costs, too. */
const MOST_MESSAGES = 64
const LEAST_MESSAGES = 8
/** Errors of earlier datagrams that are told in one turn of the loop at most. */
const MOST_ERRORS = 64

const WHOLE = roomFor(1)
const INFOS: Form = { messages: false, infos: true }
const BOTH: Form = { messages: true, infos: true }
const NOTHING = new Batch(MESSAGES)

const noop = (): void => undefined

/** What messages come from: the handle of a socket. */
export interface MessageSource {
  readonly endpoint: Endpoint
  readonly incoming: ReceiveQueue
  /** Called when the socket is readable and nobody pulls. Whether `onMore` is to be called, as a callback of its own. */
  onReadable: (() => boolean) | undefined
  onMore: (() => boolean) | undefined
  /** Called when the kernel has errors of earlier datagrams to tell. */
  onErrors: (() => void) | undefined
  /** Called when the event loop is to be held, or no longer. */
  onHold: ((on: boolean) => void) | undefined
  /** Has `onErrors` called in a turn of its own. */
  onEarlierErrors(): void
}

/**
 * Gives what a socket receives to its listeners, in the async context in which the socket was made. As with dgram each
 * `'message'` is a callback of its own: what one of them leaves to ticks and promises is done before the next.
 */
export class Delivery {
  /** What the last system call brought. */
  private batch = NOTHING
  /** The next message of the batch for `'message'`, and the end of those that `'messages'` has told of. */
  private next = 0
  private end = 0
  private errors: DatagramError[] = []
  private readonly resource = new AsyncResource('DATAGRAMSOCKET')
  private stopped = false
  /** Messages to ask the kernel for. */
  private asked = LEAST_MESSAGES
  /** What this turn has left. */
  private messagesLeft = 0
  private bytesLeft = 0
  /** The kernel is asked again in this turn. */
  private reads = false
  /** Callbacks of the turn that the rest of a batch waits for, and how many of them are still to come. */
  private immediates: NodeJS.Immediate[] = []
  private waiting = 0
  private wakeUp: NodeJS.Timeout | undefined
  private held = true

  constructor(
    private readonly socket: EventEmitter,
    private readonly transport: MessageSource,
  ) {
    transport.onMore = () => this.goOn()
    transport.onHold = (on) => {
      this.held = on
      this.holdTurn()
    }
  }

  /** From now on what comes is read. */
  start(): void {
    const { transport, resource } = this
    // Entered by the addon at less than half the price. Not sooner: nobody would let go of what is not closed.
    resource.runInAsyncScope(() => {
      transport.endpoint.setContext(resource, 'DATAGRAMREAD')
    })
    transport.onReadable = () => {
      // The rest of a batch goes first.
      if (this.waiting > 0) return false
      this.beginTurn(true)
      return this.goOn()
    }
  }

  /** From now on errors of earlier datagrams are told, also of a socket that is pulled from. */
  startErrors(): void {
    const { transport, resource } = this
    transport.onErrors = () => {
      const read = readErrors(transport.endpoint, MOST_ERRORS)
      this.errors.push(...read)
      try {
        resource.runInAsyncScope(() => {
          this.tellErrors()
        })
      } finally {
        // A listener has thrown, or there may be more.
        if (this.errors.length > 0 || read.length >= MOST_ERRORS) transport.onEarlierErrors()
      }
    }
  }

  stop(): void {
    this.stopped = true
    this.reads = false
    this.dropBatch()
    this.errors = []
    for (const immediate of this.immediates) clearImmediate(immediate)
    this.immediates = []
    this.waiting = 0
    clearTimeout(this.wakeUp)
  }

  private tellErrors(): void {
    let error: DatagramError | undefined
    while ((error = this.errors.shift()) !== undefined) this.socket.emit('datagramError', error)
  }

  private beginTurn(reads: boolean): void {
    this.messagesLeft = TURN_MESSAGES
    this.bytesLeft = TURN_BYTES
    this.reads = reads || this.transport.incoming.failed
  }

  /** One callback: what a listener that threw has left, then the next message. Whether there is to be another one at once. */
  private goOn(): boolean {
    this.tellErrors()
    return (this.next < this.end || this.nextPart()) && this.deliver()
  }

  /** As many messages of the batch as this turn has left, of a new batch if the last one is done. */
  private nextPart(): boolean {
    if (!this.hasMore()) return false
    const { socket } = this
    if (this.batch === NOTHING && !this.receive()) return false
    this.end = Math.min(this.batch.length, this.next + this.messagesLeft)
    this.messagesLeft -= this.end - this.next
    // An array of the listeners' own.
    if (socket.listenerCount('messages') > 0) socket.emit('messages', this.batch.messagesFrom(this.next, this.end))
    return true
  }

  private receive(): boolean {
    const { socket, transport } = this
    const form =
      socket.listenerCount('messages') === 0 ? INFOS : socket.listenerCount('message') === 0 ? MESSAGES : BOTH
    let batch: Batch
    try {
      batch = transport.incoming.receiveAll(this.asked, WHOLE, form)
    } catch (error) {
      this.reads = false
      socket.emit('error', error)
      return false
    }
    if (this.stopped) return false // by the program's own block list
    this.planNext(batch)
    if (batch.length === 0) return false
    this.batch = batch
    return true
  }

  /** How many to ask for next: many where the batch was full, fewer from then on; and whether that is in this turn. */
  private planNext(batch: Batch): void {
    const { asked } = this
    const { incoming } = this.transport
    const { length } = batch
    this.reads = incoming.failed
    if (length === 0) return
    const full = incoming.mayHaveMore
    const received = Math.max(1, incoming.received)
    // Coalesced datagrams are as many messages, of one that the kernel was asked for.
    const segments = Math.max(1, length / received)
    const { byteLength } = batch.dataAt(length - 1)
    const cost = Math.max(LEAST_COST, byteLength, (byteLength * length) / received)
    const most = Math.min(MOST_MESSAGES, Math.floor(TURN_BYTES / cost), Math.floor(TURN_MESSAGES / segments))
    const next = full ? MOST_MESSAGES : Math.max(LEAST_MESSAGES, 2 * received, asked - (asked >> 3))
    this.asked = Math.max(1, Math.min(most, next))
    this.bytesLeft -= asked * cost
    const fits = this.bytesLeft >= this.asked * cost && this.messagesLeft - length >= this.asked * segments
    if (full && fits) this.reads = true
  }

  /** Whether to be called again at once. */
  private deliver(): boolean {
    const { socket } = this
    if (!this.stopped && socket.listenerCount('message') > 0) {
      const { batch } = this
      const index = this.next++
      socket.emit('message', batch.dataAt(index), batch.infoAt(index))
      if (this.next < this.end) return true
    }
    // What nobody listens for is dropped.
    this.next = this.end
    return this.hasMore()
  }

  /** Whether this turn has another part, once the last one is done. What is for the next turn waits for it. */
  private hasMore(): boolean {
    if (this.stopped) return false
    if (this.end < this.batch.length) {
      if (this.messagesLeft > 0) return true
      this.waitForTurn()
      return false
    }
    this.dropBatch()
    return this.reads
  }

  private dropBatch(): void {
    this.batch = NOTHING
    this.next = this.end = 0
  }

  // --- the rest of a batch ----------------------------------------------------------------------

  private waitForTurn(): void {
    // Immediates of now would still be of this turn, in which the socket was polled.
    if (this.waiting === 0) this.schedule(1, this.planTurn)
  }

  /** Each `'message'` is an immediate: between them run ticks and promises. */
  private readonly planTurn = (): void => {
    const left = this.socket.listenerCount('message') > 0 ? this.batch.length - this.next : 1
    this.schedule(Math.min(TURN_MESSAGES, Math.max(1, left)), this.onTurn)
  }

  private schedule(callbacks: number, callback: () => void): void {
    this.immediates = Array.from({ length: callbacks }, () => setImmediate(callback))
    this.waiting = callbacks
    if (!this.held) this.holdTurn()
  }

  private readonly onTurn = (): void => {
    if (this.waiting === this.immediates.length) this.beginTurn(false)
    try {
      this.goOn()
    } finally {
      this.turnEnded()
    }
  }

  private turnEnded(): void {
    if (this.stopped) return
    this.waiting--
    if (this.waiting > 0) return
    if (this.next < this.batch.length || this.reads) this.planTurn()
    // What is polled before other immediates had their turn would still be of this one.
    else this.schedule(1, this.endWaiting)
  }

  private readonly endWaiting = (): void => {
    this.immediates = []
    this.waiting = 0
  }

  /** What waits for a turn holds the event loop as its socket does. */
  private holdTurn(): void {
    clearTimeout(this.wakeUp)
    this.wakeUp = undefined
    if (this.waiting === 0) return
    for (const immediate of this.immediates) {
      if (this.held) immediate.ref()
      else immediate.unref()
    }
    // Immediates that do not hold the loop do not keep it from waiting for events, either.
    if (!this.held) this.wakeUp = setTimeout(noop, 1).unref()
  }
}
