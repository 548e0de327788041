import type { Message, WaitOptions } from '../types'
import { Deadline } from '../util/deadline'
import { ListNode } from '../util/linked-list'
import type { Room } from './room'

/** A recvmsg or recvmmsg that waits for messages. */
export class ReceiveRequest extends ListNode {
  /** Whether it is in the queue. */
  waits = true
  private readonly deadline = new Deadline()

  constructor(
    readonly room: Room,
    readonly syscall: string,
    private readonly resolve: (messages: Message[]) => void,
    private readonly reject: (error: Error) => void,
  ) {
    super()
  }

  /** Starts the time-out and listens to the signal. The request must be in the queue: it can be canceled at once. */
  arm(options: WaitOptions | undefined, cancel: (error: Error) => void): void {
    if (options !== undefined) this.deadline.start(options, this.syscall, cancel)
  }

  done(messages: Message[]): void {
    this.resolve(messages)
    this.deadline.end()
  }

  failed(error: Error): void {
    this.reject(error)
    this.deadline.end()
  }
}
