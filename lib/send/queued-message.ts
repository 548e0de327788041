import { invalidState, type ErrorPlace } from '../errors/socket-error'
import { progressOf, SEND_SLOT_SIZE, setProgress, setWholeRest } from '../native/slots'
import { ListNode } from '../util/linked-list'
import { byteLengthOf, partOf } from '../util/validate'
import type { SendRequest } from './send-request'

/** One message that waits. */
export class QueuedMessage extends ListNode {
  /** Its send slot, which also holds how many of its bytes the kernel has taken. */
  readonly slot: Uint8Array
  views: readonly Uint8Array[]
  /** Bytes of the views. */
  size: number
  private lengths: readonly number[]
  /** Bytes of the message that the kernel took before the rest was copied. */
  private before = 0

  constructor(
    slot: Uint8Array,
    views: readonly Uint8Array[],
    readonly records: Uint8Array | undefined,
    readonly place: Readonly<ErrorPlace> | undefined,
    public request: SendRequest,
  ) {
    super()
    this.slot = slot
    this.views = views
    this.lengths = views.map(byteLengthOf)
    this.size = this.lengths.reduce((sum, length) => sum + length, 0)
  }

  /** Bytes of the views that the kernel has taken. */
  get progress(): number {
    return progressOf(this.slot)
  }

  /** Bytes of the whole message that the kernel has taken. */
  get sent(): number {
    return this.before + this.progress
  }

  /** Bytes of the whole message. */
  get total(): number {
    return this.before + this.size
  }

  addProgress(bytes: number): void {
    setProgress(this.slot, this.progress + bytes)
  }

  /** @throws ERR_INVALID_STATE when the memory of a view has changed since the message was checked */
  checkData(): void {
    if (this.views.every((view, index) => byteLengthOf(view) === this.lengths[index])) return
    throw invalidState('The data was detached or resized while it waited to be sent')
  }

  /** Copies slot `index` of `bytes`: the progress of a segmented message, and whether it is sent without offload. */
  takeSlot(bytes: Uint8Array, index: number): void {
    this.slot.set(bytes.subarray(index * SEND_SLOT_SIZE, (index + 1) * SEND_SLOT_SIZE))
  }

  /**
   * Replaces the caller's memory by a copy of what is still to be sent.
   * @throws RangeError when there is no memory for the copy, ERR_INVALID_STATE when the data is detached
   */
  copyRest(): void {
    const { progress } = this
    this.checkData()
    const rest = Buffer.allocUnsafeSlow(this.size - progress)
    let skip = progress
    let at = 0
    for (const view of this.views) {
      const length = byteLengthOf(view)
      const start = Math.min(skip, length)
      skip -= start
      rest.set(partOf(view, start), at)
      at += length - start
    }
    this.before += progress
    this.views = [rest]
    this.lengths = [rest.byteLength]
    this.size = rest.byteLength
    setWholeRest(this.slot)
  }
}
