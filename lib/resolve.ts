import { lookup as systemLookup } from 'node:dns'
import { parseAddress, type ParsedAddress } from './address'
import type { LookupFunction } from './types'

/** No error and nothing parsed: what was found is no address. */
export type Resolved = (error: Error | null, address: string, parsed: ParsedAddress | undefined) => void

/** dgram gives the family as a number where dns.lookup takes options, too. */
type Lookup = (hostname: string, family: number, callback: Parameters<LookupFunction>[2]) => void

/** What is no address is undefined; that an interface could not be looked up is an error. */
function parse(text: string): ParsedAddress | Error | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    return error as Error
  }
}

/**
 * Calls back once with the address that dgram's own forms of bind, connect and send mean; at once only if a `lookup` of the
 * user's does. That is asked for addresses, too, as dgram does.
 */
export function resolve(host: string, family: 4 | 6, lookup: LookupFunction | undefined, callback: Resolved): void {
  const literal = lookup === undefined ? parse(host) : undefined
  if (literal !== undefined) {
    const failed = literal instanceof Error
    process.nextTick(callback, failed ? literal : null, host, failed ? undefined : literal)
    return
  }
  let answered = false
  const answer: Resolved = (error, address, parsed) => {
    if (answered) return
    answered = true
    callback(error, address, parsed)
  }
  try {
    ;((lookup ?? systemLookup) as Lookup)(host, family, (error, address) => {
      if (error) {
        answer(error, address, undefined)
        return
      }
      const found = typeof address === 'string' ? parse(address) : undefined
      if (found instanceof Error) answer(found, address, undefined)
      else answer(null, address, found)
    })
  } catch (error) {
    // What the callback threw is not the look-up's.
    if (answered) throw error
    process.nextTick(answer, error, host, undefined)
  }
}
