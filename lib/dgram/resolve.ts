import dns from 'node:dns'
import { parseAddress, tryParseAddress, type ParsedAddress } from '../native/address'
import type { LookupFunction } from '../types'

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

const { lookup: nodeLookup } = dns

/** Whether a `lookup` is to be asked for addresses, too: the program's own, or one in place of dns.lookup. */
const isReplaced = (lookup: LookupFunction | undefined): boolean => lookup !== undefined || dns.lookup !== nodeLookup

/** The address that a text stands for, unless a `lookup` is to be asked. */
export const literal = (host: string, lookup: LookupFunction | undefined): ParsedAddress | undefined =>
  isReplaced(lookup) ? undefined : tryParseAddress(host)

/**
 * Calls back once with the address that dgram's own forms of bind, connect and send mean; at once only if a `lookup` of the
 * user's does. That is asked for addresses, too, as dgram does.
 */
export function resolve(host: string, family: 4 | 6, lookup: LookupFunction | undefined, callback: Resolved): void {
  const known = isReplaced(lookup) ? undefined : parse(host)
  if (known !== undefined) {
    const failed = known instanceof Error
    process.nextTick(callback, failed ? known : null, host, failed ? undefined : known)
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
      if (error) {
        answer(error, host, undefined)
        return
      }
      const text = typeof address === 'string' ? address : host
      const found = typeof address === 'string' ? parse(address) : undefined
      if (found instanceof Error) answer(found, text, undefined)
      else answer(null, text, found)
    })
  } catch (error) {
    // What the callback threw is not the look-up's.
    if (answered) throw error
    process.nextTick(answer, error, host, undefined)
  }
}
