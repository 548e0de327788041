import { isIPv4, isIPv6 } from 'node:net'
import { interfaceId, interfaceIndex } from './interface-names'

/**
 * An address as both sides of the boundary have it: 16 bytes in network order, read as four 32-bit words in the
 * machine's order so that they can be moved as words. IPv4 is in the first word; IPv4-mapped IPv6 is IPv4.
 */
export interface ParsedAddress {
  readonly family: 4 | 6
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
  /** IPv6 scope id; 0: none. */
  readonly scope: number
}

const scratchBytes = new Uint8Array(16)
const scratchWords = new Uint32Array(scratchBytes.buffer)
const word = (index: number): number => scratchWords[index]!

const CACHE_LIMIT = 1024
const cache = new Map<string, ParsedAddress>()
/** In front of the map: most programs send to few addresses at a time. A power of two. */
const RECENT = 64
const recentTexts = new Array<string>(RECENT).fill('')
const recentAddresses = new Array<ParsedAddress | undefined>(RECENT)

/**
 * Parses an IPv4 or IPv6 address, with an optional scope; undefined when it is not one.
 * @throws SocketError if_nametoindex: whether there is an interface of the scope's name could not be told
 */
export function parseAddress(text: string): ParsedAddress | undefined {
  const { length } = text
  const place =
    length === 0 ? 0 : (text.charCodeAt(length - 1) * 3 + text.charCodeAt(length >> 1) + length) & (RECENT - 1)
  if (recentTexts[place] === text) return recentAddresses[place]
  const parsed = parseSeldom(text)
  if (parsed?.scope === 0) {
    recentTexts[place] = text
    recentAddresses[place] = parsed
  }
  return parsed
}

function parseSeldom(text: string): ParsedAddress | undefined {
  const known = cache.get(text)
  if (known !== undefined) return known
  const parsed = isIPv4(text) ? parseIPv4(text) : isIPv6(text) ? parseIPv6(text) : undefined
  // The interface of a scope comes and goes.
  if (parsed?.scope === 0) {
    if (cache.size >= CACHE_LIMIT) cache.clear()
    cache.set(text, parsed)
  }
  return parsed
}

/** As parseAddress; undefined too when that could not be told, for those who ask again and report the error then. */
export function tryParseAddress(text: string): ParsedAddress | undefined {
  try {
    return parseAddress(text)
  } catch {
    return undefined
  }
}

function parseIPv4(text: string): ParsedAddress {
  scratchBytes.set(text.split('.').map(Number))
  return { family: 4, w0: word(0), w1: 0, w2: 0, w3: 0, scope: 0 }
}

function parseIPv6(text: string): ParsedAddress | undefined {
  const percent = text.indexOf('%')
  const scope = percent < 0 ? 0 : parseScope(text.slice(percent + 1))
  if (scope === undefined) return undefined
  const [before = '', after] = (percent < 0 ? text : text.slice(0, percent)).split('::')
  const head = groups(before)
  const tail = after === undefined ? [] : groups(after)
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  all.forEach((group, index) => {
    scratchBytes[index * 2] = group >> 8
    scratchBytes[index * 2 + 1] = group & 0xff
  })
  if (all.slice(0, 5).every((group) => group === 0) && all[5] === 0xffff) {
    return { family: 4, w0: word(3), w1: 0, w2: 0, w3: 0, scope: 0 }
  }
  return { family: 6, w0: word(0), w1: word(1), w2: word(2), w3: word(3), scope }
}

/** The 16-bit groups of one side of `::`; an IPv4 tail (RFC 4291, 2.2) is two of them. */
function groups(side: string): number[] {
  if (side === '') return []
  return side.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16)]
    const [a, b, c, d] = group.split('.').map(Number) as [number, number, number, number]
    return [(a << 8) | b, (c << 8) | d]
  })
}

function parseScope(id: string): number | undefined {
  if (/^\d+$/.test(id)) {
    const index = Number(id)
    return index <= 0xffffffff ? index : undefined
  }
  const index = interfaceIndex(id)
  return index === 0 ? undefined : index
}

/** The 16 bytes of an address, for bind and connect. */
export function bytesOf(address: ParsedAddress): Uint8Array {
  return new Uint8Array(new Uint32Array([address.w0, address.w1, address.w2, address.w3]).buffer)
}

export const isWildcard = (address: ParsedAddress): boolean => (address.w0 | address.w1 | address.w2 | address.w3) === 0

export const sameAddress = (a: ParsedAddress, b: ParsedAddress): boolean =>
  a.family === b.family && a.w0 === b.w0 && a.w1 === b.w1 && a.w2 === b.w2 && a.w3 === b.w3

/** As textsIPv6 below. */
const TEXTS = 256
const wordsOfTexts = new Uint32Array(TEXTS)
const textsIPv4 = new Array<string>(TEXTS).fill('0.0.0.0')

/** Dotted text of an IPv4 address that stands in a word. */
export function formatIPv4(w0: number): string {
  const place = (w0 ^ (w0 >>> 8) ^ (w0 >>> 16) ^ (w0 >>> 24)) & (TEXTS - 1)
  if (wordsOfTexts[place] === w0) return textsIPv4[place]!
  scratchWords[0] = w0
  const text = scratchBytes.subarray(0, 4).join('.')
  wordsOfTexts[place] = w0
  textsIPv4[place] = text
  return text
}

interface IPv6Text {
  w0: number
  w1: number
  w2: number
  w3: number
  scope: number
  /** Of the interface; empty where no scope is shown. */
  id: string
  text: string
}

/** One text for each of 64 hashes: most programs see few IPv6 addresses at a time. */
const textsIPv6 = new Array<IPv6Text | undefined>(64)

/** Text of an IPv6 address (RFC 5952), with its scope when it is link-local, as dgram gives it. */
export function formatIPv6(w0: number, w1: number, w2: number, w3: number, scope: number): string {
  const hash = (w0 ^ w1 ^ w2 ^ w3 ^ (w3 >>> 24)) & 63
  const known = textsIPv6[hash]
  if (known?.w3 === w3 && known.w2 === w2 && known.w1 === w1 && known.w0 === w0 && known.scope === scope) {
    if (known.id === '' || known.id === interfaceId(scope)) return known.text
  }
  scratchWords[0] = w0
  scratchWords[1] = w1
  scratchWords[2] = w2
  scratchWords[3] = w3
  const linkLocal = scratchBytes[0] === 0xfe && (scratchBytes[1]! & 0xc0) === 0x80
  const plain = textOfGroups(Array.from({ length: 8 }, (_, index) => groupAt(index)))
  const id = linkLocal && scope !== 0 ? interfaceId(scope) : ''
  const text = id === '' ? plain : `${plain}%${id}`
  textsIPv6[hash] = { w0, w1, w2, w3, scope, id, text }
  return text
}

/** Text of an address, without its scope. */
export const textOf = ({ family, w0, w1, w2, w3 }: ParsedAddress): string =>
  family === 4 ? formatIPv4(w0) : formatIPv6(w0, w1, w2, w3, 0)

const groupAt = (index: number): number => (scratchBytes[index * 2]! << 8) | scratchBytes[index * 2 + 1]!

function textOfGroups(all: readonly number[]): string {
  // The longest run of two or more zero groups becomes `::`, the first of equals (RFC 5952, 4.2).
  let start = -1
  let length = 1
  for (let index = 0; index < 8; index++) {
    let end = index
    while (end < 8 && all[end] === 0) end++
    if (end - index > length) {
      start = index
      length = end - index
    }
    if (end > index) index = end
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  if (start < 0) return hex(all)
  // IPv4-compatible addresses have an IPv4 tail, as inet_ntop(3) writes them.
  if (start === 0 && length === 6) return `::${scratchBytes.subarray(12).join('.')}`
  return `${hex(all.slice(0, start))}::${hex(all.slice(start + length))}`
}
