import type { BlockList } from 'node:net'
import type { ErrorPlace } from '../errors/socket-error'
import type { ParsedAddress } from '../native/address'
import type { SendSlots } from '../native/slots'

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
