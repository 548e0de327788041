import type { QueuedMessage } from './queued-message'

/** One message that the kernel has, and whose completion is to come. */
export class InflightSend {
  /** Set when the send has completed, or could not be started. */
  result: { readonly status: number; readonly sent: number } | undefined
  /** Why it was canceled. */
  reason: Error | undefined
  /** Canceled because the socket was closed: it is settled in its turn, with the kernel's result. */
  closed = false
  /** Its request had more messages behind it, which were canceled, too. */
  cut = false
  /** The next datagram of a segmented message is still to be started: the kernel had too many operations. */
  idle = false

  constructor(
    readonly operation: number,
    readonly message: QueuedMessage,
  ) {}

  /** Whether it can be settled before those in front of it: its caller has canceled it. */
  get skipsTurn(): boolean {
    return this.reason !== undefined && !this.closed && this.result?.status !== 0
  }
}
