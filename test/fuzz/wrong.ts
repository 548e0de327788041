// What makes no sense, in every argument.
import { closeSync, openSync } from 'node:fs'
import { types } from 'node:util'
import * as sendmsg from 'sendmsg'
import type { Socket } from 'sendmsg'
import { nonsense } from './nonsense'
import type { Random } from './random'
import type { World } from './world'

type Any = (...args: unknown[]) => unknown

const functions = [
  'sendmsg',
  'trySendmsg',
  'sendmmsg',
  'trySendmmsg',
  'recvmsg',
  'tryRecvmsg',
  'recvmmsg',
  'tryRecvmmsg',
] as const
const waits = new Set<string>(['sendmsg', 'sendmmsg', 'recvmsg', 'recvmmsg'])
const optionNames = [
  ...['type', 'reuseAddr', 'reusePort', 'ipv6Only', 'recvBufferSize', 'sendBufferSize', 'lookup', 'signal'],
  ...['receiveBlockList', 'sendBlockList', 'protocol', 'receiveInfo', 'pull', 'coalesce', 'receiveErrors'],
  ...['dontFragment', 'sendTime', 'unsupported'],
]

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return 'object'
  return typeof value === 'string' ? `'${value.slice(0, 20)}'` : String(value)
}

function callFunction(world: World, random: Random): void {
  const name = random.one(functions)
  const file = random.chance(0.1) ? openSync('/dev/null', 'r') : undefined
  const player = world.player(random, ({ description: { steady }, ours }) => !steady && ours !== undefined)
  const socket =
    file ??
    random.weighted<unknown>([
      [2, nonsense(random)],
      [1, random.one([900, -5, 1.5, 2 ** 31, 1, Object.create(sendmsg.Socket.prototype)])],
      [3, player?.socket],
    ])
  const own = player !== undefined && socket === player.socket
  const args = [socket, nonsense(random), nonsense(random)]
  const text = `${name} ${own ? player.name : show(socket)}, ${show(args[1])}, ${show(args[2])}`
  const { value, threw, error } = world.call(text, () => (sendmsg[name] as Any)(...args))
  if (waits.has(name)) {
    if (threw) world.report.violate('immediate', `${text} threw ${String(error)}`)
    // Of a socket that is read from otherwise a datagram may come here; it counts as lost for nobody, the socket is wild.
    else world.operations.promise(text, value, {})
  }
  if (file !== undefined) closeSync(file)
}

function create(world: World, random: Random): void {
  const options = random.chance(0.2)
    ? nonsense(random)
    : { type: random.one(['udp4', 'udp6']), [random.one(optionNames)]: nonsense(random) }
  const listener = random.chance(0.3) ? nonsense(random) : undefined
  const { value } = world.call('createSocket of nonsense', () =>
    sendmsg.createSocket(options as never, listener as never),
  )
  if (value === undefined) return
  value.on('error', () => undefined)
  const told = world.operations.callback('close of nonsense', () => undefined)
  const { threw } = world.call('close of nonsense', () => value.close(told.callback))
  if (threw) told.forget()
}

const isData = (value: unknown): boolean =>
  typeof value === 'string' || ArrayBuffer.isView(value) || types.isProxy(value) || Array.isArray(value)

function method(world: World, random: Random): void {
  const player = world.player(
    random,
    ({ description: { steady }, ours, closing }) => !steady && ours !== undefined && !closing,
  )
  if (player === undefined) return
  const names = [
    'send',
    'sendto',
    'sendmsg',
    'trySendmsg',
    'sendmmsg',
    'trySendmmsg',
    'recvmsg',
    'tryRecvmmsg',
    'setRecvBufferSize',
  ]
  const name = random.one(names)
  const args = Array.from({ length: random.between(0, 4) }, () => nonsense(random))
  // What makes sense as data a connected socket sends.
  if (name.startsWith('send') && isData(args[0])) args[0] = Symbol('data')
  const text = `${name} (${player.name}) of ${args.map(show).join(', ')}`
  player.disturbed = true
  const { value, threw, error } = world.call(text, () =>
    (player.ours as unknown as Record<string, Any>)[name]!(...args),
  )
  if (!waits.has(name)) return
  if (threw) world.report.violate('immediate', `${text} threw ${String(error)}`)
  else world.operations.promise(text, value, {})
}

const others: readonly ((random: Random) => unknown)[] = [
  () => sendmsg.capabilities(),
  (random) => sendmsg.toPosix(random.chance(0.5) ? 10_040 : (nonsense(random) as number)),
  (random) => sendmsg.toWinsock(random.chance(0.5) ? 'EMSGSIZE' : (nonsense(random) as string)),
  (random) => sendmsg.replyTo(nonsense(random) as never),
  (random) =>
    sendmsg.replyTo({ address: '127.0.0.1', port: 0, destination: nonsense(random), cast: 'unicast' } as never),
  (random) =>
    (Object.create(sendmsg.Socket.prototype) as Socket).emit('message', nonsense(random) as never, 1 as never),
]

export function callWrongly(world: World, random: Random): void {
  random.weighted<() => void>([
    [6, () => callFunction(world, random)],
    [2, () => create(world, random)],
    [5, () => method(world, random)],
    [1, () => void world.call('another function', () => random.one(others)(random))],
  ])()
}
