import type { SocketError } from '../errors/socket-error'
import type { SendContext } from '../message/encoded'
import { report } from '../native/addon'
import { Wait } from '../native/constants'
import { Backlog, type SendListener } from './backlog'
import { cancelRequest, detach } from './detached-send'
import { drain, load } from './drain'
import { InflightSend } from './inflight-send'
import type { SendQueue } from './queue'
import { sendFailure, withBytes } from './send-failure'
import type { SendRequest } from './send-request'
import { loadQueued, type Submitter } from './submit'

/** Overlapped sends of one socket at a time. The kernel copies the data of each, and locks the pages. */
const MAX_INFLIGHT = 32

/**
 * The queue where the kernel completes sends (overlapped WSASendMsg). A message that cannot be sent at once goes to the
 * kernel all the same, which copies it and completes the send later. A segmented message is sent datagram by datagram, or
 * in parts as large as offload takes.
 */
export class CompletionQueue implements SendQueue {
  readonly backlog: Backlog
  /** What the kernel has, in order. It counts as waiting, and is not in the list of the backlog. */
  private readonly inflight: InflightSend[] = []
  private operations = 0
  /** A segmented message that is not completely started: nothing can be started behind it. */
  private barrier: InflightSend | undefined
  /** The next message can only be sent by an immediate call, and there is no room for it. */
  private needsCall = false
  /** Requests to reject, because the socket is closed, once all that is in flight is settled. */
  private abandoned: [SendRequest, Error][] = []

  constructor(
    context: SendContext,
    private readonly submitter: Submitter,
    listener: SendListener,
  ) {
    this.backlog = new Backlog(context, listener, () => this.drain())
  }

  get watchesWritable(): boolean {
    return this.needsCall && this.backlog.messages.count > 0 && !this.backlog.paused
  }

  wait(reason: number, request: SendRequest): void {
    try {
      if (reason === Wait.forBuffers) this.backlog.pause()
      else this.startNext()
    } catch (error) {
      this.backlog.cancel(request, error as Error)
    }
  }

  cancel(request: SendRequest, reason: Error): void {
    const send = this.inflight.find(({ message }) => message.request === request)
    if (send === undefined) cancelRequest(this.backlog, request, reason)
    else this.cancelInflight(send, reason)
  }

  drain(): boolean {
    this.needsCall = false
    if (this.inflight.length > 0) {
      this.startNext()
      return false
    }
    const { backlog } = this
    const { moved, wait } = drain(backlog, this.submitter)
    if (wait === Wait.forBuffers) backlog.pause()
    // Also when this turn has reached its limit: the completion of a started send continues.
    else this.startNext()
    if (moved) backlog.resetPause()
    backlog.stopIfEmpty()
    return moved
  }

  /** Sends settle in order, except those that their callers have canceled. */
  onCompleted(operation: number, status: number, sent: number): void {
    const send = this.inflight.find((other) => other.operation === operation)
    if (send === undefined) return
    const { message } = send
    message.addProgress(sent)
    if (status !== 0 || send.closed || message.progress >= message.size || !this.startRest(send)) {
      send.result ??= { status, sent }
      if (this.barrier === send) this.barrier = undefined
      this.settle()
    }
    this.drain()
    this.backlog.listener.update()
  }

  close(error: (syscall: string) => SocketError): void {
    for (const send of this.inflight) {
      send.closed = send.reason === undefined
      this.cancelInflight(send, error(send.message.request.syscall))
    }
    this.abandoned.push(...this.backlog.clear(error))
    this.backlog.stop()
    this.settle()
  }

  /**
   * Hands waiting messages to the kernel, as far as it takes them. Of one sendmmsg the kernel has one message at a time, so
   * that nothing is sent behind a message that fails.
   */
  private startNext(): void {
    const { backlog, inflight } = this
    const { messages } = backlog
    if (backlog.paused) return
    if (this.barrier?.idle === true && !this.startRest(this.barrier)) {
      this.barrier = undefined
      this.settle()
    }
    while (this.barrier === undefined && !backlog.paused) {
      const { first } = messages
      if (first === undefined || inflight.length === MAX_INFLIGHT) return
      if (inflight.some(({ message }) => message.request === first.request)) return
      const [message] = load(backlog, 1)
      if (message === undefined) continue // it could not be sent any more
      const send = new InflightSend(++this.operations, message)
      const status = this.submitter.start(send.operation, message)
      const wait = report.wait()
      if (status === 0 && wait === Wait.forBuffers) {
        // The next completion continues. If none is to come, a timer does.
        if (inflight.length === 0) backlog.pause()
        return
      }
      if (status === 0 && wait === Wait.forTurn) {
        this.needsCall = inflight.length === 0
        backlog.listener.update()
        return
      }
      messages.unlink(message)
      inflight.push(send)
      if (status !== 0) {
        send.result = { status, sent: 0 }
        this.settle()
      } else if (wait === Wait.forRoom) {
        this.barrier = send
      }
    }
  }

  /** Starts the next datagrams of a segmented message. False when there is nothing to start: then the send has its result. */
  private startRest(send: InflightSend): boolean {
    const { message, reason } = send
    send.idle = false
    try {
      if (reason !== undefined && !this.detachInflight(send, reason)) return false
      message.checkData()
    } catch (error) {
      send.result = { status: -1, sent: 0 }
      send.reason ??= withBytes(error as Error, message.sent)
      return false
    }
    loadQueued([message])
    const status = this.submitter.start(send.operation, message)
    if (status !== 0) {
      send.result = { status, sent: 0 }
      return false
    }
    if (report.wait() === Wait.forBuffers || report.wait() === Wait.forTurn) {
      send.idle = true
      this.backlog.pause()
    }
    return true
  }

  /** The call was canceled and the message continues: settles the call, and copies the rest. */
  private detachInflight(send: InflightSend, reason: Error): boolean {
    const { message, cut } = send
    const { request } = message
    send.reason = undefined
    send.cut = false
    if (!detach(this.backlog, message)) {
      send.result = { status: 0, sent: 0 }
      return false
    }
    if (cut) request.failed(reason)
    else request.done()
    return true
  }

  /** Settles what has completed. */
  private settle(): void {
    const { inflight, backlog } = this
    for (;;) {
      const index = inflight.findIndex((send, at) => send.result !== undefined && (at === 0 || send.skipsTurn))
      if (index === -1) break
      const [send] = inflight.splice(index, 1)
      backlog.messages.uncount(send!.message)
      this.settleOne(send!, send!.result!.status)
    }
    if (inflight.length === 0 && this.abandoned.length > 0) {
      const { abandoned } = this
      this.abandoned = []
      for (const [request, error] of abandoned) request.failed(error)
    }
    backlog.stopIfEmpty()
  }

  private settleOne({ message, reason, closed, cut }: InflightSend, status: number): void {
    const { request } = message
    const { messages } = this.backlog
    if (status !== 0) {
      const error =
        reason === undefined || closed
          ? sendFailure(status, request.syscall, this.backlog.context.peer !== undefined, message.place, message.sent)
          : withBytes(reason, message.sent)
      messages.removeAll(request)
      request.failed(error)
      return
    }
    if (closed && message.progress < message.size) {
      messages.removeAll(request)
      request.failed(withBytes(reason!, message.sent))
      return
    }
    request.taken++
    request.bytes = message.total
    if (request.left > 0) return
    if (cut) request.failed(reason!)
    else request.done()
  }

  private cancelInflight(send: InflightSend, reason: Error): void {
    const { message, operation } = send
    const { request } = message
    send.reason ??= reason
    send.cut ||= request.left > 0
    this.backlog.messages.removeAll(request)
    // A segmented message whose first datagrams were sent continues, from a copy, until the socket is closed.
    if (message.progress === 0 && !send.idle) this.submitter.cancel(operation)
  }
}
