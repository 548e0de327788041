import type { SendContext } from '../message/encoded'
import { Backoff } from '../util/backoff'
import { MessageFifo } from './message-fifo'
import { withBytes } from './send-failure'
import type { SendRequest } from './send-request'

/** Milliseconds. No event reports that ENOBUFS is over. */
const FIRST_DELAY = 1
const MAX_DELAY = 64

/** What sending needs of the handle of its socket. */
export interface SendListener {
  /** Called when what the queue waits for may have changed. @throws SocketError when the socket cannot be polled */
  update(): void
  /** Called when the kernel has errors of earlier datagrams to report. */
  onEarlierErrors(): void
  /** Called when a send fails that no call waits for. */
  readonly onBackgroundError: (error: Error) => void
}

/** What waits to be sent on one socket. Both kinds of queue are made of it. */
export class Backlog {
  readonly messages = new MessageFifo()
  private readonly backoff: Backoff

  constructor(
    readonly context: SendContext,
    readonly listener: SendListener,
    /** Tries again after a pause. */
    retry: () => void,
  ) {
    this.backoff = new Backoff(
      () => {
        retry()
        listener.update()
      },
      FIRST_DELAY,
      MAX_DELAY,
    )
  }

  /** Whether time has to pass before the next attempt. */
  get paused(): boolean {
    return this.backoff.active
  }

  /** Tries again after a delay, where readiness does not report when to. */
  pause(): void {
    if (this.paused || this.messages.count === 0) return
    this.backoff.start()
    this.listener.update()
  }

  /** The kernel takes messages again: the next pause is the shortest one. */
  resetPause(): void {
    this.backoff.reset()
  }

  /** Whether a pause keeps the event loop alive. */
  setRef(on: boolean): void {
    this.backoff.setRef(on)
  }

  /** Ends the pause. */
  stop(): void {
    this.backoff.stop()
    this.listener.update()
  }

  stopIfEmpty(): void {
    if (this.messages.count === 0) this.stop()
  }

  /** Removes all that a request waits for, and settles the request. */
  cancel(request: SendRequest, reason: Error): void {
    const { left, first } = request
    const sent = first?.sent ?? 0
    this.messages.removeAll(request)
    this.stopIfEmpty()
    // A segmented message that continues as a copy, with nothing behind it, leaves nothing to cancel.
    if (left === 0) request.done()
    else request.failed(withBytes(reason, sent))
  }

  /** Removes all messages that stand in the list. Returns their requests, in order, with the errors to reject them with. */
  clear(error: (syscall: string) => Error): [SendRequest, Error][] {
    const removed: [SendRequest, Error][] = []
    let first
    while ((first = this.messages.first) !== undefined) {
      const { request } = first
      removed.push([request, withBytes(error(request.syscall), first.sent)])
      this.messages.removeAll(request)
    }
    return removed
  }
}
