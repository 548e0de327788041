// From bind to close, and options: what may happen to a socket.
import type { Socket } from 'sendmsg'
import { OwnError } from './failures'
import { nonsense } from './nonsense'
import type { Player } from './player'
import type { Random } from './random'
import type { World } from './world'

const wildOf = (world: World, random: Random): Player | undefined =>
  world.player(
    random,
    ({ description: { steady }, ours, closing }) => !steady && ours !== undefined && (!closing || random.chance(0.1)),
  )

/** A callback of bind, connect or close. */
function afterwards(world: World, random: Random, text: string): () => void {
  if (random.chance(0.05)) {
    return () => {
      throw new OwnError(`callback of ${text}`)
    }
  }
  return random.chance(0.2) ? world.code(random, `callback of ${text}`) : () => undefined
}

/** A callback that is called once at most. */
function atMostOnce(world: World, random: Random, text: string): (...args: unknown[]) => void {
  const after = afterwards(world, random, text)
  let calls = 0
  return () => {
    if (++calls > 1) world.report.violate('once', `the callback of ${text} is called ${calls} times`)
    after()
  }
}

function bind(world: World, player: Player, random: Random): void {
  const ours = player.ours!
  const isIPv4 = player.description.family === 4
  const local = isIPv4 ? '127.0.0.1' : '::1'
  const occupied = world.player(random, ({ port }) => port !== 0)?.port ?? 0
  // Watched, so that it cannot be taken over.
  const watched = ['message', 'messages', 'both']
  const live = world.player(
    random,
    ({ descriptor, closing, description: { way } }) => descriptor !== undefined && !closing && watched.includes(way),
  )?.descriptor
  const text = `bind (${player.name})`
  const callback = atMostOnce(world, random, text)
  const args = random.weighted<unknown[]>([
    [2, []],
    [2, [callback]],
    [6, [0, local]],
    [4, [0, local, callback]],
    [3, [{ port: 0, address: local, exclusive: random.chance(0.5) }, callback]],
    [4, [0, 'localhost', callback]],
    [1, [0, isIPv4 ? '192.0.2.1' : '2001:db8::1', callback]],
    [1, [occupied, local, callback]],
    [1, [0, isIPv4 ? '::1' : '127.0.0.1']],
    [1, [{ fd: live ?? 900 }, callback]],
    [1, [nonsense(random), nonsense(random), callback]],
  ])
  const { threw } = world.call(`${text} ${describe(args)}`, () => ours.bind(...(args as [number])))
  if (!threw) player.binding = !player.listening
}

function describe(args: readonly unknown[]): string {
  try {
    return args.map((value) => (typeof value === 'function' ? 'callback' : JSON.stringify(value))).join(', ')
  } catch {
    return 'nonsense'
  }
}

function bindSync(world: World, player: Player, random: Random): void {
  const address = player.description.family === 4 ? '127.0.0.1' : '::1'
  const options = random.weighted<unknown>([
    [6, { address }],
    [1, {}],
    [1, undefined],
    [1, { address: 'localhost' }],
    [1, { address: `${address}%gone` }],
    [1, nonsense(random)],
  ])
  world.call(`bindSync (${player.name}) ${describe([options])}`, () => player.ours!.bindSync(options as never))
}

/** Where a socket of this family can be connected to. */
function peerOf(world: World, player: Player, random: Random): [port: number, address: string] {
  const sink = world.player(
    random,
    ({ port, reached }) => port !== 0 && reached.some((address) => player.reaches(address)),
  )
  if (sink === undefined || random.chance(0.3))
    return [random.between(2, 6), player.description.family === 4 ? '127.0.0.1' : '::1']
  return [sink.port, random.one(sink.reached.filter((address) => player.reaches(address)))]
}

function connect(world: World, player: Player, random: Random): void {
  const [port, address] = peerOf(world, player, random)
  const text = `connect (${player.name}) ${address} ${port}`
  const callback = atMostOnce(world, random, text)
  const args = random.weighted<unknown[]>([
    [6, [port, address, callback]],
    [3, [port, address]],
    [1, [port, callback]],
    [2, [port, 'localhost', callback]],
    [2, [port, 'nowhere.invalid', callback]],
    [1, [nonsense(random), nonsense(random), callback]],
  ])
  player.disturbed = true
  world.call(`${text} ${describe(args)}`, () => {
    player.ours!.connect(...(args as [number]))
  })
  if (!player.listening) player.binding = true
}

function connectSync(world: World, player: Player, random: Random): void {
  const [port, address] = peerOf(world, player, random)
  player.disturbed = true
  const args = random.chance(0.1) ? [nonsense(random), nonsense(random)] : [port, address]
  world.call(`connectSync (${player.name}) ${describe(args)}`, () => {
    player.ours!.connectSync(...(args as [number, string]))
  })
}

function disconnect(world: World, player: Player): void {
  world.call(`disconnect (${player.name})`, () => {
    player.ours!.disconnect()
  })
}

export function close(world: World, player: Player, random: Random): void {
  const { ours, socket } = player
  if (ours === undefined) {
    // Nobody can be told of what a borrowed socket still had to send.
    world.ledger.loosen(player.id)
    if (!player.closing) socket.close()
    player.closing = true
    return
  }
  const text = `close (${player.name})`
  if (random.chance(0.1)) {
    const { value, threw } = world.call(`asyncDispose (${player.name})`, () => ours[Symbol.asyncDispose]())
    if (!threw) world.operations.promise(`asyncDispose (${player.name})`, value, {})
  } else {
    const after = afterwards(world, random, text)
    const told = world.operations.callback(text, after)
    const { threw } = world.call(text, () => ours.close(told.callback))
    // It listens to 'close' all the same, as dgram's does.
    if (threw) told.forget()
  }
  player.closing = true
}

/** One of the socket's own life. */
export function live(world: World, random: Random): void {
  const player = wildOf(world, random)
  if (player === undefined) return
  random.weighted<() => void>([
    [8, () => bind(world, player, random)],
    [3, () => bindSync(world, player, random)],
    [3, () => connect(world, player, random)],
    [3, () => connectSync(world, player, random)],
    [3, () => disconnect(world, player)],
    [2, () => close(world, player, random)],
  ])()
}

export function closeSome(world: World, random: Random): void {
  const player = world.player(random, ({ description: { steady }, closing }) => !steady && !closing)
  if (player !== undefined) close(world, player, random)
}

type Method = (ours: Socket, random: Random) => unknown

const groups = ['239.255.0.1', '224.0.0.251', 'ff02::77', '127.0.0.1', '']

/** Methods that leave a steady socket as steady as it was. */
const methods: Readonly<Record<string, Method>> = {
  address: (ours) => ours.address(),
  remoteAddress: (ours) => ours.remoteAddress(),
  getRecvBufferSize: (ours) => ours.getRecvBufferSize(),
  getSendBufferSize: (ours) => ours.getSendBufferSize(),
  getSendQueueSize: (ours) => ours.getSendQueueSize(),
  getSendQueueCount: (ours) => ours.getSendQueueCount(),
  setSendBufferSize: (ours, random) => {
    ours.setSendBufferSize(random.chance(0.8) ? random.between(5000, 100_000) : (nonsense(random) as number))
  },
  ref: (ours) => ours.ref(),
  unref: (ours) => ours.unref(),
  offload: (ours) => ours.offload,
  getPathMTU: (ours) => ours.getPathMTU(),
  setBroadcast: (ours, random) => {
    ours.setBroadcast(random.chance(0.8) ? random.chance(0.5) : (nonsense(random) as boolean))
  },
  setTTL: (ours, random) => ours.setTTL(random.chance(0.8) ? random.between(0, 256) : (nonsense(random) as number)),
  setMulticastTTL: (ours, random) => ours.setMulticastTTL(random.chance(0.8) ? 1 : (nonsense(random) as number)),
  setMulticastLoopback: (ours, random) => ours.setMulticastLoopback(nonsense(random) as boolean),
  setMulticastInterface: (ours, random) => {
    ours.setMulticastInterface(
      random.chance(0.8) ? random.one(['127.0.0.1', '::%lo', '::', '']) : (nonsense(random) as string),
    )
  },
  addMembership: (ours, random) => {
    ours.addMembership(
      random.one(groups),
      random.chance(0.7) ? random.one(['127.0.0.1', '::%lo']) : (nonsense(random) as string),
    )
  },
  dropMembership: (ours, random) => {
    ours.dropMembership(random.chance(0.8) ? random.one(groups) : (nonsense(random) as string))
  },
  addSourceSpecificMembership: (ours, random) => {
    ours.addSourceSpecificMembership(random.one(['127.0.0.1', '::1', 'x']), random.one(groups), '127.0.0.1')
  },
  dropSourceSpecificMembership: (ours, random) => {
    ours.dropSourceSpecificMembership(random.one(['127.0.0.1', '::1']), random.one(groups))
  },
  setDontFragment: (ours, random) => {
    ours.setDontFragment(random.chance(0.9) ? random.chance(0.5) : (nonsense(random) as boolean))
  },
}
const names = Object.keys(methods)

export function callMethod(world: World, random: Random): void {
  const player = world.player(random, ({ ours }) => ours !== undefined)
  if (player?.ours === undefined) return
  const { ours } = player
  const name = random.one(names)
  world.call(`${name} (${player.name})`, () => methods[name]!(ours, random))
}
