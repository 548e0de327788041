import { AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import { readErrors, type DatagramError } from './datagram-error'
import type { Transport } from './transport'
import type { Message } from './types'
import { roomFor } from './validate'

/** Received in one turn of the loop at most, so that one socket starves nobody: messages, and bytes about. */
const MOST_MESSAGES = 64
const MOST_BYTES = 1 << 18
/** To ask for more than there is costs, too. */
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

  constructor(
    private readonly socket: EventEmitter,
    private readonly transport: Transport,
  ) {
    transport.onMore = () => this.goOn()
  }

  /** From now on what comes is read, one batch in a turn. */
  start(): void {
    const { transport, resource } = this
    // Entered by the addon at less than half the price. Not sooner: nobody would let go of what is not closed.
    resource.runInAsyncScope(() => {
      transport.endpoint.setContext(resource, 'DATAGRAMREAD')
    })
    transport.onReadable = () => this.receive()
  }

  /** From now on errors of earlier datagrams are told, also of a socket that is pulled from. */
  startErrors(): void {
    const { transport, resource } = this
    transport.onErrors = () => {
      this.errors.push(...readErrors(transport.endpoint, MOST_ERRORS))
      resource.runInAsyncScope(() => {
        this.tellErrors()
      })
    }
  }

  stop(): void {
    this.stopped = true
    this.batch = NOTHING
    this.errors = []
  }

  /** What a listener that threw has left, then the next message. */
  private goOn(): boolean {
    this.tellErrors()
    return this.deliver()
  }

  private tellErrors(): void {
    let error: DatagramError | undefined
    while ((error = this.errors.shift()) !== undefined) this.socket.emit('datagramError', error)
  }

  /** A batch, and its first message. Whether there are more. */
  private receive(): boolean {
    if (this.stopped) return false
    try {
      this.batch = this.transport.receiveAll(this.room)
      this.next = 0
      this.changeRoom()
    } catch (error) {
      this.socket.emit('error', error)
      return false
    }
    if (this.batch.length > 0 && this.socket.listenerCount('messages') > 0) this.socket.emit('messages', this.batch)
    return this.deliver()
  }

  /** As the last batch lets expect: many at once where it was full, fewer from then on. */
  private changeRoom(): void {
    const { batch, room } = this
    const { length } = batch
    if (length === 0) return
    const { size } = batch[length - 1]!
    // A train that was split is as many messages, of one that the kernel was asked for.
    const bytesOfEach = Math.max(1, size, (size * length) / room.count)
    const most = Math.max(1, Math.min(MOST_MESSAGES, Math.floor(MOST_BYTES / bytesOfEach)))
    const next =
      length >= room.count ? MOST_MESSAGES : Math.max(LEAST_MESSAGES, 2 * length, room.count - (room.count >> 3))
    const count = Math.min(most, next)
    if (count !== room.count) this.room = roomFor(count)
  }

  private deliver(): boolean {
    const { batch } = this
    if (this.stopped || this.next >= batch.length || this.socket.listenerCount('message') === 0) {
      this.batch = NOTHING
      return false
    }
    const message = batch[this.next++]!
    const more = this.next < batch.length
    if (!more) this.batch = NOTHING
    this.socket.emit('message', message.data, message)
    return more
  }
}
