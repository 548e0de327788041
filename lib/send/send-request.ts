import type { QueuedMessage } from './queued-message'

/** A sendmsg or sendmmsg call with messages that wait. In the queue they stand one after the other. */
export abstract class SendRequest {
  /** The call's name in errors. */
  abstract readonly syscall: string
  /** How many messages are still in the queue, and the first of them. */
  left = 0
  first: QueuedMessage | undefined
  /** How many messages the kernel took, and the bytes of the last one. */
  taken = 0
  bytes = 0
  private settled = false

  /** Resolves the request. A request that is settled stays as it is. */
  done(): void {
    if (this.settled) return
    this.settled = true
    this.resolved()
  }

  /** Rejects the request. A request that is settled stays as it is. */
  failed(error: Error): void {
    if (this.settled) return
    this.settled = true
    // The error of a batch says how many of its messages were sent.
    this.rejected(this.syscall === 'sendmmsg' ? Object.assign(error, { sent: this.taken }) : error)
  }

  get isSettled(): boolean {
    return this.settled
  }

  protected abstract resolved(): void
  protected abstract rejected(error: Error): void
}
