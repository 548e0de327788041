import { abortError, invalidArgType, SocketError } from '../errors/socket-error'
import type { SendContext } from '../message/encoded'
import { report } from '../native/addon'
import { Wait } from '../native/constants'
import type { OutgoingMessage, WaitOptions } from '../types'
import { readWaitOptions } from '../util/validate'
import { addDetached } from './detached-send'
import {
  elementName,
  encodeAll,
  encodeOne,
  messageName,
  releaseBatch,
  releaseBatches,
  type EncodedBatch,
} from './encoded-batch'
import type { SendQueue } from './queue'
import { sendFailure } from './send-failure'
import type { SendRequest } from './send-request'
import { CallbackSend, PromisedSend, type SendResult } from './send-requests'
import type { Submitter } from './submit'

/**
 * Sends on one socket: at once, or through the queue when messages wait already or the kernel has no room. A segmented
 * message whose first datagrams were sent counts as sent. Its rest waits in any case: it is a copy where no request keeps the
 * caller's memory.
 */
export class Sender {
  constructor(
    private readonly context: SendContext,
    private readonly submitter: Submitter,
    private readonly queue: SendQueue,
    /** Binds the socket, or throws when it cannot send. */
    private readonly ensureBound: () => void,
  ) {}

  /** Returns the bytes sent, or null when there is no room now or others wait. */
  trySendmsg(message: OutgoingMessage): number | null {
    return this.sendOne(message)
  }

  /** Returns how many messages the kernel took. */
  trySendmmsg(messages: readonly OutgoingMessage[]): number {
    checkArray(messages)
    return this.sendAll(messages)
  }

  sendmsg(message: OutgoingMessage, options?: WaitOptions): Promise<number> {
    try {
      const wait = readWaitOptions(options)
      let waiting: Promise<number> | undefined
      let request: PromisedSend | undefined
      const sent = this.sendOne(message, wait?.signal, () => {
        waiting = new Promise((resolve, reject) => {
          request = new PromisedSend('sendmsg', resolve, reject)
        })
        return request!
      })
      if (waiting === undefined) return Promise.resolve(sent!)
      request!.arm(this.queue, wait)
      return waiting
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  sendmmsg(messages: readonly OutgoingMessage[], options?: WaitOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      checkArray(messages)
      const wait = readWaitOptions(options)
      let request: PromisedSend | undefined
      const sent = this.sendAll(messages, wait?.signal, (taken) => {
        request = new PromisedSend('sendmmsg', resolve, reject, taken)
        return request
      })
      if (request === undefined) resolve(sent)
      else request.arm(this.queue, wait)
    })
  }

  /**
   * As sendmsg, with a callback as dgram has it, which is called in a tick of its own.
   * @throws what is wrong with the message
   */
  send(message: OutgoingMessage, callback: SendResult): void {
    try {
      const sent = this.sendOne(message, undefined, () => new CallbackSend(callback))
      if (sent !== null) process.nextTick(callback, null, sent)
    } catch (error) {
      if (!(error instanceof SocketError) || error.nativeCode === undefined) throw error
      process.nextTick(callback, error, 0)
    }
  }

  /** Without `createRequest` the message does not wait. */
  private sendOne(message: OutgoingMessage, signal?: AbortSignal, createRequest?: () => SendRequest): number | null {
    const batch = encodeOne(message, this.context)
    try {
      checkAborted(signal)
      const { queue } = this
      const { backlog } = queue
      // The addon only refuses what goes to the kernel now.
      if (backlog.messages.count > 0 || this.context.local === undefined) batch.checkViews(messageName)
      this.ensureBound()
      if (backlog.messages.count > 0) {
        if (createRequest !== undefined) this.enqueue(batch, createRequest(), Wait.none)
        return null
      }
      if (this.submitter.submit(batch, messageName) === 1) return batch.slots.sent(0)
      const status = report.status()
      const wait = report.wait()
      const progress = batch.slots.progress(0)
      if (status !== 0) throw this.failure(status, 'sendmsg', batch, 0)
      if (createRequest !== undefined) {
        this.enqueue(batch, createRequest(), wait)
        return null
      }
      if (progress === 0) return null
      queue.wait(wait, addDetached(backlog, batch, 0))
      return batch.bytes
    } finally {
      releaseBatch(batch)
    }
  }

  /** Returns how many messages the kernel took now. The others wait; without `createRequest` they do not. */
  private sendAll(
    messages: readonly OutgoingMessage[],
    signal?: AbortSignal,
    createRequest?: (taken: number) => SendRequest,
  ): number {
    const batches = encodeAll(messages, this.context)
    try {
      checkAborted(signal)
      const { queue } = this
      const { backlog } = queue
      // All are checked before the first is sent.
      if (batches.length > 1 || backlog.messages.count > 0 || this.context.local === undefined) checkAllViews(batches)
      this.ensureBound()
      let taken = 0
      let request: SendRequest | undefined
      let wait: number = Wait.none
      for (const batch of batches) {
        if (batch.count === 0) continue
        let from = 0
        if (backlog.messages.count === 0) {
          from = this.submitter.submit(batch, elementName)
          taken += from
          if (from === batch.count) continue
          const status = report.status()
          const progress = batch.slots.progress(from)
          if (status !== 0) {
            // The next call meets the error again. It must not send the first datagrams of a message again.
            if (taken > 0 && progress === 0 && createRequest === undefined) return taken
            throw Object.assign(this.failure(status, 'sendmmsg', batch, from), { sent: taken })
          }
          wait = report.wait()
          if (createRequest === undefined && progress > 0) {
            queue.wait(wait, addDetached(backlog, batch, from, taken))
            return taken + 1
          }
        }
        if (createRequest === undefined) return taken
        request ??= createRequest(taken)
        backlog.messages.add(batch, from, batch.count, request)
      }
      if (request !== undefined) queue.wait(wait, request)
      return taken
    } finally {
      releaseBatches(batches)
    }
  }

  private enqueue(batch: EncodedBatch, request: SendRequest, reason: number): void {
    this.queue.backlog.messages.add(batch, 0, batch.count, request)
    this.queue.wait(reason, request)
  }

  private failure(status: number, syscall: string, batch: EncodedBatch, index: number): SocketError {
    const connected = this.context.peer !== undefined
    return sendFailure(status, syscall, connected, batch.places[index], batch.slots.progress(index))
  }
}

function checkArray(messages: unknown): void {
  if (!Array.isArray(messages)) throw invalidArgType('messages', 'Array', messages)
}

/** The message's own code (getters, proxies) can abort the signal of its call. */
function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal.reason)
}

function checkAllViews(batches: readonly EncodedBatch[]): void {
  let before = 0
  for (const batch of batches) {
    const first = before
    batch.checkViews((index) => elementName(first + index))
    before += batch.count
  }
}
