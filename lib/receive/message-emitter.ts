import { AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import { Batch, MESSAGES, type Form } from './batch'
import { readErrors, type DatagramError } from './datagram-error'
import type { Endpoint } from '../native/addon'
import type { ReceiveQueue } from './queue'
import { roomFor } from './room'

/** Listeners get at most so many messages in one turn of the event loop, so that one socket does not starve the others. */
const TURN_MESSAGES = 256
/** About so many bytes at most are received in one turn. */
const TURN_BYTES = 1 << 20
/** A message takes at least as long as so many bytes. */
const MIN_COST = 4096
/** Messages to ask for at once. To ask for more than there are has a cost, too. */
const MAX_MESSAGES = 64
const MIN_MESSAGES = 8
/** At most so many errors of earlier datagrams are reported in one turn. */
const MAX_ERRORS = 64

const WHOLE = roomFor(1)
const INFOS: Form = { messages: false, infos: true }
const BOTH: Form = { messages: true, infos: true }
const NOTHING = new Batch(MESSAGES)

const noop = (): void => undefined

/** What the emitter needs of a socket's handle. */
export interface MessageSource {
  readonly endpoint: Endpoint
  readonly incoming: ReceiveQueue
  /** Called when the socket is readable and no call pulls. Returns whether to call `onMore`, as a callback of its own. */
  onReadable: (() => boolean) | undefined
  onMore: (() => boolean) | undefined
  /** Called when the kernel has errors of earlier datagrams to report. */
  onErrors: (() => void) | undefined
  /** Called when the socket is to keep the event loop alive, or no longer. */
  onRef: ((on: boolean) => void) | undefined
  /** Has `onErrors` called in a turn of its own. */
  onEarlierErrors(): void
}

/**
 * Emits `'message'` and `'messages'`, in the async context in which the socket was made. As with dgram, each `'message'` is a
 * callback of its own: ticks and promises run before the next.
 */
export class MessageEmitter {
  /** The messages of the last system call. */
  private batch = NOTHING
  /** The next message of the batch for `'message'`, and the end of those that `'messages'` was emitted with. */
  private next = 0
  private end = 0
  private errors: DatagramError[] = []
  private readonly resource = new AsyncResource('DATAGRAMSOCKET')
  private stopped = false
  /** How many messages to ask the kernel for. */
  private asked = MIN_MESSAGES
  /** What is left of this turn. */
  private messagesLeft = 0
  private bytesLeft = 0
  /** Whether to ask the kernel again in this turn. */
  private reads = false
  /** The immediates that emit the rest of a batch, and how many of them are still to come. */
  private immediates: NodeJS.Immediate[] = []
  private waiting = 0
  private wakeUp: NodeJS.Timeout | undefined
  private refed = true

  constructor(
    private readonly socket: EventEmitter,
    private readonly source: MessageSource,
  ) {
    source.onMore = () => this.proceed()
    source.onRef = (on) => {
      this.refed = on
      this.updateRef()
    }
  }

  /** Starts to read messages. */
  start(): void {
    const { source, resource } = this
    // napi_make_callback enters the context at less than half the cost. Created on bind, because an unbound socket is never
    // closed and would leak it.
    resource.runInAsyncScope(() => {
      source.endpoint.setContext(resource, 'DATAGRAMREAD')
    })
    source.onReadable = () => {
      // The rest of the last batch comes first.
      if (this.waiting > 0) return false
      this.beginTurn(true)
      return this.proceed()
    }
  }

  /** Starts to report errors of earlier datagrams, also on a socket that is pulled from. */
  startErrors(): void {
    const { source, resource } = this
    source.onErrors = () => {
      const read = readErrors(source.endpoint, MAX_ERRORS)
      this.errors.push(...read)
      try {
        resource.runInAsyncScope(() => {
          this.emitErrors()
        })
      } finally {
        // A listener threw, or there may be more.
        if (this.errors.length > 0 || read.length >= MAX_ERRORS) source.onEarlierErrors()
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

  private emitErrors(): void {
    let error: DatagramError | undefined
    while ((error = this.errors.shift()) !== undefined) this.socket.emit('datagramError', error)
  }

  private beginTurn(reads: boolean): void {
    this.messagesLeft = TURN_MESSAGES
    this.bytesLeft = TURN_BYTES
    this.reads = reads || this.source.incoming.failed
  }

  /** One callback: errors left by a listener that threw, then the next message. Returns whether another is to follow at once. */
  private proceed(): boolean {
    this.emitErrors()
    return (this.next < this.end || this.nextPart()) && this.deliver()
  }

  /** Takes as many messages as are left of this turn, of a new batch if the last one is done. */
  private nextPart(): boolean {
    if (!this.hasMore()) return false
    const { socket } = this
    if (this.batch === NOTHING && !this.receive()) return false
    this.end = Math.min(this.batch.length, this.next + this.messagesLeft)
    this.messagesLeft -= this.end - this.next
    // Listeners get an array of their own.
    if (socket.listenerCount('messages') > 0) socket.emit('messages', this.batch.messagesFrom(this.next, this.end))
    return true
  }

  private receive(): boolean {
    const { socket, source } = this
    const form =
      socket.listenerCount('messages') === 0 ? INFOS : socket.listenerCount('message') === 0 ? MESSAGES : BOTH
    let batch: Batch
    try {
      batch = source.incoming.receiveAll(this.asked, WHOLE, form)
    } catch (error) {
      this.reads = false
      socket.emit('error', error)
      return false
    }
    if (this.stopped) return false // the program's own block list has closed the socket
    this.planNext(batch)
    if (batch.length === 0) return false
    this.batch = batch
    return true
  }

  /** Decides how many messages to ask for next (many after a full batch, then fewer), and whether in this turn. */
  private planNext(batch: Batch): void {
    const { asked } = this
    const { incoming } = this.source
    const { length } = batch
    this.reads = incoming.failed
    if (length === 0) return
    const full = incoming.mayHaveMore
    const received = Math.max(1, incoming.received)
    // The kernel counts coalesced datagrams as one message.
    const segments = Math.max(1, length / received)
    const { byteLength } = batch.dataAt(length - 1)
    const cost = Math.max(MIN_COST, byteLength, (byteLength * length) / received)
    const max = Math.min(MAX_MESSAGES, Math.floor(TURN_BYTES / cost), Math.floor(TURN_MESSAGES / segments))
    const next = full ? MAX_MESSAGES : Math.max(MIN_MESSAGES, 2 * received, asked - (asked >> 3))
    this.asked = Math.max(1, Math.min(max, next))
    this.bytesLeft -= asked * cost
    const fits = this.bytesLeft >= this.asked * cost && this.messagesLeft - length >= this.asked * segments
    if (full && fits) this.reads = true
  }

  /** Emits one `'message'`. Returns whether another callback is to follow at once. */
  private deliver(): boolean {
    const { socket } = this
    if (!this.stopped && socket.listenerCount('message') > 0) {
      const { batch } = this
      const index = this.next++
      socket.emit('message', batch.dataAt(index), batch.infoAt(index))
      if (this.next < this.end) return true
    }
    // Without a listener the messages are dropped.
    this.next = this.end
    return this.hasMore()
  }

  /** Whether there is more to emit in this turn. The rest of a batch waits for the next turn. */
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
    // Immediates that are set now run in this turn, in which the socket was polled.
    if (this.waiting === 0) this.schedule(1, this.planTurn)
  }

  /** Each `'message'` is an immediate of its own: ticks and promises run in between. */
  private readonly planTurn = (): void => {
    const left = this.socket.listenerCount('message') > 0 ? this.batch.length - this.next : 1
    this.schedule(Math.min(TURN_MESSAGES, Math.max(1, left)), this.onTurn)
  }

  private schedule(callbacks: number, callback: () => void): void {
    this.immediates = Array.from({ length: callbacks }, () => setImmediate(callback))
    this.waiting = callbacks
    if (!this.refed) this.updateRef()
  }

  private readonly onTurn = (): void => {
    if (this.waiting === this.immediates.length) this.beginTurn(false)
    try {
      this.proceed()
    } finally {
      this.turnEnded()
    }
  }

  private turnEnded(): void {
    if (this.stopped) return
    this.waiting--
    if (this.waiting > 0) return
    if (this.next < this.batch.length || this.reads) this.planTurn()
    // To poll before other immediates have run would still belong to this turn.
    else this.schedule(1, this.endWaiting)
  }

  private readonly endWaiting = (): void => {
    this.immediates = []
    this.waiting = 0
  }

  /** What waits for a turn keeps the event loop alive as its socket does. */
  private updateRef(): void {
    clearTimeout(this.wakeUp)
    this.wakeUp = undefined
    if (this.waiting === 0) return
    for (const immediate of this.immediates) {
      if (this.refed) immediate.ref()
      else immediate.unref()
    }
    // Immediates without a reference do not keep the loop from waiting for events, either.
    if (!this.refed) this.wakeUp = setTimeout(noop, 1).unref()
  }
}
