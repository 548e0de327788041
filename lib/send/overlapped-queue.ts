import { report } from '../native/addon'
import { Wait } from '../native/constants'
import { loadRecords } from './batch'
import { SendQueue, withBytes } from './queue'
import type { QueuedMessage, SendRequest } from './request'
import type { SocketError } from '../errors/socket-error'
import { sharedSlots } from '../native/slots'

/** Operations that a socket has with the kernel at a time; their data is copied, and their pages are locked. */
const MOST_STARTED = 32

/** One message that the kernel has, and will say what became of. */
interface Operation {
  readonly number: number
  readonly message: QueuedMessage
  result: { readonly status: number; readonly sent: number } | undefined
  /** Why it was given up. */
  reason: Error | undefined
  /** The socket was closed under it: it is settled in its turn, with what the kernel says of it. */
  closed: boolean
  /** Messages behind it were given up with it. */
  cut: boolean
  /** The next datagram of its message waits to be started: the kernel had too many operations. */
  idle: boolean
}

/**
 * Sends where the kernel completes them (overlapped WSASendMsg): what it has no room for at once it is handed all the
 * same, copied, and tells when it is done. A segmented message goes datagram by datagram, or as many of them as offload
 * takes.
 */
export class OverlappedSendQueue extends SendQueue {
  /** What the kernel has, in order. It counts as waiting, and stands in the queue no more. */
  private readonly started: Operation[] = []
  private operations = 0
  /** The operation behind which nothing can be started: its message has more to come. */
  private barrier: Operation | undefined
  /** The next message can only go in one call, and there is no room for it. */
  private needsCall = false
  /** What was given up when the socket was closed, behind what the kernel has. */
  private abandoned: [SendRequest, Error][] = []

  override get watchesWritable(): boolean {
    return super.watchesWritable && this.needsCall
  }

  override cancel(request: SendRequest, reason: Error): void {
    const operation = this.started.find(({ message }) => message.request === request)
    if (operation === undefined) super.cancel(request, reason)
    else this.cancelOperation(operation, reason)
  }

  override close(error: (syscall: string) => SocketError): void {
    for (const operation of this.started) {
      operation.closed = operation.reason === undefined
      this.cancelOperation(operation, error(operation.message.request.syscall))
    }
    let first: QueuedMessage | undefined
    while ((first = this.queued.first) !== undefined) {
      const { request } = first
      this.abandoned.push([request, withBytes(error(request.syscall), first.sent)])
      this.remove(request)
    }
    this.stopWaiting()
    this.settleStarted()
  }

  override drain(): boolean {
    this.needsCall = false
    if (this.started.length === 0) return super.drain()
    this.proceed()
    return false
  }

  /** An operation has completed. Those before it are settled first, unless it was given up. */
  settled(number: number, status: number, sent: number): void {
    const operation = this.started.find((other) => other.number === number)
    if (operation === undefined) return
    const { message } = operation
    message.addProgress(sent)
    if (status !== 0 || operation.closed || message.progress >= message.size || !this.goOn(operation)) {
      operation.result ??= { status, sent }
      if (this.barrier === operation) this.barrier = undefined
      this.settleStarted()
    }
    this.drain()
    this.listener.onChange()
  }

  /**
   * Hands the kernel what waits, as far as it takes it. Of one sendmmsg it has one message at a time, so that nothing is
   * sent behind a message that failed.
   */
  protected override proceed(): void {
    if (this.paused) return
    if (this.barrier?.idle === true && !this.goOn(this.barrier)) {
      this.barrier = undefined
      this.settleStarted()
    }
    while (this.barrier === undefined && !this.paused) {
      const waits = this.queued.first
      if (waits === undefined || this.started.length === MOST_STARTED) return
      const { request } = waits
      if (this.started.some(({ message }) => message.request === request)) return
      const [message] = this.load(1)
      if (message === undefined) continue // it could not be sent any more
      const number = ++this.operations
      const status = this.start(number, message)
      const wait = report.wait()
      if (status === 0 && wait === Wait.forBuffers) {
        // The next completion tells; where there is none to come, nothing does.
        if (this.started.length === 0) this.pauseAWhile()
        return
      }
      if (status === 0 && wait === Wait.forTurn) {
        this.needsCall = this.started.length === 0
        this.listener.onChange()
        return
      }
      request.first = message.next as QueuedMessage | undefined
      request.left--
      this.queued.remove(message)
      const result = status === 0 ? undefined : { status, sent: 0 }
      const operation = { number, message, result, reason: undefined, closed: false, cut: false, idle: false }
      this.started.push(operation)
      if (status !== 0) this.settleStarted()
      else if (wait === Wait.forRoom) this.barrier = operation
    }
  }

  protected override waitForRoom(): void {
    this.proceed()
  }

  private start(number: number, { views }: QueuedMessage): number {
    return this.endpoint.startSend(number, views.length === 1 ? views[0]! : views)
  }

  /** Starts the next datagram of a message. False when there is none to start: then the operation has its result. */
  private goOn(operation: Operation): boolean {
    const { message, reason } = operation
    operation.idle = false
    try {
      if (reason !== undefined && !this.finishDetached(operation)) return false
      message.checkData()
    } catch (error) {
      operation.result = { status: -1, sent: 0 }
      operation.reason ??= withBytes(error as Error, message.sent)
      return false
    }
    sharedSlots.bytes.set(message.slot, 0)
    loadRecords([message.records], 1)
    const status = this.start(operation.number, message)
    if (status !== 0) {
      operation.result = { status, sent: 0 }
      return false
    }
    if (report.wait() === Wait.forBuffers || report.wait() === Wait.forTurn) {
      operation.idle = true
      this.pauseAWhile()
    }
    return true
  }

  /** The call was given up and the message goes on: the call is settled now, and the rest is a copy. */
  private finishDetached(operation: Operation): boolean {
    const { message, reason, cut } = operation
    const { request } = message
    operation.reason = undefined
    operation.cut = false
    if (!this.detach(message, request)) {
      operation.result = { status: 0, sent: 0 }
      return false
    }
    if (cut) request.failed(reason!)
    else request.done()
    return true
  }

  private settleStarted(): void {
    for (;;) {
      // What its caller gave up does not wait for those before it.
      const index = this.started.findIndex(
        ({ result, reason, closed }, at) =>
          result !== undefined && (at === 0 || (reason !== undefined && !closed && result.status !== 0)),
      )
      if (index === -1) break
      const { message, result, reason, closed, cut } = this.started.splice(index, 1)[0]!
      const { request } = message
      this.messages--
      this.bytes -= message.size
      if (result!.status !== 0) {
        const told = reason === undefined || closed
        const error = told
          ? this.failure(result!.status, request.syscall, message.place, message.sent)
          : withBytes(reason, message.sent)
        this.remove(request)
        request.failed(error)
        continue
      }
      if (closed && message.progress < message.size) {
        this.remove(request)
        request.failed(withBytes(reason!, message.sent))
        continue
      }
      request.taken++
      request.bytes = message.total
      if (request.left > 0) continue
      if (cut) request.failed(reason!)
      else request.done()
    }
    if (this.started.length === 0 && this.abandoned.length > 0) {
      const { abandoned } = this
      this.abandoned = []
      for (const [request, error] of abandoned) request.failed(error)
    }
    if (this.messages === 0) this.stopWaiting()
  }

  private cancelOperation(operation: Operation, reason: Error): void {
    const { message } = operation
    const { request } = message
    operation.reason ??= reason
    operation.cut ||= request.left > 0
    this.remove(request)
    // A message whose start was taken goes on, from a copy, until the socket is closed.
    if (message.progress === 0 && !operation.idle) this.endpoint.cancelSend(operation.number)
  }
}
