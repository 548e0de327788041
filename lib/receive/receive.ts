import type { BlockList } from 'node:net'
import { binding, report, type Endpoint } from '../native/addon'
import { isBlocked } from '../message/block-list'
import { allocateShared } from '../native/shared-memory'
import { receiveSlots } from '../native/slots'
import type { Message, MessageInfo, ReceivedData } from '../types'
import { ReceivedInfo, ReceivedMessage } from './message'
import type { Room } from './room'

const { slotCount, mostSpareChunks, smallChunk: SMALL_CHUNK, largeChunk: LARGE_CHUNK } = binding.layout
/** Coalesced datagrams are no longer, all together, than one datagram can be. */
const LONGEST_TRAIN = binding.layout.maxDatagram
/** A message that a program keeps holds its whole chunk alive. */
const SMALL_MESSAGE = binding.layout.smallMessage

/** Memory that received messages are packed into; a full one is left to those who hold its messages. */
class Chunk {
  memory: ReceivedData
  buffer: ArrayBuffer
  used = 0

  constructor(readonly size: number) {
    this.memory = allocateShared(size)
    this.buffer = this.memory.buffer
  }

  renew(memory = allocateShared(this.size)): void {
    this.memory = memory
    this.buffer = memory.buffer
    this.used = 0
  }

  /** For what was received already: where there is no memory for a chunk, for this message alone. */
  renewFor(size: number): void {
    let memory: ReceivedData
    try {
      memory = allocateShared(this.size)
    } catch {
      memory = allocateShared(Math.max(1, size))
    }
    this.renew(memory)
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

/**
 * What small coalesced datagrams are copied into when they are split. Not Node's pool (Buffer.from), which has 64 kB from Node
 * 24 on.
 */
const pieces = new Chunk(SMALL_CHUNK)

function copied(data: ReceivedData): ReceivedData {
  const { byteLength } = data
  // A program can have detached it.
  if (pieces.memory.byteLength < pieces.used + byteLength) pieces.renewFor(byteLength)
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

/** What is made of received messages: objects that have their data, infos with the data beside them, or both. */
export interface Form {
  readonly messages: boolean
  readonly infos: boolean
}

export const MESSAGES: Form = { messages: true, infos: false }

const NO_INFOS: MessageInfo[] = []
const NO_DATA: ReceivedData[] = []

/** Received messages, in order, in the forms that were asked for; `data` goes with `infos`. */
export class Batch {
  readonly messages: Message[] = []
  readonly infos: MessageInfo[]
  readonly data: ReceivedData[]

  constructor(readonly form: Form) {
    this.infos = form.infos ? [] : NO_INFOS
    this.data = form.infos ? [] : NO_DATA
  }

  get length(): number {
    return this.form.messages ? this.messages.length : this.infos.length
  }

  /** Messages `first` to `end`. Infos stand alone where nobody asked for messages when they came. */
  messagesFrom(first: number, end: number): Message[] {
    if (this.form.messages) return this.messages.slice(first, end)
    return this.infos.slice(first, end).map((info, at) => ({ ...info, data: this.data[first + at]! }))
  }

  infoAt(index: number): MessageInfo {
    if (this.form.infos) return this.infos[index]!
    const info: Partial<Message> & MessageInfo = { ...this.messages[index]! }
    delete info.data
    return info
  }

  dataAt(index: number): ReceivedData {
    return this.form.infos ? this.data[index]! : this.messages[index]!.data
  }

  /** Leaves out what `drops` says, from index `first` on. */
  filter(first: number, drops: (info: MessageInfo) => boolean): void {
    const { form, messages, infos, data } = this
    let kept = first
    const end = this.length
    for (let index = first; index < end; index++) {
      if (drops(form.messages ? messages[index]! : infos[index]!)) continue
      if (form.messages) messages[kept] = messages[index]!
      if (form.infos) {
        infos[kept] = infos[index]!
        data[kept] = data[index]!
      }
      kept++
    }
    if (form.messages) messages.length = kept
    if (form.infos) infos.length = data.length = kept
  }
}

/**
 * One recvmmsg: appends what came to `batch`, at most `most` messages, or more where coalesced datagrams are split. Returns how
 * many the kernel gave, or the native error, negated. No code of the program runs meanwhile: all is read out of the shared memory.
 */
export function receiveInto(
  batch: Batch,
  endpoint: Endpoint,
  most: number,
  room: Room,
  style: ReceiveStyle,
  form: Form,
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
    for (let slot = first; slot < packed; slot++) append(batch, slot, style, form)
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
      small.renewFor(receiveSlots.size(packed))
    } else {
      large.renewFor(receiveSlots.size(packed))
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
    addSpares()
  }
  return received
}

/** They save a copy, and are no reason to lose what was received. */
function addSpares(): void {
  try {
    while (spares.length < wantedSpares) spares.push(allocateShared(LARGE_CHUNK))
  } catch {
    // There is no memory for them now.
  }
}

function append(batch: Batch, slot: number, style: ReceiveStyle, form: Form): void {
  const chunk = receiveSlots.chunk(slot)
  const buffer = chunk < chunks.length ? chunks[chunk as 0 | 1].buffer : spares[chunk - chunks.length]!.buffer
  const start = receiveSlots.offset(slot)
  const size = receiveSlots.size(slot)
  const { whole, wantControl } = style
  const segmentSize = whole ? 0 : receiveSlots.segmentSize(slot)
  if (segmentSize === 0) {
    add(batch, slot, viewOf(buffer, start, size), size, whole, wantControl, form)
    return
  }
  const end = start + size
  for (let at = start; at < end; at += segmentSize) {
    let data = viewOf(buffer, at, Math.min(segmentSize, end - at))
    // A small one must not keep the memory of all of them.
    if (data.byteLength < SMALL_MESSAGE) data = copied(data)
    add(batch, slot, data, data.byteLength, false, wantControl, form)
  }
}

function add(
  batch: Batch,
  slot: number,
  data: ReceivedData,
  size: number,
  whole: boolean,
  wantControl: boolean,
  form: Form,
): void {
  if (form.messages) batch.messages.push(new ReceivedMessage(slot, data, size, whole, wantControl))
  if (form.infos) {
    batch.infos.push(new ReceivedInfo(slot, size, whole, wantControl))
    batch.data.push(data)
  }
}

/**
 * Leaves out, from index `first` on, what blocked senders sent. The list can be the program's own code: it can throw, and then
 * its message is left out, the others are kept, and the first such error is returned.
 */
export function dropBlocked(batch: Batch, first: number, blockList: BlockList): { error: unknown } | undefined {
  let failure: { error: unknown } | undefined
  // Of one sender several often come in a row, of coalesced datagrams always.
  let asked: string | undefined
  let answer = false
  batch.filter(first, ({ address, family }) => {
    if (address === asked) return answer
    try {
      answer = isBlocked(blockList, address, family)
      asked = address
      return answer
    } catch (error) {
      failure ??= { error }
      return true
    }
  })
  return failure
}

/**
 * What a caller's room leaves of a message. Where coalesced datagrams are split the kernel cannot be
 * told: with too little room for all of them it would drop those that follow.
 */
export function shorten(message: Message, length: number): void {
  if (message.size <= length) return
  message.data = message.data.subarray(0, length)
  message.size = length
  message.truncated = true
}
