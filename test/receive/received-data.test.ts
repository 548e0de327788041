// What a program was given is its own: it cannot be emptied through its neighbours, and an info holds no data.
import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { capabilities, createSocket, type Message, type MessageInfo, type Socket } from 'sendmsg'
import { bound, bytes, closedPort, pulls, receive, receiveWays } from '../helpers/sockets'

const { port1, port2 } = new MessageChannel()
t.teardown(() => port1.close())
port2.unref()

type Taking = (buffer: ArrayBuffer) => unknown

/** What takes the memory from under a view. */
const takings: Record<string, Taking> = {
  postMessage: (buffer) => port1.postMessage(buffer, [buffer]),
  structuredClone: (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  ...Object.fromEntries(
    ['transfer', 'transferToFixedLength']
      .filter((name) => name in ArrayBuffer.prototype)
      .map((name) => [name, (buffer: ArrayBuffer) => (buffer as unknown as Record<string, () => unknown>)[name]!()]),
  ),
}

/** Every message and every taking; a taking may throw, or clone. */
function take(messages: readonly { data: Buffer }[]): void {
  for (const { data } of messages) {
    for (const taking of Object.values(takings)) {
      try {
        taking(data.buffer as ArrayBuffer)
      } catch (error) {
        if ((error as Error).name !== 'DataCloneError') throw error
      }
    }
  }
}

async function sendSizes(test: Test, to: Socket, sizes: readonly number[]): Promise<void> {
  const sender = await bound(test, { type: 'udp4' })
  for (const size of sizes) {
    await sender.sendmsg({ data: bytes(size), address: '127.0.0.1', port: to.address().port })
  }
}

// Of the chunk for small messages, the large one, and spare ones.
const sizes = [1, 100, 300, 0, 600, 1200, 9000, 30_000, 30_000, 30_000, 1400, 8]

for (const way of receiveWays) {
  t.test(`memory that is shared is not transferred: ${way}`, async (t) => {
    const socket = await bound(t, { type: 'udp4', pull: pulls(way), recvBufferSize: 1 << 20 })
    for (let round = 0; round < 2; round++) {
      const got = receive(socket, way, sizes.length)
      await sendSizes(t, socket, sizes)
      const messages = await got
      take(messages)
      t.same(
        messages.map(({ data }) => data.length).sort((a, b) => a - b),
        [...sizes].sort((a, b) => a - b),
      )
      t.ok(messages.every(({ data, size }) => data.equals(bytes(size))))
      socket.removeAllListeners('message')
      socket.removeAllListeners('messages')
      if (way === 'for await') break
    }
  })
}

const noCoalescing = capabilities().receive.segmentSize.IPv4 === false && 'this kernel coalesces nothing'
t.test('nor that of coalesced datagrams', { skip: noCoalescing }, async (t) => {
  for (const size of [40, 800]) {
    const socket = await bound(t, { type: 'udp4', pull: true, coalesce: true })
    const sender = await bound(t, { type: 'udp4' })
    const { port } = socket.address()
    await sender.sendmsg({ data: bytes(size * 40), segmentSize: size, address: '127.0.0.1', port })
    const messages = await receive(socket, 'recvmmsg', 40)
    take(messages)
    t.ok(Buffer.concat(messages.map(({ data }) => data)).equals(bytes(size * 40)), `of ${size} bytes`)
  }
})

const noErrors = process.platform !== 'linux' && 'only Linux tells errors of earlier datagrams'
t.test('nor that of what came back with errors', { skip: noErrors }, async (t) => {
  const socket = await bound(t, { type: 'udp4', receiveErrors: true })
  const kept: { data: Buffer }[] = []
  socket.on('datagramError', (error) => {
    take([error])
    kept.push(error)
  })
  const port = await closedPort('udp4')
  for (let sent = 0; sent < 6; sent++) socket.trySendmsg({ data: bytes(50), address: '127.0.0.1', port })
  for (let round = 0; round < 500 && kept.length < 6; round++) await timers.setTimeout(2)
  t.ok(kept.length > 0)
  take(kept)
  t.ok(kept.every(({ data }) => data.length === 50 && data.equals(bytes(50))))
})

t.test('a program that takes it all the same does not hinder what comes next', async (t) => {
  const transfer = (ArrayBuffer.prototype as { transfer?: () => ArrayBuffer }).transfer
  if (transfer === undefined) {
    t.comment('This version of Node has no ArrayBuffer.prototype.transfer')
    return
  }
  const socket = await bound(t, { type: 'udp4', pull: true })
  for (const size of [100, 2000]) {
    await sendSizes(t, socket, [size])
    const { data } = await socket.recvmsg({ timeout: 10_000 })
    transfer.call(data.buffer)
    t.equal(data.length, 0)
    await sendSizes(t, socket, [size])
    t.ok((await socket.recvmsg({ timeout: 10_000 })).data.equals(bytes(size)))
  }
})

t.test("the info of 'message' has no data", async (t) => {
  for (const listeners of [['message'], ['message', 'messages'], ['messages', 'message']] as const) {
    const socket = await bound(t, { type: 'udp4' })
    const infos: MessageInfo[] = []
    const messages: Message[] = []
    for (const event of listeners) {
      if (event === 'message') socket.on('message', (_, info) => infos.push(info))
      else socket.on('messages', (batch) => messages.push(...batch))
    }
    await sendSizes(t, socket, [5, 700, 5])
    for (let round = 0; round < 500 && infos.length < 3; round++) await timers.setTimeout(2)
    t.equal(infos.length, 3)
    for (const [at, info] of infos.entries()) {
      t.notOk('data' in info, `with listeners for ${listeners.join(' and ')}`)
      t.notOk(JSON.stringify(info).includes('"data"'))
      t.equal(info.address, '127.0.0.1')
      t.equal({ data: 'answer', ...info }.data, 'answer', 'spread behind an answer it does not replace it')
      if (listeners.length < 2) continue
      const { data, ...rest } = messages[at]!
      t.ok(data.equals(bytes(rest.size)), "the messages of 'messages' have theirs")
      t.same(info, rest, 'of the same message')
      t.not(info, messages[at])
    }
  }
})

t.test("the array of 'messages' is the listeners' own", async (t) => {
  const spoilers: Record<string, (messages: Message[]) => void> = {
    emptied: (messages) => (messages.length = 0),
    spliced: (messages) => messages.splice(0, messages.length),
    'with holes': (messages) => {
      for (const at of messages.keys()) Reflect.deleteProperty(messages, at)
    },
    filled: (messages) => messages.push(...messages),
    'of others': (messages) => messages.fill({ data: Buffer.from('other') } as Message),
    'of changed ones': (messages) => {
      for (const message of messages) {
        message.data = Buffer.from('changed')
        message.address = 'changed'
      }
    },
  }
  for (const [how, spoil] of Object.entries(spoilers)) {
    const socket = createSocket('udp4')
    t.teardown(() => socket.close())
    socket.bindSync({ address: '127.0.0.1' })
    const heard: string[] = []
    socket.on('messages', (messages) => spoil(messages))
    socket.on('message', (data, info) => heard.push(`${info.address} ${String(data)}`))
    const sender = await bound(t, { type: 'udp4' }, '127.0.0.1')
    const { port } = socket.address()
    const texts = Array.from({ length: 10 }, (_, at) => String(at))
    sender.trySendmmsg(texts.map((text) => ({ data: Buffer.from(text), address: '127.0.0.1', port })))
    while (heard.length < texts.length) await once(socket, 'message', { signal: AbortSignal.timeout(5000) })
    t.same(
      heard,
      texts.map((text) => `127.0.0.1 ${text}`),
      how,
    )
  }
})
