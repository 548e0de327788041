import { AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import { readErrors, type DatagramError } from './datagram-error'
import type { Transport } from './transport'
import type { Message } from './types'
import { roomFor } from './validate'

/** Bytes that are received in one turn of the loop at most, about, so that one socket starves nobody. */
const TURN = 1 << 20
/** A message takes as long as so many bytes at least. */
const LEAST_COST = 4096
/** Asked for at once. To ask for more than there is costs, too. */
const MOST_MESSAGES = 64
const LEAST_MESSAGES = 8
const NOTHING: readonly Message[] = []
/** Errors of earlier datagrams that are told in one turn of the loop at most. */
const MOST_ERRORS = 64

/**
 * Gives what a socket receives to its listeners, in the async context in which the socket was made. As with dgram each
 * `'message'` is a callback of its own: what one of them leaves to ticks and promises is done before the next.
 */
export class Delivery {
  private batch = NOTHING
  private next = 0
  private errors: DatagramError[] = []
  private readonly resource = new AsyncResource('DATAGRAMSOCKET')
  private stopped = false
  /** Messages to ask for. */
  private room = roomFor(LEAST_MESSAGES)
  /** Bytes that this turn has left. */
  private turn = 0

  constructor(
    private readonly socket: EventEmitter,
    private readonly transport: Transport,
  ) {
    transport.onMore = () => this.goOn()
  }

  /** From now on what comes is read. */
  start(): void {
    const { transport, resource } = this
    // Entered by the addon at less than half the price. Not sooner: nobody would let go of what is not closed.
    resource.runInAsyncScope(() => {
      transport.endpoint.setContext(resource, 'DATAGRAMREAD')
    })
    transport.onReadable = () => {
      this.turn = TURN
      return this.receive()
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
    this.batch = NOTHING
    this.turn = 0
    this.errors = []
  }

  /** What a listener that threw has left, then the next message, or the next batch. */
  private goOn(): boolean {
    this.tellErrors()
    return this.next < this.batch.length ? this.deliver() : this.receive()
  }

  private tellErrors(): void {
    let error: DatagramError | undefined
    while ((error = this.errors.shift()) !== undefined) this.socket.emit('datagramError', error)
  }

  /** A batch, and its first message. Whether there are more of either. */
  private receive(): boolean {
    if (this.stopped || this.turn <= 0) return false
    try {
      this.batch = this.transport.receiveAll(this.room)
      this.next = 0
      this.planNext()
    } catch (error) {
      this.turn = 0
      this.socket.emit('error', error)
      return false
    }
    if (this.batch.length > 0 && this.socket.listenerCount('messages') > 0) this.socket.emit('messages', this.batch)
    return this.deliver()
  }

  /** What the last batch leaves of the turn, and how many to ask for next: many where it was full, fewer from then on. */
  private planNext(): void {
    const { batch, room } = this
    const { length } = batch
    if (length === 0) {
      this.turn = 0
      return
    }
    const full = this.transport.mayHaveMore
    const { size } = batch[length - 1]!
    // A train that was split is as many messages, of one that the kernel was asked for.
    const cost = Math.max(LEAST_COST, size, (size * length) / room.count)
    const most = Math.max(1, Math.min(MOST_MESSAGES, Math.floor(TURN / cost)))
    const next = full ? MOST_MESSAGES : Math.max(LEAST_MESSAGES, 2 * length, room.count - (room.count >> 3))
    const count = Math.min(most, next)
    const left = this.turn - room.count * cost
    this.turn = full && left >= count * cost ? left : 0
    if (count !== room.count) this.room = roomFor(count)
  }

  /** Whether to be called again. */
  private deliver(): boolean {
    const { batch } = this
    if (!this.stopped && this.next < batch.length && this.socket.listenerCount('message') > 0) {
      const message = batch[this.next++]!
      this.socket.emit('message', message.data, message)
      if (this.next < batch.length) return true
    }
    this.batch = NOTHING
    this.next = 0
    return this.turn > 0
  }
}
