// What waits for bind(), and what becomes of it when bind() fails, or when something throws.
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { createSocket, type Socket, type SocketOptions } from 'sendmsg'
import { isLocal, open } from '../helpers/sockets'
import { uncaught } from '../helpers/uncaught'

type Any = ReturnType<typeof JSON.parse>
type Lookup = NonNullable<SocketOptions['lookup']>

const LOOPBACK = '127.0.0.1'
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'

/** A look-up that answers when it is told to. */
function slowLookup(): { lookup: Lookup; answer: (error: Error | null, address?: string) => void } {
  let asked: ((...answer: Any[]) => void) | undefined
  return {
    lookup: ((_name: string, _family: number, done: (...answer: Any[]) => void) => {
      asked = done
    }) as unknown as Lookup,
    answer: (error, address) => {
      asked!(error, address, 4)
    },
  }
}

const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

async function sinkFor(test: Test): Promise<Socket> {
  const sink = open(test, { type: 'udp4', pull: true })
  sink.bindSync({ address: LOOPBACK })
  return sink
}

/** Notes each call of a callback, with its name. */
function notes(): { called: unknown[][]; note: (name: string) => (...result: Any[]) => void } {
  const called: unknown[][] = []
  return {
    called,
    note:
      (name) =>
      (error, ...rest) => {
        called.push([name, error?.code ?? error, ...rest])
      },
  }
}

t.test('a callback that throws keeps nobody else from going on', async (t) => {
  const errors = uncaught(t)
  const sink = await sinkFor(t)
  const { port } = sink.address()
  const { lookup, answer } = slowLookup()
  const socket = createSocket({ type: 'udp4', lookup })
  const { called, note } = notes()
  const gone = once(socket, 'close')
  const throws = (): void => {
    throw new Error('thrown by a callback')
  }
  socket.once('listening', () => {
    throw new Error('thrown by a listener')
  })
  socket.bind(0, 'a.name')
  socket.send({ data: 5 } as Any, throws)
  socket.send({ data: Buffer.from('first'), address: LOOPBACK, port }, note('first'))
  socket.send({ data: Buffer.alloc(1), address: 'no address', port }, note('wrong'))
  socket.send('second', port, 'a.name', throws)
  socket.send({ data: Buffer.from('third'), address: LOOPBACK, port }, note('third'))
  socket.close()
  t.throws(() => answer(null, LOOPBACK), { message: 'thrown by a listener' })
  t.same(called, [], 'no callback is called from inside')
  await gone
  await turn()
  t.same(called, [
    ['first', null, 5],
    ['wrong', 'ERR_INVALID_ARG_VALUE', 0],
    ['third', null, 5],
  ])
  t.same(
    errors.map(({ message }) => message),
    ['thrown by a callback'],
  )
  for (const text of ['first', 'third']) t.equal(String((await sink.recvmsg({ timeout: 10_000 })).data), text)
})

t.test("a wrong message without a callback is an 'error' event, and no more", async (t) => {
  const errors = uncaught(t)
  const sink = await sinkFor(t)
  const socket = open(t, { type: 'udp4' })
  socket.on('error', (error) => {
    throw error
  })
  socket.bind(0, 'localhost')
  socket.send({ data: 5 } as Any)
  socket.send({ data: Buffer.from('good'), address: LOOPBACK, port: sink.address().port })
  t.equal(String((await sink.recvmsg({ timeout: 10_000 })).data), 'good')
  t.match(errors, [{ code: 'ERR_INVALID_ARG_TYPE' }])
})

t.test('a bind() that fails fails what waits for it', async (t) => {
  const ways: Record<string, (socket: Socket, taken: number) => void> = {
    'of an address': (socket, taken) => socket.bind(taken, LOOPBACK),
    'of a name': (socket) => socket.bind(0, 'a.name'),
  }
  for (const [name, bind] of Object.entries(ways)) {
    await t.test(name, async (t) => {
      const sink = await sinkFor(t)
      const code = name === 'of a name' ? 'ENOTFOUND' : 'EADDRINUSE'
      const { lookup, answer } = slowLookup()
      const socket = createSocket({ type: 'udp4', pull: true, ...(name === 'of a name' && { lookup }) })
      const { called, note } = notes()
      socket.on('error', note('error'))
      bind(socket, sink.address().port)
      const received: Promise<unknown>[] = [socket.recvmsg(), socket.recvmmsg({ timeout: 10_000 })]
      const failures = Promise.all(received.map(async (promise) => await t.rejects(promise, { code })))
      if (name === 'of a name') socket.send({ data: Buffer.alloc(1), address: LOOPBACK, port: 9 }, note('message'))
      socket.send('x', 9, LOOPBACK, note('send'))
      socket.send('x', 9, LOOPBACK)
      socket.connect(9, LOOPBACK, note('connect'))
      if (name === 'of a name') answer(Object.assign(new Error('not found'), { code }))
      t.equal(called.filter(([who]) => who !== 'error').length, 0)
      await failures
      await turn()
      const expected = [
        ['error', code],
        ...(name === 'of a name' ? [['message', code, 0]] : []),
        ['send', code],
        ['connect', code],
      ]
      t.same(called, expected, 'each once')
      // It can be tried again.
      called.length = 0
      socket.bindSync({ address: LOOPBACK })
      socket.connectSync(sink.address().port)
      t.equal(await socket.sendmsg({ data: Buffer.from('again') }), 5)
      t.equal(String((await sink.recvmsg({ timeout: 10_000 })).data), 'again')
      t.same(called, [])
      await socket[Symbol.asyncDispose]()
    })
  }
})

t.test('a bind() by send() or connect() that fails at once', async (t) => {
  const lookup = ((_name: string, _family: number, done: (error: Error) => void) => {
    done(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }))
  }) as unknown as Lookup
  const socket = createSocket({ type: 'udp4', lookup })
  const { called, note } = notes()
  socket.on('error', note('error'))
  socket.send('x', 9, 'a.name', note('send'))
  socket.connect(9, 'a.name', note('connect'))
  await turn()
  t.same(called, [
    ['error', 'ENOTFOUND'],
    ['error', 'ENOTFOUND'],
    ['send', 'ENOTFOUND'],
    ['connect', 'ENOTFOUND'],
  ])
  await socket[Symbol.asyncDispose]()
})

t.test('close() while bind() looks up', async (t) => {
  for (const found of [true, false]) {
    const sink = await sinkFor(t)
    const { port } = sink.address()
    const { lookup, answer } = slowLookup()
    const socket = createSocket({ type: 'udp4', lookup })
    socket.on('error', () => {})
    const { called, note } = notes()
    const gone = new Promise<void>((done) => socket.once('close', done))
    socket.bind(0, 'a.name')
    socket.send({ data: Buffer.from('before'), address: LOOPBACK, port }, note('before'))
    socket.close()
    socket.close()
    socket.send({ data: Buffer.from('behind'), address: LOOPBACK, port }, note('behind'))
    socket.send('behind', port, LOOPBACK, note('behind, of dgram'))
    if (found) answer(null, LOOPBACK)
    else answer(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }))
    await gone
    await turn()
    t.same(
      called,
      found
        ? [
            ['before', null, 6],
            ['behind', 'ECANCELED', 0],
            ['behind, of dgram', 'ECANCELED'],
          ]
        : [
            ['before', 'ENOTFOUND', 0],
            ['behind', 'ENOTFOUND', 0],
            ['behind, of dgram', 'ENOTFOUND'],
          ],
    )
    t.equal(sink.tryRecvmmsg().length, found ? 1 : 0)
  }
})

t.test('close() while send() looks up', async (t) => {
  for (const found of [true, false]) {
    const { lookup, answer } = slowLookup()
    const socket = createSocket({ type: 'udp4', lookup })
    socket.bindSync({ address: LOOPBACK })
    await once(socket, 'listening')
    const { called, note } = notes()
    socket.send('x', 9, 'a.name', note('send'))
    await socket[Symbol.asyncDispose]()
    if (found) answer(null, LOOPBACK)
    else answer(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }))
    await turn()
    t.same(called, [['send', found ? 'ECANCELED' : 'ENOTFOUND']])
  }
})

t.test('pulling while bind() looks up', async (t) => {
  // No socket and no look-up of the system's holds the event loop.
  const holding = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(holding)
  })
  const { lookup, answer } = slowLookup()
  const socket = open(t, { type: 'udp4', pull: true, lookup })
  const iterator = socket[Symbol.asyncIterator]()
  socket.bind(0, 'a.name')
  t.equal(socket.tryRecvmsg(), null)
  t.same(socket.tryRecvmmsg(), [])
  const waiting = [socket.recvmsg({ timeout: 10_000 }), iterator.next().then(({ value }) => value)] as Promise<Any>[]
  const many = socket.recvmmsg({ timeout: 10_000 })
  await t.rejects(socket.recvmsg({ timeout: 1 }), { code: 'ETIMEDOUT' })
  await t.rejects(socket.recvmsg({ signal: AbortSignal.timeout(1) }), { code: 'ABORT_ERR' })
  await turn()
  t.equal(socket.tryRecvmsg(), null)
  answer(null, LOOPBACK)
  const sender = open(t, { type: 'udp4' })
  for (const text of ['1', '2', '3']) {
    await sender.sendmsg({ data: Buffer.from(text), address: LOOPBACK, port: socket.address().port })
  }
  t.same(await Promise.all(waiting.map(async (message) => String((await message).data))), ['1', '2'])
  t.equal(String((await many)[0]!.data), '3')
})

t.test('pulling while bind() looks up, and close()', async (t) => {
  const { lookup, answer } = slowLookup()
  const socket = createSocket({ type: 'udp4', pull: true, lookup })
  socket.bind(0, 'a.name')
  const received = t.rejects(socket.recvmsg(), { code: 'ECANCELED' })
  await socket[Symbol.asyncDispose]()
  await received
  answer(null, LOOPBACK)
})

t.test("connect()'s callback is for its own attempt", async (t) => {
  const sink = await sinkFor(t)
  const { lookup, answer } = slowLookup()
  const socket = open(t, { type: 'udp4', lookup })
  const { called, note } = notes()
  let connected = 0
  socket.on('connect', () => connected++)
  socket.connectSync(9)
  socket.disconnect()
  socket.connect(9, 'a.name', note('first'))
  await turn()
  t.same(called, [], 'not by what connectSync() announces')
  t.equal(connected, 1)
  answer(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }))
  await turn()
  t.same(called, [['first', 'ENOTFOUND']])
  t.equal(socket.listenerCount('connect'), 1)

  called.length = 0
  const told: string[] = []
  socket.on('connect', () => told.push('a listener of before'))
  socket.connect(sink.address().port, LOOPBACK, (...args) => told.push(`the callback, ${args.length}`))
  socket.on('connect', () => told.push('a listener of later'))
  answer(null, LOOPBACK)
  await once(socket, 'connect')
  t.same(told, ['a listener of before', 'the callback, 0', 'a listener of later'])
  t.equal(socket.listenerCount('connect'), 3)
  socket.disconnect()
  const removed = note('removed')
  socket.connect(sink.address().port, LOOPBACK, removed)
  socket.removeListener('connect', removed)
  answer(null, LOOPBACK)
  await once(socket, 'connect')
  t.same(called, [], 'a callback that was removed, as with once()')
})

t.test('connect() on a closed socket that was connected', async (t) => {
  const socket = createSocket('udp4')
  socket.connectSync(9)
  socket.close()
  const code = { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }
  t.throws(() => socket.connect(9), code)
  t.throws(() => socket.connectSync(9), code)
  t.throws(() => socket.disconnect(), code)
})

t.test('the scope of an interface that is not there', { skip: noIPv6 }, async (t) => {
  const socket = open(t, { type: 'udp6' })
  const address = 'fe80::1%nowhere0'
  const error = { name: 'SocketError', code: 'EINVAL', address }
  t.throws(() => socket.bindSync({ address }), { ...error, syscall: 'bind' })
  t.throws(() => socket.connectSync(9, address), { ...error, syscall: 'connect', port: 9 })
  socket.bindSync({ address: '::1' })
  socket.connectSync(9, '::1')
})
