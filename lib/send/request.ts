import { invalidState, type ErrorPlace } from '../errors/socket-error'
import { ListNode } from '../util/linked-list'
import { progressOf, SEND_SLOT_SIZE, setProgress, setWholeRest } from '../native/slots'
import { byteLengthOf, partOf } from '../util/validate'

/** One sendmsg or sendmmsg whose messages wait. They stand in the queue one after the other. */
export abstract class SendRequest {
  /** The call in the words of its error. */
  abstract readonly syscall: string
  /** Messages that still stand in the queue, and the first of them. */
  left = 0
  first: QueuedMessage | undefined
  /** Messages that the kernel took. */
  taken = 0
  /** Bytes of the last of them. */
  bytes = 0
  private settled = false

  /** Settles the request once: what is told to it afterwards is ignored. */
  done(): void {
    if (this.settled) return
    this.settled = true
    this.resolved()
  }

  failed(error: Error): void {
    if (this.settled) return
    this.settled = true
    // The error of a batch says how many of its messages went before.
    this.rejected(this.syscall === 'sendmmsg' ? Object.assign(error, { sent: this.taken }) : error)
  }

  get isSettled(): boolean {
    return this.settled
  }

  protected abstract resolved(): void
  protected abstract rejected(error: Error): void
}

/** The rest of a segmented message whose call is settled: nobody waits for it, and it is a copy of the caller's data. */
export class DetachedSend extends SendRequest {
  readonly syscall = 'sendmsg'

  constructor(private readonly onError: (error: Error) => void) {
    super()
  }

  protected override resolved(): void {
    // The call was told when the start of the message was sent.
  }

  protected override rejected(error: Error): void {
    this.onError(error)
  }
}

/** One message that waits. */
export class QueuedMessage extends ListNode {
  /** Its send slot, with the bytes of it that the kernel has taken. */
  readonly slot: Uint8Array
  views: readonly Uint8Array[]
  lengths: readonly number[]
  /** Bytes of the views. */
  size: number
  /** Bytes of the message that the kernel took before its rest was copied. */
  private before = 0

  constructor(
    slot: Uint8Array,
    views: readonly Uint8Array[],
    lengths: readonly number[],
    readonly records: Uint8Array | undefined,
    readonly place: Readonly<ErrorPlace> | undefined,
    public request: SendRequest,
  ) {
    super()
    this.slot = slot
    this.views = views
    this.lengths = lengths
    this.size = lengths.reduce((sum, length) => sum + length, 0)
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

  /** Copies slot `index` of `bytes`: how far a segmented message has come, and whether it goes without offload. */
  takeSlot(bytes: Uint8Array, index: number): void {
    this.slot.set(bytes.subarray(index * SEND_SLOT_SIZE, (index + 1) * SEND_SLOT_SIZE))
  }

  /**
   * Replaces the caller's memory by a copy of what is still to be sent.
   * @throws RangeError when there is no memory for it, ERR_INVALID_STATE when the data is gone
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
