import { notSupported } from '../errors/socket-error'
import { binding } from '../native/addon'
import { Field } from '../native/constants'
import { isWildcard, parseAddress, sameAddress, type ParsedAddress } from '../native/address'
import { fieldSupport } from '../probe'
import type { SendContext } from './encoded'
import { sendFields } from './fields'
import { classFieldName } from './traffic-class'

const { sourceNeedsWildcard, interfaceDiscardsSource } = binding.kernel
/** Nothing but the tables' fields decides what this kernel honours. */
const sourceIsPlain = !sourceNeedsWildcard && !interfaceDiscardsSource

/**
 * Those of `fields` that this kernel honours; refuses the others, or leaves them out when the socket says so. An error names
 * what the message gave of the traffic class.
 */
export function honoured(
  fields: number,
  peer: ParsedAddress,
  source: unknown,
  context: SendContext,
  trafficClass: unknown,
  dscp: unknown,
): number {
  const family = peer.family
  const support = fieldSupport()
  const name = family === 4 ? 'IPv4' : 'IPv6'
  const possible = support.kernel[name] | (context.borrowed ? 0 : support.emulated[name]) | Field.control
  let kept = fields & (possible | Field.segmentSize) // segmentation always works (src/batch.cc)
  if (!context.sendTime) kept &= ~Field.sendTime
  if (kept === fields && sourceIsPlain) return fields
  let refused = fields & ~kept
  let when = context.borrowed && (refused & support.emulated[name]) !== 0 ? 'on a borrowed socket' : `for ${name}`

  if (family === 4 && interfaceDiscardsSource && (kept & Field.source) !== 0 && (kept & Field.interface) !== 0) {
    kept &= ~Field.interface
    refused |= Field.interface
    when = 'together with source'
  }
  if (family === 4 && sourceNeedsWildcard && context.local !== undefined && !isWildcard(context.local)) {
    // Such a kernel un-binds the socket, or says EINVAL. The address that it is bound to need not be said.
    const bits = kept & (Field.source | Field.interface)
    if (bits === Field.source && sameAddress(parseAddress(source as string)!, context.local)) {
      kept &= ~Field.source
    } else if (bits !== 0) {
      kept &= ~bits
      refused |= bits
      when = 'on a socket that is bound to one address'
    }
  }
  if (refused !== 0 && !context.ignoreUnsupported) {
    const { name: field } = Object.values(sendFields).find(({ bit }) => (refused & bit) !== 0)!
    throw notSupported(field === 'trafficClass' ? classFieldName(trafficClass, dscp) : field, { when })
  }
  return kept
}
