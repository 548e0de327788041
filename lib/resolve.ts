import { lookup as systemLookup } from 'node:dns'
import { parseAddress, type ParsedAddress } from './address'
import { invalidArgType } from './errors'
import type { LookupFunction } from './types'

/**
 * Calls back with the address that dgram's own forms of bind, connect and send mean: at once where it is an address
 * already, after a look-up where it is a name.
 */
export function resolve(
  host: string,
  family: 4 | 6,
  lookup: LookupFunction | undefined,
  callback: (error: Error | null, address: string, parsed: ParsedAddress | undefined) => void,
): void {
  const literal = parseAddress(host)
  if (literal !== undefined) {
    callback(null, host, literal)
    return
  }
  ;(lookup ?? systemLookup)(host, { family }, (error, address) => {
    if (error !== null) {
      callback(error, host, undefined)
      return
    }
    const parsed = typeof address === 'string' ? parseAddress(address) : undefined
    if (parsed === undefined) callback(invalidArgType('address', 'an IP address from lookup', address), host, undefined)
    else callback(null, address, parsed)
  })
}
