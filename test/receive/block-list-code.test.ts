// A block list of the program's own: its check() is code that runs while messages are received, and can do anything.
import { once } from 'node:events'
import { BlockList } from 'node:net'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createSocket, type Message, type Socket } from 'sendmsg'
import { bound, bytes, pulls, receive, receiveWays, type ReceiveWay } from '../helpers/sockets'

/** A list that is asked once for each sender, and runs code of the test's. */
class Asked extends BlockList {
  constructor(private readonly code: () => boolean) {
    super()
  }

  override check(): boolean {
    return this.code()
  }
}

const texts = (messages: readonly { data: Buffer }[]): string[] => messages.map(({ data }) => data.toString())

async function sendTo(test: Test, socket: Socket, ...all: string[]): Promise<void> {
  const sender = await bound(test, { type: 'udp4' }, '127.0.0.1')
  for (const text of all)
    await sender.sendmsg({ data: Buffer.from(text), address: '127.0.0.1', port: socket.address().port })
}

const one = ['a', 'b', 'c', 'd', 'e']
const two = ['1', '2', '3', '4', '5']

for (const way of receiveWays) {
  t.test(`code that receives on another socket: ${way}`, async (t) => {
    const other = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const taken: Message[] = []
    const list = new Asked(() => {
      taken.push(...other.tryRecvmmsg())
      return false
    })
    const socket = await bound(t, { type: 'udp4', pull: pulls(way), receiveBlockList: list }, '127.0.0.1')
    await sendTo(t, other, ...two, 'x'.repeat(3000))
    const got = receive(socket, way, one.length)
    await sendTo(t, socket, ...one)
    t.same(texts(await got), one, 'each socket has what is its own')
    t.same(texts(taken), [...two, 'x'.repeat(3000)])
  })

  t.test(`code that sends, and asks for addresses: ${way}`, async (t) => {
    const sink = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const list = new Asked(() => {
      sink.trySendmsg({ data: bytes(100), address: '127.0.0.1', port: sink.address().port, hopLimit: 9 })
      createSocket('udp6').close()
      return false
    })
    const socket = await bound(t, { type: 'udp4', pull: pulls(way), receiveBlockList: list }, '127.0.0.1')
    const got = receive(socket, way, one.length)
    await sendTo(t, socket, ...one)
    const messages = await got
    t.same(texts(messages), one)
    t.ok(messages.every(({ address, destination }) => address === '127.0.0.1' && destination === '127.0.0.1'))
  })
}

t.test('code that receives on the same socket', async (t) => {
  let depth = 0
  const inner: Message[] = []
  const list = new Asked(() => {
    if (depth++ === 0) inner.push(...socket.tryRecvmmsg({ count: 3 }))
    return false
  })
  const socket = await bound(t, { type: 'udp4', pull: true, receiveBlockList: list }, '127.0.0.1')
  await sendTo(t, socket, ...one, ...two)
  await timers.setTimeout(10)
  const outer = [...socket.tryRecvmmsg({ count: 4 }), ...socket.tryRecvmmsg({ count: 100 })]
  t.same(texts([...outer, ...inner]).sort(), [...one, ...two].sort(), 'nothing is lost, nothing comes twice')
  t.same(
    texts(outer),
    [...texts(outer)].sort((a, b) => [...one, ...two].indexOf(a) - [...one, ...two].indexOf(b)),
  )
})

t.test('code that closes the socket', async (t) => {
  for (const way of ['message', 'messages', 'tryRecvmsg', 'tryRecvmmsg', 'recvmsg', 'waiting'] as const) {
    const socket = createSocket({
      type: 'udp4',
      pull: way !== 'message' && way !== 'messages',
      receiveBlockList: new Asked(() => {
        if (!closed) socket.close()
        return false
      }),
    })
    let closed = false
    socket.on('close', () => (closed = true))
    socket.bindSync({ address: '127.0.0.1' })
    let heard = 0
    const errors: unknown[] = []
    socket.on('error', (error) => errors.push(error))
    if (way === 'message' || way === 'messages') socket.on(way, () => heard++)
    const waits = way === 'waiting' ? socket.recvmsg() : undefined
    void waits?.catch(() => undefined)
    await sendTo(t, socket, 'x', 'y')
    if (way === 'tryRecvmsg') t.equal(socket.tryRecvmsg(), null)
    if (way === 'tryRecvmmsg') t.same(socket.tryRecvmmsg(), [])
    if (way === 'recvmsg') await t.rejects(socket.recvmsg({ timeout: 5000 }), { code: 'ECANCELED' })
    if (way === 'waiting') await t.rejects(waits!, { code: 'ECANCELED' })
    for (let round = 0; round < 500 && !closed; round++) await timers.setTimeout(2)
    t.equal(closed, true, way)
    t.equal(heard, 0)
    t.same(errors, [])
  }
})

t.test('code that ends what waits', async (t) => {
  const abort = new AbortController()
  const socket = await bound(
    t,
    {
      type: 'udp4',
      pull: true,
      receiveBlockList: new Asked(() => {
        abort.abort()
        return false
      }),
    },
    '127.0.0.1',
  )
  const first = socket.recvmsg({ signal: abort.signal })
  const second = socket.recvmsg({ timeout: 5000 })
  void first.catch(() => undefined)
  await sendTo(t, socket, 'x', 'y')
  await t.rejects(first, { name: 'AbortError' })
  t.equal(String((await second).data), 'x', 'who waits behind it gets the message')
  t.equal(String((await socket.recvmsg({ timeout: 5000 })).data), 'y')
})

t.test('code that throws', async (t) => {
  const noSecond = await bound(t, { type: 'udp4' }, '127.0.0.2').then(
    () => false,
    () => true,
  )
  if (noSecond) {
    t.comment('127.0.0.2 is not local here')
    return
  }
  /** Throws for 127.0.0.2. */
  class Throwing extends BlockList {
    override check(address: string | { address: string }): boolean {
      if (address === '127.0.0.2') throw new Error('thrown by check')
      return false
    }
  }
  const from = async (address: string, socket: Socket, text: string): Promise<void> => {
    const sender = await bound(t, { type: 'udp4' }, address)
    await sender.sendmsg({ data: Buffer.from(text), address: '127.0.0.1', port: socket.address().port })
  }
  const fill = async (socket: Socket): Promise<void> => {
    await from('127.0.0.1', socket, 'one')
    await from('127.0.0.2', socket, 'unknown')
    await from('127.0.0.1', socket, 'two')
  }
  for (const way of receiveWays.filter((each: ReceiveWay) => each !== 'for await')) {
    const socket = await bound(t, { type: 'udp4', pull: pulls(way), receiveBlockList: new Throwing() }, '127.0.0.1')
    const errors: string[] = []
    const heard: string[] = []
    if (pulls(way)) {
      await fill(socket)
      await timers.setTimeout(10)
      for (let round = 0; round < 100 && heard.length + errors.length < 3; round++) {
        try {
          const how = way as 'recvmsg' | 'recvmmsg' | 'tryRecvmsg' | 'tryRecvmmsg'
          const got = await socket[how](how.startsWith('r') ? { timeout: 2000 } : {})
          heard.push(...texts(Array.isArray(got) ? got : got === null ? [] : [got]))
        } catch (error) {
          errors.push((error as Error).message)
        }
      }
    } else {
      socket.on('error', (error) => errors.push(error.message))
      if (way === 'message') socket.on('message', (data) => heard.push(String(data)))
      else socket.on('messages', (messages) => heard.push(...texts(messages)))
      await fill(socket)
      for (let round = 0; round < 1000 && heard.length + errors.length < 3; round++) await timers.setTimeout(2)
    }
    t.same(heard, ['one', 'two'], `${way}: the other messages are kept`)
    t.same(errors, ['thrown by check'], 'and the error is told once')
  }
})

t.test('code that closes the socket of a connect(), or of a send() that waits for bind()', async (t) => {
  for (const way of ['connect', 'connect, blocked', 'connectSync', 'send']) {
    const events: string[] = []
    const socket = createSocket({
      type: 'udp4',
      sendBlockList: new Asked(() => {
        socket.close()
        return way === 'connect, blocked'
      }),
    })
    for (const event of ['connect', 'error', 'close'] as const) socket.on(event, () => events.push(event))
    if (way === 'connectSync') {
      t.throws(
        () => {
          socket.connectSync(9, '127.0.0.1')
        },
        { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' },
      )
    } else if (way === 'send') {
      socket.bind(0, 'localhost')
      socket.send({ data: Buffer.from('x'), address: '127.0.0.1', port: 9 })
    } else socket.connect(9, '127.0.0.1')
    await once(socket, 'close')
    await timers.setTimeout(20)
    t.same(events, ['close'], way)
  }
})
