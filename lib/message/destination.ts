import { SocketAddress } from 'node:net'
import { badPort, invalidArgType, invalidArgValue, ipBlocked, isConnected, notSupported } from '../errors/socket-error'
import { LITTLE_ENDIAN } from '../native/addon'
import { parseAddress, textOf, type ParsedAddress } from '../native/address'
import { isBlocked } from './block-list'
import type { Encoded, SendContext } from './encoded'

/** Writes where message `index` goes, the connected peer included, and returns it. */
export function encodeDestination(
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

/**
 * The interface that the scope of a destination names. Kernels look at the scope of link-local addresses alone (Linux:
 * __ipv6_addr_needs_scope_id), so for others it is sent as the interface; 0: there is none, or the kernel honours it.
 */
export function chosenByScope({ scope, w0 }: ParsedAddress): number {
  if (scope === 0) return 0
  const first = LITTLE_ENDIAN ? w0 & 0xff : w0 >>> 24
  const second = LITTLE_ENDIAN ? (w0 >>> 8) & 0xff : (w0 >>> 16) & 0xff
  // fe80::/10 (RFC 4291, 2.5.6), and ff01:: and ff02:: (2.7).
  const needsScope =
    first === 0xfe ? (second & 0xc0) === 0x80 : first === 0xff && ((second & 0x0f) === 1 || (second & 0x0f) === 2)
  return needsScope ? 0 : scope
}
