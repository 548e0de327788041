import dns from 'node:dns'
import { parseAddress, type ParsedAddress } from './address'
import type { LookupFunction } from './types'

/** No error and nothing parsed: what was found is no address. */
export type Resolved = (error: Error | null, address: string, parsed: ParsedAddress | undefined) => void

/** dgram gives the family as a number where dns.lookup takes options, too. */
type Lookup = (hostname: string, family: number, callback: Parameters<LookupFunction>[2]) => void

const { lookup: nodeLookup } = dns

/** The address that a text stands for, unless a `lookup` is to be asked: the program's own, or one in place of dns.lookup. */
export function literal(host: string, lookup: LookupFunction | undefined): ParsedAddress | undefined {
  return lookup === undefined && dns.lookup === nodeLookup ? parseAddress(host) : undefined
}

/**
 * Calls back once with the address that dgram's own forms of bind, connect and send mean; at once only if a `lookup` of the
 * user's does. That is asked for addresses, too, as dgram does.
 */
export function resolve(host: string, family: 4 | 6, lookup: LookupFunction | undefined, callback: Resolved): void {
  const known = literal(host, lookup)
  if (known !== undefined) {
    process.nextTick(callback, null, host, known)
    return
  }
  let answered = false
  const answer: Resolved = (error, address, parsed) => {
    if (answered) return
    answered = true
    callback(error, address, parsed)
  }
  try {
    ;((lookup ?? dns.lookup) as Lookup)(host, family, (error, address: unknown) => {
      if (error) answer(error, host, undefined)
      else if (typeof address === 'string') answer(null, address, parseAddress(address))
      else answer(null, host, undefined)
    })
  } catch (error) {
    // What the callback threw is not the look-up's.
    if (answered) throw error
    process.nextTick(answer, error, host, undefined)
  }
}
