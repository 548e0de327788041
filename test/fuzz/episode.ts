// One episode: sockets are opened, called at random and closed, and then everything must be accounted for.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { descriptors } from '../helpers/descriptors.cjs'
import { Ledger, describe, type Entry } from './ledger'
import { callMethod, close, closeSome, live } from './life'
import { Random } from './random'
import { orphan, pull, pullFrom } from './reading'
import type { Player } from './player'
import type { Report } from './report'
import { alternate, knock, sendForm, sendMany, sendMessage, sendOne, sendWithoutPort } from './sending'
import { openAdopted, openPlain, openSteady, openWild } from './sockets'
import type { Habit, Link } from './circumstances'
import { World } from './world'
import { callWrongly } from './wrong'

const MOST_PLAYERS = 14
/** Milliseconds without anything that comes or is settled, after which nothing more is waited for. */
const PATIENCE = 1500
/** Datagrams that are missing are told up to this number. */
const TOLD = 3

type Action = (world: World, random: Random) => void

const abortSome: Action = (world, random) => {
  if (world.aborts.size > 0) world.run('an abort', random.one([...world.aborts]))
}
const answerSome: Action = (world) => {
  const [first] = world.lookups
  if (first === undefined) return
  world.lookups.delete(first)
  world.run('a look-up', first)
}
const spoilSome: Action = (world) => {
  const [first] = world.spoils
  if (first !== undefined) first()
}
const collect: Action = (_world, random) => {
  if (random.chance(0.05)) globalThis.gc?.()
}
const open: Action = (world, random) => {
  if (world.players.length < MOST_PLAYERS) openWild(world, random)
}

const actions: readonly (readonly [number, Action])[] = [
  [20, sendOne],
  [12, sendMany],
  [8, sendMessage],
  [8, sendForm],
  [15, pull],
  [8, live],
  [5, callMethod],
  [5, callWrongly],
  [2, abortSome],
  [2, answerSome],
  [2, spoilSome],
  [2, open],
  [2, knock],
  [1, alternate],
  [1, sendWithoutPort],
  [1, orphan],
  [1, collect],
]

/** What user code does within a call. */
const inner: readonly (readonly [number, Action])[] = [
  [6, sendOne],
  [3, sendMany],
  [3, sendMessage],
  [8, pull],
  [3, live],
  [2, callMethod],
  [2, abortSome],
  [2, spoilSome],
  [2, closeSome],
]

export interface Circumstances {
  readonly link: Link
  readonly run: number
  /** Node's own sockets must not receive in a thread that is terminated. */
  readonly withPlain: boolean
  readonly adoptable: number[]
  readonly without: readonly Habit[]
  readonly stopAt: () => boolean
}

/** Waits for as long as `done` makes progress. */
async function until(done: () => boolean, progress: () => number, step: () => void): Promise<boolean> {
  let before = progress()
  let since = Date.now()
  for (let turns = 0; !done(); turns++) {
    step()
    if (turns < 50) await turn()
    else await pause(1)
    const now = progress()
    if (now !== before) {
      before = now
      since = Date.now()
    } else if (Date.now() - since > PATIENCE) {
      return false
    }
  }
  return true
}

export async function runEpisode(seed: number, report: Report, circumstances: Circumstances): Promise<void> {
  const random = new Random(seed)
  await pass()
  const ledger = new Ledger(report, circumstances.run, (one, other) => {
    return world.players[one]?.port === world.players[other]?.port
  })
  const world: World = new World(random, report, ledger, circumstances.link, circumstances.without)
  world.reenter = (own) => {
    own.weighted(inner)(world, own)
  }
  const before = descriptors()
  await cast(world, random, circumstances)
  const steps = random.between(40, 240)
  for (let step = 0; step < steps && !circumstances.stopAt(); step++) {
    random.weighted(actions)(world, random)
    if (random.chance(0.3)) {
      await turn()
      world.turn()
    } else if (random.chance(0.1)) {
      await Promise.resolve()
    }
  }
  await drain(world, random)
  await end(world, random)
  account(world)
  await checkDescriptors(world, before)
  ledger.clear()
  report.summary.episodes++
}

/** Resolves when all that was sent before has arrived, or found nobody: loopback keeps the order of all its datagrams. */
async function pass(): Promise<void> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const knock = (): void => {
    socket.send('pass', port, '127.0.0.1')
  }
  // It may be dropped, too.
  const timer = setInterval(knock, 20)
  knock()
  await once(socket, 'message')
  clearInterval(timer)
  socket.close()
  await once(socket, 'close')
}

async function cast(world: World, random: Random, { withPlain, adoptable }: Circumstances): Promise<void> {
  for (let count = random.between(2, 5); count > 0; count--) await openSteady(world, random)
  for (let count = random.between(1, 4); count > 0; count--) openWild(world, random)
  if (withPlain && random.chance(0.6)) await openPlain(world, random)
  if (random.chance(0.05)) {
    const descriptor = adoptable.pop()
    if (descriptor !== undefined) await openAdopted(world, random, descriptor)
  }
}

/** What is on its way arrives, and what waits for room is sent. */
async function drain(world: World, random: Random): Promise<void> {
  const { ledger, players, report, lookups } = world
  const certain = players.filter((player) => player.certain && !player.closing)
  const missing = (): number => certain.reduce((sum, { id }) => sum + ledger.due(id), 0)
  for (const answer of lookups) world.run('a look-up', answer)
  lookups.clear()
  const read = (): void => {
    for (const player of certain) {
      if (player.description.way !== 'pull') continue
      for (let calls = 0; calls < 8 && pullFrom(world, player, random, true); calls++);
    }
    world.turn()
  }
  const waits = (): boolean => certain.some(({ ours }) => ours !== undefined && ours.getSendQueueCount() > 0)
  // What was called last is settled.
  for (let turns = 0; turns < 3; turns++) await turn()
  read()
  const complete = await until(
    () => !waits() && missing() === 0,
    () => report.summary.arrived + report.summary.accepted,
    read,
  )
  for (const player of certain) {
    const lost = complete ? [] : ledger.missing(player.id)
    for (const entry of lost.slice(0, TOLD)) {
      const queued = world.players
        .map(({ ours, closing }) => (ours && !closing ? ours.getSendQueueCount() : 0))
        .join(' ')
      const detail =
        `${lost.length} are missing, the kernel dropped ${dropsOf(player)}, queued are ${queued}; ` +
        `${describe(entry)}; ${idsOf(lost)}`
      report.violate('lost', `${player.name}: ${detail}`, player.description.way)
    }
    if (player.ours === undefined) continue
    const { ours } = player
    const [count, size] = [ours.getSendQueueCount(), ours.getSendQueueSize()]
    if (count !== 0 || size !== 0)
      report.violate('queue', `${player.name}: ${count} messages, ${size} bytes are queued`)
  }
}

async function end(world: World, random: Random): Promise<void> {
  const { players, operations, report } = world
  for (const abort of [...world.aborts, ...world.stops]) world.run('an abort', abort)
  world.ending = true
  for (const answer of world.lookups) world.run('a look-up', answer)
  world.lookups.clear()
  await turn()
  world.turn()
  for (const player of players) {
    if (!player.closing) close(world, player, random)
  }
  const open = (): number => players.filter(({ closed }) => !closed).length
  await until(
    () => operations.due.length === 0 && open() === 0,
    () => operations.due.length + open(),
    () => {
      world.turn()
      for (const answer of world.lookups) world.run('a look-up', answer)
      world.lookups.clear()
    },
  )
  for (const { closed, name } of players) {
    if (!closed) report.violate('settled', `'close' of ${name}`, 'close')
  }
  // So that the next episodes are not of it.
  for (const { closed, socket } of players) {
    try {
      if (!closed) socket.close()
    } catch {
      // It is closed, and has not said so.
    }
  }
  operations.finish()
  await turn()
}

function account(world: World): void {
  for (const ending of world.endings) ending()
}

/** Which they are: 3-7, 9. */
function idsOf(entries: readonly Entry[]): string {
  const ranges: [number, number][] = []
  for (const { id } of entries) {
    const last = ranges.at(-1)
    if (last?.[1] === id - 1) last[1] = id
    else ranges.push([id, id])
  }
  return ranges.map(([first, last]) => `${first}-${last}`).join(', ')
}

/** How many datagrams the kernel had no room for. */
function dropsOf({ port, description: { family } }: Player): string {
  const place = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = readFileSync(`/proc/self/net/${family === 4 ? 'udp' : 'udp6'}`, 'utf8').split('\n')
  const found = lines.map((line) => line.trim().split(/\s+/)).find(([, local]) => local?.endsWith(place))
  return `${found?.at(-1)}, has ${Number.parseInt(found?.[4]?.split(':')[1] ?? '0', 16)} bytes queued`
}

/** What the kernel says of sockets, by their numbers in /proc/self/fd. */
function tablesOf(found: readonly string[]): string {
  const inodes = found.map((text) => /\[(\d+)\]/.exec(text)?.[1] ?? '')
  const lines = ['udp', 'udp6', 'raw', 'netlink', 'unix'].flatMap((table) =>
    readFileSync(`/proc/self/net/${table}`, 'utf8')
      .split('\n')
      .filter((line) => line.split(/\s+/).some((word) => inodes.includes(word)))
      .map((line) => `${table} ${line.trim()}`),
  )
  return lines.length === 0 ? 'bound to nothing' : lines.join('; ')
}

async function checkDescriptors(world: World, before: ReadonlyMap<number, string>): Promise<void> {
  const left = (): string[] =>
    [...descriptors()]
      .filter(([number, target]) => before.get(number) !== target && target.startsWith('socket:'))
      .map(([number, target]) => `${number}: ${target}`)
  if (left().length === 0) return
  await until(
    () => left().length === 0,
    () => 0,
    () => undefined,
  )
  if (left().length === 0) return
  world.report.violate('descriptors', `open after an episode: ${left().join(', ')}; ${tablesOf(left())}`)
}
