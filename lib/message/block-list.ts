import type { BlockList } from 'node:net'

/** Whether a list of the user's has the address, an IPv6 scope aside. */
export function isBlocked(list: BlockList | undefined, address: string, family: 'IPv4' | 'IPv6'): boolean {
  if (list === undefined) return false
  const [plain = ''] = address.split('%')
  return list.check(plain, family === 'IPv4' ? 'ipv4' : 'ipv6')
}
