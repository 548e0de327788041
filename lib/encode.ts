import { SocketAddress } from 'node:net'
import { isWildcard, parseAddress, sameAddress, type ParsedAddress } from './address'
import { binding, Field, SendFlag } from './binding'
import { encodeControl } from './control'
import {
  badPort,
  invalidArgType,
  invalidArgValue,
  invalidState,
  isConnected,
  notSupported,
  outOfRange,
  type ErrorPlace,
} from './errors'
import type { SendSlots } from './slots'
import { fieldSupport } from './support'
import type { OutgoingMessage } from './types'
import { checkBoolean, checkData, checkInteger, checkObject, isUint8Array } from './validate'

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
}

/** Where messages are written down: slots and, beside them, what does not go into a slot. */
export interface Encoded {
  readonly slots: SendSlots
  /** The views of all messages, in order. */
  readonly views: Uint8Array[]
  /** Raw control records by message. */
  readonly records: (Uint8Array | undefined)[]
  /** Where each went, for its error. */
  readonly places: (Readonly<ErrorPlace> | undefined)[]
}

const MAX_BYTES = 0xffffffff
const { maxBuffers } = binding.layout
const { sourceNeedsWildcard, interfaceDiscardsSource, sendFlags } = binding.kernel

/**
 * Checks a message and writes it down as message `index`. Every property is read once, so that nothing can change
 * between its check and its use. Throws before anything is sent.
 */
export function encode(message: OutgoingMessage, context: SendContext, target: Encoded, index: number): void {
  if (typeof message !== 'object' || message === null) throw invalidArgType('message', 'Object', message)
  const { data, address, port, to, source, interface: through, trafficClass, ecn, dscp } = message
  const { hopLimit, dontFragment, segmentSize, sendTime, flags, control } = message
  const { slots } = target
  slots.clear(index)

  const peer = encodeDestination(address, port, to, context, target, index)
  const family = peer.family
  slots.setControlFamily(index, family)
  const bufferCount = encodeData(data, target.views)
  slots.setBufferCount(index, bufferCount)

  let fields = 0
  if (source !== undefined) fields |= encodeSource(source, family, slots, index)
  if (through !== undefined) {
    slots.setInterface(index, interfaceOf(through))
    fields |= Field.interface
  }
  if (trafficClass !== undefined || ecn !== undefined || dscp !== undefined) {
    encodeTrafficClass(trafficClass, ecn, dscp, context.trafficClass[family], slots, index)
    fields |= Field.trafficClass
  }
  if (hopLimit !== undefined) {
    checkInteger(hopLimit, 'message.hopLimit', 1, 255)
    slots.setHopLimit(index, hopLimit)
    fields |= Field.hopLimit
  }
  if (dontFragment !== undefined) {
    checkBoolean(dontFragment, 'message.dontFragment')
    slots.setDontFragment(index, dontFragment)
    fields |= Field.dontFragment
  }
  if (segmentSize !== undefined) {
    checkInteger(segmentSize, 'message.segmentSize', 1, 65535)
    slots.setSegmentSize(index, segmentSize)
    fields |= Field.segmentSize
  }
  if (sendTime !== undefined) {
    encodeSendTime(sendTime, context, slots, index)
    fields |= Field.sendTime
  }
  if (flags !== undefined) slots.setFlags(index, flagsOf(flags, context))
  target.records[index] = undefined
  if (control !== undefined) {
    const records = encodeControl(control)
    if (records.byteLength > 0) {
      target.records[index] = records
      fields |= Field.control
    }
  }
  slots.setFields(index, fields === 0 ? 0 : honoured(fields, peer, source, context))
}

function encodeDestination(
  address: unknown,
  port: unknown,
  to: unknown,
  context: SendContext,
  target: Encoded,
  index: number,
): ParsedAddress {
  let host = address
  let number = port
  if (to !== undefined) {
    if (host !== undefined || number !== undefined) {
      throw invalidArgValue('message.to', to, 'must not be given beside address and port')
    }
    if (!(to instanceof SocketAddress)) throw invalidArgType('message.to', 'SocketAddress', to)
    host = to.address
    number = to.port
  }
  if (host === undefined && number === undefined && context.peer !== undefined) {
    target.places[index] = undefined
    return context.peer
  }
  if (typeof host !== 'string') throw invalidArgType('message.address', 'string', host)
  if (context.peer !== undefined) throw isConnected()
  if (context.raw) {
    if (number !== undefined && number !== 0) {
      throw invalidArgValue('message.port', number, 'must be left out on a raw socket')
    }
    number = 0
  } else if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > 65535) {
    throw badPort('message.port', number, false)
  }
  const parsed = parse(host, 'message.address')
  if (parsed.family === 6 ? context.family === 4 : context.ipv6Only) {
    throw invalidArgValue('message.address', host, `must be ${context.family === 4 ? 'IPv4' : 'IPv6'} on this socket`)
  }
  target.slots.setDestination(index, parsed, number as number)
  target.places[index] = { address: host, port: number as number }
  return parsed
}

function parse(text: string, name: string): ParsedAddress {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw invalidArgValue(name, text, 'must be an IP address')
  return parsed
}

/** Appends the views of `data`; returns how many. */
function encodeData(data: unknown, views: Uint8Array[]): number {
  if (isUint8Array(data)) {
    checkData(data, 'message.data')
    if (data.byteLength > MAX_BYTES) throw tooLong(data.byteLength)
    views.push(data)
    return 1
  }
  if (!Array.isArray(data)) throw invalidArgType('message.data', ['Uint8Array', 'Array'], data)
  const count = data.length
  if (count > maxBuffers) throw outOfRange('message.data.length', `<= ${String(maxBuffers)}`, count)
  let bytes = 0
  for (let index = 0; index < count; index++) {
    const view: unknown = data[index]
    checkData(view, `message.data[${String(index)}]`)
    bytes += view.byteLength
    views.push(view)
  }
  if (bytes > MAX_BYTES) throw tooLong(bytes)
  return count
}

const tooLong = (bytes: number): RangeError => outOfRange('message.data', `at most ${String(MAX_BYTES)} bytes`, bytes)

function encodeSource(source: unknown, family: 4 | 6, slots: SendSlots, index: number): number {
  if (typeof source !== 'string') throw invalidArgType('message.source', 'string', source)
  const parsed = parse(source, 'message.source')
  if (parsed.family !== family) {
    throw invalidArgValue('message.source', source, `must be IPv${String(family)}, as the destination`)
  }
  slots.setSource(index, parsed)
  if (parsed.scope === 0) return Field.source
  slots.setInterface(index, parsed.scope)
  return Field.source | Field.interface
}

function interfaceOf(through: unknown): number {
  if (typeof through === 'number') {
    checkInteger(through, 'message.interface', 1, 0x7fffffff)
    return through
  }
  if (typeof through !== 'string') throw invalidArgType('message.interface', ['number', 'string'], through)
  const index = through.includes('\0') ? 0 : binding.interfaceIndex(through)
  if (index === 0) throw invalidArgValue('message.interface', through, 'must be the name of an interface')
  return index
}

const ECN = 0x03
const DSCP = 0xfc

function encodeTrafficClass(
  whole: unknown,
  ecn: unknown,
  dscp: unknown,
  base: number,
  slots: SendSlots,
  index: number,
): void {
  if (whole !== undefined) {
    if (ecn !== undefined || dscp !== undefined) {
      throw invalidArgValue('message.trafficClass', whole, 'must not be given beside ecn or dscp, its halves')
    }
    checkInteger(whole, 'message.trafficClass', 0, 255)
    slots.setTrafficClass(index, whole, 0xff)
    return
  }
  let value = base
  let mask = 0
  if (ecn !== undefined) {
    checkInteger(ecn, 'message.ecn', 0, 3)
    value = (value & DSCP) | ecn
    mask |= ECN
  }
  if (dscp !== undefined) {
    checkInteger(dscp, 'message.dscp', 0, 63)
    value = (value & ECN) | (dscp << 2)
    mask |= DSCP
  }
  slots.setTrafficClass(index, value, mask)
}

const MAX_TIME = 0xffffffffffffffffn

function encodeSendTime(sendTime: unknown, context: SendContext, slots: SendSlots, index: number): void {
  if (typeof sendTime !== 'bigint') throw invalidArgType('message.sendTime', 'bigint', sendTime)
  if (sendTime < 0n || sendTime > MAX_TIME) {
    throw outOfRange('message.sendTime', `>= 0 && <= ${String(MAX_TIME)}`, sendTime)
  }
  if (!context.sendTime && !context.ignoreUnsupported) {
    throw invalidState('message.sendTime needs a socket made with createSocket({ sendTime: true })')
  }
  slots.setSendTime(index, sendTime)
}

function flagsOf(flags: unknown, context: SendContext): number {
  checkObject(flags, 'message.flags')
  let bits = 0
  for (const [name, bit] of Object.entries(SendFlag)) {
    const on: unknown = (flags as Record<string, unknown>)[name]
    if (on === undefined) continue
    checkBoolean(on, `message.flags.${name}`)
    if (!on) continue
    if ((sendFlags & bit) !== 0) bits |= bit
    else if (!context.ignoreUnsupported) throw notSupported(`flags.${name}`)
  }
  return bits
}

const fieldNames = Object.entries(Field)

/** Those of `fields` that this kernel honours; refuses the others, or leaves them out when the socket says so. */
function honoured(fields: number, peer: ParsedAddress, source: unknown, context: SendContext): number {
  const family = peer.family
  const support = fieldSupport()
  const name = family === 4 ? 'IPv4' : 'IPv6'
  const possible = support.kernel[name] | (context.borrowed ? 0 : support.emulated[name]) | Field.control
  let kept = fields & (possible | Field.segmentSize) // segmentation always works (src-posix/send.cc)
  if (!context.sendTime) kept &= ~Field.sendTime
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
    if (bits === Field.source && sameAddress(parse(source as string, 'message.source'), context.local)) {
      kept &= ~Field.source
    } else if (bits !== 0) {
      kept &= ~bits
      refused |= bits
      when = 'on a socket that is bound to one address'
    }
  }
  if (refused !== 0 && !context.ignoreUnsupported) {
    const field = fieldNames.find(([, bit]) => (refused & bit) !== 0)
    throw notSupported(field === undefined ? 'field' : field[0], { when })
  }
  return kept
}
