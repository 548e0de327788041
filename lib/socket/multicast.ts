import { bytesOf, parseAddress, type ParsedAddress } from '../native/address'
import type { Endpoint } from '../native/addon'
import { fromNative, missingArgs, SocketError } from '../errors/socket-error'
import { checkString } from '../util/validate'

// Group memberships as dgram has them: an interface is an IPv4 address for IPv4 groups, and an IPv6 address whose scope
// names the interface for IPv6 groups (`::%eth0`).

const NONE = new Uint8Array(16)
const invalid = (syscall: string, detail?: string): SocketError => new SocketError({ code: 'EINVAL', syscall, detail })

/** A socket that joins groups. Arguments are checked before it is opened. */
export interface GroupMember {
  readonly family: 4 | 6
  open(): Endpoint
}

function parse(text: string, syscall: string, detail?: string): ParsedAddress {
  const address = parseAddress(text)
  if (address === undefined) throw invalid(syscall, detail)
  return address
}

/** For an error: how an interface must be given. */
const mustBe = (name: string, family: 4 | 6): string =>
  family === 4
    ? `${name} must be an IPv4 address of the interface, not its name`
    : `${name} must be an IPv6 address with a scope that names an interface which is there, as '::%eth0'`

/** Joins or leaves a group. As in dgram's errors, `syscall` is the method's name. */
export function changeMembership(
  member: GroupMember,
  syscall: 'addMembership' | 'dropMembership',
  group: string,
  through: string | null | undefined,
): void {
  if (!group) throw missingArgs('multicastAddress')
  checkString(group, 'multicastAddress')
  if (through !== undefined && through !== null) checkString(through, 'multicastInterface')
  change(member, syscall, group, undefined, through)
}

/** Joins or leaves a group for one source (RFC 4607). */
export function changeSourceMembership(
  member: GroupMember,
  syscall: 'addSourceSpecificMembership' | 'dropSourceSpecificMembership',
  source: string,
  group: string,
  through: string | null | undefined,
): void {
  checkString(source, 'sourceAddress')
  checkString(group, 'groupAddress')
  if (through !== undefined && through !== null) checkString(through, 'multicastInterface')
  change(member, syscall, group, source, through)
}

function change(
  member: GroupMember,
  syscall: string,
  groupText: string,
  sourceText: string | undefined,
  throughText: string | null | undefined,
): void {
  const group = parse(groupText, syscall)
  const source = sourceText === undefined ? undefined : parse(sourceText, syscall)
  const must = mustBe('multicastInterface', group.family)
  const through = throughText === undefined || throughText === null ? undefined : parse(throughText, syscall, must)
  if (source !== undefined && source.family !== group.family) throw invalid(syscall)
  if (through !== undefined && through.family !== group.family) throw invalid(syscall, must)
  if (group.family > member.family) throw invalid(syscall)
  const status = member
    .open()
    .setMembership(
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
export function setMulticastInterface(member: GroupMember, text: string): void {
  checkString(text, 'interfaceAddress')
  const syscall = 'setMulticastInterface'
  const must = mustBe('interfaceAddress', member.family)
  const through = parse(text, syscall, must)
  if (through.family > member.family) throw invalid(syscall, must)
  const status = member.open().setMulticastInterface(through.family, bytesOf(through), through.scope)
  if (status !== 0) throw fromNative(status, syscall)
}
