import { receiveFields, sendFields } from './message/fields'
import { binding, type FieldMasks } from './native/addon'
import { Field, SendFlag } from './native/constants'
import { fieldSupport, type FieldSupport } from './probe'
import type { Capabilities, FamilySupport, Support } from './types'

let answer: Capabilities | undefined

/**
 * What this kernel does with each field, in each direction and family: `'kernel'`, `'emulated'` or `false`; and the
 * limits. Tried over sockets of its own, on loopback, for some milliseconds at most. What could not be tried (loopback is
 * down, no descriptor is left) is as this kernel is known to be, and is tried again later. Frozen; one object once all
 * was tried.
 */
export function capabilities(): Capabilities {
  if (answer !== undefined) return answer
  const support = fieldSupport()
  const now = ask(support)
  if (support.concluded) answer = now
  return now
}

function ask({ kernel, emulated, receive, maxSegments }: FieldSupport): Capabilities {
  const { sendClass, toldClass } = binding.kernel
  const send = (bit: number): FamilySupport => ({
    IPv4: sendSupport(bit, 'IPv4', kernel, emulated),
    IPv6: sendSupport(bit, 'IPv6', kernel, emulated),
  })
  const told = (bit: number): FamilySupport => ({
    IPv4: receiveSupport(bit, receive.IPv4),
    IPv6: receiveSupport(bit, receive.IPv6),
  })
  return deepFreeze({
    platform: process.platform,
    send: withClass(mapValues(sendFields, send), sendClass),
    receive: withClass(mapValues(receiveFields, told), toldClass),
    flags: mapValues(SendFlag, (bit) => (binding.kernel.sendFlags & bit) !== 0),
    maxSegments,
    // 65535 less the headers: RFC 768, RFC 791; an IPv6 payload length does not count the IPv6 header (RFC 8200, 3).
    maxDatagram: { IPv4: 65507, IPv6: 65527 },
    maxBatch: binding.layout.slotCount,
    maxBuffers: binding.layout.maxBuffers,
  })
}

function sendSupport(bit: number, name: 'IPv4' | 'IPv6', kernel: FieldMasks, emulated: FieldMasks): Support {
  if (bit === Field.control) return 'kernel'
  if ((kernel[name] & bit) !== 0) return 'kernel'
  if ((emulated[name] & bit) !== 0 || bit === Field.segmentSize) return 'emulated'
  return false
}

/** Of a kernel that knows a half of the traffic class. */
function withClass<T extends Record<'trafficClass' | 'ecn' | 'dscp', FamilySupport>>(fields: T, bits: FieldMasks): T {
  const part = (support: FamilySupport, mask: number): FamilySupport => ({
    IPv4: (bits.IPv4 & mask) === mask && support.IPv4,
    IPv6: (bits.IPv6 & mask) === mask && support.IPv6,
  })
  return {
    ...fields,
    trafficClass: part(fields.trafficClass, 0xff),
    ecn: part(fields.ecn, 0x03),
    dscp: part(fields.dscp, 0xfc),
  }
}

function receiveSupport(bit: number, told: number): Support {
  return bit === Field.control || (told & bit) !== 0 ? 'kernel' : false
}

function mapValues<K extends string, V, R>(record: Readonly<Record<K, V>>, map: (value: V) => R): Record<K, R> {
  const entries = Object.entries(record) as [K, V][]
  return Object.fromEntries(entries.map(([key, value]) => [key, map(value)])) as Record<K, R>
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}
