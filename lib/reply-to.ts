import type { MessageInfo, OutgoingMessage } from './types'
import { checkObject, checkString } from './validate'

const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i
/** In front of the expression, which costs more than the rest: `f` or `F`. */
const mayBeLinkLocal = (address: string): boolean => (address.charCodeAt(0) | 0x20) === 0x66

/**
 * Where to answer a datagram, and where from: spread it into the answer. `source` is left out when the datagram was
 * multicast or broadcast (RFC 1122, 3.2.1.3: such an address is never a source); the interface is kept for link-local peers.
 */
export function replyTo(
  info: Pick<MessageInfo, 'address' | 'port' | 'destination' | 'cast' | 'interface'>,
): Pick<OutgoingMessage, 'address' | 'port' | 'source' | 'interface'> {
  checkObject(info, 'info')
  const { address, port, destination, cast } = info
  checkString(address, 'info.address')
  const reply: Pick<OutgoingMessage, 'address' | 'port' | 'source' | 'interface'> = { address }
  if (port !== 0) reply.port = port
  if (destination !== undefined && (cast === undefined || cast === 'unicast')) reply.source = destination
  if (info.interface !== undefined && mayBeLinkLocal(address) && LINK_LOCAL.test(address))
    reply.interface = info.interface
  return reply
}
