import { bytesOf, parseAddress, type ParsedAddress } from './address'
import type { Endpoint } from './binding'
import { fromNative, missingArgs, SocketError } from './errors'
import { checkString } from './validate'

// Group memberships as dgram has them: an interface is an IPv4 address for IPv4 groups, and an IPv6 address whose scope
// names the interface for IPv6 groups (`::%eth0`).

const NONE = new Uint8Array(16)
const invalid = (syscall: string): SocketError => new SocketError({ code: 'EINVAL', syscall })

function parse(text: string, syscall: string): ParsedAddress {
  const address = parseAddress(text)
  if (address === undefined) throw invalid(syscall)
  return address
}

/** Joins or leaves a group. `syscall` is the method's name, as in dgram's errors. */
export function changeMembership(
  endpoint: Endpoint,
  syscall: 'addMembership' | 'dropMembership',
  group: string,
  through: string | null | undefined,
): void {
  if (!group) throw missingArgs('multicastAddress')
  checkString(group, 'multicastAddress')
  if (through !== undefined && through !== null) checkString(through, 'multicastInterface')
  change(endpoint, syscall, group, undefined, through)
}

/** Joins or leaves a group for one source (RFC 4607). */
export function changeSourceMembership(
  endpoint: Endpoint,
  syscall: 'addSourceSpecificMembership' | 'dropSourceSpecificMembership',
  source: string,
  group: string,
  through: string | null | undefined,
): void {
  checkString(source, 'sourceAddress')
  checkString(group, 'groupAddress')
  if (through !== undefined && through !== null) checkString(through, 'multicastInterface')
  change(endpoint, syscall, group, source, through)
}

function change(
  endpoint: Endpoint,
  syscall: string,
  groupText: string,
  sourceText: string | undefined,
  throughText: string | null | undefined,
): void {
  const group = parse(groupText, syscall)
  const source = sourceText === undefined ? undefined : parse(sourceText, syscall)
  const through = throughText === undefined || throughText === null ? undefined : parse(throughText, syscall)
  if ([source, through].some((address) => address !== undefined && address.family !== group.family)) {
    throw invalid(syscall)
  }
  const status = endpoint.setMembership(
    syscall.startsWith('add') ? 1 : 0,
    group.family,
    bytesOf(group),
    through === undefined ? NONE : bytesOf(through),
    through?.scope ?? group.scope,
    source && bytesOf(source),
  )
  if (status !== 0) throw fromNative(status, syscall)
}

/** Chooses the interface that multicast is sent through. */
export function setMulticastInterface(endpoint: Endpoint, text: string): void {
  checkString(text, 'interfaceAddress')
  const syscall = 'setMulticastInterface'
  const through = parse(text, syscall)
  const status = endpoint.setMulticastInterface(through.family, bytesOf(through), through.scope)
  if (status !== 0) throw fromNative(status, syscall)
}
