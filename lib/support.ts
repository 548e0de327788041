import { binding, Field, Option, report, Wait, type Endpoint, type FieldMasks } from './binding'
import { bytesOf, parseAddress } from './address'
import { receiveSlots, Present, sharedSlots } from './slots'

/** What this kernel does with the fields: what its tables say, less what a try over loopback disproved. */
export interface FieldSupport {
  /** Sent by control message. */
  readonly kernel: FieldMasks
  /** Sent by setting a socket option for one call. */
  readonly emulated: FieldMasks
  readonly receive: FieldMasks
  readonly segmentation: boolean
  readonly sendTime: boolean
  readonly maxSegments: number
}

type Name = 'IPv4' | 'IPv6'

let support: FieldSupport | undefined

/** Tried at the first call, over sockets of its own; remembered. */
export function fieldSupport(): FieldSupport {
  if (support === undefined) {
    // It can be asked for while a message is being written down.
    const slots = sharedSlots.bytes.slice()
    support = probe()
    sharedSlots.bytes.set(slots)
  }
  return support
}

const LOOPBACK = {
  IPv4: parseAddress('127.0.0.1')!,
  IPv6: parseAddress('::1')!,
}
/** On Linux all of 127.0.0.0/8 is ours to send from; elsewhere the kernel refuses, and that says nothing. */
const OTHER_SOURCE = parseAddress('127.0.0.2')!

const EMPTY = new Uint8Array(0)
const chunk = new Uint8Array(1024)
const LEAST_SEGMENTS = 64
const MOST_SEGMENTS = 128

function probe(): FieldSupport {
  const { send, emulated, receive } = binding.kernel
  const kernel = { IPv4: send.IPv4 & ~emulated.IPv4, IPv6: send.IPv6 & ~emulated.IPv6 }
  const told = { ...receive }
  let segmentation = false
  let sendTime = false
  let maxSegments = LEAST_SEGMENTS
  for (const name of ['IPv4', 'IPv6'] as const) {
    const pair = openPair(name)
    if (pair === undefined) continue
    try {
      told[name] &= ~pair.receiver.enableReceive(told[name])
      kernel[name] &= ~disproved(pair, kernel[name], told[name])
      pair.sender.getOption(Option.segment)
      segmentation ||= (kernel[name] & Field.segmentSize) !== 0 && report.status() === 0
      sendTime ||= (kernel[name] & Field.sendTime) !== 0 && pair.sender.setOption(Option.sendTime, 1) === 0
      if (segmentation && manySegments(pair)) maxSegments = MOST_SEGMENTS
    } finally {
      pair.sender.close()
      pair.receiver.close()
    }
  }
  if (!segmentation) {
    kernel.IPv4 &= ~Field.segmentSize
    kernel.IPv6 &= ~Field.segmentSize
  }
  if (!sendTime) {
    kernel.IPv4 &= ~Field.sendTime
    kernel.IPv6 &= ~Field.sendTime
  }
  binding.setMaxSegments(maxSegments)
  return { kernel, emulated, receive: told, segmentation, sendTime, maxSegments }
}

interface Pair {
  readonly name: Name
  readonly sender: Endpoint
  readonly receiver: Endpoint
  readonly port: number
}

/** A sender bound to the wildcard and a receiver on loopback; undefined where this family can't be tried. */
function openPair(name: Name): Pair | undefined {
  const sender = new binding.Endpoint()
  const receiver = new binding.Endpoint()
  const address = LOOPBACK[name]
  const opened =
    sender.open(address.family, 0, 0) === 0 &&
    receiver.open(address.family, 0, 0) === 0 &&
    sender.bind(address.family, bytesOf(address).fill(0), 0, 0) === 0 &&
    receiver.bind(address.family, bytesOf(address), 0, 0) === 0 &&
    receiver.localAddress() === 0
  if (opened) return { name, sender, receiver, port: receiveSlots.port(0) }
  sender.close()
  receiver.close()
  return undefined
}

/** Sends an empty datagram with the given fields set; true when it arrived and stands in receive slot 0. */
function arrives(pair: Pair, fields: number): boolean {
  const address = LOOPBACK[pair.name]
  sharedSlots.clear(0)
  sharedSlots.setDestination(0, address, pair.port)
  sharedSlots.setControlFamily(0, address.family)
  sharedSlots.setBufferCount(0, 1)
  sharedSlots.setSource(0, pair.name === 'IPv4' ? OTHER_SOURCE : address)
  sharedSlots.setTrafficClass(0, TRAFFIC_CLASS, 0xff)
  sharedSlots.setHopLimit(0, HOP_LIMIT)
  sharedSlots.setFields(0, fields)
  if (pair.sender.send(1, EMPTY) !== 1) return false
  // Over loopback it is there at once; a machine that is busy may take its time.
  if (!pair.receiver.waitReadable(1000)) return false
  return pair.receiver.receive(1, 0, 512, 0, chunk, 0, chunk, 0) === 1 && report.wait() === Wait.none
}

const TRAFFIC_CLASS = 0x2a
const HOP_LIMIT = 77

/** Fields that the kernel took and then did not act on. What failed otherwise says nothing about the kernel. */
function disproved(pair: Pair, kernel: number, told: number): number {
  let bits = 0
  if (kernel & Field.source && pair.name === 'IPv4' && arrives(pair, Field.source)) {
    if (receiveSlots.address(0) !== '127.0.0.2') bits |= Field.source
  }
  if (kernel & told & Field.trafficClass && arrives(pair, Field.trafficClass)) {
    const arrived = (receiveSlots.present(0) & Present.trafficClass) !== 0
    if (arrived && receiveSlots.trafficClass(0) !== TRAFFIC_CLASS) bits |= Field.trafficClass
  }
  if (kernel & told & Field.hopLimit && arrives(pair, Field.hopLimit)) {
    const arrived = (receiveSlots.present(0) & Present.hopLimit) !== 0
    if (arrived && receiveSlots.hopLimit(0) !== HOP_LIMIT) bits |= Field.hopLimit
  }
  return bits
}

/** Linux took 64 segments at most, and takes 128 since 6.x (include/linux/udp.h: UDP_MAX_SEGMENTS). */
function manySegments(pair: Pair): boolean {
  binding.setMaxSegments(MOST_SEGMENTS)
  sharedSlots.clear(0)
  sharedSlots.setDestination(0, LOOPBACK[pair.name], pair.port)
  sharedSlots.setControlFamily(0, LOOPBACK[pair.name].family)
  sharedSlots.setBufferCount(0, 1)
  sharedSlots.setSegmentSize(0, 1)
  sharedSlots.setFields(0, Field.segmentSize)
  // Refused, it goes out one by one.
  return pair.sender.send(1, new Uint8Array(MOST_SEGMENTS)) === 1 && !sharedSlots.wentWithoutOffload(0)
}
