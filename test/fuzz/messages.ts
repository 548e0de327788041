// Messages at random, and what must become of them.
import os from 'node:os'
import { SocketAddress } from 'node:net'
import type { OutgoingMessage } from 'sendmsg'
import type { Entry, Expected } from './ledger'
import { layOut, wrongData, type Memory } from './memory'
import { HEADER, write } from './payload'
import { costOf, type Player } from './player'
import type { Random } from './random'
import { nonsense } from './nonsense'
import type { World } from './world'

const loopback = Object.entries(os.networkInterfaces()).find(([, addresses]) =>
  addresses?.some(({ address }) => address === '127.0.0.1'),
)?.[0]

/** Nobody is bound to these; all below the ports that systems give out. */
const DEAD_PORTS = [2, 3, 4, 5, 6]
/** What loopback takes in one piece in both families: of fragments Linux says ENOBUFS where SO_SNDBUF is small. */
const LONGEST = 65_480
const MOST_DATAGRAMS = 300

type Settled = Exclude<Entry['state'], 'pending'>

/** A message, and what its call says of it. */
export class Plan {
  private settled = false

  constructor(
    private readonly world: World,
    readonly message: OutgoingMessage,
    /** In the words of a trace. */
    readonly text: string,
    readonly entries: readonly Entry[],
    /** Of its data; NaN where that is none. */
    readonly bytes: number,
    /** Nothing is wrong with it. */
    private readonly isSound: boolean,
    readonly sink: Player | undefined,
    readonly memory: Memory | undefined,
    private readonly senderHearsErrors = false,
    /** Its own code runs while it is read. */
    readonly coded = false,
  ) {}

  /** Others may go before it. */
  unorder(): void {
    for (const entry of this.entries) entry.ordered = false
  }

  get sound(): boolean {
    return this.isSound && !this.disturbed
  }

  accepted(bytes: number | undefined, call: string): void {
    if (bytes !== undefined && !Number.isNaN(this.bytes) && bytes !== this.bytes && !this.disturbed) {
      this.world.report.violate('count', `${call} says ${bytes} bytes, of ${this.bytes}`)
    }
    this.settle(this.disturbed || this.mayBeDropped ? 'free' : 'accepted')
  }

  /** Without errors the kernel says that it has sent what it has dropped. */
  private get mayBeDropped(): boolean {
    return this.world.link === 'tight' && !this.senderHearsErrors
  }

  /** The call failed: nothing was sent, or of a train as much as the error says. */
  refused(error: unknown, call: string): void {
    const { bytes = 0 } = (error ?? {}) as { bytes?: number }
    // What the last sockets still had on its way is not waited for.
    const gone = this.disturbed || this.mayBeDropped || this.world.ending ? 'free' : 'accepted'
    let left = bytes
    this.settleEach(({ size }) => {
      if (left <= 0) return 'refused'
      left -= size
      return gone
    })
    if (left !== 0 && this.sink !== undefined) {
      this.world.report.violate('progress', `${call} failed (${String(error)}): ${bytes} bytes, of ${this.bytes}`)
    }
  }

  /** Nobody says what became of it. */
  unknown(): void {
    for (const entry of this.entries) this.world.ledger.settle(entry, 'free')
  }

  /** Its memory is taken away while it waits. */
  readonly spoil = (): void => {
    if (this.settled || this.memory?.spoil() !== true) return
    this.disturbed = true
    for (const entry of this.entries) entry.disturbed = true
  }
  private disturbed = false

  private settle(state: Settled): void {
    this.settleEach(() => state)
  }

  private settleEach(stateOf: (entry: Entry) => Settled): void {
    this.settled = true
    this.world.spoils.delete(this.spoil)
    for (const entry of this.entries) {
      const state = stateOf(entry)
      this.world.ledger.settle(entry, state)
      if (state !== 'accepted' && entry.arrived === 0) this.sink?.giveBack(entry.size)
    }
    this.memory?.overwrite()
  }
}

export interface Target {
  readonly address: string
  readonly port: number
  readonly sink: Player | undefined
  /** Of an answer: what replyTo gave beside address and port. */
  readonly reply?: { readonly source?: string; readonly interface?: number }
}

export const isGroup = (address: string): boolean => address.startsWith('239.')

function targetOf(world: World, sender: Player, random: Random, plain: boolean): Target | undefined {
  const kind = random.weighted([
    [30, 'certain'],
    [4, 'any'],
    [3, 'dead'],
    [1, 'nonsense'],
  ] as const)
  if (kind === 'dead') {
    return { address: sender.reaches('127.0.0.1') ? '127.0.0.1' : '::1', port: random.one(DEAD_PORTS), sink: undefined }
  }
  if (kind === 'nonsense') {
    const address = random.one([
      'localhost',
      '127.0.0.1%lo',
      '1.2.3',
      '',
      '::1',
      '127.0.0.1',
      '::ffff:127.0.0.1',
      'fe80::1%lo',
    ])
    // dgram's forms take what is false for nothing, and then data goes where the socket is connected to.
    const port = plain ? random.one([-1, 65536, 1.5]) : random.one([0, -1, 65536, 1.5, NaN, 2])
    return { address: plain ? address || '1.2.3' : address, port, sink: undefined }
  }
  const sink = world.player(
    random,
    (player) =>
      player.port !== 0 &&
      (kind === 'any' || player.certain) &&
      player.reached.some((address) => sender.reaches(address)),
  )
  if (sink === undefined) return undefined
  // Without an interface there may be no route to a group.
  const addresses = sink.reached.filter((each) => sender.reaches(each) && !(plain && isGroup(each)))
  const address = random.one(addresses)
  return { address, port: sink.port, sink }
}

function sizesOf(random: Random): { size: number; segment: number | undefined } {
  const size = random.weighted([
    [3, random.between(0, HEADER - 1)],
    [20, random.between(HEADER, 200)],
    [20, random.between(200, 1500)],
    [5, random.between(1500, 9000)],
    [2, random.between(9000, LONGEST)],
  ])
  if (!random.chance(0.25)) return { size, segment: undefined }
  const segment = random.weighted([
    [1, random.between(1, HEADER)],
    [10, random.between(HEADER, 1472)],
    [2, random.between(1472, 20_000)],
    [1, 65_535],
  ])
  const most = random.weighted([
    [8, 60_000],
    [2, 200_000],
    [1, 400_000],
  ])
  const count = random.between(0, Math.max(1, Math.min(MOST_DATAGRAMS, Math.floor(most / segment))))
  const total = segment * count + random.between(0, Math.min(segment, 500))
  return segment > LONGEST ? { size, segment } : { size: total, segment }
}

function cut(size: number, segment: number | undefined): number[] {
  if (segment === undefined || size <= segment) return [size]
  const sizes = new Array<number>(Math.floor(size / segment)).fill(segment)
  if (size % segment > 0) sizes.push(size % segment)
  return sizes
}

/** The typed fields beside data and destination; true where a kernel may refuse them. */
function decorate(
  message: Record<string, unknown>,
  expected: Expected,
  sender: Player,
  address: string,
  borrowed: boolean,
  random: Random,
): boolean {
  const isIPv4 = !address.includes(':')
  let odd = false
  if (random.chance(0.2) && isIPv4) {
    message['source'] = expected.address = random.one(['127.0.0.1', '127.0.0.2', '127.9.9.9'])
    if (sender.description.family === 6 && sender.address === '::1') odd = true
  }
  if (random.chance(0.1)) {
    if (loopback !== undefined) message['interface'] = random.chance(0.5) ? loopback : 1
    odd ||= random.chance(0.05) && (message['interface'] = 4711) === 4711
  }
  if (random.chance(0.15)) {
    const octet = random.below(256)
    if (random.chance(0.5)) message['trafficClass'] = expected.trafficClass = octet
    else {
      message['ecn'] = octet & 3
      if (random.chance(0.5)) message['dscp'] = octet >> 2
    }
    expected.ecn = octet & 3
  }
  if (random.chance(0.1)) message['hopLimit'] = expected.hopLimit = random.between(1, 255)
  if (!borrowed && random.chance(0.05)) message['dontFragment'] = random.chance(0.5)
  if (random.chance(0.03)) message['flags'] = random.one([{}, { confirm: true }, { dontRoute: true }, { oob: false }])
  if (random.chance(0.03)) {
    odd = true
    // They may say something else of the same.
    expected.address = expected.ecn = expected.trafficClass = expected.hopLimit = undefined
    message['control'] = random.one([
      [],
      [{ level: 0, type: 2, data: Buffer.from([64, 0, 0, 0]) }],
      [{ level: 0, type: 8, data: Buffer.alloc(12) }],
      [{ level: 1, type: 99, data: Buffer.alloc(random.below(80)) }],
      Array.from({ length: 20 }, () => ({ level: 0, type: 1, data: Buffer.alloc(4) })),
      [{ level: -1, type: 2 ** 31, data: Buffer.alloc(0) }],
    ])
  }
  return odd
}

/** Puts code into the reading of a message's properties; each may be read once. */
function withCode(world: World, message: object, random: Random, text: string): OutgoingMessage {
  const run = world.code(random, `a getter of ${text}`)
  const at = random.one(Object.keys(message))
  if (random.chance(0.3)) {
    return new Proxy(message, {
      get: (target, name, receiver) => {
        if (name === at) run()
        return Reflect.get(target, name, receiver) as unknown
      },
    }) as OutgoingMessage
  }
  const given = {}
  for (const [name, value] of Object.entries(message)) {
    let reads = 0
    Object.defineProperty(given, name, {
      enumerable: true,
      get: () => {
        if (++reads > 1) world.report.violate('getters', `${name} of a message is read ${reads} times`)
        if (name === at) run()
        return value as unknown
      },
    })
  }
  return given as OutgoingMessage
}

interface Wanted {
  /** For the forms of dgram, which have no other fields. */
  readonly plain?: boolean
  /** What is around the call is in order, too. */
  readonly sound: boolean
  readonly ordered: boolean
  readonly target?: Target | undefined
}

/** A message of `sender`; undefined where nobody has room for one. */
export function plan(world: World, sender: Player, queue: 0 | 1 | 2, random: Random, wanted: Wanted): Plan | undefined {
  const target = wanted.target ?? targetOf(world, sender, random, wanted.plain === true)
  if (target === undefined) return undefined
  const { address, port, sink, reply } = target
  const asked = sizesOf(random)
  const segment = wanted.plain === true ? undefined : asked.segment
  const size = segment === undefined ? Math.min(asked.size, LONGEST) : asked.size
  const sizes = cut(size, segment)
  const cost = sizes.reduce((sum, each) => sum + costOf(each), 0)
  if (sink === undefined ? sender.errorLoad + cost > sender.room / 2 : !world.hasRoom(sink, cost, sizes.length))
    return undefined
  if (sink === undefined) sender.errorLoad += cost

  const message: Record<string, unknown> = {}
  const expected: Expected = {
    address: addressOf(sender, address),
    // Linux may give it another one when it is disconnected.
    port: sender.port === 0 || !sender.description.steady ? undefined : sender.port,
    destination: address,
    interface: 1,
    cast: isGroup(address) ? 'multicast' : 'unicast',
  }
  if (reply?.source !== undefined) expected.address = reply.source
  const to =
    wanted.plain !== true &&
    wanted.target === undefined &&
    random.chance(0.1) &&
    port > 0 &&
    port < 65_536 &&
    Number.isInteger(port)
  if (to && (address === '::1' || address.startsWith('127.')) && !address.includes('%')) {
    message['to'] = new SocketAddress({ address, port, family: address.includes(':') ? 'ipv6' : 'ipv4' })
  } else {
    Object.assign(message, { address, port, ...reply })
  }
  if (isGroup(address) && wanted.plain !== true) message['interface'] = 1
  const odd =
    reply === undefined &&
    wanted.plain !== true &&
    random.chance(0.4) &&
    decorate(message, expected, sender, address, queue === 1 || sender.ours === undefined, random)
  if (segment !== undefined) message['segmentSize'] = segment
  const isWrong = wanted.target === undefined && random.chance(0.01)
  const coded = wanted.plain !== true && world.may('getters') && random.chance(0.1)
  const what = segment === undefined ? `${size} bytes` : `${size} bytes by ${segment}`
  const fields = Object.entries(message).filter(([name]) => !['address', 'port', 'to', 'segmentSize'].includes(name))
  const more = fields.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(fields))}`
  const text = `${what}${more} to ${sink === undefined ? `${address} ${port}` : `${sink.name} ${address}`}`
  if (isWrong) {
    // It may turn out to be right, so it goes where nobody is.
    delete message['to']
    Object.assign(message, { address: sender.reaches('127.0.0.1') ? '127.0.0.1' : '::1', port: random.one(DEAD_PORTS) })
    if (wanted.plain === true || random.chance(0.5)) message['data'] = wrongData(random)
    else {
      message['data'] = Buffer.alloc(10)
      message[random.one(['address', 'port', 'to', 'source', 'ecn', 'hopLimit', 'segmentSize', 'flags', 'control'])] =
        nonsense(random)
    }
    return new Plan(world, message as never, `nonsense to ${address}`, [], NaN, false, undefined, undefined)
  }
  const sound = wanted.sound && !odd && !coded && sink?.certain === true
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  const entries: Entry[] = []
  if (sink !== undefined) {
    for (const each of sizes) {
      const ordered = wanted.ordered && !coded && !sender.coded
      const entry = world.ledger.enter(sink.id, sender.sender(queue), each, ordered, expected, text)
      const part = bytes.subarray(at, (at += each))
      write(part, world.ledger.run, entry)
      if (each < HEADER) world.ledger.enterShort(entry, part)
      entries.push(entry)
      sink.take(each)
    }
  }
  const hears = queue === 0 && sender.description.receiveErrors
  const memory = layOut(bytes, random, sizes[0] ?? 0)
  message['data'] = memory.data
  const final = coded ? withCode(world, message, random, text) : (message as unknown as OutgoingMessage)
  return new Plan(world, final, text, entries, size, sound, sink, memory, hears, coded)
}

/** Where the kernel sends from when nobody says. */
function addressOf(sender: Player, destination: string): string | undefined {
  if (sender.address === '' || !sender.description.steady) return undefined
  if (isGroup(destination) && sender.address !== '127.0.0.1') return undefined
  if (sender.address !== '0.0.0.0' && sender.address !== '::') return sender.address
  return destination.startsWith('127.') ? '127.0.0.1' : destination === '::1' ? '::1' : undefined
}
