import { binding } from '../native/addon'
import { Field } from '../native/constants'
import { invalidArgValue } from '../errors/socket-error'
import type { MessageInfo, OutgoingMessage } from '../types'
import { checkObject, checkString } from '../util/validate'

const LINK_LOCAL_IPV6 = /^fe[89ab][0-9a-f]:/i
const LINK_LOCAL_IPV4 = '169.254.'

/** Whether the address needs an interface. Comparing the first letter with `f` or `F` saves most calls of the expression. */
const isLinkLocal = (address: string): boolean =>
  (address.charCodeAt(0) | 0x20) === 0x66 ? LINK_LOCAL_IPV6.test(address) : address.startsWith(LINK_LOCAL_IPV4)

const { send, receive, interfaceDiscardsSource } = binding.kernel
/** False for kernels that take no interface for IPv4. `interfaceDiscardsSource`: they take it in place of a source. */
const sendsInterfaceIPv4 = (send.IPv4 & Field.interface) !== 0

type Given = Pick<MessageInfo, 'address' | 'port' | 'destination' | 'cast' | 'interface'>
type Reply = Pick<OutgoingMessage, 'address' | 'port' | 'source' | 'interface'>

/**
 * Where to answer a datagram, and where from: spread it into the answer. `source` is left out when the datagram was
 * multicast or broadcast (RFC 1122, 3.2.1.3: such an address is never a source). The interface is kept for link-local peers
 * of both families and for broadcasts, as far as this kernel takes it.
 *
 * A peer can forge its port: an answer to port 0 is refused by the kernel when it is sent.
 * @throws ERR_INVALID_ARG_VALUE where `info` lacks the destination, although this kernel reports it: the answer could leave
 * from another address than the one that was asked
 */
export function replyTo(info: Given): Reply {
  checkObject(info, 'info')
  const { address, port, destination, cast } = info
  checkString(address, 'info.address')
  const reply: Reply = { address, port }
  if (destination === undefined) checkUnreported(address)
  else if (cast === undefined || cast === 'unicast') reply.source = destination
  if (info.interface !== undefined && (cast === 'broadcast' || isLinkLocal(address))) {
    if (isIPv6(address) || takesInterface(reply)) reply.interface = info.interface
  }
  return reply
}

const isIPv6 = (address: string): boolean => address.includes(':')

const takesInterface = ({ source }: Reply): boolean =>
  sendsInterfaceIPv4 && (source === undefined || !interfaceDiscardsSource)

function checkUnreported(address: string): void {
  const reported = isIPv6(address) ? receive.IPv6 : receive.IPv4
  if ((reported & Field.destination) === 0) return
  throw invalidArgValue(
    'info.destination',
    undefined,
    'is not known, and the answer could leave from another address; receive it with the default receiveInfo and ' +
      'controlLength, or answer without replyTo()',
  )
}
