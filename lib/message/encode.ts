import { invalidArgType, invalidArgValue, invalidState, notSupported, outOfRange } from '../errors/socket-error'
import { binding } from '../native/addon'
import { isWildcard, parseAddress, type ParsedAddress } from '../native/address'
import { Field, SendFlag } from '../native/constants'
import { encodeControl } from '../native/control'
import { interfaceIndex } from '../native/interface-names'
import { sendMember, type SendSlots } from '../native/slots'
import type { OutgoingMessage } from '../types'
import { byteLengthOf, checkBoolean, checkData, checkIntegerOf, checkObject, seemsData } from '../util/validate'
import { chosenByScope, encodeDestination } from './destination'
import type { Encoded, SendContext } from './encoded'
import { honoured } from './honoured'
import { uint32Field, uint8Field } from './integer-field'
import { encodeTrafficClass } from './traffic-class'

const MAX_BYTES = 0xffffffff
const { maxBuffers } = binding.layout
const { sourceNeedsWildcard, sendFlags } = binding.kernel

const HOP_LIMIT = uint8Field('hopLimit')
const SEGMENT_SIZE = uint32Field('segmentSize')
const MARK = uint32Field('mark')
const INTERFACE_INDEX = sendMember.uint32('interfaceIndex')
const SEND_TIME = sendMember.bigInt64('sendTime')

/**
 * Checks a message and encodes it as message `index`. Every property is read once, so that nothing can change between its
 * check and its use. The data comes last, when no code of the message (getters, proxies) runs any more. Errors are thrown
 * before anything is sent; `name` is the message's in errors. Returns the bytes of data.
 */
export function encode(
  message: OutgoingMessage,
  name: string,
  context: SendContext,
  target: Encoded,
  index: number,
): number {
  if (typeof message !== 'object' || message === null) throw invalidArgType(name, 'Object', message)
  const { data, address, port, to, source, interface: through, trafficClass, ecn, dscp } = message
  const { hopLimit, dontFragment, segmentSize, sendTime, mark, flags, control } = message
  const { slots } = target
  slots.clear(index)

  // The data itself, or a socket's callback arguments, in place of a message.
  if (data === undefined && (Array.isArray(message) || ArrayBuffer.isView(message))) {
    throw invalidArgType(name, 'Object', message)
  }
  const peer = encodeDestination(address, port, to, name, context, target, index)
  const family = peer.family
  slots.setControlFamily(index, family)

  let fields = 0
  let scope = chosenByScope(peer)
  if (source !== undefined) {
    const from = sourceOf(source, family, name)
    slots.setSource(index, from)
    fields |= Field.source
    if (from.scope !== 0) {
      if (peer.scope !== 0 && peer.scope !== from.scope) {
        throw invalidArgValue(`${name}.source`, source, 'must have the scope of the destination')
      }
      scope = from.scope
    }
  }
  if (through !== undefined) {
    const chosen = interfaceOf(through, name)
    if ((scope !== 0 && scope !== chosen) || (peer.scope !== 0 && peer.scope !== chosen)) {
      throw invalidArgValue(`${name}.interface`, through, 'must be that of the scope of the destination or source')
    }
    scope = chosen
  }
  if (scope !== 0) {
    slots.setUint32(index, INTERFACE_INDEX, scope)
    fields |= Field.interface
    // IP_PKTINFO without an address takes the bound address off the datagram (Linux: ip_cmsg_send).
    const { local } = context
    if (source === undefined && family === 4 && local?.family === 4 && !isWildcard(local) && !sourceNeedsWildcard) {
      slots.setSource(index, local)
      fields |= Field.source
    }
  }
  // Each field in turn: a function for each kind of value took a tenth more time.
  if (trafficClass !== undefined || ecn !== undefined || dscp !== undefined) {
    fields |= encodeTrafficClass(trafficClass, ecn, dscp, context, family, name, slots, index)
  }
  if (hopLimit !== undefined) {
    checkIntegerOf(hopLimit, name, 'hopLimit', HOP_LIMIT.min, HOP_LIMIT.max)
    slots.setUint8(index, HOP_LIMIT.member, hopLimit)
    fields |= HOP_LIMIT.bit
  }
  if (dontFragment !== undefined) {
    checkBoolean(dontFragment, `${name}.dontFragment`)
    slots.setDontFragment(index, dontFragment)
    fields |= Field.dontFragment
  }
  if (segmentSize !== undefined) {
    checkIntegerOf(segmentSize, name, 'segmentSize', SEGMENT_SIZE.min, SEGMENT_SIZE.max)
    slots.setUint32(index, SEGMENT_SIZE.member, segmentSize)
    fields |= SEGMENT_SIZE.bit
  }
  if (sendTime !== undefined) {
    encodeSendTime(sendTime, name, context, slots, index)
    fields |= Field.sendTime
  }
  if (mark !== undefined) {
    checkIntegerOf(mark, name, 'mark', MARK.min, MARK.max)
    slots.setUint32(index, MARK.member, mark)
    fields |= MARK.bit
  }
  if (flags !== undefined) slots.setFlags(index, flagsOf(flags, name, context))
  if (control !== undefined) {
    const records = encodeControl(control, `${name}.control`)
    if (records.byteLength > 0) {
      target.records[index] = records
      target.withRecords = true
      fields |= Field.control
    }
  }
  slots.setFields(index, fields === 0 ? 0 : honoured(fields, peer, source, context, trafficClass, dscp))
  const first = target.viewCount
  const bytes = encodeData(data, name, target)
  slots.setBufferCount(index, target.viewCount - first)
  return bytes
}

/** Appends the views of `data`; returns their bytes. */
function encodeData(data: unknown, name: string, target: Encoded): number {
  const { views } = target
  const first = target.viewCount
  if (seemsData(data)) {
    const bytes = byteLengthOf(data)
    if (bytes > MAX_BYTES) throw tooLong(name, bytes)
    views[target.viewCount++] = data
    return bytes
  }
  if (!Array.isArray(data)) {
    checkData(data, name)
    views[target.viewCount++] = data
    return 0
  }
  const count = data.length
  if (count > maxBuffers) throw outOfRange(`${name}.data.length`, `<= ${String(maxBuffers)}`, count)
  // To read an element can run code that takes memory away: all are read before the first is checked.
  for (let index = 0; index < count; index++) views[target.viewCount++] = data[index] as Uint8Array
  for (let index = 0; index < count; index++) checkData(views[first + index], name, index)
  const bytes = bytesOfViews(views, first, target.viewCount)
  if (bytes > MAX_BYTES) throw tooLong(name, bytes)
  return bytes
}

const tooLong = (name: string, bytes: number): Error =>
  outOfRange(`${name}.data`, `at most ${String(MAX_BYTES)} bytes`, bytes)

/** The bytes of the views from `first` to `end`. */
export function bytesOfViews(views: readonly Uint8Array[], first: number, end: number): number {
  let bytes = 0
  for (let index = first; index < end; index++) bytes += byteLengthOf(views[index]!)
  return bytes
}

function sourceOf(source: unknown, family: 4 | 6, name: string): ParsedAddress {
  if (typeof source !== 'string') throw invalidArgType(`${name}.source`, 'string', source)
  const parsed = parseAddress(source)
  if (parsed === undefined) throw invalidArgValue(`${name}.source`, source, 'must be an IP address')
  if (parsed.family !== family) {
    throw invalidArgValue(`${name}.source`, source, `must be IPv${String(family)}, as the destination`)
  }
  return parsed
}

function interfaceOf(through: unknown, name: string): number {
  if (typeof through === 'number') {
    checkIntegerOf(through, name, 'interface', 1, 0x7fffffff)
    return through
  }
  if (typeof through !== 'string') throw invalidArgType(`${name}.interface`, ['number', 'string'], through)
  const index = interfaceIndex(through)
  if (index === 0) throw invalidArgValue(`${name}.interface`, through, 'must be the name of an interface')
  return index
}

const MAX_TIME = 0xffffffffffffffffn

function encodeSendTime(sendTime: unknown, name: string, context: SendContext, slots: SendSlots, index: number): void {
  if (typeof sendTime !== 'bigint') throw invalidArgType(`${name}.sendTime`, 'bigint', sendTime)
  if (sendTime < 0n || sendTime > MAX_TIME) {
    throw outOfRange(`${name}.sendTime`, `>= 0 && <= ${String(MAX_TIME)}`, sendTime)
  }
  if (!context.sendTime && !context.ignoreUnsupported) {
    throw invalidState(`${name}.sendTime needs a socket made with createSocket({ sendTime: true })`)
  }
  slots.setBigUint64(index, SEND_TIME, sendTime)
}

function flagsOf(flags: unknown, name: string, context: SendContext): number {
  checkObject(flags, `${name}.flags`)
  let bits = 0
  for (const [flag, bit] of Object.entries(SendFlag)) {
    const on: unknown = (flags as Record<string, unknown>)[flag]
    if (on === undefined) continue
    checkBoolean(on, `${name}.flags.${flag}`)
    if (!on) continue
    if ((sendFlags & bit) !== 0) bits |= bit
    else if (!context.ignoreUnsupported) throw notSupported(`flags.${flag}`)
  }
  return bits
}
