// Which datagrams were sent, what became of the calls, and what arrived.
import { isWhole, read, HEADER } from './payload'
import type { Report } from './report'

/** What must be told of a datagram; undefined: not known here. */
export interface Expected {
  address?: string | undefined
  port?: number | undefined
  destination?: string | undefined
  ecn?: number | undefined
  trafficClass?: number | undefined
  hopLimit?: number | undefined
  interface?: number | undefined
  cast?: string | undefined
}

/** One datagram. */
export interface Entry {
  readonly id: number
  readonly sink: number
  readonly sender: number
  readonly sequence: number
  readonly size: number
  readonly expected: Expected
  /** What the call said of it. `free`: it may arrive or not. */
  state: 'pending' | 'accepted' | 'refused' | 'free'
  arrived: number
  ordered: boolean
  /** Its memory was taken away or cut before the call was settled. */
  disturbed: boolean
  readonly text: string
}

/** What is told of an arrival, as far as its reader asks for it. */
export type Told = Expected & { readonly size?: number | undefined }

/** Datagrams too short for a header, of one content and one sink. */
interface Short {
  readonly sink: number
  readonly entries: Entry[]
  accepted: number
  refused: number
  arrived: number
}

export interface Arrival {
  readonly entry: Entry | undefined
  readonly size: number
}

export class Ledger {
  readonly entries = new Map<number, Entry>()
  private readonly shorts = new Map<string, Short>()
  private readonly last = new Map<string, number>()
  private readonly sequences = new Map<string, number>()
  /** By sink: arrivals that a short room cut so far that they cannot be told apart. */
  private readonly cut = new Map<number, number>()
  /** By sink: datagrams that were accepted and have not arrived. */
  private readonly awaited = new Map<number, number>()
  private readonly shortOf = new Map<number, Short>()
  private next = 1

  constructor(
    private readonly report: Report,
    readonly run: number,
    /** Whether what is sent to one player may arrive at another. */
    private readonly share: (one: number, other: number) => boolean,
  ) {}

  enter(sink: number, sender: number, size: number, ordered: boolean, expected: Expected, text: string): Entry {
    const id = this.next++
    const route = `${sender} ${sink}`
    const sequence = (this.sequences.get(route) ?? 0) + 1
    this.sequences.set(route, sequence)
    const entry: Entry = {
      ...{ id, sink, sender, sequence, size, expected, ordered, text },
      ...{ state: 'pending', arrived: 0, disturbed: false },
    }
    this.entries.set(id, entry)
    return entry
  }

  /** The bytes of a datagram that has no header. */
  enterShort(entry: Entry, content: Buffer): void {
    const key = keyOf(entry.sink, content)
    const known = this.shorts.get(key)
    const short = known ?? { sink: entry.sink, entries: [], accepted: 0, refused: 0, arrived: 0 }
    if (known === undefined) this.shorts.set(key, short)
    short.entries.push(entry)
    this.shortOf.set(entry.id, short)
  }

  settle(entry: Entry, state: 'accepted' | 'refused' | 'free'): void {
    entry.state = state
    if (state === 'accepted') this.report.summary.accepted++
    const short = this.shortOf.get(entry.id)
    if (short !== undefined) {
      if (state === 'accepted' && short.arrived < ++short.accepted) this.await(entry.sink, 1)
      if (state === 'refused') short.refused++
      return
    }
    if (state === 'accepted' && entry.arrived === 0) this.await(entry.sink, 1)
    if (state === 'refused' && entry.arrived > 0) this.report.violate('refused', describe(entry))
  }

  /** `whole`: the reader's room was long enough for any datagram. Gives the entry, when it can be known. */
  arrive(sink: number, data: Buffer, told: Told, whole: boolean, inOrder: boolean): Arrival {
    this.report.summary.arrived++
    const header = read(data, this.run)
    if (header === undefined) return this.arriveShort(sink, data, whole)
    const entry = this.entries.get(header.id)
    if (entry === undefined) {
      this.report.violate('bytes', `#${sink} got a datagram that nobody sent, id ${header.id}`)
      return { entry, size: data.length }
    }
    if (entry.sink !== sink && !this.share(entry.sink, sink))
      this.report.violate('foreign', `#${sink} got what was sent to another: ${describe(entry)}`)
    if (++entry.arrived === 2) this.report.violate('twice', describe(entry))
    else if (entry.state === 'accepted') this.await(entry.sink, -1)
    if (entry.state === 'refused') this.report.violate('refused', describe(entry))
    if (!entry.disturbed) {
      const short = data.length < entry.size
      if ((short && whole) || data.length > entry.size || !isWhole(data, header)) {
        this.report.violate('bytes', `#${sink} got ${data.length} bytes, not those of ${describe(entry)}`)
      }
    }
    if (entry.ordered && inOrder && entry.sink === sink) this.checkOrder(entry)
    this.checkInfo(entry, told)
    return { entry, size: entry.size }
  }

  /** What a socket was said to have sent, and had not, is lost with it: it has told so. */
  loosen(player: number): void {
    for (const entry of this.entries.values()) {
      if (entry.sender >> 2 !== player || entry.state !== 'accepted' || entry.arrived > 0) continue
      const short = this.shortOf.get(entry.id)
      if (short === undefined) this.await(entry.sink, -1)
      else if (short.arrived < short.accepted--) this.await(entry.sink, -1)
      entry.state = 'free'
    }
  }

  /** How many are still to arrive. */
  due(sink: number): number {
    return Math.max(0, (this.awaited.get(sink) ?? 0) - (this.cut.get(sink) ?? 0))
  }

  private await(sink: number, change: number): void {
    this.awaited.set(sink, (this.awaited.get(sink) ?? 0) + change)
  }

  /** What is still to arrive. */
  missing(sink: number): Entry[] {
    const entries = [...this.entries.values()].filter(
      ({ sink: to, state, arrived, size }) => to === sink && state === 'accepted' && arrived === 0 && size >= HEADER,
    )
    for (const { sink: to, entries: shorts, arrived } of this.shorts.values()) {
      if (to !== sink) continue
      const accepted = shorts.filter(({ state }) => state === 'accepted')
      entries.push(...accepted.slice(arrived))
    }
    return entries.slice(this.cut.get(sink) ?? 0)
  }

  clear(): void {
    this.entries.clear()
    this.shorts.clear()
    this.last.clear()
    this.sequences.clear()
    this.cut.clear()
    this.awaited.clear()
    this.shortOf.clear()
  }

  private arriveShort(sink: number, data: Buffer, whole: boolean): Arrival {
    const unknown = { entry: undefined, size: data.length }
    if (!whole) {
      this.cut.set(sink, (this.cut.get(sink) ?? 0) + 1)
      return unknown
    }
    const short = this.shorts.get(keyOf(sink, data))
    if (short === undefined) {
      const start = data.subarray(0, 32).toString('hex')
      this.report.violate('bytes', `#${sink} got ${data.length} bytes that nobody sent: ${start}`)
      return unknown
    }
    const possible = short.entries.length - short.refused
    if (++short.arrived <= short.accepted) this.await(sink, -1)
    if (short.arrived <= possible) return { entry: short.entries[short.arrived - 1], size: data.length }
    const last = describe(short.entries.at(-1)!)
    this.report.violate('twice', `${short.arrived} arrivals of ${data.length} bytes, ${possible} sent: ${last}`)
    return unknown
  }

  private checkOrder(entry: Entry): void {
    const route = `${entry.sender} ${entry.sink}`
    const last = this.last.get(route) ?? 0
    if (entry.sequence < last) this.report.violate('order', `${describe(entry)} arrived behind number ${last}`)
    else this.last.set(route, entry.sequence)
  }

  private checkInfo(entry: Entry, told: Told): void {
    for (const [name, value] of Object.entries(entry.expected)) {
      if (value === undefined || !(name in told)) continue
      const actual = told[name as keyof Told]
      if (actual !== value) {
        this.report.violate(
          'info',
          `${name} is ${String(actual)}, not ${String(value)}: ${describe(entry)}`,
          `${name} ${typeof actual}`,
        )
      }
    }
  }
}

const keyOf = (sink: number, content: Buffer): string => `${sink} ${content.toString('latin1')}`

export const describe = ({ id, sender, sink, sequence, size, state, text }: Entry): string =>
  `datagram ${id} of ${size} bytes, ${sender >> 2}.${sender & 3} to #${sink}, number ${sequence}, ${state}, ${text}`
