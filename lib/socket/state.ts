import type { AddressInfo, BlockList } from 'node:net'
import type { ParsedAddress } from '../native/address'
import { report, type Endpoint } from '../native/addon'
import { Option } from '../native/constants'
import type { SendContext } from '../message/encoded'
import { receiveSlots } from '../native/slots'

/** What a kernel says of a socket's addresses and options. */
export type Told = Pick<SocketFacts, 'family' | 'raw' | 'ipv6Only' | 'peer' | 'local' | 'trafficClass'>

/** What is told of a socket, and not by its kernel. */
interface Given {
  readonly borrowed: boolean
  readonly sendTime: boolean
  readonly ignoreUnsupported: boolean
  readonly sendBlockList?: BlockList | undefined
}

/**
 * What is known of a socket; `encode` reads it, its owner keeps it up to date. A class, as objects that are spread can all
 * have shapes of their own, and each send of each socket reads this.
 */
export class SocketFacts implements SendContext {
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

  /** `told`: of a socket that is not open yet. */
  constructor(endpoint: Endpoint, given: Given, told = whatIsTold(endpoint)) {
    const { borrowed, sendTime, ignoreUnsupported, sendBlockList } = given
    this.family = told.family
    this.raw = told.raw
    this.ipv6Only = told.ipv6Only
    this.peer = told.peer
    this.local = told.local
    this.trafficClass = told.trafficClass
    this.borrowed = borrowed
    this.sendTime = sendTime
    this.ignoreUnsupported = ignoreUnsupported
    this.sendBlockList = sendBlockList
  }

  /** Asks the kernel again: it is another socket. */
  update(endpoint: Endpoint): void {
    Object.assign(this, whatIsTold(endpoint))
  }
}

function whatIsTold(endpoint: Endpoint): Told {
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
    local: endpoint.localAddress() === 0 ? slotAddress() : undefined,
    trafficClass: {
      4: option(Option.trafficClassIPv4) & 0xff,
      6: family === 6 ? option(Option.trafficClassIPv6) & 0xff : 0,
    },
  }
}

/** The same as users see it. On a dual-stack socket the wildcard, and all that is not IPv4-mapped, is IPv6. */
export const slotAddressInfo = (raw: boolean): AddressInfo => ({
  address: receiveSlots.address(0),
  family: receiveSlots.family(0) === 4 ? 'IPv4' : 'IPv6',
  // Linux puts the protocol where a raw socket has no port.
  port: raw ? 0 : receiveSlots.port(0),
})

/** The address that localAddress() or remoteAddress() left. */
export const slotAddress = (): ParsedAddress => receiveSlots.parsed(0)
