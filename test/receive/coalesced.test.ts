// Datagrams that the kernel coalesced (UDP_GRO): where they are cut, and how many of them a turn of the loop gives out.
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { capabilities, recvmmsg, tryRecvmmsg, type Message, type OutgoingMessage, type Socket } from 'sendmsg'
import { descriptorOf } from '../helpers/descriptors.cjs'
import { bound, bytes, cut, receive } from '../helpers/sockets'
import { uncaught } from '../helpers/uncaught'

const { send, receive: told } = capabilities()
const noCoalescing =
  told.segmentSize.IPv4 === false
    ? 'this kernel coalesces nothing'
    : send.segmentSize.IPv4 !== 'kernel' && 'this kernel has no segmentation offload, so that nothing is coalesced here'
const noProc = process.platform !== 'linux' && 'reads /proc, which is Linux only'

const MOST_IN_TURN = 256
/** Datagrams of each message that is sent. */
const SEGMENTS = 60

/** `count` segmented messages, of whose datagrams each tells its number. */
async function sendNumbered(test: Test, to: Socket, count: number): Promise<number> {
  const size = 4
  const segments = SEGMENTS
  const sender = await bound(test, { type: 'udp4' }, '127.0.0.1')
  const messages = Array.from({ length: count }, (_, message): OutgoingMessage => {
    const data = Buffer.alloc(segments * size)
    for (let at = 0; at < segments; at++) data.writeUInt32LE(message * segments + at, at * size)
    return { data, segmentSize: size, address: '127.0.0.1', port: to.address().port }
  })
  test.equal(await sender.sendmmsg(messages), count)
  return count * segments
}

const numbersOf = (messages: readonly { data: Buffer }[]): number[] => messages.map(({ data }) => data.readUInt32LE())
/** Loopback can change the order of what the kernel takes as one message, between processors, and no other order. */
const sorted = (numbers: readonly number[]): number[] =>
  Array.from({ length: Math.ceil(numbers.length / SEGMENTS) }, (_, at) =>
    numbers.slice(at * SEGMENTS, (at + 1) * SEGMENTS),
  )
    .sort(([a = 0], [b = 0]) => a - b)
    .flat()
const firstNumbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

t.test('cut at the right places at every controlLength', { skip: noCoalescing }, async (t) => {
  const data = bytes(5 * 1200 + 100)
  const sender = await bound(t, { type: 'udp4' }, '127.0.0.1')
  for (const receiveInfo of [undefined, false, ['timestamp', 'hopLimit', 'control']] as const) {
    const options = {
      type: 'udp4',
      pull: true,
      coalesce: true,
      ...(receiveInfo !== undefined && { receiveInfo }),
    } as const
    const socket = await bound(t, options, '127.0.0.1')
    const to = { address: '127.0.0.1', port: socket.address().port }
    const wrong: unknown[] = []
    for (let controlLength = 0; controlLength <= 160; controlLength++) {
      await sender.sendmsg({ data, segmentSize: 1200, ...to })
      const parts: Message[] = []
      while (parts.length < 6) parts.push(...(await socket.recvmmsg({ controlLength, timeout: 10_000 })))
      const right = cut(data, 1200)
      if (parts.length !== 6 || !parts.every((part, at) => part.data.equals(right[at]!))) {
        wrong.push({ controlLength, sizes: parts.map(({ size }) => size) })
      }
    }
    t.same(wrong, [], JSON.stringify(receiveInfo))
  }
})

t.test('cut at the right places on a borrowed descriptor', { skip: noCoalescing || noProc }, async (t) => {
  const data = bytes(5 * 1200 + 100)
  const sender = await bound(t, { type: 'udp4' }, '127.0.0.1')
  const owner = await bound(t, { type: 'udp4', pull: true, coalesce: true }, '127.0.0.1')
  const { port } = owner.address()
  const descriptor = descriptorOf(port)
  for (const controlLength of [0, 1, 17, 18, 19, 20, 24, 40, 1024]) {
    await sender.sendmsg({ data, segmentSize: 1200, address: '127.0.0.1', port })
    const parts = await recvmmsg(descriptor, { controlLength, timeout: 10_000 })
    t.same(
      parts.map(({ size }) => size),
      [1200, 1200, 1200, 1200, 1200, 100],
      `controlLength: ${controlLength}`,
    )
    t.ok(Buffer.concat(parts.map((part) => part.data)).equals(data))
  }
  t.same(tryRecvmmsg(descriptor), [])
})

t.test('a coalesced message that is truncated keeps its segment size', { skip: noCoalescing }, async (t) => {
  const socket = await bound(t, { type: 'udp4', pull: true, receiveInfo: ['segmentSize'] }, '127.0.0.1')
  const sender = await bound(t, { type: 'udp4' }, '127.0.0.1')
  await sender.sendmsg({ data: bytes(6000), segmentSize: 1200, address: '127.0.0.1', port: socket.address().port })
  const { size, segmentSize, truncated } = await socket.recvmsg({ length: 1000, controlLength: 0, timeout: 10_000 })
  t.same({ size, segmentSize, truncated }, { size: 1000, segmentSize: 1200, truncated: true })
})

for (const event of ['message', 'messages', 'both'] as const) {
  t.test(`a turn of the loop, by ${event}`, { skip: noCoalescing }, async (t) => {
    const socket = await bound(t, { type: 'udp4', coalesce: true, recvBufferSize: 4 << 20 }, '127.0.0.1')
    const other = await bound(t, { type: 'udp4' }, '127.0.0.1')
    let otherHeard = 0
    other.on('message', () => otherHeard++)
    const heard: number[] = []
    const told: number[] = []
    const batches: number[] = []
    const turns: number[] = []
    const order: string[] = []
    let inTurn = 0
    const count = (messages: number): void => {
      if (inTurn === 0) {
        setImmediate(() => {
          turns.push(inTurn)
          inTurn = 0
        })
      }
      inTurn += messages
    }
    if (event !== 'message') {
      socket.on('messages', (messages) => {
        batches.push(messages.length)
        told.push(...numbersOf(messages))
        if (event === 'messages') count(messages.length)
      })
    }
    if (event !== 'messages') {
      socket.on('message', (data) => {
        heard.push(data.readUInt32LE())
        count(1)
        if (heard.length > 2000) return
        order.push('event')
        process.nextTick(() => order.push('tick'))
        void Promise.resolve().then(() => order.push('promise'))
      })
    }
    const sent = await sendNumbered(t, socket, 60)
    const poke = await bound(t, { type: 'udp4' }, '127.0.0.1')
    let poked = 0
    const goal = event === 'messages' ? told : heard
    for (let round = 0; round < 2000 && goal.length < sent; round++) {
      if (goal.length > 0 && goal.length < sent) {
        await poke.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port: other.address().port })
        poked++
      }
      await timers.setImmediate()
    }
    for (let round = 0; round < 1000 && otherHeard < poked; round++) await timers.setTimeout(1)
    await timers.setTimeout(5)
    if (event !== 'message') t.same(sorted(told), firstNumbers(sent), "'messages': all, in order")
    if (event !== 'messages') t.same(sorted(heard), firstNumbers(sent), "'message': all, in order")
    t.ok(Math.max(0, ...batches) <= MOST_IN_TURN, 'no array is longer than that', { batches })
    t.ok(poked > 0, 'others get their turns in between')
    t.equal(otherHeard, poked)
    const third = order.map((_, at) => ['event', 'tick', 'promise'][at % 3])
    t.same(order, third, 'ticks and promises come before the next')
    t.ok(Math.max(...turns) <= MOST_IN_TURN, 'no turn has more', { turns })
  })
}

t.test('listeners that throw, close, go and come in the rest of a batch', { skip: noCoalescing }, async (t) => {
  const fresh = async (): Promise<Socket> =>
    await bound(t, { type: 'udp4', coalesce: true, recvBufferSize: 4 << 20 }, '127.0.0.1')
  const settled = async (done: () => boolean): Promise<void> => {
    for (let round = 0; round < 1000 && !done(); round++) await timers.setTimeout(2)
    await timers.setTimeout(10)
  }
  t.test('throws', async (t) => {
    const socket = await fresh()
    const thrown = uncaught(t)
    const heard: number[] = []
    socket.on('message', (data) => {
      heard.push(data.readUInt32LE())
      if (heard.length % 100 === 0) throw new Error(`at ${heard.length}`)
    })
    const sent = await sendNumbered(t, socket, 20)
    await settled(() => heard.length >= sent)
    t.same(sorted(heard), firstNumbers(sent))
    t.equal(thrown.length, sent / 100)
  })
  t.test('closes', async (t) => {
    const socket = await fresh()
    let heard = 0
    socket.on('message', () => {
      if (++heard === 700) socket.close()
    })
    await sendNumbered(t, socket, 30)
    await settled(() => heard >= 700)
    t.equal(heard, 700, 'hears nothing more')
  })
  t.test('changes what it listens for', async (t) => {
    const socket = await fresh()
    const heard: number[] = []
    const other: number[] = []
    let withData = 0
    const onMessage = (data: Buffer, info: object): void => {
      heard.push(data.readUInt32LE())
      if ('data' in info) withData++
      if (heard.length !== 256) return
      socket.on('messages', (messages) => {
        other.push(...numbersOf(messages))
        if (other.length > 300) socket.off('message', onMessage)
      })
    }
    socket.on('message', onMessage)
    const sent = await sendNumbered(t, socket, 30)
    await settled(() => other.includes(sent - 1))
    t.equal(withData, 0)
    const start = heard.indexOf(other[0]!)
    t.ok(start >= 256, "'messages' from the next part on")
    t.same(heard.slice(start), other.slice(0, heard.length - start), "'message' until it goes")
    t.same(sorted([...heard.slice(0, start), ...other]), firstNumbers(sent))
  })
  t.test('comes back', async (t) => {
    const socket = await fresh()
    const heard: number[] = []
    socket.on('messages', (messages) => {
      heard.push(...numbersOf(messages))
      if (heard.length <= 256) socket.on('message', (data, info) => t.equal(info.size, data.length))
    })
    const sent = await sendNumbered(t, socket, 8)
    await settled(() => heard.length >= sent)
    t.same(sorted(heard), firstNumbers(sent))
  })
})

t.test('a socket that does not hold the loop', { skip: noCoalescing }, async (t) => {
  const socket = await bound(t, { type: 'udp4', coalesce: true, recvBufferSize: 4 << 20 }, '127.0.0.1')
  let heard = 0
  socket.on('message', () => {
    if (++heard === 100) socket.unref()
    if (heard === 1000) socket.ref()
    if (heard === 1300) socket.unref()
  })
  const sent = await sendNumbered(t, socket, 30)
  for (let round = 0; round < 100 && heard < sent; round++) await timers.setTimeout(20)
  t.equal(heard, sent, 'while something else does')
})

t.test('pulling few of many', { skip: noCoalescing }, async (t) => {
  for (const how of ['tryRecvmsg', 'recvmsg', 'tryRecvmmsg', 'recvmmsg'] as const) {
    const socket = await bound(t, { type: 'udp4', pull: true, coalesce: true, recvBufferSize: 4 << 20 }, '127.0.0.1')
    const sent = await sendNumbered(t, socket, 40)
    await timers.setTimeout(10)
    const pulled: number[] = []
    let most = 0
    while (pulled.length < sent) {
      const got = await socket[how]({
        ...(how.endsWith('mmsg') && { count: 7 }),
        ...(how.startsWith('r') && { timeout: 10_000 }),
      })
      if (got === null) break
      const messages = Array.isArray(got) ? got : [got]
      if (messages.length === 0) break
      most = Math.max(most, messages.length)
      pulled.push(...numbersOf(messages))
    }
    t.same(sorted(pulled), firstNumbers(sent), `${how}: all, in order`)
    t.equal(most, how.endsWith('mmsg') ? 7 : 1)
    t.equal(socket.tryRecvmsg(), null)
  }
  const socket = await bound(t, { type: 'udp4', pull: true, coalesce: true, recvBufferSize: 4 << 20 }, '127.0.0.1')
  await sendNumbered(t, socket, 3)
  t.equal((await receive(socket, 'recvmmsg', 180)).length, 180)
})
