// Makes the answer to a DNS query, without any socket: the algorithm of RFC 1034, section 4.3.2, over zones in memory.

import * as dnsPacket from 'dns-packet'
import type { Answer, DecodedPacket, OptAnswer, Question } from 'dns-packet'
import { isWithin, parentOf, type Node, type Zone, type ZoneRecord } from './zone'

const NOERROR = 0
const FORMERR = 1
const SERVFAIL = 2
const NXDOMAIN = 3
const NOTIMP = 4
const REFUSED = 5
const BADVERS = 16 // the upper eight bits are in OPT (RFC 6891, section 6.1.3)

const HEADER = 12
const WITHOUT_EDNS = 512 // RFC 1035, section 2.3.4

interface Sections {
  authoritative: boolean
  answers: Answer[]
  authorities: Answer[]
  additionals: Answer[]
}

interface Query {
  packet: DecodedPacket
  question: Question
  opt: OptAnswer | undefined
}

export interface AnswerOptions {
  /** The largest answer in bytes, whatever the client allows. */
  maxSize: number
  /** Called with the reason when the answer is SERVFAIL. */
  onError?: ((error: unknown) => void) | undefined
}

/** Returns the answer to a datagram, or undefined if it must not be answered. Never throws. */
export function answer(zones: readonly Zone[], data: Buffer, options: AnswerOptions): Buffer | undefined {
  // Never answer an answer: two servers could do that for ever.
  if (data.length < HEADER || isResponse(data)) return undefined
  const query = decode(data)
  const reply = (rcode: number, sections?: Sections) => encode(data, query, rcode, sections, options.maxSize)

  if (opcodeOf(data) !== 0) return reply(NOTIMP)
  if (query === undefined) return reply(FORMERR)
  if (query.opt !== undefined && query.opt.ednsVersion !== 0) return reply(BADVERS)
  try {
    const sections = emptySections()
    return reply(lookup(zones, query.question, nameOf(data), sections), sections)
  } catch (error) {
    options.onError?.(error)
    return reply(SERVFAIL)
  }
}

const isResponse = (data: Buffer) => (data.readUInt8(2) & 0x80) !== 0
const opcodeOf = (data: Buffer) => (data.readUInt8(2) >> 3) & 15

const emptySections = (): Sections => ({ authoritative: false, answers: [], authorities: [], additionals: [] })

/** Returns undefined unless the datagram is a well-formed query with one question. */
function decode(data: Buffer): Query | undefined {
  // Check the counts before decoding: a query of a few bytes can claim 65535 records in each section.
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((offset) => data.readUInt16BE(offset))
  if (questions !== 1 || answers !== 0 || (authorities ?? 0) > 1 || (additionals ?? 0) > 2) return undefined
  try {
    const packet = dnsPacket.decode(data)
    const opts = (packet.additionals ?? []).filter((record): record is OptAnswer => record.type === 'OPT')
    const [question] = packet.questions ?? []
    if (question === undefined || dnsPacket.decode.bytes !== data.length) return undefined
    // The name of the question is the first one, so a compressed name has nothing to point to.
    if (questionEnd(data) > data.length || opts.length > 1 || (opts[0]?.name ?? '.') !== '.') return undefined
    return { packet, question, opt: opts[0] }
  } catch {
    return undefined
  }
}

/** The labels of the question's name. */
function* labelsOf(data: Buffer): Generator<Buffer> {
  for (let offset = HEADER, length = data.readUInt8(offset); length !== 0; length = data.readUInt8(offset)) {
    if (length > 63) throw new RangeError('compressed name in the question')
    yield data.subarray(offset + 1, offset + 1 + length)
    offset += 1 + length
  }
}

/** The offset of the first byte after the question. */
function questionEnd(data: Buffer): number {
  let end = HEADER + 1 + 4
  for (const label of labelsOf(data)) end += 1 + label.length
  return end
}

/**
 * The name that was asked for, in the form of a zone's keys. The name that dns-packet decodes cannot be a key: it does not
 * tell a dot within a label from one between labels, and makes all octets that are not UTF-8 the same.
 */
function nameOf(data: Buffer): string {
  let name = ''
  for (const label of labelsOf(data)) {
    const text = label.toString('latin1').replace(/[^!-~]|[.\\]/g, (character) => {
      return `\\${String(character.charCodeAt(0)).padStart(3, '0')}`
    })
    name += `${text.toLowerCase()}.`
  }
  return name === '' ? '.' : name
}

/** Fills the sections, and returns the response code. Throws if the zone makes an answer impossible. */
function lookup(zones: readonly Zone[], question: Question, asked: string, sections: Sections): number {
  // A name outside of these zones, another class, or a type that is no record type, such as a zone transfer (RFC 6895).
  const first = zoneOf(zones, asked)
  const type: string = question.type
  if (first === undefined || question.class !== 'IN' || ['AXFR', 'IXFR', 'UNKNOWN_253', 'UNKNOWN_254'].includes(type)) {
    return REFUSED
  }
  const seen = new Set<string>()
  let name = asked
  for (let zone: Zone | undefined = first; zone !== undefined; zone = zoneOf(zones, name)) {
    if (seen.has(name)) throw new Error(`the CNAME records of ${asked} lead back to ${name}`)
    seen.add(name)

    const cut = delegationOf(zone, name, type)
    if (cut !== undefined) {
      refer(zone, cut, sections)
      return NOERROR
    }
    sections.authoritative = true
    const node = find(zone, name)
    if (node === undefined) {
      sections.authorities.push(negative(zone))
      return NXDOMAIN
    }
    // The answer to ANY is one record set of the name (RFC 8482, section 4.1).
    const set = type === 'ANY' ? [...node.values()][0] : node.get(type)
    const alias = node.get('CNAME')?.[0]
    sections.answers.push(...(set ?? (alias === undefined ? [] : [alias])).map((record) => owned(record, name)))
    if (set !== undefined) return NOERROR
    if (alias?.type !== 'CNAME') {
      sections.authorities.push(negative(zone))
      return NOERROR
    }
    name = alias.data.toLowerCase()
  }
  return NOERROR // the alias leads out of these zones: the client asks another server
}

/** The innermost of the zones that contain a name. */
function zoneOf(zones: readonly Zone[], name: string): Zone | undefined {
  const holding = zones.filter((zone) => isWithin(name, zone.origin))
  return holding.sort((one, other) => other.origin.length - one.origin.length)[0]
}

/** The NS records that delegate a name, or a name above it, to other servers. */
function delegationOf(zone: Zone, name: string, type: string): ZoneRecord[] | undefined {
  let cut: ZoneRecord[] | undefined
  for (let at: string | undefined = name; at !== undefined && at !== zone.origin; at = parentOf(at)) {
    // DS records belong to the parent's side of the cut (RFC 4035, section 3.1.4.1).
    if (at !== name || type !== 'DS') cut = zone.nodes.get(at)?.get('NS') ?? cut
  }
  return cut
}

function refer(zone: Zone, cut: readonly ZoneRecord[], sections: Sections): void {
  sections.authorities.push(...cut)
  for (const record of cut) {
    const node = record.type === 'NS' ? zone.nodes.get(record.data.toLowerCase()) : undefined
    for (const type of ['A', 'AAAA']) sections.additionals.push(...(node?.get(type) ?? []))
  }
}

/** The node of a name, or the wildcard that stands for it (RFC 4592). */
function find(zone: Zone, name: string): Node | undefined {
  let closest = name
  while (!zone.nodes.has(closest) && closest !== zone.origin) closest = parentOf(closest) ?? zone.origin
  if (closest === name) return zone.nodes.get(name)
  return zone.nodes.get(closest === '.' ? '*.' : `*.${closest}`)
}

/** The record; one of a wildcard gets the name that was asked for. */
function owned(record: ZoneRecord, name: string): ZoneRecord {
  if (record.name.toLowerCase() === name) return record
  if (name.includes('\\')) throw new Error(`${name} comes from a wildcard, and dns-packet cannot encode it`)
  return { ...record, name }
}

const negative = (zone: Zone): ZoneRecord => ({ ...zone.soa, ttl: zone.negativeTtl })

/** Encodes an answer no larger than the client and `maxSize` allow. A larger one keeps only OPT, and has TC set. */
function encode(
  data: Buffer,
  query: Query | undefined,
  rcode: number,
  sections: Sections | undefined,
  maxSize: number,
): Buffer {
  const { authoritative, answers, authorities, additionals } = sections ?? emptySections()
  const opt = query?.opt && edns(query.opt, rcode, maxSize)
  const limit = Math.min(Math.max(query?.opt?.udpPayloadSize ?? 0, WITHOUT_EDNS), maxSize)
  const recursionDesired = data.readUInt16BE(2) & dnsPacket.RECURSION_DESIRED
  const flags =
    (opcodeOf(data) << 11) | recursionDesired | (rcode & 15) | (authoritative ? dnsPacket.AUTHORITATIVE_ANSWER : 0)
  const id = data.readUInt16BE(0)

  const make = (truncated: boolean): Buffer => {
    const records = truncated ? {} : { answers, authorities }
    const extra = [...(truncated ? [] : additionals), ...(opt ? [opt] : [])]
    const packet = dnsPacket.encode({
      type: 'response',
      id,
      flags: flags | (truncated ? dnsPacket.TRUNCATED_RESPONSE : 0),
      ...records,
      additionals: extra,
    })
    if (query === undefined) return packet
    // Copy the question octet by octet: some clients check its case (dns0x20), and dns-packet would lose octets (nameOf).
    packet.writeUInt16BE(1, 4)
    return Buffer.concat([
      packet.subarray(0, HEADER),
      data.subarray(HEADER, questionEnd(data)),
      packet.subarray(HEADER),
    ])
  }
  const whole = make(false)
  return whole.length <= limit ? whole : make(true)
}

function edns(asked: OptAnswer, rcode: number, maxSize: number): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: maxSize,
    extendedRcode: rcode >> 4,
    ednsVersion: 0,
    flags: asked.flags & dnsPacket.DNSSEC_OK, // RFC 3225, section 3
    flag_do: asked.flag_do,
    options: [],
  }
}
