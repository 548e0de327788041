import type { BlockList } from 'node:net'
import { binding, report, type Endpoint } from './binding'
import { isBlocked } from './block-list'
import { decodeControl } from './control'
import { Present, receiveSlots } from './slots'
import type { ControlMessage, Family, Message, ReceivedData } from './types'
import type { Room } from './validate'

/** Bytes of the longest train that a kernel makes of datagrams. */
const LONGEST_TRAIN = 65535

const { slotCount, mostSpareChunks, smallChunk: SMALL_CHUNK, largeChunk: LARGE_CHUNK } = binding.layout
/** A message that a program keeps holds its whole chunk alive. */
const SMALL_MESSAGE = binding.layout.smallMessage

const CASTS = [undefined, 'unicast', 'multicast', 'broadcast'] as const

/** What the kernel told of the message in one receive slot, and its data. All messages have the same shape. */
class ReceivedMessage implements Message {
  readonly address: string
  readonly family: Family
  readonly port: number
  size: number
  readonly destination: string | undefined
  readonly interface: number | undefined
  readonly cast: 'unicast' | 'multicast' | 'broadcast' | undefined
  readonly trafficClass: number | undefined
  readonly ecn: number | undefined
  readonly dscp: number | undefined
  readonly hopLimit: number | undefined
  readonly timestamp: bigint | undefined
  readonly segmentSize: number | undefined
  truncated: boolean
  readonly controlTruncated: boolean
  readonly control: ControlMessage[] | undefined
  data: ReceivedData

  constructor(slot: number, data: ReceivedData, size: number, whole: boolean, wantControl: boolean) {
    const present = receiveSlots.present(slot)
    const octet = receiveSlots.trafficClass(slot)
    const trafficClass = (present & Present.trafficClass) === 0 ? undefined : octet
    this.address = receiveSlots.address(slot)
    this.family = receiveSlots.family(slot) === 4 ? 'IPv4' : 'IPv6'
    this.port = receiveSlots.port(slot)
    this.size = size
    this.destination = receiveSlots.destination(slot)
    this.interface = (present & Present.interface) === 0 ? undefined : receiveSlots.interfaceIndex(slot)
    this.cast = CASTS[receiveSlots.cast(slot)]
    this.trafficClass = trafficClass
    // Some kernels tell this half alone.
    this.ecn = (present & (Present.trafficClass | Present.ecn)) === 0 ? undefined : octet & 0x03
    this.dscp = trafficClass === undefined ? undefined : trafficClass >> 2
    this.hopLimit = (present & Present.hopLimit) === 0 ? undefined : receiveSlots.hopLimit(slot)
    this.timestamp = (present & Present.timestamp) === 0 ? undefined : receiveSlots.timestamp(slot)
    const segmentSize = receiveSlots.segmentSize(slot)
    this.segmentSize = whole && segmentSize !== 0 ? segmentSize : undefined
    this.truncated = (present & Present.truncated) !== 0
    this.controlTruncated = (present & Present.controlTruncated) !== 0
    this.control = wantControl
      ? decodeControl(receiveSlots.controlOffset(slot), receiveSlots.controlLength(slot))
      : undefined
    this.data = data
  }
}

/** Memory that received messages are packed into; a full one is left to those who hold its messages. */
class Chunk {
  memory: ReceivedData
  buffer: ArrayBuffer
  used = 0

  constructor(readonly size: number) {
    this.memory = Buffer.allocUnsafeSlow(size)
    this.buffer = this.memory.buffer
  }

  renew(memory = Buffer.allocUnsafeSlow(this.size)): void {
    this.memory = memory
    this.buffer = memory.buffer
    this.used = 0
  }
}

type BufferClass = new (buffer: ArrayBuffer, offset: number, length: number) => ReceivedData

/**
 * What Buffer.subarray() makes, at less than half its price: the class of Node's that buffers are really of
 * (lib/buffer.js, Buffer[Symbol.species]).
 */
const viewOf = ((): ((buffer: ArrayBuffer, start: number, size: number) => ReceivedData) => {
  const Species = (Buffer as unknown as { [Symbol.species]?: BufferClass })[Symbol.species]
  if (Species === undefined || (Species as unknown) === Buffer || Species.prototype !== Buffer.prototype) {
    return (buffer, start, size) => Buffer.from(buffer, start, size)
  }
  return (buffer, start, size) => new Species(buffer, start, size)
})()

/** What small datagrams of trains are copied into. Not Node's pool (Buffer.from), which has 64 kB from Node 24 on. */
const pieces = new Chunk(SMALL_CHUNK)

function copied(data: ReceivedData): ReceivedData {
  const { byteLength } = data
  // A program can have detached it.
  if (pieces.memory.byteLength < pieces.used + byteLength) pieces.renew()
  const copy = viewOf(pieces.buffer, pieces.used, byteLength)
  copy.set(data)
  pieces.used += (byteLength + 7) & ~7
  return copy
}

const small = new Chunk(SMALL_CHUNK)
const large = new Chunk(LARGE_CHUNK)
const chunks = [small, large] as const
/** Large chunks for what `large` has no room for, so that it can be received where it stays. */
const spares: ReceivedData[] = []
const LEAST_SPARES = 4
/** None until large messages come. */
let wantedSpares = 0

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

/** Which messages a socket's owner gets, and what of them. */
export interface ReceiveStyle {
  /** Trains that the kernel coalesced are handed out whole. */
  readonly whole: boolean
  /** Trains may come, and are split. */
  readonly splits: boolean
  readonly wantControl: boolean
  /** Senders that nothing is taken from. */
  readonly blockList: BlockList | undefined
}

/**
 * One recvmmsg: appends what came to `messages`, as many as were asked for (`most`), more where trains are split, fewer where
 * senders are blocked. Returns how many the kernel gave, or the native error, negated.
 */
export function receiveInto(
  messages: Message[],
  endpoint: Endpoint,
  most: number,
  room: Room,
  style: ReceiveStyle,
): number {
  const count = Math.min(most, slotCount)
  for (const chunk of chunks) {
    // A program can detach the memory of a message that it was given; nobody has seen the spare ones.
    if (chunk.memory.byteLength === 0) chunk.renew()
  }
  const received = binding.receive(
    endpoint.number,
    count,
    style.splits ? LONGEST_TRAIN : room.length, // see `shorten`
    room.controlLength,
    style.wantControl ? 1 : 0,
    small.memory,
    small.used,
    large.memory,
    large.used,
    spares,
  )
  if (received <= 0) return received
  let first = 0
  let taken = 0 // large chunks
  for (;;) {
    const packed = report.packed()
    for (let slot = first; slot < packed; slot++) append(messages, slot, style)
    small.used = report.smallUsed()
    large.used = report.largeUsed()
    const filled = report.largeChunk()
    if (filled > 0) {
      large.renew(spares.splice(0, filled).pop())
      large.used = report.largeUsed()
      taken += filled
    }
    if (packed >= received) break
    if (receiveSlots.size(packed) < SMALL_MESSAGE) {
      small.renew()
    } else {
      large.renew()
      taken++
    }
    first = packed
    endpoint.pack(first, received, small.memory, small.used, large.memory, large.used)
    // An empty chunk has room for any message.
    if (report.packed() <= first) throw new Error('The addon found no room for a received message in an empty chunk')
  }
  if (large.used > 0) {
    if (wantedSpares === 0) keepFreedMemory()
    // As many as any batch took: so much a thread holds.
    wantedSpares = Math.min(mostSpareChunks, Math.max(LEAST_SPARES, wantedSpares, taken))
    while (spares.length < wantedSpares) spares.push(Buffer.allocUnsafeSlow(LARGE_CHUNK))
  }
  return received
}

function append(messages: Message[], slot: number, style: ReceiveStyle): void {
  const chunk = receiveSlots.chunk(slot)
  const buffer = chunk < chunks.length ? chunks[chunk as 0 | 1].buffer : spares[chunk - chunks.length]!.buffer
  const start = receiveSlots.offset(slot)
  const size = receiveSlots.size(slot)
  const { whole, splits, wantControl, blockList } = style
  if (blockList !== undefined) {
    const family = receiveSlots.family(slot) === 4 ? 'IPv4' : 'IPv6'
    if (isBlocked(blockList, receiveSlots.address(slot), family)) return
  }
  if (!splits) {
    messages.push(new ReceivedMessage(slot, viewOf(buffer, start, size), size, whole, wantControl))
    return
  }
  const segmentSize = receiveSlots.segmentSize(slot) || size
  const end = start + size
  let at = start
  do {
    let data = viewOf(buffer, at, Math.min(segmentSize, end - at))
    // A small one must not hold the whole train.
    if (data.byteLength < SMALL_MESSAGE && data.byteLength < size) data = copied(data)
    messages.push(new ReceivedMessage(slot, data, data.byteLength, false, wantControl))
    at += segmentSize
  } while (at < end)
}

/**
 * What a caller's room leaves of a message. Where trains are split the kernel can't be told: in too little room for a
 * train it would drop the datagrams that follow.
 */
export function shorten(message: Message, length: number): void {
  if (message.size <= length) return
  message.data = message.data.subarray(0, length)
  message.size = length
  message.truncated = true
}
