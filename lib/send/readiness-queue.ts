import type { SocketError } from '../errors/socket-error'
import type { SendContext } from '../message/encoded'
import { Wait } from '../native/constants'
import { Backlog, type SendListener } from './backlog'
import { cancelRequest } from './detached-send'
import { drain } from './drain'
import type { SendQueue } from './queue'
import type { SendRequest } from './send-request'
import type { Submitter } from './submit'

/**
 * The queue where poll(2) says when the kernel takes more. The views of messages that wait belong to the caller. They are
 * checked again when they are sent.
 */
export class ReadinessQueue implements SendQueue {
  readonly backlog: Backlog

  constructor(
    context: SendContext,
    private readonly submitter: Submitter,
    listener: SendListener,
  ) {
    this.backlog = new Backlog(context, listener, () => this.drain())
  }

  get watchesWritable(): boolean {
    return this.backlog.messages.count > 0 && !this.backlog.paused
  }

  wait(reason: number, request: SendRequest): void {
    const { backlog } = this
    try {
      if (reason === Wait.forBuffers) backlog.pause()
      else if (reason !== Wait.none) backlog.listener.update()
    } catch (error) {
      backlog.cancel(request, error as Error)
    }
  }

  cancel(request: SendRequest, reason: Error): void {
    cancelRequest(this.backlog, request, reason)
  }

  drain(): boolean {
    const { backlog } = this
    const { moved, wait } = drain(backlog, this.submitter)
    if (wait === Wait.forBuffers) backlog.pause()
    if (moved) backlog.resetPause()
    backlog.stopIfEmpty()
    return moved
  }

  close(error: (syscall: string) => SocketError): void {
    const removed = this.backlog.clear(error)
    this.backlog.stop()
    for (const [request, reason] of removed) request.failed(reason)
  }
}
