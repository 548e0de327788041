// Zones in memory, and a reader of zone files (RFC 1035, section 5).

import { readFileSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import type { BaseAnswer, MxData, SoaData, SrvData } from 'dns-packet'

export type ZoneRecord = { ttl: number } & (
  | BaseAnswer<'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR', string>
  | BaseAnswer<'MX', MxData>
  | BaseAnswer<'SOA', SoaData>
  | BaseAnswer<'SRV', SrvData>
  | BaseAnswer<'TXT', Buffer[]>
)

/** The records of one name, by type. An empty non-terminal (RFC 8020) has none. */
export type Node = Map<string, ZoneRecord[]>

export interface Zone {
  /** The name of the zone. Like all keys it is in lower case, and ends with a dot. */
  origin: string
  soa: ZoneRecord
  /** The TTL of negative answers (RFC 2308, section 5). */
  negativeTtl: number
  nodes: Map<string, Node>
}

/** An error in a zone file. Its message begins with `file:line: `. */
export class ZoneError extends Error {
  override name = 'ZoneError'
  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`)
  }
}

/** The name without its first label: '.' for 'org.', undefined for '.'. */
export function parentOf(name: string): string | undefined {
  if (name === '.') return undefined
  return name.slice(name.indexOf('.') + 1) || '.'
}

export function isWithin(name: string, origin: string): boolean {
  return origin === '.' || name === origin || name.endsWith(`.${origin}`)
}

/** Reads a zone file. Throws a ZoneError, or the error of node:fs. */
export function readZone(file: string): Zone {
  // latin1 makes each octet one character, so strings are served as they are, whatever their encoding.
  return parseZone(readFileSync(file, 'latin1'), file)
}

/** Parses the text of a zone, one character for each octet (latin1). `file` is the name in errors. Throws a ZoneError. */
export function parseZone(text: string, file: string): Zone {
  const parser = new Parser(file)
  for (const entry of entries(text, file)) parser.add(entry)
  return parser.finish(text.split('\n').length)
}

interface Token {
  text: string // escapes are kept
  quoted: boolean
  line: number
}

interface Entry {
  line: number
  /** The entry begins with white space: its owner is that of the record before. */
  sameOwner: boolean
  tokens: Token[]
}

/** Splits the text into entries: one line each, or several lines within parentheses. */
function* entries(text: string, file: string): Generator<Entry> {
  let line = 1
  let open = 0 // the line of the open parenthesis
  let entry: Entry | undefined
  let position = 0
  while (position < text.length) {
    const character = text.charAt(position)
    entry ??= { line, sameOwner: character === ' ' || character === '\t', tokens: [] }
    if (character === '\n') {
      line++
      position++
      if (open !== 0) continue
      if (entry.tokens.length > 0) yield entry
      entry = undefined
    } else if (character === ' ' || character === '\t' || character === '\r') {
      position++
    } else if (character === ';') {
      while (position < text.length && text[position] !== '\n') position++
    } else if (character === '(') {
      if (open !== 0) throw new ZoneError(file, line, `parenthesis within the one opened in line ${open}`)
      open = line
      position++
    } else if (character === ')') {
      if (open === 0) throw new ZoneError(file, line, 'parenthesis closed that was not opened')
      open = 0
      position++
    } else {
      const pattern = character === '"' ? /"((?:[^"\\\r\n]|\\[^\r\n])*)"/y : /((?:[^ \t\r\n"();\\]|\\[^\r\n])+)/y
      pattern.lastIndex = position
      const match = pattern.exec(text)
      if (match === null) {
        throw new ZoneError(
          file,
          line,
          character === '"' ? 'quoted string not closed in its line' : 'escape without a character',
        )
      }
      entry.tokens.push({ text: match[1] ?? '', quoted: character === '"', line })
      position = pattern.lastIndex
    }
  }
  if (open !== 0) throw new ZoneError(file, open, 'parenthesis never closed')
  if (entry !== undefined && entry.tokens.length > 0) yield entry
}

const MAX_TTL = 2 ** 31 - 1 // RFC 2181, section 8
const CLASSES = new Set(['IN', 'CS', 'CH', 'HS'])
const UNITS: Record<string, number> = { w: 604800, d: 86400, h: 3600, m: 60, s: 1 }
const TTL = /^(?:\d+|(?:\d+[wdhms])+)$/i

class Parser {
  private origin: string | undefined
  private owner: string | undefined
  private defaultTtl: number | undefined // of $TTL
  private lastTtl: number | undefined
  private readonly records: { line: number; record: ZoneRecord }[] = []

  constructor(private readonly file: string) {}

  add(entry: Entry): void {
    const { tokens, line } = entry
    const first = tokens[0]
    if (first !== undefined && !entry.sameOwner && !first.quoted && first.text.startsWith('$')) {
      return this.directive(first.text.toUpperCase(), new Rest(this, tokens.slice(1), line))
    }
    const rest = new Rest(this, tokens, line)
    if (!entry.sameOwner) this.owner = rest.name('owner')
    const name = this.owner
    if (name === undefined) this.fail(line, 'the first record has no owner')

    let ttl: number | undefined
    let klass: string | undefined
    let type = rest.word('type')
    for (;;) {
      if (ttl === undefined && TTL.test(type)) ttl = this.ttl(type, line)
      else if (klass === undefined && CLASSES.has(type.toUpperCase())) klass = type.toUpperCase()
      else break
      type = rest.word('type')
    }
    if (klass !== undefined && klass !== 'IN') this.fail(line, `class ${klass}: only IN is served`)
    if (ttl !== undefined) this.lastTtl = ttl
    ttl ??= this.defaultTtl ?? this.lastTtl
    if (ttl === undefined) this.fail(line, 'no TTL: neither here, nor in a record before, nor in $TTL')

    const record = rest.record(name, ttl, type.toUpperCase())
    rest.end()
    this.records.push({ line, record })
  }

  private directive(directive: string, rest: Rest): void {
    if (directive === '$ORIGIN') this.origin = rest.name('name')
    else if (directive === '$TTL') this.defaultTtl = rest.seconds('TTL')
    else this.fail(rest.line, `${directive} is not supported; $ORIGIN and $TTL are`)
    rest.end()
  }

  /** Checks the zone as a whole, and builds its tree. */
  finish(lastLine: number): Zone {
    const start = this.records.find(({ record }) => record.type === 'SOA')
    if (start?.record.type !== 'SOA') this.fail(lastLine, 'the zone has no SOA record')
    const origin = start.record.name.toLowerCase()
    const nodes = new Map<string, Node>([[origin, new Map()]])
    for (const { line, record } of this.records) {
      const name = record.name.toLowerCase()
      if (!isWithin(name, origin)) this.fail(line, `${record.name} is outside of the zone ${origin}`)
      if (record.type === 'SOA' && record !== start.record)
        this.fail(line, `second SOA record; the first is in line ${start.line}`)
      for (let at: string | undefined = name; at !== undefined && !nodes.has(at); at = parentOf(at))
        nodes.set(at, new Map())
      const node = nodes.get(name) ?? new Map<string, ZoneRecord[]>()
      const others = record.type === 'CNAME' ? node.size > 0 : node.has('CNAME')
      if (others) this.fail(line, `${record.name} has a CNAME and other records`)
      const set = node.get(record.type)
      if (set === undefined) node.set(record.type, [record])
      else if (set[0]?.ttl !== record.ttl)
        this.fail(line, `TTL ${record.ttl}: other ${record.type} records of ${record.name} have ${set[0]?.ttl}`)
      else if (!set.some((other) => JSON.stringify(other.data) === JSON.stringify(record.data))) set.push(record)
    }
    if (nodes.get(origin)?.has('NS') !== true) this.fail(start.line, `the zone ${origin} has no NS record`)
    const negativeTtl = Math.min(start.record.ttl, start.record.data.minimum ?? 0)
    return { origin, soa: start.record, negativeTtl, nodes }
  }

  fail(line: number, message: string): never {
    throw new ZoneError(this.file, line, message)
  }

  /** Parses a number of seconds, or one with units such as `1h30m` (BIND's extension). */
  ttl(text: string, line: number): number {
    let seconds = Number(text)
    if (Number.isNaN(seconds)) {
      seconds = 0
      for (const [, count, unit] of text.matchAll(/(\d+)([wdhms])/gi)) {
        seconds += Number(count) * (UNITS[unit?.toLowerCase() ?? ''] ?? 0)
      }
    }
    if (seconds > MAX_TTL) this.fail(line, `${text}: at most ${MAX_TTL} seconds`)
    return seconds
  }

  /** Makes a name absolute that may be relative to the origin. Keeps its case. */
  absolute({ text, line }: Token, what: string): string {
    if (text === '@') return this.origin ?? this.fail(line, '@ without an $ORIGIN')
    if (text === '.') return text
    // dns-packet takes names without escapes, except for the dots before the @ of a mailbox.
    const plain = what === 'mailbox' ? text.replaceAll('\\.', '_') : text
    if (plain.includes('\\') || !/^[!-~]+$/.test(plain)) {
      this.fail(line, `${what} ${text}: escapes and characters other than printable ASCII are not supported in names`)
    }
    let suffix = ''
    if (!plain.endsWith('.')) {
      const origin = this.origin ?? this.fail(line, `relative name ${text} without an $ORIGIN`)
      suffix = origin === '.' ? '.' : `.${origin}`
    }
    const length = plain.length + suffix.length + 1
    for (const label of `${plain}${suffix}`.slice(0, -1).split('.')) {
      if (label === '') this.fail(line, `${what} ${text}: empty label`)
      if (label.length > 63) this.fail(line, `${what} ${text}: label of ${label.length} octets, at most 63 are allowed`)
    }
    if (length > 255) this.fail(line, `${what} ${text}: name of ${length} octets, at most 255 are allowed`)
    return text + suffix
  }

  /** Decodes the escapes \X and \DDD. */
  octets(text: string, line: number): Buffer {
    const plain = text.replace(/\\(\d{3}|[^])/g, (escape, body: string) => {
      if (body.length === 1)
        return /\d/.test(body) ? this.fail(line, `${escape}: a decimal escape has three digits`) : body
      if (Number(body) > 255) this.fail(line, `${escape}: an octet is at most 255`)
      return String.fromCharCode(Number(body))
    })
    return Buffer.from(plain, 'latin1')
  }
}

/** The tokens of an entry that have not been read yet. */
class Rest {
  private position = 0

  constructor(
    private readonly parser: Parser,
    private readonly tokens: Token[],
    readonly line: number,
  ) {}

  record(name: string, ttl: number, type: string): ZoneRecord {
    const common = { name, ttl, class: 'IN' } as const
    switch (type) {
      case 'A':
        return { ...common, type, data: this.address(isIPv4, 'an IPv4 address') }
      case 'AAAA':
        return { ...common, type, data: this.address((text) => isIPv6(text) && !text.includes('%'), 'an IPv6 address') }
      case 'CNAME':
      case 'NS':
      case 'PTR':
        return { ...common, type, data: this.name('name') }
      case 'MX':
        return {
          ...common,
          type,
          data: { preference: this.integer('preference', 65535), exchange: this.name('exchange') },
        }
      case 'SRV': {
        const priority = this.integer('priority', 65535)
        const weight = this.integer('weight', 65535)
        return {
          ...common,
          type,
          data: { priority, weight, port: this.integer('port', 65535), target: this.name('target') },
        }
      }
      case 'SOA': {
        const mname = this.name('primary server')
        const rname = this.name('mailbox')
        const serial = this.integer('serial', 2 ** 32 - 1)
        const [refresh, retry] = [this.seconds('refresh'), this.seconds('retry')]
        const [expire, minimum] = [this.seconds('expire'), this.seconds('minimum')]
        return { ...common, type, data: { mname, rname, serial, refresh, retry, expire, minimum } }
      }
      case 'TXT':
        return { ...common, type, data: this.strings() }
      default:
        return this.parser.fail(
          this.line,
          `record type ${type}: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV and TXT are supported`,
        )
    }
  }

  private next(what: string): Token {
    const token = this.tokens[this.position++]
    return token ?? this.parser.fail(this.tokens.at(-1)?.line ?? this.line, `${what} is missing`)
  }

  /** The next token. It must not be quoted. */
  private token(what: string): Token {
    const token = this.next(what)
    if (token.quoted) this.parser.fail(token.line, `"${token.text}": ${what} is not quoted`)
    return token
  }

  word(what: string): string {
    return this.token(what).text
  }

  name(what: string): string {
    return this.parser.absolute(this.token(what), what)
  }

  seconds(what: string): number {
    const { text, line } = this.token(what)
    if (!TTL.test(text)) this.parser.fail(line, `${what} ${text}: not a number of seconds`)
    return this.parser.ttl(text, line)
  }

  private integer(what: string, maximum: number): number {
    const { text, line } = this.token(what)
    if (!/^\d+$/.test(text) || Number(text) > maximum) {
      this.parser.fail(line, `${what} ${text}: not an integer from 0 to ${maximum}`)
    }
    return Number(text)
  }

  private address(is: (text: string) => boolean, what: string): string {
    const { text, line } = this.token('address')
    return is(text) ? text : this.parser.fail(line, `${text}: not ${what}`)
  }

  private strings(): Buffer[] {
    const strings: Buffer[] = []
    do {
      const { text, line } = this.next('text')
      const octets = this.parser.octets(text, line)
      if (octets.length > 255) this.parser.fail(line, `string of ${octets.length} octets, at most 255 are allowed`)
      strings.push(octets)
    } while (this.position < this.tokens.length)
    const length = strings.reduce((sum, string) => sum + 1 + string.length, 0)
    if (length > 65535) this.parser.fail(this.line, `record of ${length} octets, at most 65535 are allowed`)
    return strings
  }

  end(): void {
    const token = this.tokens[this.position]
    if (token !== undefined) this.parser.fail(token.line, `${token.text}: too much`)
  }
}
