import { Field } from '../native/constants'
import type { ReceiveInfoName, SendField } from '../types'

/** The bits of the fields of a message. */
export const sendFields: Readonly<Record<SendField, number>> = {
  source: Field.source,
  interface: Field.interface,
  trafficClass: Field.trafficClass,
  ecn: Field.trafficClass,
  dscp: Field.trafficClass,
  hopLimit: Field.hopLimit,
  dontFragment: Field.dontFragment,
  segmentSize: Field.segmentSize,
  sendTime: Field.sendTime,
  control: Field.control,
}

/** The bits that `createSocket({ receiveInfo })` asks the kernel for. */
export const receiveFields: Readonly<Record<ReceiveInfoName, number>> = {
  destination: Field.destination,
  interface: Field.interface,
  cast: Field.cast,
  trafficClass: Field.trafficClass,
  ecn: Field.trafficClass,
  dscp: Field.trafficClass,
  hopLimit: Field.hopLimit,
  timestamp: Field.timestamp,
  segmentSize: Field.segmentSize,
  control: Field.control,
}
