// How events are given to listeners: one event beside another, listeners that throw or close, async contexts; and what
// tells of a socket's start and end.
import { AsyncLocalStorage } from 'node:async_hooks'
import { spawnSync } from 'node:child_process'
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import path from 'node:path'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createSocket, type Message, type Socket } from 'sendmsg'
import { uncaught } from '../helpers/uncaught'
import { bound, closedPort, open } from '../helpers/sockets'

/** Sends texts to a socket so that they come in one batch, or nearly. */
async function sendTo(test: Test, socket: Socket, ...texts: string[]): Promise<void> {
  const sender = await bound(test, { type: 'udp4' })
  const { port } = socket.address()
  test.equal(
    sender.trySendmmsg(texts.map((text) => ({ data: Buffer.from(text), address: '127.0.0.1', port }))),
    texts.length,
  )
}

const texts = Array.from({ length: 40 }, (_, at) => String(at))

async function until(done: () => boolean): Promise<void> {
  for (let round = 0; round < 1000 && !done(); round++) await timers.setTimeout(5)
}

t.test('messages of all sizes in one batch, all kept', async (t) => {
  // The sizes before say where the next ones are received: same ones, then longer, shorter, empty and mixed ones.
  const sizes = [
    ...new Array<number>(200).fill(1200),
    ...[0, 1, 511, 512, 513, 1199, 1200, 1201, 9000, 60_000, 65_507, 64, 1200, 1200, 60_000, 8],
    ...new Array<number>(80).fill(0).map((_, at) => (at * 7919) % 3000),
    ...new Array<number>(20).fill(64_800),
    ...new Array<number>(64).fill(0).map((_, at) => (at % 2 === 0 ? 1200 : 40)),
  ]
  const contentOf = (index: number): Buffer => Buffer.alloc(sizes[index]!, `${String(index)} `)
  for (const pull of [false, true]) {
    const socket = await bound(t, { type: 'udp4', pull, recvBufferSize: 4 << 20 })
    const sender = await bound(t, { type: 'udp4' })
    const to = { address: '127.0.0.1', port: socket.address().port }
    const kept: Message[] = []
    if (!pull) socket.on('messages', (messages) => kept.push(...messages))
    let sent = 0
    while (sent < sizes.length) {
      // As many as the receive buffer has room for.
      let room = 200_000
      let end = sent
      while (end < sizes.length && (end === sent || room >= sizes[end]!)) room -= sizes[end++]! + 1000
      const batch = Array.from({ length: end - sent }, (_, at) => ({ data: contentOf(sent + at), ...to }))
      t.equal(await sender.sendmmsg(batch), batch.length)
      sent = end
      while (pull && kept.length < sent) kept.push(...(await socket.recvmmsg({ count: 64, timeout: 10_000 })))
      await until(() => kept.length === sent)
    }
    // Loopback can change their order between processors.
    const waiting = new Map(sizes.map((_, index) => [index, contentOf(index)]))
    for (const { data, size } of kept) {
      const index = [...waiting].find(([, content]) => content.equals(data))?.[0]
      if (index === undefined) t.fail('data that nobody sent', { size, head: data.toString('latin1', 0, 20) })
      else waiting.delete(index)
    }
    t.same([...waiting.keys()], [], 'all arrived as they were sent, and nothing was written over what is kept')
  }
})

t.test("'messages' and 'message', both", async (t) => {
  const socket = await bound(t, { type: 'udp4' })
  const events: (string | number)[] = []
  const batches: Message[] = []
  const single: unknown[] = []
  socket.on('messages', (messages) => {
    events.push(...messages.map(({ data }) => `batch ${data.toString()}`))
    batches.push(...messages)
  })
  socket.on('message', (data, info) => {
    events.push(data.toString())
    single.push(info)
  })
  await sendTo(t, socket, ...texts)
  await until(() => single.length === texts.length)
  t.same(
    batches.map(({ data }) => data.toString()),
    texts,
  )
  t.same(
    events.filter((event) => !String(event).startsWith('batch')),
    texts,
  )
  t.ok(
    texts.every((text) => events.indexOf(`batch ${text}`) < events.indexOf(text)),
    "a batch's event comes before those of its messages",
  )
  t.same(
    single,
    batches.map(({ data: _, ...info }) => info),
    'info of the same messages, without their data',
  )
})

t.test("a listener for 'message' that throws", async (t) => {
  const errors = uncaught(t)
  const socket = await bound(t, { type: 'udp4' })
  const heard: string[] = []
  const other: string[] = []
  socket.on('message', (data) => {
    heard.push(data.toString())
    if (heard.length % 3 === 0) throw new Error(`thrown at ${data.toString()}`)
  })
  socket.on('messages', (messages) => other.push(...messages.map(({ data }) => data.toString())))
  await sendTo(t, socket, ...texts)
  await until(() => heard.length === texts.length)
  t.same(heard, texts, 'hears all others')
  t.same(other, texts)
  t.same(
    errors.map(({ message }) => message),
    texts.filter((_, at) => at % 3 === 2).map((text) => `thrown at ${text}`),
    'each error is thrown once',
  )
})

t.test("a listener for 'messages' that throws", async (t) => {
  const errors = uncaught(t)
  const socket = await bound(t, { type: 'udp4' })
  const heard: string[] = []
  let batches = 0
  socket.on('messages', () => {
    batches++
    throw new Error('thrown')
  })
  socket.on('message', (data) => heard.push(data.toString()))
  await sendTo(t, socket, ...texts)
  await until(() => heard.length === texts.length)
  t.same(heard, texts, "does not keep them from 'message'")
  t.equal(errors.length, batches)
  socket.removeAllListeners('message')
  await sendTo(t, socket, 'more')
  await until(() => errors.length > batches)
  await until(() => batches === errors.length)
  t.equal(errors.length, batches, 'nor what comes later from itself')
})

t.test('a listener that closes the socket', async (t) => {
  for (const event of ['message', 'messages'] as const) {
    const socket = await bound(t, { type: 'udp4' })
    let calls = 0
    socket.on(event, () => {
      calls++
      socket.close()
    })
    let others = 0
    if (event === 'messages') socket.on('message', () => others++)
    const closed = once(socket, 'close')
    await sendTo(t, socket, ...texts.slice(0, 10))
    await closed
    await timers.setTimeout(20)
    t.equal(calls, 1, `${event}: hears nothing more`)
    t.equal(others, 0)
  }
})

t.test('a listener that goes and comes back', async (t) => {
  const socket = await bound(t, { type: 'udp4' })
  const heard: string[] = []
  const listener = (data: Buffer): void => {
    heard.push(data.toString())
    if (heard.length === 3) socket.off('message', listener)
  }
  socket.on('message', listener)
  await sendTo(t, socket, ...texts.slice(0, 10))
  await until(() => heard.length === 3)
  await timers.setTimeout(20)
  t.same(heard, ['0', '1', '2'], 'what nobody listens for is dropped')
  socket.on('message', listener)
  await sendTo(t, socket, 'again')
  await until(() => heard.length === 4)
  t.same(heard.slice(3), ['again'])
})

t.test('a turn of the loop', async (t) => {
  const many = Array.from({ length: 300 }, (_, at) => String(at))
  for (const event of ['message', 'messages'] as const) {
    const socket = await bound(t, { type: 'udp4', recvBufferSize: 1 << 20 })
    const order: string[] = []
    const turns: number[] = []
    let heard = 0
    let inTurn = 0
    socket.on(event, (got: Buffer | readonly Message[]) => {
      const count = event === 'message' ? 1 : got.length
      heard += count
      if (inTurn === 0) {
        setImmediate(() => {
          turns.push(inTurn)
          inTurn = 0
        })
      }
      inTurn += count
      order.push('event')
      process.nextTick(() => order.push('tick'))
      void Promise.resolve().then(() => order.push('promise'))
    })
    await sendTo(t, socket, ...many)
    await until(() => turns.reduce((sum, count) => sum + count, 0) === many.length)
    t.equal(heard, many.length)
    t.ok(Math.max(...turns) <= 256, `${event}: has no more than 256 messages`, { turns })
    t.equal(
      order.join(' '),
      order.map((_, at) => ['event', 'tick', 'promise'][at % 3]).join(' '),
      'and what an event leaves to ticks and promises is done before the next',
    )
  }
})

t.test('the async context of events is that of createSocket()', async (t) => {
  const context = new AsyncLocalStorage<string>()
  const seen = new Map<string, string | undefined>()
  const linux = process.platform === 'linux'
  const socket = context.run('made', () =>
    createSocket({ type: 'udp4', receiveErrors: true, unsupported: 'ignore' }, () => {
      seen.set('message', context.getStore())
    }),
  )
  t.teardown(() => socket.close())
  context.run('later', () => {
    socket.on('messages', () => seen.set('messages', context.getStore()))
    socket.on('datagramError', () => seen.set('datagramError', context.getStore()))
    socket.bindSync()
  })
  await context.run('sender', async () => {
    await sendTo(t, socket, 'x')
    await socket.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port: await closedPort('udp4') })
  })
  await until(() => seen.size === (linux ? 3 : 2))
  t.same(Object.fromEntries(seen), { message: 'made', messages: 'made', ...(linux && { datagramError: 'made' }) })
})

t.test('the async context of callbacks and promises is that of the call', async (t) => {
  const context = new AsyncLocalStorage<string>()
  const socket = await bound(t, { type: 'udp4', pull: true })
  const to = { data: Buffer.from('x'), address: '127.0.0.1', port: socket.address().port }
  const inCallback = await context.run(
    'callback',
    () => new Promise((resolve) => socket.send(to, () => resolve(context.getStore()))),
  )
  t.equal(inCallback, 'callback')
  await socket.recvmsg()
  const waits = context.run('waits', async () => {
    await socket.recvmsg({ timeout: 10_000 })
    return context.getStore()
  })
  await context.run('sends', () => socket.sendmsg(to))
  t.equal(await waits, 'waits')
})

t.test("the diagnostics channel 'udp.socket'", async (t) => {
  const told: unknown[] = []
  const note = (message: unknown): unknown => told.push(message)
  diagnostics.subscribe('udp.socket', note)
  t.teardown(() => diagnostics.unsubscribe('udp.socket', note))
  const socket = open(t, { type: 'udp4' })
  t.equal(told.length, 1)
  t.equal((told[0] as { socket: unknown }).socket, socket)
  t.throws(() => createSocket({ type: 'udp4', receiveInfo: ['nothing' as 'control'] }))
  t.equal(told.length, 1, 'only of those that are made')
  diagnostics.unsubscribe('udp.socket', note)
  open(t, { type: 'udp4' })
  t.equal(told.length, 1)
})

t.test('Symbol.asyncDispose', async (t) => {
  const states: Record<string, (socket: Socket) => unknown> = {
    unbound: () => {},
    'bound at once': (socket) => socket.bindSync(),
    'being bound': (socket) => socket.bind(0, 'localhost'),
    'that failed to bind': async (socket) => {
      socket.bind(0, '192.0.2.1')
      await once(socket, 'error')
    },
    connected: (socket) => socket.connectSync(9),
  }
  for (const [state, prepare] of Object.entries(states)) {
    const socket = createSocket('udp4')
    let closed = 0
    socket.on('close', () => closed++)
    await prepare(socket)
    await socket[Symbol.asyncDispose]()
    t.equal(closed, 1, `${state}: closed when it is done`)
    t.throws(() => socket.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    await socket[Symbol.asyncDispose]()
    t.equal(closed, 1, 'and not twice')
  }
  const waiting = createSocket({ type: 'udp4', pull: true })
  const received = t.rejects(waiting.recvmsg(), { code: 'ECANCELED' })
  await waiting[Symbol.asyncDispose]()
  await received
})

/** A loopback of its own that is slow, so that it fills a send buffer. */
const slow = [
  '-n',
  'sh',
  '-c',
  'ip link set lo up && tc qdisc add dev lo root tbf rate 20mbit burst 10kb limit 10mb && exec "$@"',
  'sh',
]
const noSlow =
  spawnSync('unshare', [...slow, 'true']).status !== 0 && 'no network namespace with a tbf queue can be made here'
const inside = [process.execPath, ...process.execArgv, path.resolve('test/linux/waiting-context.ts')]
if (noSlow === false) void t.spawn('unshare', [...slow, ...inside], 'callbacks that wait')
else t.test('callbacks that wait', { skip: noSlow }, async () => {})
