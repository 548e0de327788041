import { lookup as systemLookup } from 'node:dns'
import { parseAddress, type ParsedAddress } from './address'
import type { LookupFunction } from './types'

/** No error and nothing parsed: what was found is no address. */
export type Resolved = (error: Error | null, address: string, parsed: ParsedAddress | undefined) => void

/** dgram gives the family as a number where dns.lookup takes options, too. */
type Lookup = (hostname: string, family: number, callback: Parameters<LookupFunction>[2]) => void

/**
 * Calls back, never at once, with the address that dgram's own forms of bind, connect and send mean. A `lookup` of the
 * user's is asked for addresses, too, as dgram does.
 */
export function resolve(host: string, family: 4 | 6, lookup: LookupFunction | undefined, callback: Resolved): void {
  const literal = lookup === undefined ? parseAddress(host) : undefined
  if (literal !== undefined) {
    process.nextTick(callback, null, host, literal)
    return
  }
  ;((lookup ?? systemLookup) as Lookup)(host, family, (error, address) => {
    callback(error, address, error || typeof address !== 'string' ? undefined : parseAddress(address))
  })
}
