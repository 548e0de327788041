// A socket of an episode.
import type dgram from 'node:dgram'
import type { Socket } from 'sendmsg'
import type { Told } from './ledger'
import type { World } from './world'

/** How what comes is read. `pull`: by calls now and then, of all kinds at once. */
export type Way =
  'message' | 'messages' | 'both' | 'pull' | 'recvmsg' | 'recvmmsg' | 'for await' | 'descriptor' | 'nobody'

/** What the kernel charges for a datagram of this size, at most (truesize). */
export const costOf = (size: number): number => 2 * size + 2048

export interface Description {
  readonly family: 4 | 6
  readonly v6only: boolean
  way: Way
  /** Never closed, connected or otherwise disturbed before the episode ends. */
  readonly steady: boolean
  readonly receiveErrors: boolean
  /** Coalesced trains come whole. */
  readonly whole: boolean
  /** What it has asked to be told. */
  readonly told: readonly (keyof Told)[]
  /** Of what it is told that must be there. */
  readonly asked: readonly string[]
}

export class Player {
  /** Where it is bound; '' before that. */
  address = ''
  port = 0
  /** close() was called on it. */
  closing = false
  closed = false
  /** It was connected, bound by name or given options, so that its calls may fail. */
  disturbed = false
  /** A look-up of bind is under way, or 'listening' is still to come. */
  binding = false
  listening = false
  /** It has a look-up of its own, that even addresses go through. */
  lookups = false
  /** Code of its own runs while its messages are read. */
  coded = false
  /** A group that it has joined. */
  group = ''
  descriptor: number | undefined
  /** Bytes that its receive buffer may hold, and that are on their way, as the kernel counts them. */
  room = 0
  load = 0
  /** Errors of datagrams that wait to be told; they stand in the receive buffer. */
  errorLoad = 0

  constructor(
    readonly world: World,
    readonly id: number,
    readonly description: Description,
    readonly socket: Socket | dgram.Socket,
    readonly ours: Socket | undefined,
  ) {}

  get name(): string {
    const { family, way, steady } = this.description
    const kind = this.ours === undefined ? 'dgram' : 'udp'
    return `#${this.id} (${kind}${family} ${way}${steady ? '' : ' wild'})`
  }

  /** Key of a queue of its own, for the order of what it sends: 0 its own, 1 its descriptor's, 2 dgram's. */
  sender(queue: 0 | 1 | 2): number {
    return this.id * 4 + queue
  }

  /** Addresses that it is reached at. */
  get reached(): readonly string[] {
    const { address, group } = this
    if (group !== '') return [group, '127.0.0.1', '127.0.0.4']
    if (address === '0.0.0.0') return ['127.0.0.1', '127.0.0.2', '127.1.2.3']
    if (address === '::') return this.description.v6only ? ['::1'] : ['::1', '127.0.0.1', '127.0.0.3']
    return [address]
  }

  reaches(address: string): boolean {
    const { family, v6only } = this.description
    if (address.includes(':')) return family === 6
    return !v6only && this.address !== '::1'
  }

  /** It takes part in what must arrive. */
  get certain(): boolean {
    return this.description.steady && this.description.way !== 'nobody' && this.port !== 0
  }

  arrive(data: Buffer, info: unknown, inOrder: boolean, event = false): void {
    const { world } = this
    const { told, whole, asked } = this.description
    const given = info as Record<string, unknown> & {
      size: number
      truncated?: boolean
      controlTruncated?: boolean
      segmentSize?: number
    }
    if (given.size !== data.length) {
      world.report.violate('info', `${this.name}: size is ${given.size}, of ${data.length} bytes`, 'size')
      return
    }
    if (this.ours !== undefined && event && 'data' in given) {
      world.report.violate('info', `${this.name}: there is data beside info`, 'data')
    }
    if (given.controlTruncated === false) {
      const missing = asked.filter((name) => given[name] === undefined)
      if (missing.length > 0)
        world.report.violate('info', `${this.name}: ${missing.join()} is not told`, missing.join())
    }
    const expected: Record<string, unknown> = {}
    const names = given.controlTruncated === true ? told.filter((name) => name === 'address' || name === 'port') : told
    for (const name of names) expected[name] = given[name]
    const step = whole && given.segmentSize !== undefined ? given.segmentSize : data.length
    let at = 0
    do {
      const part = data.subarray(at, at + step)
      const { entry, size } = world.ledger.arrive(this.id, part, expected, given.truncated !== true, inOrder)
      if (entry !== undefined && entry.arrived <= 1) this.unload(size)
      at += step
    } while (at < data.length)
  }

  private unload(size: number): void {
    this.load = Math.max(0, this.load - costOf(size))
    this.world.underWay = Math.max(0, this.world.underWay - 1)
  }

  take(size: number): void {
    this.load += costOf(size)
    this.world.underWay++
  }

  giveBack(size: number): void {
    this.unload(size)
  }
}
