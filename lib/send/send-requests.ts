import { AsyncResource } from 'node:async_hooks'
import type { WaitOptions } from '../types'
import { Deadline } from '../util/deadline'
import type { SendQueue } from './queue'
import { SendRequest } from './send-request'

/** A sendmsg or sendmmsg that waits and has a promise. */
export class PromisedSend extends SendRequest {
  private readonly deadline = new Deadline()

  constructor(
    readonly syscall: 'sendmsg' | 'sendmmsg',
    private readonly resolve: (result: number) => void,
    private readonly reject: (error: Error) => void,
    taken = 0,
  ) {
    super()
    this.taken = taken
  }

  /** Starts the time-out and listens to the signal. The messages must be in the queue: they can be canceled at once. */
  arm(queue: SendQueue, options: WaitOptions | undefined): void {
    if (options === undefined) return
    this.deadline.start(options, this.syscall, (error) => {
      queue.cancel(this, error)
    })
  }

  protected override resolved(): void {
    this.resolve(this.syscall === 'sendmsg' ? this.bytes : this.taken)
    this.deadline.end()
  }

  protected override rejected(error: Error): void {
    this.reject(error)
    this.deadline.end()
  }
}

/** What a callback of `send` is called with. */
export type SendResult = (error: Error | null, bytes: number) => void

/** A `send` that waits and has a callback. */
export class CallbackSend extends SendRequest {
  readonly syscall = 'sendmsg'
  private readonly callback: SendResult

  constructor(callback: SendResult) {
    super()
    // A callback that need not wait is called in the async context of the call, too.
    this.callback = AsyncResource.bind(callback, 'SENDMSG')
  }

  protected override resolved(): void {
    process.nextTick(this.callback, null, this.bytes)
  }

  protected override rejected(error: Error): void {
    process.nextTick(this.callback, error, 0)
  }
}
