import { binding, report, type Endpoint } from '../native/addon'
import { sharedRecords } from '../native/control'
import { SEND_SLOT_SIZE, sharedSlots } from '../native/slots'
import { sharedBatchInUse, type EncodedBatch } from './encoded-batch'
import type { QueuedMessage } from './queued-message'

const { slotCount } = binding.layout
const { send } = binding

/** Copies control records into the shared arena, and their offsets into the shared slots. */
function loadRecords(records: readonly (Uint8Array | undefined)[], count: number): void {
  let offset = 0
  for (let index = 0; index < count; index++) {
    const own = records[index]
    if (own === undefined) continue
    sharedRecords.set(own, offset)
    sharedSlots.setControl(index, offset, own.byteLength)
    offset += own.byteLength
  }
}

/** Copies messages that have waited into the shared slots. */
export function loadQueued(messages: readonly QueuedMessage[]): void {
  for (let index = 0; index < messages.length; index++) {
    sharedSlots.bytes.set(messages[index]!.slot, index * SEND_SLOT_SIZE)
  }
  loadRecords(
    messages.map(({ records }) => records),
    messages.length,
  )
}

/** Hands the messages in the shared slots to the kernel. The report says why the kernel did not take all of them. */
export class Submitter {
  constructor(
    private readonly endpoint: Endpoint,
    /** Called when the kernel has errors of earlier datagrams to report. */
    private readonly onEarlierErrors: () => void,
  ) {}

  /** Sends an encoded batch: how many messages the kernel took. `nameOf` names a message in errors. */
  submit(batch: EncodedBatch, nameOf: (index: number) => string): number {
    try {
      return batch.slots === sharedSlots ? this.submitShared(batch) : this.submitCopy(batch)
    } catch (error) {
      batch.checkViews(nameOf)
      throw error
    }
  }

  /** Sends messages that loadQueued() has loaded: how many the kernel took. */
  submitQueued(messages: readonly QueuedMessage[]): number {
    const views = messages.length === 1 ? messages[0]!.views : messages.flatMap((message) => message.views)
    return this.sendViews(views, views.length, messages.length)
  }

  /** Starts an overlapped send of the message that loadQueued() has loaded. Returns 0 or the native error. */
  start(operation: number, { views }: QueuedMessage): number {
    return this.endpoint.startSend(operation, views.length === 1 ? views[0]! : views)
  }

  /** Cancels an overlapped send, which completes all the same. */
  cancel(operation: number): void {
    this.endpoint.cancelSend(operation)
  }

  private submitShared({ views, viewCount, records, withRecords, count }: EncodedBatch): number {
    if (withRecords) loadRecords(records, count)
    return this.sendViews(views, viewCount, count)
  }

  /** For a message that code of another message sends: the shared slots can hold that other message. */
  private submitCopy(batch: EncodedBatch): number {
    const saved = sharedBatchInUse() ? sharedSlots.bytes.slice() : undefined
    sharedSlots.copyFrom(batch.slots, batch.count)
    try {
      return this.submitShared(batch)
    } finally {
      batch.slots.copyFrom(sharedSlots, batch.count)
      if (saved !== undefined) sharedSlots.bytes.set(saved)
    }
  }

  private sendViews(views: readonly Uint8Array[], viewCount: number, count: number): number {
    const taken = this.callSend(views, viewCount, count)
    if (report.earlierErrors() !== 0) this.onEarlierErrors()
    return taken
  }

  private callSend(views: readonly Uint8Array[], viewCount: number, count: number): number {
    if (viewCount === 1) return send(this.endpoint.number, count, views[0]!)
    if (viewCount > slotCount) return this.endpoint.send(count, views.slice(0, viewCount))
    const args = new Array<unknown>(viewCount + 2)
    args[0] = this.endpoint.number
    args[1] = count
    for (let index = 0; index < viewCount; index++) args[index + 2] = views[index]
    return Reflect.apply(send, undefined, args) as number
  }
}
