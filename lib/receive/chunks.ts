import { binding, receiveAreaMemory, type Endpoint } from '../native/addon'
import { DataPlace } from '../native/constants'
import { allocateShared, viewOf } from '../native/shared-memory'
import { receiveSlots } from '../native/slots'
import type { ReceivedData } from '../types'

// Received messages are packed into chunks of memory. A chunk lives as long as a message in it. Small messages have chunks of
// their own, so that a small message that a program keeps does not keep a large chunk.

const { maxChunks, smallMessage: SMALL_MESSAGE, smallChunk, largeChunk, receiveStride } = binding.layout
const { receiveArea: IN_RECEIVE_AREA, smallChunk: IN_SMALL_CHUNK, largeChunk: IN_LARGE_CHUNK } = DataPlace

/** Chunks that are filled in order: the first, then the spare ones, of which there are as many as one batch has ever filled. */
class ChunkList {
  readonly buffers: ArrayBuffer[] = []
  /** The chunk that is filled now. During a batch it can be a spare one. */
  current = 0
  /** Bytes used of it. */
  used = 0
  private wanted = 0

  constructor(
    private readonly size: number,
    private readonly minSpares: number,
    private readonly onFirstUse?: () => void,
  ) {}

  /** Leaves full chunks to those who hold their messages. */
  begin(): void {
    const { buffers } = this
    if (this.current > 0) buffers.splice(0, this.current)
    this.current = 0
    // A program can detach the memory of a message that it was given; nobody has seen the spare chunks.
    if (buffers[0]?.byteLength === 0) {
      buffers.shift()
      this.used = 0
    }
  }

  /** Moves on to a chunk with room for `size` bytes: they start at `used`. */
  reserve(size: number): void {
    const { buffers } = this
    while (this.current < buffers.length && buffers[this.current]!.byteLength - this.used < size) {
      this.current++
      this.used = 0
    }
    if (this.current === buffers.length) buffers.push(this.allocateFor(size))
  }

  /** Notes that `size` bytes at `offset` of chunk `current` are used. */
  use(current: number, offset: number, size: number): void {
    this.current = current
    this.used = (offset + size + 7) & ~7
  }

  end(): void {
    if (this.used === 0) return
    const filled = this.current
    this.begin()
    if (this.wanted === 0) this.onFirstUse?.()
    this.wanted = Math.min(maxChunks, Math.max(this.wanted, 1 + Math.max(this.minSpares, filled)))
    if (this.buffers.length < this.wanted) this.addSpares()
  }

  /** Spare chunks save a copy, and are no reason to lose what was received. */
  private addSpares(): void {
    try {
      while (this.buffers.length < this.wanted) this.buffers.push(allocateShared(this.size))
    } catch {
      // There is no memory for them now.
    }
  }

  /** For what was received already: where there is no memory for a chunk, for this message alone. */
  private allocateFor(size: number): ArrayBuffer {
    try {
      return allocateShared(this.size)
    } catch {
      return allocateShared(Math.max(1, size))
    }
  }
}

/**
 * Once glibc has freed a block of this size it keeps up to twice as much of what is freed later (mallopt(3),
 * M_MMAP_THRESHOLD), unless the program or its environment set what it keeps. Or else all above 128 kB goes back to the
 * system whenever the garbage collector frees chunks, 32 MB at a time, and every page of it is faulted in again.
 */
const KEPT_FROM_BLOCK = 24 * 1024 * 1024

function keepFreedMemory(): void {
  try {
    Buffer.allocUnsafeSlow(KEPT_FROM_BLOCK)
  } catch {
    // Where memory is that scarce it had better go back.
  }
}

const small = new ChunkList(smallChunk, 1)
const large = new ChunkList(largeChunk, 4, keepFreedMemory)

/**
 * Receives up to `count` messages into the chunks. Returns how many, or the native error, negated. bufferOf() has their data
 * until endBatch().
 */
export function receiveIntoChunks(
  endpoint: Endpoint,
  count: number,
  length: number,
  controlLength: number,
  wantControl: boolean,
): number {
  small.begin()
  large.begin()
  const received = binding.receive(
    endpoint.number,
    count,
    length,
    controlLength,
    wantControl ? 1 : 0,
    small.buffers,
    small.used,
    large.buffers,
    large.used,
  )
  for (let slot = 0; slot < received; slot++) {
    const place = receiveSlots.place(slot)
    if (place === IN_RECEIVE_AREA) {
      moveIntoChunk(slot)
    } else {
      const list = place === IN_LARGE_CHUNK ? large : small
      list.use(receiveSlots.chunk(slot), receiveSlots.offset(slot), receiveSlots.size(slot))
    }
  }
  return received
}

/** There was no room: a batch has filled more chunks than were expected. */
function moveIntoChunk(slot: number): void {
  const size = receiveSlots.size(slot)
  const isSmall = size < SMALL_MESSAGE
  const list = isSmall ? small : large
  list.reserve(size)
  const { current, used, buffers } = list
  const received = new Uint8Array(receiveAreaMemory, slot * receiveStride + receiveSlots.offset(slot), size)
  new Uint8Array(buffers[current]!, used, size).set(received)
  receiveSlots.setPlace(slot, isSmall ? IN_SMALL_CHUNK : IN_LARGE_CHUNK, current, used)
  list.use(current, used, size)
}

/** The chunk that has the message in this slot. */
export const bufferOf = (slot: number): ArrayBuffer =>
  (receiveSlots.place(slot) === IN_LARGE_CHUNK ? large : small).buffers[receiveSlots.chunk(slot)]!

/** Copies one of several coalesced datagrams where it is small: it must not keep the memory of all of them. */
export function copiedIfSmall(data: ReceivedData): ReceivedData {
  const { byteLength } = data
  if (byteLength >= SMALL_MESSAGE) return data
  small.reserve(byteLength)
  const { current, used, buffers } = small
  const copy = viewOf(buffers[current]!, used, byteLength)
  copy.set(data)
  small.use(current, used, byteLength)
  return copy
}

export function endBatch(): void {
  small.end()
  large.end()
}
