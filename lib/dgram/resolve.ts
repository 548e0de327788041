import dns from 'node:dns'
import { parseAddress, tryParseAddress, type ParsedAddress } from '../native/address'
import type { LookupFunction } from '../types'

/** Neither an error nor a parsed address: the result of the look-up is no address. */
export type Resolved = (error: Error | null, address: string, parsed: ParsedAddress | undefined) => void

/** dgram passes the family as a number. dns.lookup takes options, too. */
type Lookup = (hostname: string, family: number, callback: Parameters<LookupFunction>[2]) => void

/** Undefined for what is no address; an error when the interface of the scope cannot be looked up. */
function parse(text: string): ParsedAddress | Error | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    return error as Error
  }
}

const { lookup: nodeLookup } = dns

/** Whether a `lookup` is called for addresses, too: the program has its own, or has replaced dns.lookup. */
const isReplaced = (lookup: LookupFunction | undefined): boolean => lookup !== undefined || dns.lookup !== nodeLookup

/** The parsed address; undefined for a name, and where a `lookup` is called for addresses, too. */
export const literal = (host: string, lookup: LookupFunction | undefined): ParsedAddress | undefined =>
  isReplaced(lookup) ? undefined : tryParseAddress(host)

/**
 * Resolves the address of bind, connect and send with dgram's arguments. Calls back once; synchronously only if the program's
 * own `lookup` does. As in dgram, such a `lookup` is called for addresses, too.
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
    // The callback threw, not the look-up.
    if (answered) throw error
    process.nextTick(answer, error, host, undefined)
  }
}
