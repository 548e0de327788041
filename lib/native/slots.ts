import { memberOf, numberOf, receiveSlotMemory, sendSlotMemory } from './addon'
import { formatIPv4, formatIPv6, type ParsedAddress } from './address'
import { DontFragment } from './constants'

export const SEND_SLOT_SIZE = numberOf('send', 'slotSize')
const RECEIVE_SLOT_SIZE = numberOf('receive', 'slotSize')

const { mayFragment, neverFragment } = DontFragment

/** Offsets of members that hold one number, by name. */
const membersOf = (slot: 'send' | 'receive') => ({
  uint8: (name: string): number => memberOf(slot, name, 1),
  uint32: (name: string): number => memberOf(slot, name, 4),
  bigInt64: (name: string): number => memberOf(slot, name, 8),
})

export const sendMember = membersOf('send')
export const receiveMember = membersOf('receive')

const FIELDS = numberOf('send', 'fields') >> 2
const DESTINATION_SCOPE = numberOf('send', 'destinationScope') >> 2
const BUFFER_COUNT = numberOf('send', 'bufferCount') >> 2
const PROGRESS = numberOf('send', 'progress') >> 2
const SENT = numberOf('send', 'sent') >> 2
const CONTROL_OFFSET = numberOf('send', 'controlOffset') >> 2
const CONTROL_LENGTH = numberOf('send', 'controlLength') >> 2
const DESTINATION_PORT = numberOf('send', 'destinationPort') >> 1
const DESTINATION_FAMILY = numberOf('send', 'destinationFamily')
const CONTROL_FAMILY = numberOf('send', 'controlFamily')
const DONT_FRAGMENT = numberOf('send', 'dontFragment')
const FLAGS = numberOf('send', 'flags')
const DESTINATION = numberOf('send', 'destination') >> 2
const SOURCE = numberOf('send', 'source') >> 2

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
    this.bytes[index * SEND_SLOT_SIZE + DONT_FRAGMENT] = value ? neverFragment : mayFragment
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

  /** Bytes of a segmented message that the kernel has taken so far. */
  progress(index: number): number {
    return this.words[((index * SEND_SLOT_SIZE) >> 2) + PROGRESS]!
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

const ADDRESS_SCOPE = numberOf('receive', 'addressScope') >> 2
const SIZE = numberOf('receive', 'size') >> 2
const OFFSET = numberOf('receive', 'offset') >> 2
const RECEIVE_CONTROL_OFFSET = numberOf('receive', 'controlOffset') >> 2
const RECEIVE_CONTROL_LENGTH = numberOf('receive', 'controlLength') >> 2
const RECEIVE_SEGMENT_SIZE = numberOf('receive', 'segmentSize') >> 2
const PORT = numberOf('receive', 'port') >> 1
const FAMILY = numberOf('receive', 'family')
const DESTINATION_FAMILY_TOLD = numberOf('receive', 'destinationFamily')
const PRESENT = numberOf('receive', 'present') >> 2
const PLACE = numberOf('receive', 'place')
const CHUNK = numberOf('receive', 'chunk')
const ADDRESS = numberOf('receive', 'address') >> 2
const DESTINATION_TOLD = numberOf('receive', 'destination') >> 2

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

/** The slots that the addon writes. */
export const receiveSlots = {
  // What a field holds, by the offset that receiveMember gives for its name.
  uint8: byteAt,
  uint32: (index: number, member: number): number => words[(index * RECEIVE_SLOT_SIZE + member) >> 2]!,
  bigInt64: (index: number, member: number): bigint => longs[(index * RECEIVE_SLOT_SIZE + member) >> 3]!,

  /** Bits of Field and Present. */
  present: (index: number): number => wordAt(index, PRESENT),
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
  /** A DataPlace. */
  place: (index: number): number => byteAt(index, PLACE),
  chunk: (index: number): number => byteAt(index, CHUNK),
  setPlace: (index: number, place: number, chunk: number, offset: number): void => {
    bytes[index * RECEIVE_SLOT_SIZE + PLACE] = place
    bytes[index * RECEIVE_SLOT_SIZE + CHUNK] = chunk
    words[((index * RECEIVE_SLOT_SIZE) >> 2) + OFFSET] = offset
  },
  segmentSize: (index: number): number => wordAt(index, RECEIVE_SEGMENT_SIZE),
  controlOffset: (index: number): number => wordAt(index, RECEIVE_CONTROL_OFFSET),
  controlLength: (index: number): number => wordAt(index, RECEIVE_CONTROL_LENGTH),
}
