import { formatIPv4, formatIPv6 } from '../native/address'
import { LITTLE_ENDIAN, numbersOf, type Endpoint } from '../native/addon'
import { originNames } from '../native/constants'
import { fromNative, SocketError, type SocketErrorOptions } from '../errors/socket-error'
import { allocateShared } from '../native/shared-memory'
import type { ReceivedData } from '../types'

/**
 * Who found out about the error of a datagram: our own kernel, somebody who sent an ICMP message, or the queue that was to
 * send the datagram at its `sendTime` (SO_TXTIME, SOF_TXTIME_REPORT_ERRORS).
 */
export type ErrorOrigin = 'local' | 'icmp' | 'icmp6' | 'txtime'

interface Details {
  readonly origin: ErrorOrigin
  readonly icmpType: number | undefined
  readonly icmpCode: number | undefined
  readonly mtu: number | undefined
  readonly offender: string | undefined
  readonly sendTime: bigint | undefined
  readonly data: ReceivedData
}

/**
 * What a datagram met after it had been sent: nobody listens there (`ECONNREFUSED`), no way there (`EHOSTUNREACH`,
 * `ENETUNREACH`), too long for the path (`EMSGSIZE`). `address` and `port` are where it was sent to.
 * @see ip(7), IP_RECVERR; RFC 792, RFC 4443
 */
export class DatagramError extends SocketError {
  readonly origin: ErrorOrigin
  /** Of the ICMP message. */
  readonly icmpType: number | undefined
  readonly icmpCode: number | undefined
  /** Bytes, with IP header, that the path takes; of `EMSGSIZE`. */
  readonly mtu: number | undefined
  /** Who sent the ICMP message: the host itself, or a router on the way. */
  readonly offender: string | undefined
  /** The time at which the datagram was to be sent; of `txtime`. */
  readonly sendTime: bigint | undefined
  /** The start of the datagram, as much as came back; nothing of what the kernel itself refused. */
  readonly data: ReceivedData

  constructor(options: SocketErrorOptions, details: Details) {
    super(options)
    this.origin = details.origin
    this.icmpType = details.icmpType
    this.icmpCode = details.icmpCode
    this.mtu = details.mtu
    this.offender = details.offender
    this.sendTime = details.sendTime
    this.data = details.data
  }
}

Object.defineProperty(DatagramError.prototype, 'name', {
  value: 'DatagramError',
  writable: true,
  configurable: true,
  enumerable: false,
})

const at = numbersOf('error', [
  'slotSize',
  'status',
  'info',
  'data',
  'addressScope',
  'offenderScope',
  'size',
  'offset',
  'port',
  'family',
  'offenderFamily',
  'origin',
  'type',
  'code',
  'address',
  'offender',
])
/** Errors read in one call. */
const COUNT = 8
/** Of each datagram; ICMPv6 brings back no more than 1,232 bytes with their headers (RFC 4443, 2.4). */
const DATA_SIZE = 1280
const slots = Buffer.alloc(COUNT * at.slotSize)
const words = new DataView(slots.buffer, slots.byteOffset)

function textAt(family: number, start: number, scope: number): string | undefined {
  const word = (index: number): number => words.getUint32(start + index * 4, LITTLE_ENDIAN)
  if (family === 4) return formatIPv4(word(0))
  return family === 6 ? formatIPv6(word(0), word(1), word(2), word(3), scope) : undefined
}

function decode(slot: number, data: ReceivedData): DatagramError | undefined {
  const base = slot * at.slotSize
  const byte = (offset: number): number => slots[base + offset]!
  const word = (offset: number): number => words.getUint32(base + offset, LITTLE_ENDIAN)
  const origin = originNames[byte(at.origin)]
  if (origin === undefined) return undefined // a timestamp, not an error
  const named = fromNative(words.getInt32(base + at.status, LITTLE_ENDIAN), 'sendmsg')
  const start = word(at.offset)
  const icmp = origin === 'icmp' || origin === 'icmp6'
  return new DatagramError(
    {
      code: named.code,
      syscall: named.syscall,
      nativeCode: named.nativeCode,
      nativeName: named.nativeName,
      address: textAt(byte(at.family), base + at.address, word(at.addressScope)),
      port: words.getUint16(base + at.port, LITTLE_ENDIAN),
    },
    {
      origin,
      icmpType: icmp ? byte(at.type) : undefined,
      icmpCode: icmp ? byte(at.code) : undefined,
      mtu: named.code === 'EMSGSIZE' ? word(at.info) : undefined,
      offender: textAt(byte(at.offenderFamily), base + at.offender, word(at.offenderScope)),
      // sock_txtime's errors: the upper half in ee_data, the lower in ee_info (net/sched/sch_etf.c).
      sendTime: origin === 'txtime' ? (BigInt(word(at.data)) << 32n) | BigInt(word(at.info)) : undefined,
      data: data.subarray(start, start + word(at.size)),
    },
  )
}

/** Reads what the kernel knows of earlier datagrams, until there is no more or `most` were read. */
export function readErrors(endpoint: Endpoint, most: number): DatagramError[] {
  const errors: DatagramError[] = []
  for (let read = 0; read < most;) {
    const data = Buffer.from(allocateShared(COUNT * DATA_SIZE))
    const count = endpoint.receiveErrors(slots, data)
    for (let slot = 0; slot < count; slot++) {
      const error = decode(slot, data)
      if (error !== undefined) errors.push(error)
    }
    if (count < COUNT) break
    read += count
  }
  return errors
}
