import type { SocketError } from '../errors/socket-error'
import type { Backlog } from './backlog'
import type { SendRequest } from './send-request'

/** Keeps what one socket has to send, in order, until the kernel takes it. */
export interface SendQueue {
  readonly backlog: Backlog
  /** Whether this queue waits for the socket to be writable. */
  readonly watchesWritable: boolean
  /**
   * Messages of `request` were added. `reason`: why the kernel did not take them; Wait.none when others wait already.
   * Where waiting is not possible the request fails.
   */
  wait(reason: number, request: SendRequest): void
  /**
   * Removes what a request still waits for: it is never sent. A segmented message whose first datagrams were sent is
   * finished all the same, from a copy, and counts as sent.
   */
  cancel(request: SendRequest, reason: Error): void
  /** Sends what waits, as far as the kernel takes it. Returns whether a message was sent or has failed. */
  drain(): boolean
  /** Where sends complete: an overlapped send has completed. */
  onCompleted?(operation: number, status: number, sent: number): void
  /** Fails all that waits, in order. The error of a segmented message says how much of it was sent. */
  close(error: (syscall: string) => SocketError): void
}
