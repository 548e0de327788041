import { invalidArgValue, notSupported } from '../errors/socket-error'
import { binding } from '../native/addon'
import { sendMember, type SendSlots } from '../native/slots'
import { checkIntegerOf } from '../util/validate'
import type { SendContext } from './encoded'
import { sendFields } from './fields'
import { integerField } from './integer-field'

const { sendClass, sendsCongestionExperienced } = binding.kernel
const sendsWholeClass = sendsCongestionExperienced && (sendClass.IPv4 & sendClass.IPv6) === 0xff

const { bit: BIT, max: MAX_OCTET } = integerField('trafficClass')
const { max: MAX_ECN } = integerField('ecn')
const { max: MAX_DSCP } = integerField('dscp')
const ECN = sendFields.ecn.classMask
const DSCP = sendFields.dscp.classMask

const TRAFFIC_CLASS = sendMember.uint8('trafficClass')
const TRAFFIC_CLASS_MASK = sendMember.uint8('trafficClassMask')

/** Writes the octet, or those of its halves that are given; returns the field's bit, 0 where the kernel does not take it. */
export function encodeTrafficClass(
  whole: unknown,
  ecn: unknown,
  dscp: unknown,
  context: SendContext,
  family: 4 | 6,
  name: string,
  slots: SendSlots,
  index: number,
): number {
  if (whole !== undefined) {
    if (ecn !== undefined || dscp !== undefined) {
      throw invalidArgValue(`${name}.trafficClass`, whole, 'must not be given beside ecn or dscp, its halves')
    }
    checkIntegerOf(whole, name, 'trafficClass', 0, MAX_OCTET)
    slots.setUint8(index, TRAFFIC_CLASS, whole)
    slots.setUint8(index, TRAFFIC_CLASS_MASK, 0xff)
    return takenOf('trafficClass', whole, 0xff, context, family)
  }
  let value = context.trafficClass[family]
  let mask = 0
  if (ecn !== undefined) {
    checkIntegerOf(ecn, name, 'ecn', 0, MAX_ECN)
    value = (value & DSCP) | ecn
    mask |= ECN
  }
  if (dscp !== undefined) {
    checkIntegerOf(dscp, name, 'dscp', 0, MAX_DSCP)
    value = (value & ECN) | (dscp << 2)
    mask |= DSCP
  }
  slots.setUint8(index, TRAFFIC_CLASS, value)
  slots.setUint8(index, TRAFFIC_CLASS_MASK, mask)
  return takenOf(classFieldName(whole, dscp), value, mask, context, family)
}

/** What a message that gives some of the octet calls it. */
export const classFieldName = (whole: unknown, dscp: unknown): string =>
  whole !== undefined ? 'trafficClass' : dscp === undefined ? 'ecn' : 'dscp'

/** The field's bit, if the kernel takes what is given: some send the ECN half alone, or not all of its values. */
function takenOf(field: string, value: number, mask: number, context: SendContext, family: 4 | 6): number {
  if (sendsWholeClass) return BIT
  const name = family === 4 ? 'IPv4' : 'IPv6'
  const sendable = sendClass[name]
  const congested = !sendsCongestionExperienced && (mask & ECN) !== 0 && (value & ECN) === ECN
  const partly = sendable !== 0 && (mask & ~sendable) !== 0
  if (!context.ignoreUnsupported) {
    if (congested) throw notSupported(field, { when: 'with the ECN value 3 (congestion experienced)' })
    if (partly) throw notSupported(field, { when: `for ${name}` })
  }
  return congested || (sendable !== 0 && (mask & sendable) === 0) ? 0 : BIT
}
