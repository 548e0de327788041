import { binding, report, type Endpoint } from '../native/addon'
import { Wait } from '../native/constants'
import { MAX_RECORDS } from '../native/control'
import { checkViews } from '../message/encode'
import type { SendContext } from '../message/encoded'
import { abortError, fromTransfer, outOfMemory, type ErrorPlace, type SocketError } from '../errors/socket-error'
import { LinkedList } from '../util/linked-list'
import {
  elementName,
  encodeAll,
  encodeOne,
  loadRecords,
  releaseBlock,
  releaseBlocks,
  sharedBlockInUse,
  theMessage,
  type Block,
} from './batch'
import { DetachedSend, QueuedMessage, type SendRequest } from './request'
import { SEND_SLOT_SIZE, sharedSlots } from '../native/slots'
import type { OutgoingMessage } from '../types'
import { byteLengthOf } from '../util/validate'

const { slotCount } = binding.layout
const { send } = binding

/** Messages that are sent in one turn of the loop at most, so that one socket starves nobody. */
const TURN = 4 * slotCount
/** After ENOBUFS, which nothing tells the end of. Milliseconds. */
const FIRST_PAUSE = 1
const LONGEST_PAUSE = 64

/** What a queue tells the owner of its socket. */
export interface SendQueueListener {
  /** What the queue waits for may have changed. @throws SocketError when it cannot be watched for */
  onChange(): void
  /** The kernel told of errors of earlier datagrams, which wait to be read. */
  onEarlierErrors(): void
  /** What was sent in the background failed: no call is there to report it. */
  readonly onBackgroundError: (error: Error) => void
}

/**
 * Sends on one socket, in order. What the kernel has no room for waits here until the socket is writable. The views of
 * what waits are held, and their memory is looked at again when it is sent.
 */
export class SendQueue {
  protected readonly queued = new LinkedList<QueuedMessage>()
  protected messages = 0
  protected bytes = 0
  private pause: NodeJS.Timeout | undefined
  private pauseTime = FIRST_PAUSE
  private holds = true

  constructor(
    protected readonly endpoint: Endpoint,
    private readonly context: SendContext,
    protected readonly listener: SendQueueListener,
  ) {}

  /** Messages that wait. */
  get count(): number {
    return this.messages
  }

  /** Bytes that wait. */
  get size(): number {
    return this.bytes
  }

  /** Whether this queue waits for the socket to be writable. */
  get watchesWritable(): boolean {
    return this.messages > 0 && this.pause === undefined
  }

  /** Whether this queue waits for time to pass. */
  get paused(): boolean {
    return this.pause !== undefined
  }

  /**
   * One message: the bytes sent, or null when there is no room now, or others wait. Then it waits, if `createRequest` is
   * given. A segmented message whose start was taken counts as sent. Its rest waits in any case, and is copied where no
   * request keeps the caller's memory.
   */
  sendOne(
    message: OutgoingMessage,
    prepare: () => void,
    signal?: AbortSignal,
    createRequest?: () => SendRequest,
  ): number | null {
    const block = encodeOne(message, this.context)
    try {
      checkSignal(signal)
      // Only what goes to the kernel now can be left to the addon to refuse.
      if (this.messages > 0 || this.context.local === undefined) checkViews(block, 1, theMessage)
      prepare()
      if (this.messages > 0) {
        if (createRequest !== undefined) this.add(block, 0, 1, createRequest())
        this.proceed()
        return null
      }
      if (this.submit(block, theMessage) === 1) return block.slots.sent(0)
      const status = report.status()
      const wait = report.wait()
      const progress = block.slots.progress(0)
      if (status !== 0) throw this.failure(status, 'sendmsg', block.places[0], progress)
      if (progress === 0 && createRequest === undefined) return null
      const request = createRequest?.() ?? this.addDetached(block, 0)
      if (createRequest !== undefined) this.add(block, 0, 1, request)
      this.startWaiting(wait, request)
      return createRequest === undefined ? block.bytes : null
    } finally {
      releaseBlock(block)
    }
  }

  /** Many messages: how many the kernel took now. The others wait, if `createRequest` is given. */
  sendMany(
    messages: readonly OutgoingMessage[],
    prepare: () => void,
    signal?: AbortSignal,
    createRequest?: (taken: number) => SendRequest,
  ): number {
    const blocks = encodeAll(messages, this.context)
    let taken = 0
    let request: SendRequest | undefined
    let wait: number = Wait.none
    try {
      checkSignal(signal)
      if (blocks.length > 1 || this.messages > 0 || this.context.local === undefined) {
        let before = 0
        for (const block of blocks) {
          const first = before
          checkViews(block, block.count, (index) => elementName(first + index))
          before += block.count
        }
      }
      prepare()
      for (const block of blocks) {
        if (block.count === 0) continue
        let from = 0
        if (this.messages === 0) {
          from = this.submit(block, elementName)
          taken += from
          if (from === block.count) continue
          const status = report.status()
          const progress = block.slots.progress(from)
          if (status !== 0) {
            // The next call meets the error again. It must not send the start of a message again.
            if (taken > 0 && progress === 0 && createRequest === undefined) return taken
            throw Object.assign(this.failure(status, 'sendmmsg', block.places[from], progress), { sent: taken })
          }
          wait = report.wait()
          if (createRequest === undefined && progress > 0) {
            this.startWaiting(wait, this.addDetached(block, from, taken))
            return taken + 1
          }
        }
        if (createRequest === undefined) return taken
        request ??= createRequest(taken)
        this.add(block, from, block.count, request)
      }
      if (request !== undefined && wait !== Wait.none) this.startWaiting(wait, request)
      else this.proceed()
      return taken
    } finally {
      releaseBlocks(blocks)
    }
  }

  /**
   * Takes what a request still waits for out of the queue: it is never sent. A segmented message whose start was taken is
   * finished all the same, from a copy, and counts as taken.
   */
  cancel(request: SendRequest, reason: Error): void {
    if (request.isSettled || request.left === 0) return
    const first = request.first!
    if (first.progress > 0 && !this.detach(first, request)) return
    this.giveUp(request, reason)
  }

  /** Fails all that waits, in order. A message whose start was taken says how much. */
  close(error: (syscall: string) => SocketError): void {
    const given: [SendRequest, Error][] = []
    let first: QueuedMessage | undefined
    while ((first = this.queued.first) !== undefined) {
      const { request } = first
      given.push([request, withBytes(error(request.syscall), first.sent)])
      this.remove(request)
    }
    this.stopWaiting()
    for (const [request, reason] of given) request.failed(reason)
  }

  /** Sends what waits, as far as there is room. Returns whether anything was settled. */
  drain(): boolean {
    let moved = false
    for (let turn = 0; turn < TURN && this.messages > 0;) {
      const batch = this.load(slotCount)
      if (batch.length === 0) continue // what stood there could not be sent any more
      let taken: number
      try {
        taken = this.sendBatch(batch)
      } catch (error) {
        this.giveUp(batch[0]!.request, error as Error)
        continue
      }
      const status = report.status()
      const wait = report.wait()
      const next = batch[taken]
      next?.takeSlot(sharedSlots.bytes, taken)
      // From here on nothing shared is read: to settle a request can run code of the program.
      turn += taken + 1
      moved ||= taken > 0 || status !== 0
      const done = this.takeOut(batch, taken)
      const failed = next !== undefined && status !== 0 ? next.request : undefined
      const error = failed && this.failure(status, failed.syscall, next!.place, next!.sent)
      if (failed !== undefined) this.remove(failed)
      for (const request of done) request.done()
      failed?.failed(error!)
      if (next === undefined || failed !== undefined) continue
      if (wait === Wait.forBuffers) this.pauseAWhile()
      else this.proceed()
      break
    }
    if (moved) this.pauseTime = FIRST_PAUSE
    if (this.messages === 0) this.stopWaiting()
    return moved
  }

  /** Waits for a while where readiness tells nothing. */
  pauseAWhile(): void {
    if (this.pause !== undefined || this.messages === 0) return
    this.pause = setTimeout(() => {
      this.pause = undefined
      this.drain()
      this.listener.onChange()
    }, this.pauseTime)
    if (!this.holds) this.pause.unref()
    this.pauseTime = Math.min(this.pauseTime * 2, LONGEST_PAUSE)
    this.listener.onChange()
  }

  /** Whether waiting keeps the event loop alive. */
  hold(on: boolean): void {
    this.holds = on
    if (on) this.pause?.ref()
    else this.pause?.unref()
  }

  /** Where the kernel completes sends: hands it more of what waits. */
  protected proceed(): void {
    // Readiness tells.
  }

  protected startWaiting(wait: number, request: SendRequest): void {
    try {
      if (wait === Wait.forBuffers) this.pauseAWhile()
      else this.waitForRoom()
    } catch (error) {
      this.giveUp(request, error as Error)
    }
  }

  protected waitForRoom(): void {
    this.listener.onChange()
  }

  protected stopWaiting(): void {
    clearTimeout(this.pause)
    this.pause = undefined
    this.listener.onChange()
  }

  /** `sent`: bytes of the message that the kernel took before. */
  protected failure(
    status: number,
    syscall: string,
    place: Readonly<ErrorPlace> | undefined,
    sent: number,
  ): SocketError {
    return withBytes(fromTransfer(status, syscall, this.context.peer !== undefined, place), sent)
  }

  /**
   * Gives a message whose start was taken a request of its own, and a copy of its rest. False when that is not possible:
   * then its request has failed.
   */
  protected detach(message: QueuedMessage, request: SendRequest): boolean {
    const { size } = message
    try {
      message.copyRest()
    } catch (error) {
      const failure = withBytes(copyFailed(error, request.syscall), message.sent)
      this.remove(request)
      if (this.messages === 0) this.stopWaiting()
      request.failed(failure)
      return false
    }
    this.bytes += message.size - size
    const detached = new DetachedSend(this.listener.onBackgroundError)
    message.request = detached
    if (request.first === message) {
      request.first = message.next as QueuedMessage | undefined
      request.left--
      detached.first = message
      detached.left = 1
    }
    request.taken++
    request.bytes = message.total
    return true
  }

  /** Takes all that a request waits for out of the queue, and settles it. */
  protected giveUp(request: SendRequest, reason: Error): void {
    const { left, first } = request
    const sent = first?.sent ?? 0
    this.remove(request)
    if (this.messages === 0) this.stopWaiting()
    // Of a segmented message that goes on, and nothing behind it, there was nothing to give up.
    if (left === 0) request.done()
    else request.failed(withBytes(reason, sent))
  }

  protected remove(request: SendRequest): void {
    let message = request.first
    for (; request.left > 0; request.left--) {
      const next: QueuedMessage | undefined = message!.next as QueuedMessage | undefined
      this.queued.remove(message!)
      this.messages--
      this.bytes -= message!.size
      message = next
    }
    request.first = undefined
  }

  /** Writes the first messages that wait into the shared slots, `most` of them. What changed meanwhile fails. */
  protected load(most: number): QueuedMessage[] {
    const batch: QueuedMessage[] = []
    const records: (Uint8Array | undefined)[] = []
    let recordSize = 0
    for (let message = this.queued.first; message !== undefined && batch.length < most;) {
      try {
        message.checkData()
      } catch (error) {
        // Those before it go first.
        if (batch.length === 0) this.giveUp(message.request, error as Error)
        break
      }
      recordSize += message.records?.byteLength ?? 0
      if (recordSize > MAX_RECORDS) break
      sharedSlots.bytes.set(message.slot, batch.length * SEND_SLOT_SIZE)
      records.push(message.records)
      batch.push(message)
      message = message.next as QueuedMessage | undefined
    }
    loadRecords(records, batch.length)
    return batch
  }

  /** Takes the first messages of `batch`, which the kernel took, out of the queue. Returns the requests that are done. */
  private takeOut(batch: readonly QueuedMessage[], taken: number): SendRequest[] {
    const done: SendRequest[] = []
    for (let index = 0; index < taken; index++) {
      const message = batch[index]!
      const { request } = message
      request.first = message.next as QueuedMessage | undefined
      request.left--
      request.taken++
      request.bytes = message.total
      this.queued.remove(message)
      this.messages--
      this.bytes -= message.size
      if (request.left === 0) done.push(request)
    }
    return done
  }

  /** How many the kernel took; where that is not all, the report says why. */
  private submit(block: Block, nameOf: (index: number) => string): number {
    try {
      return this.submitChecked(block)
    } catch (error) {
      checkViews(block, block.count, nameOf)
      throw error
    }
  }

  private submitChecked(block: Block): number {
    if (block.slots === sharedSlots) return this.sendBlock(block)
    const saved = sharedBlockInUse() ? sharedSlots.bytes.slice() : undefined
    sharedSlots.copyFrom(block.slots, block.count)
    try {
      return this.sendBlock(block)
    } finally {
      block.slots.copyFrom(sharedSlots, block.count)
      if (saved !== undefined) sharedSlots.bytes.set(saved)
    }
  }

  private sendBlock({ views, viewCount, records, withRecords, count }: Block): number {
    if (withRecords) loadRecords(records, count)
    return this.sendViews(views, viewCount, count)
  }

  private sendBatch(batch: readonly QueuedMessage[]): number {
    const views = batch.length === 1 ? batch[0]!.views : batch.flatMap((message) => message.views)
    return this.sendViews(views, views.length, batch.length)
  }

  private sendViews(views: readonly Uint8Array[], viewCount: number, count: number): number {
    const taken = this.callSend(views, viewCount, count)
    if (report.earlierErrors() !== 0) this.listener.onEarlierErrors()
    return taken
  }

  private callSend(views: readonly Uint8Array[], viewCount: number, count: number): number {
    if (viewCount === 1) return send(this.endpoint.number, count, views[0]!)
    if (viewCount > slotCount) return this.endpoint.send(count, views.slice(0, viewCount))
    const given = new Array<unknown>(viewCount + 2)
    given[0] = this.endpoint.number
    given[1] = count
    for (let index = 0; index < viewCount; index++) given[index + 2] = views[index]
    return Reflect.apply(send, undefined, given) as number
  }

  private add(block: Block, from: number, to: number, request: SendRequest): void {
    let view = 0
    for (let index = 0; index < to; index++) {
      const views = block.slots.bufferCount(index)
      view += views
      if (index < from) continue
      const own = block.views.slice(view - views, view)
      const slot = block.slots.bytes.slice(index * SEND_SLOT_SIZE, (index + 1) * SEND_SLOT_SIZE)
      const { records, places } = block
      const message = new QueuedMessage(slot, own, own.map(byteLengthOf), records[index], places[index], request)
      this.queued.push(message)
      request.first ??= message
      request.left++
      this.messages++
      this.bytes += message.size
    }
  }

  /** The rest of a message whose start an immediate call has sent: the caller's memory is the caller's again. */
  private addDetached(block: Block, index: number, before?: number): SendRequest {
    const request = new DetachedSend(this.listener.onBackgroundError)
    this.add(block, index, index + 1, request)
    const message = request.first!
    const { size } = message
    try {
      message.copyRest()
    } catch (error) {
      this.remove(request)
      const failure = copyFailed(error, before === undefined ? 'sendmsg' : 'sendmmsg')
      throw withBytes(before === undefined ? failure : Object.assign(failure, { sent: before }), message.sent)
    }
    this.bytes += message.size - size
    return request
  }
}

/** The message's own code (getters, proxies) can abort the signal of its call. */
function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal.reason)
}

/** There is no memory for a copy, or the data is gone. */
const copyFailed = (error: unknown, syscall: string): Error =>
  error instanceof RangeError ? outOfMemory(syscall) : (error as Error)

/** The error of a segmented message says how many of its bytes were sent. */
export const withBytes = <E extends Error>(error: E, bytes: number): E =>
  bytes > 0 ? Object.assign(error, { bytes }) : error
