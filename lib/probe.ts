import { binding, receiveAreaMemory, report, type Endpoint, type FieldMasks } from './native/addon'
import { bytesOf, parseAddress } from './native/address'
import { fromNative } from './errors/socket-error'
import { Field, Option, SendClock } from './native/constants'
import { receiveMember, receiveSlots, sendMember, sharedSlots } from './native/slots'

/**
 * What this kernel does with the fields: what its tables say, less what a try over loopback disproved. What could not be
 * tried follows the tables.
 */
export interface FieldSupport {
  /** Sent by control message. */
  readonly kernel: FieldMasks
  /** Sent by setting a socket option for one call. */
  readonly emulated: FieldMasks
  readonly receive: FieldMasks
  readonly segmentation: boolean
  readonly maxSegments: number
  /** Every try came to a result. Until then the tries are repeated. */
  readonly concluded: boolean
}

type Name = 'IPv4' | 'IPv6'
const NAMES = ['IPv4', 'IPv6'] as const

let support: FieldSupport | undefined
/** Milliseconds. */
const FIRST_PAUSE = 1000
const MAX_PAUSE = 60_000
let pause = FIRST_PAUSE
/** It is time to repeat the tries. A timer sets it, so that no message has to read the clock. */
let due = true

export function fieldSupport(): FieldSupport {
  if (support !== undefined && !due) return support
  due = false
  // A message can be in the shared slots: encoding it calls this function.
  const slots = sharedSlots.bytes.slice()
  try {
    probe()
  } finally {
    sharedSlots.bytes.set(slots)
  }
  support = conclusions()
  if (!support.concluded) {
    setTimeout(() => {
      due = true
    }, pause).unref()
    pause = Math.min(pause * 2, MAX_PAUSE)
  }
  return support
}

const LOOPBACK = {
  IPv4: parseAddress('127.0.0.1')!,
  IPv6: parseAddress('::1')!,
}
/** Linux sends from all of 127.0.0.0/8. Other kernels refuse this source, which says nothing about the field. */
const OTHER_SOURCE = parseAddress('127.0.0.2')!
const TRAFFIC_CLASS = 0x2a
const HOP_LIMIT = 77

const MIN_SEGMENTS = 64
const MAX_SEGMENTS = 128
/**
 * How many times the probe waits one millisecond for its datagrams. On Linux a datagram over loopback has arrived when the
 * send returns, on other kernels shortly after.
 */
const MAX_WAITS = 5

const { send, emulated, receive } = binding.kernel

/** What is known of one family. A field that is still to be tried has its bit in `open`. */
interface Conclusions {
  /** Sent by control message. The receiver shows whether the kernel honours them. */
  open: number
  disproved: number
  /** Fields that the kernel does not report; undefined while it could not be asked. */
  unreported: number | undefined
}

/** A source shows only where loopback has a second address, which on IPv6 it has not. */
const triedOf = (name: Name): number =>
  (send[name] & ~emulated[name] & Field.source & (name === 'IPv4' ? -1 : 0)) |
  (send[name] & ~emulated[name] & receive[name] & (Field.trafficClass | Field.hopLimit))

const known: Record<Name, Conclusions> = {
  IPv4: { open: triedOf('IPv4'), disproved: 0, unreported: undefined },
  IPv6: { open: triedOf('IPv6'), disproved: 0, unreported: undefined },
}
/** Of the kernel as a whole. What its tables have no row for needs no try. */
const sends = (bit: number): boolean => ((send.IPv4 | send.IPv6) & bit) !== 0
let segmentation = sends(Field.segmentSize) ? undefined : false
let sendTime = sends(Field.sendTime) ? undefined : false
let maxSegments: number | undefined

function conclusions(): FieldSupport {
  const none = (segmentation === false ? Field.segmentSize : 0) | (sendTime === false ? Field.sendTime : 0)
  const masks = (of: (name: Name) => number): FieldMasks => ({ IPv4: of('IPv4'), IPv6: of('IPv6') })
  return {
    kernel: masks((name) => send[name] & ~emulated[name] & ~known[name].disproved & ~none),
    emulated,
    receive: masks((name) => receive[name] & ~(known[name].unreported ?? 0)),
    segmentation: segmentation ?? true,
    maxSegments: maxSegments ?? MIN_SEGMENTS,
    concluded:
      NAMES.every((name) => known[name].open === 0 && known[name].unreported !== undefined) &&
      segmentation !== undefined &&
      sendTime !== undefined &&
      (!segmentation || maxSegments !== undefined),
  }
}

/** Errors by which a kernel says that it has no such option. */
const isMissing = (status: number): boolean =>
  ['ENOPROTOOPT', 'ENOTSUP'].includes(fromNative(status, 'setsockopt').code)

/** A datagram under way, and the field that it tries. */
interface Try {
  readonly bit: number
  readonly token: number
}

interface Pair {
  readonly name: Name
  readonly sender: Endpoint
  readonly receiver: Endpoint
  readonly port: number
  readonly senderPort: number
  tries: Try[]
}

function probe(): void {
  const pairs: Pair[] = []
  try {
    for (const name of NAMES) {
      const pair = openPair(name)
      if (pair === undefined) continue
      pairs.push(pair)
      enableReceive(pair)
      const { open, unreported = 0 } = known[name]
      // Where the receiver does not report a field, nothing shows whether it was sent.
      known[name].open &= ~unreported
      for (const bit of [Field.source, Field.trafficClass, Field.hopLimit]) {
        if (open & ~unreported & bit) sendTry(pair, bit)
      }
    }
    for (let waits = 0; ; waits++) {
      for (const pair of pairs) collect(pair)
      const pair = pairs.find(({ tries }) => tries.length > 0)
      if (pair === undefined || waits === MAX_WAITS) break
      pair.receiver.waitReadable(1)
    }
    for (const pair of pairs) probeOptions(pair)
  } finally {
    for (const { sender, receiver } of pairs) {
      sender.close()
      receiver.close()
    }
  }
}

/** A sender bound to the wildcard and a receiver on loopback; undefined where they cannot be opened now. */
function openPair(name: Name): Pair | undefined {
  const sender = new binding.Endpoint()
  const receiver = new binding.Endpoint()
  const address = LOOPBACK[name]
  const portOf = (endpoint: Endpoint): number => (endpoint.localAddress() === 0 ? receiveSlots.port(0) : 0)
  if (
    sender.open(address.family, 0, 0) === 0 &&
    receiver.open(address.family, 0, 0) === 0 &&
    sender.bind(address.family, bytesOf(address).fill(0), 0, 0) === 0 &&
    receiver.bind(address.family, bytesOf(address), 0, 0) === 0
  ) {
    const [port, senderPort] = [portOf(receiver), portOf(sender)]
    // The kernel refuses every send to port 0, which says nothing about the fields.
    if (port !== 0 && senderPort !== 0) return { name, sender, receiver, port, senderPort, tries: [] }
  }
  sender.close()
  receiver.close()
  return undefined
}

/** Has the kernel report all that it can. */
function enableReceive({ name, receiver }: Pair): void {
  const unreported = receiver.enableReceive(receive[name])
  if (unreported === 0 || isMissing(report.status())) known[name].unreported = unreported
}

/** Sends a datagram with one field set. */
function sendTry(pair: Pair, bit: number): void {
  const address = LOOPBACK[pair.name]
  const token = Math.floor(Math.random() * 2 ** 32)
  writeMessage(pair)
  sharedSlots.setSource(0, pair.name === 'IPv4' ? OTHER_SOURCE : address)
  sharedSlots.setUint8(0, sendMember.uint8('trafficClass'), TRAFFIC_CLASS)
  sharedSlots.setUint8(0, sendMember.uint8('trafficClassMask'), 0xff)
  sharedSlots.setUint8(0, sendMember.uint8('hopLimit'), HOP_LIMIT)
  sharedSlots.setFields(0, bit)
  if (pair.sender.send(1, new Uint8Array(Uint32Array.of(token).buffer)) === 1) pair.tries.push({ bit, token })
  else if (isRefused(report.status())) known[pair.name].open &= ~bit
}

function writeMessage({ name, port }: Pair): void {
  sharedSlots.clear(0)
  sharedSlots.setDestination(0, LOOPBACK[name], port)
  sharedSlots.setControlFamily(0, LOOPBACK[name].family)
  sharedSlots.setBufferCount(0, 1)
}

/** The kernel refuses the field openly, so nothing is dropped silently. Another try would show no more. */
const isRefused = (status: number): boolean =>
  status !== 0 && ['EINVAL', 'EADDRNOTAVAIL', 'ENOPROTOOPT', 'ENOTSUP'].includes(fromNative(status, 'sendmsg').code)

/** Reads what has arrived. Other programs can send to the receiver, too: only datagrams of the tries count. */
function collect(pair: Pair): void {
  const conclusions = known[pair.name]
  // A limit, because other programs can send without end.
  for (let received = 0; received < 8 && pair.tries.length > 0; received++) {
    // Without chunks it stays in the receive area.
    if (pair.receiver.receive(1, 4, 512, 0, [], 0, [], 0) !== 1) return
    const token = new Uint32Array(receiveAreaMemory, 0, 1)[0]
    const found = pair.tries.find((one) => one.token === token)
    if (found === undefined || receiveSlots.size(0) !== 4 || receiveSlots.port(0) !== pair.senderPort) continue
    pair.tries = pair.tries.filter((one) => one !== found)
    conclusions.open &= ~found.bit
    if (!(shows(found.bit) ?? true)) conclusions.disproved |= found.bit
  }
}

/** Whether the message in slot 0 came with the field; undefined where the kernel did not report it. */
function shows(bit: number): boolean | undefined {
  const present = receiveSlots.present(0)
  switch (bit) {
    case Field.source:
      return receiveSlots.address(0) === '127.0.0.2'
    case Field.trafficClass:
      return (present & Field.trafficClass) === 0
        ? undefined
        : receiveSlots.uint8(0, receiveMember.uint8('trafficClass')) === TRAFFIC_CLASS
    default:
      return (present & Field.hopLimit) === 0
        ? undefined
        : receiveSlots.uint8(0, receiveMember.uint8('hopLimit')) === HOP_LIMIT
  }
}

/** Learns from socket options what the kernel has. Changes options of the sender. */
function probeOptions(pair: Pair): void {
  const { name, sender } = pair
  if (sendTime === undefined && (send[name] & Field.sendTime) !== 0) {
    const status = sender.setOption(Option.sendTime, SendClock.monotonic)
    if (status === 0 || isMissing(status)) sendTime = status === 0
  }
  if ((send[name] & Field.segmentSize) === 0) return
  if (segmentation === undefined) {
    sender.getOption(Option.segment)
    const status = report.status()
    if (status === 0 || isMissing(status)) segmentation = status === 0
  }
  if (segmentation && maxSegments === undefined) maxSegments = probeMaxSegments(pair)
  binding.setMaxSegments(maxSegments ?? MIN_SEGMENTS)
}

/**
 * Linux took 64 segments at most, and takes 128 since 6.x (include/linux/udp.h: UDP_MAX_SEGMENTS). The probe sets the
 * socket's option, because a message with a segment size would be sent without offload where the kernel refuses it.
 */
function probeMaxSegments(pair: Pair): number | undefined {
  const set = pair.sender.setOption(Option.segment, 1)
  if (set !== 0) return isMissing(set) ? MIN_SEGMENTS : undefined
  writeMessage(pair)
  if (pair.sender.send(1, new Uint8Array(MAX_SEGMENTS)) === 1) return MAX_SEGMENTS
  const status = report.status()
  return status !== 0 && ['EINVAL', 'EMSGSIZE'].includes(fromNative(status, 'sendmsg').code) ? MIN_SEGMENTS : undefined
}
