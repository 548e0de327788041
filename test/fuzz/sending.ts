// Sending, in all forms.
import { isIP } from 'node:net'
import { createSocket, sendmmsg, sendmsg, trySendmmsg, trySendmsg, type Socket } from 'sendmsg'
import { codeOf, ICMP, OwnError } from './failures'
import { plan, type Plan, type Target } from './messages'
import { HEADER, write } from './payload'
import { costOf, type Player } from './player'
import type { Random } from './random'
import { waitOptions, type Waiting } from './signals'
import type { World } from './world'

/** In what form the functions get their socket. */
interface Form {
  readonly text: string
  readonly socket: unknown
  readonly queue: 0 | 1 | 2
  /** The methods of the same names; undefined: the functions. */
  readonly methods: Socket | undefined
}

function formOf(sender: Player, random: Random): Form {
  const { ours, socket, descriptor } = sender
  if (descriptor !== undefined && random.chance(0.3)) {
    return { text: `descriptor ${descriptor} of ${sender.name}`, socket: descriptor, queue: 1, methods: undefined }
  }
  const methods = ours !== undefined && random.chance(0.5) ? ours : undefined
  return { text: `${methods === undefined ? '' : 'method of '}${sender.name}`, socket, queue: 0, methods }
}

export const senderOf = (world: World, random: Random): Player | undefined =>
  world.player(random, ({ closing, description: { steady } }) => !closing || (!steady && random.chance(0.1)))

/** What failed although nothing was wrong with it. */
function judge(world: World, sender: Player, error: unknown, call: string, sound: boolean, waiting?: Waiting): void {
  const code = codeOf(error)
  if (error instanceof OwnError || world.ending) return
  if (code !== undefined && ICMP.has(code) && (sound || code === 'ECONNREFUSED')) {
    if (!sender.disturbed || sender.description.receiveErrors) world.report.violate('icmp', `${call}: ${String(error)}`)
    return
  }
  if (!sound) return
  if (waiting?.hurried === true && (code === 'ABORT_ERR' || code === 'ETIMEDOUT')) return
  world.report.violate('sound', `${call}: ${String(error)}`, code)
}

const isSound = ({ description, closing, listening }: Player): boolean => description.steady && !closing && listening

/** Lets the memory of what waits be taken away, sometimes. */
function expose(world: World, random: Random, plans: readonly Plan[]): void {
  for (const { spoil, memory } of plans) {
    if (memory !== undefined && Array.isArray(memory.data) && random.chance(0.2)) world.spoils.add(spoil)
  }
}

function noteWaiting(world: World, sender: Player, before: number): void {
  if (queued(sender) > before) world.report.summary.waited++
}

function queued({ ours }: Player): number {
  try {
    return ours?.getSendQueueCount() ?? 0
  } catch {
    return 0 // closed
  }
}

export function sendOne(world: World, random: Random): void {
  const sender = senderOf(world, random)
  if (sender === undefined) return
  const form = formOf(sender, random)
  const isTry = random.chance(0.5)
  const waiting = isTry ? undefined : waitOptions(world, random)
  const sound = isSound(sender) && waiting?.strange !== true
  const made = plan(world, sender, form.queue, random, { sound, ordered: waiting?.strange !== true })
  if (made === undefined) return
  const { message } = made
  const text = `${isTry ? 'trySendmsg' : 'sendmsg'} (${form.text}): ${made.text}${waiting?.text ?? ''}`
  const failed = (error: unknown): void => {
    made.refused(error, text)
    judge(world, sender, error, text, made.sound, waiting)
  }
  if (waiting === undefined) {
    const { value, error, threw } = world.call(text, () =>
      form.methods === undefined ? trySendmsg(form.socket as never, message) : form.methods.trySendmsg(message),
    )
    if (threw) failed(error)
    else if (value === null) made.refused(undefined, text)
    else made.accepted(value, text)
    return
  }
  const before = queued(sender)
  const options = waiting.options as never
  const { value, error, threw } = world.call(text, () =>
    form.methods === undefined
      ? sendmsg(form.socket as never, message, options)
      : form.methods.sendmsg(message, options),
  )
  if (threw) {
    failed(error)
    world.report.violate('immediate', `${text} threw ${String(error)}`)
    return
  }
  noteWaiting(world, sender, before)
  expose(world, random, [made])
  world.operations.promise<number>(text, value, {
    signal: waiting.signal,
    done: (bytes) => {
      made.accepted(bytes, text)
    },
    failed,
  })
}

export function sendMany(world: World, random: Random): void {
  const sender = senderOf(world, random)
  if (sender === undefined) return
  const form = formOf(sender, random)
  const isTry = random.chance(0.5)
  const waiting = isTry ? undefined : waitOptions(world, random)
  const count = random.weighted([
    [1, 0],
    [20, random.between(1, 8)],
    [3, random.between(9, 70)],
  ])
  const plans: Plan[] = []
  for (let index = 0; index < count; index++) {
    const wanted = { sound: isSound(sender) && waiting?.strange !== true, ordered: waiting?.strange !== true }
    const made = plan(world, sender, form.queue, random, wanted)
    if (made !== undefined) plans.push(made)
  }
  const total = plans.length
  if (plans.some(({ coded }) => coded)) for (const each of plans) each.unorder()
  const allSound = (): boolean => total > 0 && plans.every((each) => each.sound)
  const text = `${isTry ? 'trySendmmsg' : 'sendmmsg'} (${form.text}): ${total} messages, ${plans[0]?.text ?? ''}${waiting?.text ?? ''}`
  const messages = plans.map(({ message }) => message)
  const taken = (sent: number, error?: unknown): void => {
    if (!Number.isInteger(sent) || sent < 0 || sent > total) {
      world.report.violate('count', `${text} says ${String(sent)} were sent, of ${total}`)
    }
    for (const [index, each] of plans.entries()) {
      if (index < sent) each.accepted(undefined, text)
      else each.refused(index === sent ? error : undefined, text)
    }
  }
  const failed = (error: unknown): void => {
    const { sent } = (error ?? {}) as { sent?: number }
    judge(world, sender, error, text, allSound(), waiting)
    taken(sent ?? 0, error)
  }
  if (waiting === undefined) {
    const { value, error, threw } = world.call(text, () =>
      form.methods === undefined ? trySendmmsg(form.socket as never, messages) : form.methods.trySendmmsg(messages),
    )
    if (threw) failed(error)
    else taken(value!)
    return
  }
  const before = queued(sender)
  const options = waiting.options as never
  const { value, error, threw } = world.call(text, () =>
    form.methods === undefined
      ? sendmmsg(form.socket as never, messages, options)
      : form.methods.sendmmsg(messages, options),
  )
  if (threw) {
    failed(error)
    world.report.violate('immediate', `${text} threw ${String(error)}`)
    return
  }
  noteWaiting(world, sender, before)
  expose(world, random, plans)
  world.operations.promise<number>(text, value, {
    signal: waiting.signal,
    done: (sent) => {
      if (sent !== total) world.report.violate('count', `${text} says ${sent} were sent, of ${total}`)
      taken(sent)
    },
    failed,
  })
}

/** What a callback does beside taking note. */
function afterwards(world: World, random: Random, text: string): () => void {
  if (random.chance(0.05)) {
    return () => {
      throw new OwnError(`callback of ${text}`)
    }
  }
  return random.chance(0.1) ? world.code(random, `callback of ${text}`) : () => undefined
}

/** `send` with a message. */
export function sendMessage(world: World, random: Random): void {
  const sender = senderOf(world, random)
  if (sender?.ours === undefined) return
  const { ours } = sender
  const made = plan(world, sender, 0, random, { sound: isSound(sender), ordered: sender.listening })
  if (made === undefined) return
  const text = `send (${sender.name}): ${made.text}`
  const { message } = made
  if (random.chance(0.2)) {
    const { threw, error } = world.call(text, () => ours.send(message))
    if (threw) made.refused(error, text)
    else made.unknown()
    if (threw) judge(world, sender, error, text, made.sound)
    return
  }
  const after = afterwards(world, random, text)
  const told = world.operations.callback(text, (error, bytes) => {
    if (error === null) made.accepted(bytes as number, text)
    else {
      world.report.note(`${text}: ${(error as Error).message}`)
      made.refused(error, text)
      judge(world, sender, error, text, made.sound)
    }
    after()
  })
  const { threw, error } = world.call(text, () => ours.send(message, told.callback))
  if (!threw) return
  told.drop()
  made.refused(error, text)
  judge(world, sender, error, text, made.sound)
}

/** dgram's own forms of `send`, on sockets of ours and of dgram's. */
export function sendForm(world: World, random: Random): void {
  const sender = senderOf(world, random)
  if (sender === undefined) return
  const { socket, ours } = sender
  const queue = ours === undefined ? 2 : 0
  const byName = random.chance(0.05)
  const made = plan(world, sender, queue, random, {
    plain: true,
    sound: isSound(sender) && ours !== undefined,
    ordered: sender.listening && !byName && queue === 0 && !sender.lookups,
  })
  if (made === undefined) return
  const { data, address, port } = made.message as { data: Uint8Array; address: string; port: number }
  const sliced = !Array.isArray(data) && random.chance(0.2)
  const host = byName && address === '127.0.0.1' && sender.description.family === 4 ? 'localhost' : address
  const args: unknown[] = sliced ? [data, 0, Math.max(0, made.bytes || 0), port, host] : [data, port, host]
  const text = `send (${sender.name}, dgram's form${sliced ? ', sliced' : ''}${byName ? ', by name' : ''}): ${made.text}`
  const after = afterwards(world, random, text)
  const told = world.operations.callback(
    text,
    (error, bytes) => {
      if (error === null) made.accepted(bytes as number, text)
      else {
        made.refused(error, text)
        if (ours !== undefined) judge(world, sender, error, text, made.sound && !sliced)
      }
      after()
    },
    // As with dgram: the socket was closed while a name was looked up, and dgram's own wait for their turn.
    () => sender.closing && (isIP(host) === 0 || sender.binding || ours === undefined || sender.lookups),
  )
  // Code within the call would send messages of its own.
  const polluted = ours !== undefined && !sender.coded && !sender.lookups && random.chance(0.03)
  const call = (): void => {
    if (polluted) pollute()
    try {
      socket.send(...([...args, told.callback] as unknown as [Uint8Array, number]))
    } finally {
      if (polluted) cleanUp()
    }
  }
  const { threw, error } = world.call(text, call, ours !== undefined)
  if (!threw) return
  told.drop()
  made.refused(error, text)
  if (ours !== undefined) judge(world, sender, error, text, made.sound && !sliced)
}

// What a program inherits is none of the forms' affair.
function pollute(): void {
  Object.defineProperty(Object.prototype, 'source', { value: '127.0.0.77', configurable: true, writable: true })
}

function cleanUp(): void {
  delete (Object.prototype as { source?: string }).source
}

const dead = (sender: Player, random: Random): { address: string; port: number } => ({
  address: sender.reaches('127.0.0.1') ? '127.0.0.1' : '::1',
  port: random.between(2, 6),
})

/** Sends small datagrams where nobody is; what comes back must not keep others out. */
export function knock(world: World, random: Random): void {
  const sender = world.player(
    random,
    ({ ours, closing, description: { receiveErrors, steady } }) =>
      ours !== undefined && !closing && steady && receiveErrors,
  )
  if (sender === undefined) return
  for (let count = random.between(5, 60); count > 0 && sender.errorLoad + costOf(20) < sender.room / 2; count--) {
    sender.errorLoad += costOf(20)
    const message = { data: Buffer.alloc(20), ...dead(sender, random) }
    const text = `trySendmsg (${sender.name}): 20 bytes to ${message.address} ${message.port}`
    const { threw, error } = world.call(text, () => trySendmsg(sender.socket as Socket, message))
    if (threw) judge(world, sender, error, text, isSound(sender))
  }
}

/** Sends to the living and to the dead in turn. */
export function alternate(world: World, random: Random): void {
  const sender = world.player(
    random,
    ({ ours, closing, description: { steady } }) => ours !== undefined && !closing && steady,
  )
  if (sender === undefined) return
  for (let count = random.between(5, 40); count > 0; count--) {
    sendTo(world, sender, random, undefined)
    if (sender.errorLoad + costOf(20) > sender.room / 2) return
    sender.errorLoad += costOf(20)
    const message = { data: Buffer.alloc(20), ...dead(sender, random) }
    const text = `trySendmsg (${sender.name}): 20 bytes to ${message.address} ${message.port}`
    const { threw, error } = world.call(text, () => trySendmsg(sender.socket as Socket, message))
    if (threw) judge(world, sender, error, text, isSound(sender))
  }
}

/** One message by trySendmsg; `target` as replyTo gave it. */
export function sendTo(world: World, sender: Player, random: Random, target: Target | undefined): void {
  const made = plan(world, sender, 0, random, { sound: isSound(sender), ordered: true, target })
  if (made === undefined) return
  const text = `trySendmsg (${sender.name}): ${made.text}${target === undefined ? '' : ', an answer'}`
  const { value, threw, error } = world.call(text, () => trySendmsg(sender.socket as Socket, made.message))
  if (threw) {
    made.refused(error, text)
    judge(world, sender, error, text, made.sound)
  } else if (value === null) made.refused(undefined, text)
  else made.accepted(value, text)
}

/** A datagram whose sender has port 0, as only a raw socket can send it. */
export function sendWithoutPort(world: World, random: Random): void {
  const sink = world.player(
    random,
    ({ certain, address, group }) => certain && group === '' && (address === '127.0.0.1' || address === '0.0.0.0'),
  )
  const size = random.between(HEADER, 200)
  if (sink === undefined || !world.hasRoom(sink, costOf(size), 1)) return
  const { value: raw } = world.call('createSocket raw4', () => createSocket({ type: 'raw4', protocol: 17, pull: true }))
  if (raw === undefined) return // it takes privileges
  const expected = { address: '127.0.0.1', port: 0, destination: '127.0.0.1', interface: 1, cast: 'unicast' }
  const entry = world.ledger.enter(sink.id, 0xfff0, size, false, expected, 'from port 0')
  const data = Buffer.alloc(8 + size)
  data.writeUInt16BE(sink.port, 2)
  data.writeUInt16BE(data.length, 4)
  write(data.subarray(8), world.ledger.run, entry)
  sink.take(size)
  const text = `trySendmsg (raw4) to ${sink.name}`
  const { value } = world.call(text, () => trySendmsg(raw, { data, address: '127.0.0.1', source: '127.0.0.1' }))
  const dropped = world.link === 'tight'
  world.ledger.settle(entry, value === data.length ? (dropped ? 'free' : 'accepted') : 'refused')
  if (value !== data.length) world.report.violate('sound', `${text} gave ${String(value)}`, 'raw4')
  world.call('close (raw4)', () => raw.close())
}
