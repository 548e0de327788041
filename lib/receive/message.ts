import { receivedUint32, receivedUint8 } from '../message/integer-field'
import { castNames, Field, Present } from '../native/constants'
import { decodeControl } from '../native/control'
import { receiveMember, receiveSlots } from '../native/slots'
import type { ControlMessage, Family, Message, MessageInfo, ReceivedData } from '../types'

const { interface: HAS_INTERFACE, timestamp: HAS_TIMESTAMP } = Field
const { truncated: TRUNCATED, controlTruncated: CONTROL_TRUNCATED, ecn: HAS_ECN } = Present

const INTERFACE_INDEX = receiveMember.uint32('interfaceIndex')
const CAST = receiveMember.uint8('cast')
const TRAFFIC_CLASS = receivedUint8('trafficClass')
const HOP_LIMIT = receivedUint8('hopLimit')
const TIMESTAMP = receiveMember.bigInt64('timestamp')
const DROPPED = receivedUint32('dropped')

/** What the kernel reports about the message in one receive slot. */
export class ReceivedInfo implements MessageInfo {
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
  readonly dropped: number | undefined
  readonly segmentSize: number | undefined
  truncated: boolean
  readonly controlTruncated: boolean
  readonly control: ControlMessage[] | undefined

  constructor(slot: number, size: number, whole: boolean, wantControl: boolean) {
    const present = receiveSlots.present(slot)
    const octet = receiveSlots.uint8(slot, TRAFFIC_CLASS.member)
    const trafficClass = (present & TRAFFIC_CLASS.bit) === 0 ? undefined : octet
    this.address = receiveSlots.address(slot)
    this.family = receiveSlots.family(slot) === 4 ? 'IPv4' : 'IPv6'
    this.port = receiveSlots.port(slot)
    this.size = size
    this.destination = receiveSlots.destination(slot)
    this.interface = (present & HAS_INTERFACE) === 0 ? undefined : receiveSlots.uint32(slot, INTERFACE_INDEX)
    this.cast = castNames[receiveSlots.uint8(slot, CAST)]
    this.trafficClass = trafficClass
    // Some kernels tell this half alone.
    this.ecn = (present & (TRAFFIC_CLASS.bit | HAS_ECN)) === 0 ? undefined : octet & 0x03
    this.dscp = trafficClass === undefined ? undefined : trafficClass >> 2
    this.hopLimit = (present & HOP_LIMIT.bit) === 0 ? undefined : receiveSlots.uint8(slot, HOP_LIMIT.member)
    this.timestamp = (present & HAS_TIMESTAMP) === 0 ? undefined : receiveSlots.bigInt64(slot, TIMESTAMP)
    this.dropped = (present & DROPPED.bit) === 0 ? undefined : receiveSlots.uint32(slot, DROPPED.member)
    const segmentSize = receiveSlots.segmentSize(slot)
    this.segmentSize = whole && segmentSize !== 0 ? segmentSize : undefined
    this.truncated = (present & TRUNCATED) !== 0
    this.controlTruncated = (present & CONTROL_TRUNCATED) !== 0
    this.control = wantControl
      ? decodeControl(receiveSlots.controlOffset(slot), receiveSlots.controlLength(slot))
      : undefined
  }
}

/** The same with its data. */
export class ReceivedMessage extends ReceivedInfo implements Message {
  data: ReceivedData

  constructor(slot: number, data: ReceivedData, size: number, whole: boolean, wantControl: boolean) {
    super(slot, size, whole, wantControl)
    this.data = data
  }
}
