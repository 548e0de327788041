import type { AddressInfo, BlockList } from 'node:net'
import type { SendContext } from '../message/encoded'
import type { ParsedAddress } from '../native/address'
import { report, type Endpoint } from '../native/addon'
import { Option } from '../native/constants'
import { receiveSlots } from '../native/slots'

/** What the kernel reports of a socket. */
export type ReportedState = Pick<SocketState, 'family' | 'raw' | 'ipv6Only' | 'peer' | 'local' | 'trafficClass'>

/** What the kernel does not report. */
interface GivenState {
  readonly borrowed: boolean
  readonly sendTime: boolean
  readonly ignoreUnsupported: boolean
  readonly sendBlockList?: BlockList | undefined
}

/** Per-socket state that every send reads. A class, so that all instances share one hidden class. */
export class SocketState implements SendContext {
  family: 4 | 6
  raw: boolean
  ipv6Only: boolean
  peer: ParsedAddress | undefined
  local: ParsedAddress | undefined
  trafficClass: Readonly<Record<4 | 6, number>>
  readonly borrowed: boolean
  readonly sendTime: boolean
  readonly ignoreUnsupported: boolean
  readonly sendBlockList: BlockList | undefined

  constructor(given: GivenState, reported: ReportedState) {
    const { borrowed, sendTime, ignoreUnsupported, sendBlockList } = given
    this.family = reported.family
    this.raw = reported.raw
    this.ipv6Only = reported.ipv6Only
    this.peer = reported.peer
    this.local = reported.local
    this.trafficClass = reported.trafficClass
    this.borrowed = borrowed
    this.sendTime = sendTime
    this.ignoreUnsupported = ignoreUnsupported
    this.sendBlockList = sendBlockList
  }

  /** Queries the kernel again: the endpoint has another socket now. */
  update(endpoint: Endpoint): void {
    Object.assign(this, querySocket(endpoint))
  }

  /** Queries the local address, which bind(2) and connect(2) change. */
  updateLocal(endpoint: Endpoint): void {
    this.local = localAddress(endpoint)
  }

  get connected(): boolean {
    return this.peer !== undefined
  }

  get wildcard(): string {
    return this.family === 4 ? '0.0.0.0' : '::'
  }

  get loopback(): string {
    return this.family === 4 ? '127.0.0.1' : '::1'
  }

  /** Whether the socket can send to this address, or be bound to it. */
  reaches(address: ParsedAddress): boolean {
    return address.family === 6 ? this.family === 6 : !this.ipv6Only
  }
}

export function querySocket(endpoint: Endpoint): ReportedState {
  const family = endpoint.family() === 6 ? 6 : 4
  const option = (number: number): number => {
    const value = endpoint.getOption(number)
    return report.status() === 0 ? value : 0
  }
  return {
    family,
    raw: endpoint.raw() !== 0,
    ipv6Only: family === 6 && option(Option.ipv6Only) !== 0,
    peer: endpoint.remoteAddress() === 0 ? slotAddress() : undefined,
    local: localAddress(endpoint),
    trafficClass: {
      4: option(Option.trafficClassIPv4) & 0xff,
      6: family === 6 ? option(Option.trafficClassIPv6) & 0xff : 0,
    },
  }
}

const localAddress = (endpoint: Endpoint): ParsedAddress | undefined =>
  endpoint.localAddress() === 0 ? slotAddress() : undefined

/** The address that localAddress() or remoteAddress() of the endpoint has left. */
const slotAddress = (): ParsedAddress => receiveSlots.parsed(0)

/** The same as users see it. On a dual-stack socket the wildcard, and all that is not IPv4-mapped, is IPv6. */
export const slotAddressInfo = (raw: boolean): AddressInfo => ({
  address: receiveSlots.address(0),
  family: receiveSlots.family(0) === 4 ? 'IPv4' : 'IPv6',
  // Linux puts the protocol where a raw socket has no port.
  port: raw ? 0 : receiveSlots.port(0),
})
