import { numbersOf } from './addon'

// The enums of src/layout.h. Where users see an order (of checks, of names in an error), it is the order here.

/** Bits. Only the fields that code names: lib/message/fields.ts has all of them. */
export const Field = numbersOf('enums.field', [
  'source',
  'interface',
  'trafficClass',
  'hopLimit',
  'dontFragment',
  'segmentSize',
  'sendTime',
  'control',
  'destination',
  'timestamp',
])

/** Bits. */
export const SendFlag = numbersOf('enums.sendFlag', ['dontRoute', 'confirm', 'partial', 'oob'])

/** Bits: what is said of a received message beside the bits of its fields. */
export const Present = numbersOf('enums.present', ['truncated', 'controlTruncated', 'ecn'])

export const DontFragment = numbersOf('enums.dontFragment', ['mayFragment', 'neverFragment'])

/** Where the data of a received message is. */
export const DataPlace = numbersOf('enums.dataPlace', ['receiveArea', 'smallChunk', 'largeChunk'])

export const Wait = numbersOf('enums.wait', ['none', 'forRoom', 'forBuffers', 'forTurn'])

export const Option = numbersOf('enums.option', [
  'receiveBuffer',
  'sendBuffer',
  'reuseAddress',
  'reusePort',
  'ipv6Only',
  'broadcast',
  'hopLimit',
  'trafficClassIPv4',
  'trafficClassIPv6',
  'dontFragment',
  'sendTime',
  'coalesce',
  'segment',
  'multicastHopLimit',
  'multicastLoopback',
  'pathMtu',
  'receiveErrors',
])

export const SendClock = numbersOf('enums.sendClock', ['monotonic', 'tai'])

/** What watch() takes. With `errors` alone only errors come, as with each of the others. */
export const Readiness = numbersOf('enums.readiness', ['readable', 'writable', 'errors', 'later'])

/** The names of an enum by their values; of any other value, undefined. */
function namesByValue<const Name extends string>(part: string, names: readonly Name[]): readonly (Name | undefined)[] {
  const values = numbersOf(part, names)
  const length = 1 + Math.max(...Object.values<number>(values))
  return Array.from({ length }, (_, value) => names.find((name) => values[name] === value))
}

export const castNames = namesByValue('enums.cast', ['unicast', 'multicast', 'broadcast'])

export const originNames = namesByValue('enums.errorOrigin', ['local', 'icmp', 'icmp6', 'txtime'])
