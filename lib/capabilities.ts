import { receiveFields, sendFields, type FieldRow } from './message/fields'
import { binding } from './native/addon'
import { Field, SendFlag } from './native/constants'
import { fieldSupport, type FieldSupport } from './probe'
import type { Capabilities, Family, Support } from './types'

const { sendClass, toldClass } = binding.kernel

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

function ask(support: FieldSupport): Capabilities {
  return deepFreeze({
    platform: process.platform,
    send: mapValues(sendFields, (row) => ({
      IPv4: sendSupport(row, 'IPv4', support),
      IPv6: sendSupport(row, 'IPv6', support),
    })),
    receive: mapValues(receiveFields, (row) => ({
      IPv4: receiveSupport(row, 'IPv4', support),
      IPv6: receiveSupport(row, 'IPv6', support),
    })),
    flags: mapValues(SendFlag, (bit) => (binding.kernel.sendFlags & bit) !== 0),
    maxSegments: support.maxSegments,
    // 65535 less the headers: RFC 768, RFC 791; an IPv6 payload length does not count the IPv6 header (RFC 8200, 3).
    maxDatagram: { IPv4: 65507, IPv6: 65527 },
    maxBatch: binding.layout.slotCount,
    maxBuffers: binding.layout.maxBuffers,
  })
}

function sendSupport({ bit, classMask }: FieldRow, family: Family, { kernel, emulated }: FieldSupport): Support {
  if (bit === Field.control) return 'kernel'
  // Some kernels send a half of the traffic class alone.
  if ((sendClass[family] & classMask) !== classMask) return false
  if ((kernel[family] & bit) !== 0) return 'kernel'
  if ((emulated[family] & bit) !== 0 || bit === Field.segmentSize) return 'emulated'
  return false
}

function receiveSupport({ bit, classMask }: FieldRow, family: Family, { receive }: FieldSupport): Support {
  if (bit === Field.control) return 'kernel'
  // Some kernels report a half of the traffic class alone.
  return (toldClass[family] & classMask) === classMask && (receive[family] & bit) !== 0 ? 'kernel' : false
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
