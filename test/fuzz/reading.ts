// Receiving, in all forms.
import {
  createSocket,
  recvmmsg,
  recvmsg,
  replyTo,
  tryRecvmmsg,
  tryRecvmsg,
  trySendmsg,
  type Message,
  type MessageInfo,
} from 'sendmsg'
import { descriptorOf } from '../helpers/descriptors.cjs'
import { codeOf, ICMP, OwnError } from './failures'
import type { Target } from './messages'
import type { Player } from './player'
import type { Random } from './random'
import { sendTo } from './sending'
import { waitOptions } from './signals'
import type { World } from './world'

type Data = Buffer

/** Received data that a program keeps, and what was in it. */
class Kept {
  private readonly all: { data: Data; copy: Buffer; text: string }[] = []

  constructor(private readonly world: World) {
    world.endings.push(() => {
      this.check()
    })
  }

  keep(data: Data, text: string): void {
    if (this.all.length < 40) this.all.push({ data, copy: Buffer.from(data), text })
  }

  private check(): void {
    for (const { data, copy, text } of this.all) {
      if (!data.equals(copy)) {
        this.world.report.violate('kept', `${text}: ${copy.length} bytes were received, ${data.length} are there now`)
      }
    }
  }
}

const kept = new WeakMap<World, Kept>()

function keeper(world: World): Kept {
  const known = kept.get(world)
  if (known !== undefined) return known
  const made = new Kept(world)
  kept.set(world, made)
  return made
}

/** What a program may do with what it was given. */
function use(world: World, player: Player, data: Data, random: Random): void {
  if (random.chance(0.04)) keeper(world).keep(data, player.name)
  if (world.may('transfer') && random.chance(0.003) && player.ours !== undefined) {
    try {
      structuredClone(data, { transfer: [data.buffer] } as never)
    } catch {
      // From Node 21 on; before that they are copied.
    }
    if (data.buffer.byteLength === 0) world.report.violate('transfer', `${player.name}: its memory is gone`)
  }
}

/** What a listener does beside taking note. */
function behave(world: World, player: Player, random: Random): void {
  if (random.chance(0.02)) world.code(random, `listener of ${player.name}`)()
  if (random.chance(0.005)) throw new OwnError(`listener of ${player.name}`)
}

function mangle(messages: Message[], random: Random): void {
  if (random.chance(0.5)) messages.length = random.below(messages.length + 1)
  else messages[random.below(messages.length)] = undefined as never
}

/** Sets up how a socket is read. */
export function startToRead(world: World, player: Player, random: Random): void {
  const { ours, socket } = player
  const own = random.fork()
  const { way } = player.description
  const take = (data: Data, info: unknown): void => {
    if (player.closed) world.report.violate('events', `${player.name}: 'message' after 'close'`)
    player.arrive(data, info, true, true)
    use(world, player, data, own)
    if (player.ours !== undefined && !player.closing && own.chance(0.02))
      answer(world, player, info as MessageInfo, own)
    behave(world, player, own)
  }
  switch (way) {
    case 'message':
      socket.on('message', take)
      return
    case 'messages':
      ours!.on('messages', (messages) => {
        for (const message of messages) {
          player.arrive(message.data, message, true)
          use(world, player, message.data, own)
        }
        behave(world, player, own)
      })
      return
    case 'both':
      ours!.on('messages', (messages) => {
        // The array is the program's own.
        if (world.may('mangle') && own.chance(0.1)) mangle(messages, own)
        behave(world, player, own)
      })
      ours!.on('message', take)
      return
    case 'recvmsg':
    case 'recvmmsg':
    case 'descriptor':
      void readOn(world, player, own)
      return
    case 'for await':
      void iterate(world, player, own)
      return
    case 'pull':
    case 'nobody':
  }
}

interface Room {
  length?: number
  controlLength?: number
  count?: number
}

function roomAt(world: World, player: Player, random: Random, many: boolean): Room {
  const room: Room = {}
  // Of a train that comes whole nobody knows what is cut off.
  if (!player.description.whole && random.chance(0.1)) {
    room.length = random.weighted([
      [1, random.below(40)],
      [2, random.below(2000)],
      [2, 65_535],
    ])
  }
  if (world.may('control') && random.chance(0.15)) {
    room.controlLength = random.weighted([
      [3, random.below(64)],
      [1, random.below(1024)],
    ])
  }
  if (many && random.chance(0.5)) {
    room.count = random.weighted([
      [4, random.between(1, 8)],
      [1, random.between(1, 1024)],
    ])
  }
  return room
}

function checkMessage(world: World, text: string, message: Message, { length = 65_535 }: Room): void {
  const { data, truncated } = message
  if (data.length > length) world.report.violate('count', `${text} gave ${data.length} bytes, had room for ${length}`)
  if (truncated && data.length !== length) {
    world.report.violate('info', `${text} gave ${data.length} bytes of a room for ${length} as truncated`)
  }
}

function checkMany(world: World, text: string, messages: readonly Message[], room: Room, least: number): void {
  const most = room.count ?? 32
  if (messages.length < least || messages.length > most) {
    world.report.violate('count', `${text} gave ${messages.length} messages, not ${least} to ${most}`)
  }
  for (const message of messages) checkMessage(world, text, message, room)
}

/** What went wrong while nothing was wrong. */
function judge(world: World, player: Player, error: unknown, text: string, hurried: boolean): void {
  const code = codeOf(error)
  if (error instanceof OwnError || world.ending || player.closing) return
  if (hurried && (code === 'ABORT_ERR' || code === 'ETIMEDOUT')) return
  if (code !== undefined && ICMP.has(code)) {
    if (!player.disturbed) world.report.violate('icmp', `${text}: ${String(error)}`)
    return
  }
  if (player.description.steady) world.report.violate('sound', `${text}: ${String(error)}`, code)
}

/** One wait after the other, so that what comes can be told in order. */
async function readOn(world: World, player: Player, random: Random): Promise<void> {
  const { ours } = player
  const { way } = player.description
  const controller = new AbortController()
  const stop = (): void => {
    controller.abort()
  }
  // Nobody tells a descriptor's reader that its owner has closed it.
  if (way === 'descriptor') world.stops.add(stop)
  while (!world.ending && !player.closing) {
    const many = way === 'recvmmsg' || (way === 'descriptor' && random.chance(0.5))
    const room = roomAt(world, player, random, many)
    const options = way === 'descriptor' ? { ...room, signal: controller.signal } : room
    const socket = way === 'descriptor' ? player.descriptor! : ours!
    const method = way !== 'descriptor' && random.chance(0.5)
    const text = `${many ? 'recvmmsg' : 'recvmsg'} (${way} of ${player.name}) ${JSON.stringify(room)}`
    const { value, threw } = world.call(text, () => {
      if (many) return method ? ours!.recvmmsg(options) : recvmmsg(socket, options)
      return method ? ours!.recvmsg(options) : recvmsg(socket, options)
    })
    if (threw) {
      world.report.violate('immediate', `${text} threw`)
      return
    }
    const going = await new Promise<boolean>((resolve) => {
      world.operations.promise<Message | Message[]>(text, value, {
        done: (result) => {
          const messages = Array.isArray(result) ? result : [result]
          if (many) checkMany(world, text, messages, room, 1)
          else checkMessage(world, text, messages[0]!, room)
          for (const message of messages) {
            player.arrive(message.data, message, true)
            use(world, player, message.data, random)
          }
          resolve(true)
        },
        failed: (error) => {
          judge(world, player, error, text, false)
          resolve(ICMP.has(codeOf(error) ?? '') || error instanceof OwnError)
        },
      })
    })
    if (!going) return
  }
}

async function iterate(world: World, player: Player, random: Random): Promise<void> {
  const iterator = player.ours![Symbol.asyncIterator]()
  const text = `for await (${player.name})`
  let over = false
  if (player.description.steady && random.chance(0.5)) {
    // Leaves the loop while it waits.
    world.stops.add(() => {
      if (over || player.closing) return
      player.closing = true
      const { value } = world.call(`return of ${text}`, () => iterator.return(undefined))
      world.operations.promise(`return of ${text}`, value, {})
    })
  }
  while (!over) {
    const { value } = world.call(`next of ${text}`, () => iterator.next())
    await new Promise<void>((resolve) => {
      world.operations.promise<IteratorResult<Message>>(`next of ${text}`, value, {
        done: (result) => {
          if (result.done === true) over = true
          else player.arrive(result.value.data, result.value, true)
          resolve()
        },
        failed: (error) => {
          over = true
          judge(world, player, error, text, false)
          resolve()
        },
      })
    })
  }
}

/** A call now and then, of a socket that is read in no other way. */
export function pull(world: World, random: Random): void {
  const player = world.player(random, ({ description, ours, closing }) => {
    if (ours === undefined || (closing && !random.chance(0.1))) return false
    // What is read in another way has an order of its own, or is not to be pulled from.
    const readsInOrder = ['recvmsg', 'recvmmsg', 'for await', 'descriptor'].includes(description.way)
    return description.way === 'pull' || (!(description.steady && readsInOrder) && random.chance(0.02))
  })
  if (player !== undefined) pullFrom(world, player, random, random.chance(0.7))
}

/** Whether there was something. */
export function pullFrom(world: World, player: Player, random: Random, isTry: boolean): boolean {
  const ours = player.ours!
  const many = random.chance(0.5)
  const room = roomAt(world, player, random, many)
  const method = random.chance(0.5)
  const text = `${isTry ? 'tryR' : 'r'}ecv${many ? 'm' : ''}msg (${player.name}) ${JSON.stringify(room)}`
  const take = (messages: readonly Message[]): void => {
    for (const message of messages) {
      player.arrive(message.data, message, false)
      use(world, player, message.data, random)
    }
  }
  player.errorLoad = 0
  if (isTry) {
    const { value, threw, error } = world.call(text, () => {
      if (many) return method ? ours.tryRecvmmsg(room) : tryRecvmmsg(ours, room)
      return method ? ours.tryRecvmsg(room) : tryRecvmsg(ours, room)
    })
    if (threw) {
      if (player.description.way === 'pull') judge(world, player, error, text, false)
      return false
    }
    if (Array.isArray(value)) checkMany(world, text, value, room, 0)
    else if (value !== null && value !== undefined) checkMessage(world, text, value, room)
    const messages = Array.isArray(value) ? value : value === null || value === undefined ? [] : [value]
    take(messages)
    return messages.length > 0
  }
  const waiting = waitOptions(world, random, room)
  const options = waiting.options as never
  const { value, threw } = world.call(`${text}${waiting.text}`, () => {
    if (many) return method ? ours.recvmmsg(options) : recvmmsg(ours, options)
    return method ? ours.recvmsg(options) : recvmsg(ours, options)
  })
  if (threw) {
    world.report.violate('immediate', `${text} threw`)
    return false
  }
  world.operations.promise<Message | Message[]>(`${text}${waiting.text}`, value, {
    signal: waiting.signal,
    done: (result) => {
      if (many) checkMany(world, text, result as Message[], room, 1)
      take(Array.isArray(result) ? result : [result])
    },
    failed: (error) => {
      if (player.description.way === 'pull' && !waiting.strange) judge(world, player, error, text, waiting.hurried)
    },
  })
  return false
}

/** Answers as README's server does. */
function answer(world: World, player: Player, info: MessageInfo, random: Random): void {
  const { value } = world.call(`replyTo ${info.address} ${info.port} (${player.name})`, () => replyTo(info))
  if (value === undefined) {
    // Where nothing was asked for the destination is not known.
    if (info.destination !== undefined) world.report.violate('sound', `replyTo of ${JSON.stringify(info)}`, 'replyTo')
    return
  }
  const { address, port, ...reply } = value
  const sink = world.players.find((other) => other.port === port)
  if (sink !== undefined && !sink.reached.includes(address!)) return
  if (sink !== undefined) sendTo(world, player, random, { address: address!, port: port!, sink, reply } as Target)
  else if (info.port === 0) {
    const text = `trySendmsg (${player.name}): an answer to ${address} ${port}`
    const { error } = world.call(text, () => trySendmsg(player.ours!, { data: Buffer.alloc(20), ...value }))
    if (codeOf(error)?.startsWith('ERR_') === true) {
      world.report.violate('sound', `${text}: ${String(error)}`, 'port 0')
    }
  }
}

/** Waits for what comes to a descriptor whose owner closes it; an abort is the way out. */
export function orphan(world: World, random: Random): void {
  if (!random.chance(0.3)) return
  const { value: owner } = world.call('createSocket of an orphan', () => createSocket({ type: 'udp4', pull: true }))
  if (owner === undefined) return
  const { value: place } = world.call('bindSync of an orphan', () => owner.bindSync({ address: '127.0.0.1' }))
  if (place === undefined) return
  const descriptor = descriptorOf(place.port)
  const controller = new AbortController()
  const text = `recvmsg (descriptor ${descriptor} of an orphan)`
  const { value } = world.call(text, () => recvmsg(descriptor, { signal: controller.signal }))
  world.operations.promise(text, value, { signal: controller.signal })
  world.call('close of an orphan', () => owner.close())
  world.stops.add(() => {
    controller.abort()
  })
}
