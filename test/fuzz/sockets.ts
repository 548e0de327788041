// The sockets of an episode.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { BlockList } from 'node:net'
import { createSocket, type Socket } from 'sendmsg'
import { countSockets, descriptorOf } from '../helpers/descriptors.cjs'
import { codeOf, ICMP, inspect, OwnError } from './failures'
import { Player, type Description, type Way } from './player'
import type { Random } from './random'
import { startToRead } from './reading'
import { makeSignal } from './signals'
import type { World } from './world'

type Options = Record<string, unknown> & { type: 'udp4' | 'udp6' }

const LARGE = 4 << 20
const SMALL = 100_000
const DEFAULT_TOLD = ['address', 'port', 'destination', 'interface', 'cast', 'ecn', 'trafficClass'] as const

/** A list of the user's class, whose code runs whenever an address is looked up. */
class CodedList extends BlockList {
  onCheck: () => void = () => undefined

  override check(...args: [never]): boolean {
    this.onCheck()
    return super.check(...args)
  }
}

function blockList(world: World, random: Random, text: string): BlockList {
  const list = world.may('blocklists') && random.chance(0.6) ? new CodedList() : new BlockList()
  list.addSubnet('203.0.113.0', 24, 'ipv4')
  if (list instanceof CodedList) {
    const run = world.code(random, `a block list of ${text}`)
    const own = random.fork()
    list.onCheck = () => {
      if (!own.chance(0.1)) return
      try {
        run()
      } catch {
        // A check that throws says nothing of the sender, and the datagram may be lost.
      }
    }
  }
  return list
}

type Answer = (error: Error | null, address?: unknown, family?: number) => void

/** In place of dns.lookup: answers soon, late, twice, wrongly, or throws. */
function lookup(world: World, random: Random, type: 'udp4' | 'udp6'): (...args: unknown[]) => void {
  const own = random.fork()
  return (...args) => {
    const [host] = args
    const answer = args.at(-1) as Answer
    const found = own.weighted<unknown>([
      [6, typeof host === 'string' && host !== 'localhost' ? host : '127.0.0.1'],
      // Not where a datagram would arrive.
      [1, type === 'udp4' ? '::1' : '::1%'],
      [1, 'no address'],
      [1, undefined],
      [1, new OwnError('look-up')],
    ])
    const reply = (): void => {
      if (found instanceof Error) answer(found)
      else answer(null, found, 4)
    }
    switch (
      own.weighted([
        [3, 'now'],
        [3, 'tick'],
        [3, 'turn'],
        [2, 'late'],
        [1, 'twice'],
        [1, 'throw'],
      ] as const)
    ) {
      case 'now':
        reply()
        return
      case 'tick':
        process.nextTick(reply)
        return
      case 'turn':
        setImmediate(reply)
        return
      case 'late':
        if (world.ending) reply()
        else world.lookups.add(reply)
        return
      case 'twice':
        process.nextTick(reply)
        setImmediate(reply)
        return
      case 'throw':
        throw new OwnError('look-up')
    }
  }
}

function optionsAt(world: World, random: Random, steady: boolean, way: Way, type: 'udp4' | 'udp6'): Options {
  const options: Options = { type }
  if (way !== 'message' && way !== 'messages' && way !== 'both' && way !== 'nobody') options['pull'] = true
  if (steady) options['recvBufferSize'] = random.chance(0.1) ? SMALL : LARGE
  if (world.link === 'narrow' || world.link === 'tight' ? random.chance(0.8) : random.chance(0.1)) {
    options['sendBufferSize'] = random.between(1, 60_000)
  }
  if (random.chance(0.3)) options['coalesce'] = random.chance(0.9)
  if (random.chance(0.25)) options['receiveErrors'] = random.chance(0.9)
  if (world.may('receiveInfo') && random.chance(0.25)) {
    options['receiveInfo'] = random.one([
      ['hopLimit'],
      ['destination', 'ecn', 'hopLimit'],
      ['destination', 'interface', 'trafficClass', 'segmentSize'],
      ['destination', 'trafficClass', 'control', 'timestamp', 'dropped'],
      ['dscp', 'cast'],
      [],
      false,
    ])
  }
  if (random.chance(0.15)) options['receiveBlockList'] = blockList(world, random, type)
  if (random.chance(0.15)) options['sendBlockList'] = blockList(world, random, type)
  if (random.chance(0.05)) options['dontFragment'] = random.chance(0.5)
  if (random.chance(0.05)) options['unsupported'] = random.one(['ignore', 'error'])
  if (random.chance(0.05)) options['reuseAddr'] = true
  if (type === 'udp6' && random.chance(0.2)) options['ipv6Only'] = true
  if (!steady && random.chance(0.15)) options['lookup'] = lookup(world, random, type)
  if (!steady && random.chance(0.1)) options['signal'] = makeSignal(world, random).signal
  return options
}

const pulledWays: readonly Way[] = ['pull', 'pull', 'recvmsg', 'recvmmsg', 'for await']
const pushedWays: readonly Way[] = ['message', 'message', 'messages', 'both']

function describe(options: Options, way: Way, steady: boolean): Description {
  const info = options['receiveInfo'] as readonly string[] | false | undefined
  const names = info === false ? [] : (info ?? [])
  const told = info === false ? (['address', 'port'] as const) : DEFAULT_TOLD
  return {
    family: options.type === 'udp4' ? 4 : 6,
    v6only: options['ipv6Only'] === true,
    way,
    steady,
    receiveErrors: options['receiveErrors'] === true,
    whole: names.includes('segmentSize'),
    told: names.includes('hopLimit') ? [...told, 'hopLimit'] : told,
    // Of a train only, and not of every datagram.
    asked: names.filter((name) => name !== 'segmentSize'),
  }
}

/** Events come when they may. */
function watch(world: World, player: Player): void {
  const { socket, ours } = player
  let closes = 0
  const afterClose = (event: string): void => {
    if (closes > 0) world.report.violate('events', `${player.name}: '${event}' after 'close'`)
  }
  const emitter = socket as Socket
  emitter.on('close', () => {
    afterClose('close')
    closes++
    player.closed = true
    player.closing = true
    if (player.description.steady && !world.ending) world.report.violate('events', `${player.name} was closed`)
  })
  emitter.on('listening', () => {
    afterClose('listening')
    player.binding = false
    player.listening = true
    const { value } = world.call(`address (${player.name})`, () => socket.address())
    player.port = value?.port ?? 0
    player.address = value?.address ?? ''
    world.report.note(`${player.name} is bound to ${player.address} ${player.port}`)
  })
  emitter.on('connect', () => {
    afterClose('connect')
    player.disturbed = true
  })
  emitter.on('error', (error: unknown) => {
    afterClose('error')
    world.report.note(`'error' of ${player.name}: ${String(error)}`)
    player.binding = false
    if (ours === undefined) return
    inspect(error, `'error' of ${player.name}`, world.report)
    // The rest of a train whose start was taken: when the socket was closed, or has another peer by now, or none.
    const { syscall } = error as NodeJS.ErrnoException
    if (codeOf(error) === 'ECANCELED' || syscall === 'sendmsg') world.ledger.loosen(player.id)
    if (world.ending || player.disturbed) return
    const code = codeOf(error)
    if (player.listening && code !== undefined && ICMP.has(code)) {
      world.report.violate('icmp', `'error' of ${player.name}: ${String(error)}`)
    } else if (player.description.steady && !(error instanceof OwnError)) {
      world.report.violate('sound', `'error' of ${player.name}: ${String(error)}`)
    }
  })
  ours?.on('datagramError', (error) => {
    afterClose('datagramError')
    player.errorLoad = 0
    inspect(error, `'datagramError' of ${player.name}`, world.report)
    if (!player.description.receiveErrors) {
      world.report.violate('events', `${player.name}: 'datagramError' that it has not asked for`)
    }
  })
}

function enter(world: World, random: Random, options: Options, way: Way, steady: boolean): Player | undefined {
  const description = describe(options, way, steady)
  const shown = Object.entries(options).filter(([, value]) => typeof value !== 'object' || Array.isArray(value))
  const text = `createSocket ${JSON.stringify(Object.fromEntries(shown))}`
  // The code of a signal may open others.
  const counts = random.chance(0.05) && options['signal'] === undefined
  const before = counts ? countSockets() : 0
  const { value, error } = world.call(text, () => createSocket(options as never))
  if (counts && countSockets() > before) {
    world.report.violate('descriptors', `${text} has opened a descriptor`, 'createSocket')
  }
  if (value === undefined) {
    // The signal's own code, or a signal that is none.
    if (options['signal'] === undefined) world.report.violate('sound', `${text}: ${String(error)}`)
    return undefined
  }
  const player = new Player(world, world.players.length, description, value, value)
  player.coded = options['sendBlockList'] instanceof CodedList
  player.lookups = options['lookup'] !== undefined
  world.players.push(player)
  watch(world, player)
  startToRead(world, player, random)
  return player
}

const addresses = { udp4: ['127.0.0.1', '127.0.0.1', '0.0.0.0', '127.0.0.5'], udp6: ['::1', '::', '::'] } as const

/** A socket that stays what it is until the episode ends; resolves when it can be sent to. */
export async function openSteady(world: World, random: Random): Promise<void> {
  const type = random.chance(0.6) ? 'udp4' : 'udp6'
  const way = random.chance(0.08) ? 'descriptor' : random.one(random.chance(0.5) ? pushedWays : pulledWays)
  const options = optionsAt(world, random, true, way === 'descriptor' ? 'pull' : way, type)
  const address = random.one(addresses[type])
  const wantsDescriptor = way === 'descriptor' || random.chance(0.1)
  const player = await openBound(world, random, options, way, address)
  if (player === undefined) return
  // Once it is borrowed there is a duplicate of it, too.
  if (wantsDescriptor) player.descriptor ??= descriptorOf(player.port, type === 'udp4' ? 'udp' : 'udp6')
}

async function openBound(
  world: World,
  random: Random,
  options: Options,
  way: Way,
  address: string,
): Promise<Player | undefined> {
  // A descriptor can be read from once it is there.
  let player: Player | undefined
  if (way === 'descriptor') {
    player = enter(world, random, { ...options, pull: true }, 'nobody', true)
    if (player === undefined) return undefined
    const { ours } = player
    world.call(`bindSync (${player.name}) ${address}`, () => ours!.bindSync({ address }))
    await once(ours!, 'listening')
    player.descriptor = descriptorOf(player.port, options.type === 'udp4' ? 'udp' : 'udp6')
    player.description.way = 'descriptor'
    startToRead(world, player, random)
  } else {
    player = enter(world, random, options, way, true)
    if (player === undefined) return undefined
    const { ours } = player
    if (random.chance(0.5)) world.call(`bindSync (${player.name}) ${address}`, () => ours!.bindSync({ address }))
    else world.call(`bind (${player.name}) ${address}`, () => ours!.bind(0, address))
    await once(ours!, 'listening')
  }
  player.room = player.ours!.getRecvBufferSize() / 2
  if (address === '0.0.0.0' && random.chance(0.4)) {
    const group = `239.255.${random.below(256)}.${random.between(1, 254)}`
    const { threw } = world.call(`addMembership (${player.name}) ${group}`, () => {
      player.ours!.addMembership(group, '127.0.0.1')
    })
    if (!threw) player.group = group
  }
  return player
}

/** A socket that anything may happen to. */
export function openWild(world: World, random: Random): void {
  const type = random.chance(0.6) ? 'udp4' : 'udp6'
  const way = random.one([...pushedWays, 'pull', 'pull', 'nobody', 'for await'] as const)
  const player = enter(world, random, optionsAt(world, random, false, way, type), way, false)
  if (player !== undefined) player.room = 100_000
}

/** A socket of Node's own. */
export async function openPlain(world: World, random: Random): Promise<void> {
  const type = random.chance(0.7) ? 'udp4' : 'udp6'
  const socket = dgram.createSocket({
    type,
    recvBufferSize: LARGE,
    ...(world.link === 'narrow' && { sendBufferSize: random.between(5000, 60_000) }),
  })
  const description: Description = {
    ...{ family: type === 'udp4' ? 4 : 6, v6only: type === 'udp6', way: 'message', steady: random.chance(0.7) },
    ...{ receiveErrors: false, whole: false, told: ['address', 'port'], asked: [] },
  }
  const player = new Player(world, world.players.length, description, socket, undefined)
  world.players.push(player)
  watch(world, player)
  startToRead(world, player, random)
  socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1')
  await once(socket, 'listening')
  player.room = socket.getRecvBufferSize() / 2
  if (random.chance(0.2)) player.descriptor = descriptorOf(player.port, type === 'udp4' ? 'udp' : 'udp6')
}

/** Takes over a descriptor that the process was started with. */
export async function openAdopted(world: World, random: Random, descriptor: number): Promise<void> {
  const way = random.one(pushedWays)
  const options = optionsAt(world, random, true, way, 'udp4')
  const player = enter(world, random, options, way, true)
  if (player === undefined) return
  const { ours } = player
  const listening = once(ours!, 'listening')
  const { threw, error } = world.call(`bind (${player.name}) descriptor ${descriptor}`, () =>
    ours!.bind({ fd: descriptor }),
  )
  if (threw) {
    world.report.violate('sound', `bind (${player.name}) of a descriptor: ${String(error)}`)
    return
  }
  await listening
  player.room = ours!.getRecvBufferSize() / 2
}
