import { binding, offsetOf, receiveSlotMemory, sendSlotMemory } from './addon'
import { formatIPv4, formatIPv6, type ParsedAddress } from './address'

const send = binding.layout.send
const receive = binding.layout.receive

type Layout = typeof send

/**
 * Where member `name` of a slot stands: `bytes` before the next member, as the slots have no padding. Another size means that
 * the two sides do not belong together.
 */
function memberOf(layout: Layout, name: string, bytes: number): number {
  const offset = offsetOf(layout, name)
  const next = Math.min(...Object.values(layout).filter((other) => other > offset))
  if (next - offset !== bytes) {
    throw new Error(`The addon and the library do not belong together: ${name} has ${String(next - offset)} bytes`)
  }
  return offset
}

/** Offsets of members that hold one number, by name. */
const membersOf = (layout: Layout) => ({
  uint8: (name: string): number => memberOf(layout, name, 1),
  uint32: (name: string): number => memberOf(layout, name, 4),
  bigInt64: (name: string): number => memberOf(layout, name, 8),
})

export const sendMember = membersOf(send)
export const receiveMember = membersOf(receive)

export const SEND_SLOT_SIZE = offsetOf(send, 'slotSize')
const RECEIVE_SLOT_SIZE = offsetOf(receive, 'slotSize')

const FIELDS = offsetOf(send, 'fields') >> 2
const DESTINATION_SCOPE = offsetOf(send, 'destinationScope') >> 2
const BUFFER_COUNT = offsetOf(send, 'bufferCount') >> 2
const PROGRESS = offsetOf(send, 'progress') >> 2
const SENT = offsetOf(send, 'sent') >> 2
const CONTROL_OFFSET = offsetOf(send, 'controlOffset') >> 2
const CONTROL_LENGTH = offsetOf(send, 'controlLength') >> 2
const DESTINATION_PORT = offsetOf(send, 'destinationPort') >> 1
const DESTINATION_FAMILY = offsetOf(send, 'destinationFamily')
const CONTROL_FAMILY = offsetOf(send, 'controlFamily')
const DONT_FRAGMENT = offsetOf(send, 'dontFragment')
const FLAGS = offsetOf(send, 'flags')
const WITHOUT_OFFLOAD = offsetOf(send, 'withoutOffload')
const DESTINATION = offsetOf(send, 'destination') >> 2
const SOURCE = offsetOf(send, 'source') >> 2

/** Send slots in one piece of memory: the shared one, or one that a message waits in. */
export class SendSlots {
  readonly bytes: Uint8Array
  private readonly halves: Uint16Array
  private readonly words: Uint32Array
  private readonly doubles: Float64Array
  private readonly longs: BigUint64Array

  constructor(memory: ArrayBuffer) {
    this.bytes = new Uint8Array(memory)
    this.halves = new Uint16Array(memory)
    this.words = new Uint32Array(memory)
    this.doubles = new Float64Array(memory)
    this.longs = new BigUint64Array(memory)
  }

  clear(index: number): void {
    const { doubles } = this
    const first = (index * SEND_SLOT_SIZE) >> 3
    // Faster than fill() for so few.
    for (let at = first; at < first + SEND_SLOT_SIZE / 8; at++) doubles[at] = 0
  }

  // What a field holds, by the offset that sendMember gives for its name.

  setUint8(index: number, member: number, value: number): void {
    this.bytes[index * SEND_SLOT_SIZE + member] = value
  }

  setUint32(index: number, member: number, value: number): void {
    this.words[(index * SEND_SLOT_SIZE + member) >> 2] = value
  }

  setBigUint64(index: number, member: number, value: bigint): void {
    this.longs[(index * SEND_SLOT_SIZE + member) >> 3] = value
  }

  /** The first `count` slots. */
  copyFrom(other: SendSlots, count: number): void {
    this.bytes.set(other.bytes.subarray(0, count * SEND_SLOT_SIZE))
  }

  setDestination(index: number, address: ParsedAddress, port: number): void {
    const word = (index * SEND_SLOT_SIZE) >> 2
    this.bytes[index * SEND_SLOT_SIZE + DESTINATION_FAMILY] = address.family
    this.halves[((index * SEND_SLOT_SIZE) >> 1) + DESTINATION_PORT] = port
    this.words[word + DESTINATION_SCOPE] = address.scope
    this.words[word + DESTINATION] = address.w0
    this.words[word + DESTINATION + 1] = address.w1
    this.words[word + DESTINATION + 2] = address.w2
    this.words[word + DESTINATION + 3] = address.w3
  }

  /** The connected peer: what is remembered of a destination is found by it. */
  setPeer(index: number, address: ParsedAddress): void {
    const word = ((index * SEND_SLOT_SIZE) >> 2) + DESTINATION
    this.words[word] = address.w0
    this.words[word + 1] = address.w1
    this.words[word + 2] = address.w2
    this.words[word + 3] = address.w3
  }

  setSource(index: number, address: ParsedAddress): void {
    const word = ((index * SEND_SLOT_SIZE) >> 2) + SOURCE
    this.words[word] = address.w0
    this.words[word + 1] = address.w1
    this.words[word + 2] = address.w2
    this.words[word + 3] = address.w3
  }

  setControlFamily(index: number, family: number): void {
    this.bytes[index * SEND_SLOT_SIZE + CONTROL_FAMILY] = family
  }

  setDontFragment(index: number, value: boolean): void {
    this.bytes[index * SEND_SLOT_SIZE + DONT_FRAGMENT] = value ? 2 : 1
  }

  setFlags(index: number, value: number): void {
    this.bytes[index * SEND_SLOT_SIZE + FLAGS] = value
  }

  setBufferCount(index: number, value: number): void {
    this.words[((index * SEND_SLOT_SIZE) >> 2) + BUFFER_COUNT] = value
  }

  setControl(index: number, offset: number, length: number): void {
    const word = (index * SEND_SLOT_SIZE) >> 2
    this.words[word + CONTROL_OFFSET] = offset
    this.words[word + CONTROL_LENGTH] = length
  }

  setFields(index: number, fields: number): void {
    this.words[((index * SEND_SLOT_SIZE) >> 2) + FIELDS] = fields
  }

  bufferCount(index: number): number {
    return this.words[((index * SEND_SLOT_SIZE) >> 2) + BUFFER_COUNT]!
  }

  /** Bytes of a train that the kernel has taken so far. */
  progress(index: number): number {
    return this.words[((index * SEND_SLOT_SIZE) >> 2) + PROGRESS]!
  }

  /** Whether offload failed for a segmented message. */
  wentWithoutOffload(index: number): boolean {
    return this.bytes[index * SEND_SLOT_SIZE + WITHOUT_OFFLOAD] !== 0
  }

  sent(index: number): number {
    return this.words[((index * SEND_SLOT_SIZE) >> 2) + SENT]!
  }
}

const wordsOf = (slot: Uint8Array): Uint32Array => new Uint32Array(slot.buffer, slot.byteOffset, slot.byteLength >> 2)

/** Bytes of a segmented message that the kernel has taken, of a slot by itself. */
export const progressOf = (slot: Uint8Array): number => wordsOf(slot)[PROGRESS]!

export function setProgress(slot: Uint8Array, bytes: number): void {
  wordsOf(slot)[PROGRESS] = bytes
}

/** For a message whose rest now stands in one view. */
export function setWholeRest(slot: Uint8Array): void {
  const words = wordsOf(slot)
  words[PROGRESS] = 0
  words[BUFFER_COUNT] = 1
}

/** The slots that the addon reads. */
export const sharedSlots = new SendSlots(sendSlotMemory)

const ADDRESS_SCOPE = offsetOf(receive, 'addressScope') >> 2
const SIZE = offsetOf(receive, 'size') >> 2
const OFFSET = offsetOf(receive, 'offset') >> 2
const RECEIVE_CONTROL_OFFSET = offsetOf(receive, 'controlOffset') >> 2
const RECEIVE_CONTROL_LENGTH = offsetOf(receive, 'controlLength') >> 2
const RECEIVE_SEGMENT_SIZE = offsetOf(receive, 'segmentSize') >> 2
const PORT = offsetOf(receive, 'port') >> 1
const FAMILY = offsetOf(receive, 'family')
const DESTINATION_FAMILY_TOLD = offsetOf(receive, 'destinationFamily')
const PRESENT = offsetOf(receive, 'present')
const CHUNK = offsetOf(receive, 'chunk')
const ADDRESS = offsetOf(receive, 'address') >> 2
const DESTINATION_TOLD = offsetOf(receive, 'destination') >> 2

const bytes = new Uint8Array(receiveSlotMemory)
const halves = new Uint16Array(receiveSlotMemory)
const words = new Uint32Array(receiveSlotMemory)
const longs = new BigInt64Array(receiveSlotMemory)

const byteAt = (index: number, offset: number): number => bytes[index * RECEIVE_SLOT_SIZE + offset]!
const wordAt = (index: number, offset: number): number => words[((index * RECEIVE_SLOT_SIZE) >> 2) + offset]!

function textAt(family: number, index: number, offset: number, scope: number): string {
  const word = ((index * RECEIVE_SLOT_SIZE) >> 2) + offset
  if (family === 4) return formatIPv4(words[word]!)
  return formatIPv6(words[word]!, words[word + 1]!, words[word + 2]!, words[word + 3]!, scope)
}

/** src/slot.h: Present. */
export const Present = {
  interface: 1,
  trafficClass: 2,
  hopLimit: 4,
  timestamp: 8,
  truncated: 16,
  controlTruncated: 32,
  ecn: 64,
} as const

/** The slots that the addon writes. */
export const receiveSlots = {
  // What a field holds, by the offset that receiveMember gives for its name.
  uint8: byteAt,
  uint32: (index: number, member: number): number => words[(index * RECEIVE_SLOT_SIZE + member) >> 2]!,
  bigInt64: (index: number, member: number): bigint => longs[(index * RECEIVE_SLOT_SIZE + member) >> 3]!,

  present: (index: number): number => byteAt(index, PRESENT),
  family: (index: number): number => byteAt(index, FAMILY),
  address: (index: number): string => textAt(byteAt(index, FAMILY), index, ADDRESS, wordAt(index, ADDRESS_SCOPE)),
  parsed: (index: number): ParsedAddress => ({
    family: byteAt(index, FAMILY) === 4 ? 4 : 6,
    w0: wordAt(index, ADDRESS),
    w1: wordAt(index, ADDRESS + 1),
    w2: wordAt(index, ADDRESS + 2),
    w3: wordAt(index, ADDRESS + 3),
    scope: wordAt(index, ADDRESS_SCOPE),
  }),
  port: (index: number): number => halves[((index * RECEIVE_SLOT_SIZE) >> 1) + PORT]!,
  destination: (index: number): string | undefined => {
    const family = byteAt(index, DESTINATION_FAMILY_TOLD)
    return family === 0 ? undefined : textAt(family, index, DESTINATION_TOLD, 0)
  },
  size: (index: number): number => wordAt(index, SIZE),
  offset: (index: number): number => wordAt(index, OFFSET),
  chunk: (index: number): number => byteAt(index, CHUNK),
  segmentSize: (index: number): number => wordAt(index, RECEIVE_SEGMENT_SIZE),
  controlOffset: (index: number): number => wordAt(index, RECEIVE_CONTROL_OFFSET),
  controlLength: (index: number): number => wordAt(index, RECEIVE_CONTROL_LENGTH),
}
