import { SEND_SLOT_SIZE } from '../native/slots'
import { LinkedList } from '../util/linked-list'
import type { EncodedBatch } from './encoded-batch'
import { QueuedMessage } from './queued-message'
import type { SendRequest } from './send-request'

/** The messages of one socket that wait to be sent, in order, and their requests. */
export class MessageFifo {
  /** Messages that are not sent, those included that an overlapped send has taken out of the list. */
  count = 0
  /** Their bytes. */
  size = 0
  private readonly list = new LinkedList<QueuedMessage>()

  get first(): QueuedMessage | undefined {
    return this.list.first
  }

  /** Appends messages `from` to `to` of an encoded batch. */
  add(batch: EncodedBatch, from: number, to: number, request: SendRequest): void {
    const { slots, views, records, places } = batch
    let end = 0
    for (let index = 0; index < to; index++) {
      const start = end
      end += slots.bufferCount(index)
      if (index < from) continue
      const slot = slots.bytes.slice(index * SEND_SLOT_SIZE, (index + 1) * SEND_SLOT_SIZE)
      const message = new QueuedMessage(slot, views.slice(start, end), records[index], places[index], request)
      this.list.push(message)
      request.first ??= message
      request.left++
      this.count++
      this.size += message.size
    }
  }

  /** Takes the first message of its request out of the list. It still counts: an overlapped send has it. */
  unlink(message: QueuedMessage): void {
    const { request } = message
    request.first = message.next as QueuedMessage | undefined
    request.left--
    this.list.remove(message)
  }

  /** An unlinked message is sent, or will not be sent. */
  uncount(message: QueuedMessage): void {
    this.count--
    this.size -= message.size
  }

  /** Removes all messages that a request still has in the list. */
  removeAll(request: SendRequest): void {
    let message = request.first
    for (; request.left > 0; request.left--) {
      const next: QueuedMessage | undefined = message!.next as QueuedMessage | undefined
      this.list.remove(message!)
      this.uncount(message!)
      message = next
    }
    request.first = undefined
  }

  /** Replaces the caller's memory in a message by a copy. @throws as QueuedMessage.copyRest() */
  copyRest(message: QueuedMessage): void {
    const { size } = message
    message.copyRest()
    this.size += message.size - size
  }
}
