import { SocketAddress, type BlockList } from 'node:net'
import { isWildcard, parseAddress, sameAddress, textOf, type ParsedAddress } from '../native/address'
import { binding, Field, LITTLE_ENDIAN, SendFlag } from '../native/addon'
import { isBlocked } from './block-list'
import { encodeControl } from '../native/control'
import {
  badPort,
  invalidArgType,
  invalidArgValue,
  invalidState,
  ipBlocked,
  isConnected,
  notSupported,
  outOfRange,
  type ErrorPlace,
} from '../errors/socket-error'
import { interfaceIndex } from '../native/interface-names'
import type { SendSlots } from '../native/slots'
import { fieldSupport } from '../probe'
import type { OutgoingMessage } from '../types'
import { byteLengthOf, checkBoolean, checkData, checkIntegerOf, checkObject, seemsData } from '../util/validate'

/** What encoding needs to know of the socket. */
export interface SendContext {
  readonly family: 4 | 6
  readonly raw: boolean
  readonly borrowed: boolean
  readonly ipv6Only: boolean
  /** Set by createSocket({ sendTime }), or not known (borrowed). */
  readonly sendTime: boolean
  readonly ignoreUnsupported: boolean
  /** The connected peer. */
  readonly peer: ParsedAddress | undefined
  /** The bound address. */
  readonly local: ParsedAddress | undefined
  /** The socket's own octet, whose other half `ecn` and `dscp` leave alone. */
  readonly trafficClass: Readonly<Record<4 | 6, number>>
  /** Addresses that nothing is sent to. */
  readonly sendBlockList?: BlockList | undefined
}

/** Where messages are written down: slots and, beside them, what does not go into a slot. */
export interface Encoded {
  readonly slots: SendSlots
  /** The views of all messages, in order: the first `viewCount`. */
  readonly views: Uint8Array[]
  viewCount: number
  /** Raw control records by message; `withRecords`: there are any. */
  readonly records: (Uint8Array | undefined)[]
  withRecords: boolean
  /** Where each went, for its error. */
  readonly places: (Readonly<ErrorPlace> | undefined)[]
}

const MAX_BYTES = 0xffffffff
const { maxBuffers } = binding.layout
const { sourceNeedsWildcard, interfaceDiscardsSource, sendFlags, sendClass, sendsCongestionExperienced } =
  binding.kernel
const sendsWholeClass = sendsCongestionExperienced && (sendClass.IPv4 & sendClass.IPv6) === 0xff
/** Nothing but the tables' fields decides what this kernel honours. */
const sourceIsPlain = !sourceNeedsWildcard && !interfaceDiscardsSource

/**
 * Checks a message and writes it down as message `index`. Every property is read once, so that nothing can change
 * between its check and its use; the data is looked at last, when no code of the message's own runs any more. Throws
 * before anything is sent. `name` is the message's in errors. Returns the bytes of data.
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
  const { hopLimit, dontFragment, segmentSize, sendTime, flags, control } = message
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
    slots.setInterface(index, scope)
    fields |= Field.interface
    // IP_PKTINFO without an address takes the bound address off the datagram (Linux: ip_cmsg_send).
    const { local } = context
    if (source === undefined && family === 4 && local?.family === 4 && !isWildcard(local) && !sourceNeedsWildcard) {
      slots.setSource(index, local)
      fields |= Field.source
    }
  }
  if (trafficClass !== undefined || ecn !== undefined || dscp !== undefined) {
    fields |= encodeTrafficClass(trafficClass, ecn, dscp, context, family, name, slots, index)
  }
  if (hopLimit !== undefined) {
    checkIntegerOf(hopLimit, name, 'hopLimit', 1, 255)
    slots.setHopLimit(index, hopLimit)
    fields |= Field.hopLimit
  }
  if (dontFragment !== undefined) {
    checkBoolean(dontFragment, `${name}.dontFragment`)
    slots.setDontFragment(index, dontFragment)
    fields |= Field.dontFragment
  }
  if (segmentSize !== undefined) {
    checkIntegerOf(segmentSize, name, 'segmentSize', 1, 65535)
    slots.setSegmentSize(index, segmentSize)
    fields |= Field.segmentSize
  }
  if (sendTime !== undefined) {
    encodeSendTime(sendTime, name, context, slots, index)
    fields |= Field.sendTime
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

function encodeDestination(
  address: unknown,
  port: unknown,
  to: unknown,
  name: string,
  context: SendContext,
  target: Encoded,
  index: number,
): ParsedAddress {
  let host = address
  let number = port
  if (to !== undefined) {
    if (host !== undefined || number !== undefined) {
      throw invalidArgValue(`${name}.to`, to, 'must not be given beside address and port')
    }
    const parts = partsOf(to, `${name}.to`)
    if (parts.flowlabel !== 0 && !context.ignoreUnsupported) throw notSupported('to.flowlabel')
    host = parts.address
    number = parts.port
  }
  if (host === undefined && number === undefined && context.peer !== undefined) {
    target.places[index] = undefined
    target.slots.setPeer(index, context.peer)
    return context.peer
  }
  if (typeof host !== 'string') throw invalidArgType(nameOf(name, to, 'address'), 'string', host)
  if (context.peer !== undefined) throw isConnected()
  if (context.raw) {
    if (number !== undefined && number !== 0) {
      throw invalidArgValue(nameOf(name, to, 'port'), number, 'must be left out on a raw socket')
    }
    number = 0
  } else if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > 65535) {
    // Port 0 is the kernel's to refuse: it can be the peer's, and then is no mistake of the program's.
    throw badPort(nameOf(name, to, 'port'), number)
  }
  const parsed = parseAddress(host)
  if (parsed === undefined) throw invalidArgValue(nameOf(name, to, 'address'), host, 'must be an IP address')
  if (parsed.family === 6 ? context.family === 4 : context.ipv6Only) {
    throw invalidArgValue(
      nameOf(name, to, 'address'),
      host,
      `must be ${context.family === 4 ? 'IPv4' : 'IPv6'} on this socket`,
    )
  }
  const { sendBlockList } = context
  if (sendBlockList !== undefined && isBlocked(sendBlockList, textOf(parsed), parsed.family === 4 ? 'IPv4' : 'IPv6')) {
    throw ipBlocked(host)
  }
  target.slots.setDestination(index, parsed, number as number)
  target.places[index] = { address: host, port: number as number }
  return parsed
}

/** What the destination's part is called in an error. */
function nameOf(name: string, to: unknown, part: 'address' | 'port'): string {
  if (to === undefined) return `${name}.${part}`
  return part === 'port' ? `${name}.to.port` : `${name}.to`
}

/** A property of a SocketAddress-like object that has none throws. */
function partsOf(to: unknown, name: string): { address: unknown; port: unknown; flowlabel: unknown } {
  if (to instanceof SocketAddress) {
    try {
      return { address: to.address, port: to.port, flowlabel: to.flowlabel }
    } catch {
      // Made by Object.create(): only the prototype is a SocketAddress.
    }
  }
  throw invalidArgType(name, 'SocketAddress', to)
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

/**
 * The interface that the scope of a destination names. Kernels look at the scope of link-local addresses alone (Linux:
 * __ipv6_addr_needs_scope_id), so for others it is sent as the interface; 0: there is none, or the kernel honours it.
 */
function chosenByScope({ scope, w0 }: ParsedAddress): number {
  if (scope === 0) return 0
  const first = LITTLE_ENDIAN ? w0 & 0xff : w0 >>> 24
  const second = LITTLE_ENDIAN ? (w0 >>> 8) & 0xff : (w0 >>> 16) & 0xff
  // fe80::/10 (RFC 4291, 2.5.6), and ff01:: and ff02:: (2.7).
  const needsScope =
    first === 0xfe ? (second & 0xc0) === 0x80 : first === 0xff && ((second & 0x0f) === 1 || (second & 0x0f) === 2)
  return needsScope ? 0 : scope
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

const ECN = 0x03
const DSCP = 0xfc

function encodeTrafficClass(
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
    checkIntegerOf(whole, name, 'trafficClass', 0, 255)
    slots.setTrafficClass(index, whole, 0xff)
    return classFields('trafficClass', whole, 0xff, context, family)
  }
  let value = context.trafficClass[family]
  let mask = 0
  if (ecn !== undefined) {
    checkIntegerOf(ecn, name, 'ecn', 0, 3)
    value = (value & DSCP) | ecn
    mask |= ECN
  }
  if (dscp !== undefined) {
    checkIntegerOf(dscp, name, 'dscp', 0, 63)
    value = (value & ECN) | (dscp << 2)
    mask |= DSCP
  }
  slots.setTrafficClass(index, value, mask)
  return classFields(classField(whole, dscp), value, mask, context, family)
}

/** What a message that gives some of the octet calls it. */
const classField = (whole: unknown, dscp: unknown): string =>
  whole !== undefined ? 'trafficClass' : dscp === undefined ? 'ecn' : 'dscp'

/** Some kernels send no more than the half for ECN, or not all of its values. */
function classFields(field: string, value: number, mask: number, context: SendContext, family: 4 | 6): number {
  if (sendsWholeClass) return Field.trafficClass
  const name = family === 4 ? 'IPv4' : 'IPv6'
  const sendable = sendClass[name]
  const congested = !sendsCongestionExperienced && (mask & ECN) !== 0 && (value & ECN) === ECN
  const partly = sendable !== 0 && (mask & ~sendable) !== 0
  if (!context.ignoreUnsupported) {
    if (congested) throw notSupported(field, { when: 'with the ECN value 3 (congestion experienced)' })
    if (partly) throw notSupported(field, { when: `for ${name}` })
  }
  return congested || (sendable !== 0 && (mask & sendable) === 0) ? 0 : Field.trafficClass
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
  slots.setSendTime(index, sendTime)
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

const fieldNames = Object.entries(Field)

/**
 * Those of `fields` that this kernel honours; refuses the others, or leaves them out when the socket says so. An error names
 * what the message gave of the traffic class.
 */
function honoured(
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
    const [field, bit] = fieldNames.find(([, each]) => (refused & each) !== 0)!
    throw notSupported(bit === Field.trafficClass ? classField(trafficClass, dscp) : field, { when })
  }
  return kept
}
