// Overlapped WSASendMsg: operations that really stay pending, how they end, and what arrives of them. The hook
// (test/windows/) makes them wait, in Windows' Node under Wine.
import { once } from 'node:events'
import timers from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { capabilities, createSocket, sendmmsg, sendmsg, type Message, type Socket } from 'sendmsg'
import { bound, bytes, cut, told } from '../helpers/sockets'
import { heal, hook, unhooked } from './hook'

const LOOPBACK = '127.0.0.1'
const LARGE = { recvBufferSize: 1 << 22 }
const aborted = { code: 'ECANCELED', nativeCode: 995, nativeName: 'WSA_OPERATION_ABORTED', syscall: 'sendmsg' }

const receiver = async (test: Test): Promise<Socket> =>
  await bound(test, { type: 'udp4', pull: true, receiveInfo: ['trafficClass'], ...LARGE }, LOOPBACK)

/** All that has arrived at a socket: up to a datagram that is sent for this. */
async function arrived(test: Test, at: Socket): Promise<Message[]> {
  const END = 'the end of what arrived'
  const sender = await bound(test, { type: 'udp4' }, LOOPBACK)
  await sendmsg(sender, { data: Buffer.from(END), address: LOOPBACK, port: at.address().port })
  const messages: Message[] = []
  for (;;) {
    for (const message of await at.recvmmsg({ timeout: 10_000 })) {
      if (message.data.toString() === END) return messages
      messages.push(message)
    }
  }
}

const texts = (messages: Message[]): string[] => messages.map(({ data }) => data.toString())

/** Operations that were started and did not complete at once. */
const pending = (): number => hook!.counts().pending

/** Every send goes overlapped. */
const noRoom = (percentPending = 0): void => hook!.injectAtRandom(100, percentPending, 1)

t.test('overlapped sends', { skip: unhooked }, async (t) => {
  capabilities()
  t.afterEach(heal)

  t.test('ten at a time', async (t) => {
    const sink = await receiver(t)
    const to = { address: LOOPBACK, port: sink.address().port }
    const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
    noRoom(100)
    const before = hook!.counts()
    const settled: number[] = []
    const sends = Array.from({ length: 10 }, async (_, at) => {
      const sent = await sendmsg(socket, { data: Buffer.alloc(at + 1, at), ...to })
      settled.push(at)
      return sent
    })
    const after = hook!.counts()
    t.equal(after.pending - before.pending, 10, 'all of them are with the kernel')
    t.equal(after.immediate, before.immediate)
    t.same(settled, [])
    t.equal(socket.getSendQueueCount(), 10)
    t.equal(socket.getSendQueueSize(), 55)
    t.same(await Promise.all(sends), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 'the bytes sent')
    t.same(settled, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    t.same(
      (await arrived(t, sink)).map(({ data }) => [...data]),
      Array.from({ length: 10 }, (_, at) => Array(at + 1).fill(at)),
      'in order',
    )
  })

  t.test('some complete at once', async (t) => {
    const sink = await receiver(t)
    const to = { address: LOOPBACK, port: sink.address().port }
    const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
    noRoom()
    const before = hook!.counts()
    const messages = Array.from({ length: 20 }, (_, at) => `message ${at}`)
    const sends = messages.map(async (text) => await sendmsg(socket, { data: Buffer.from(text), ...to }))
    t.same(
      await Promise.all(sends),
      messages.map((text) => text.length),
    )
    const after = hook!.counts()
    t.equal(after.immediate - before.immediate, 20)
    t.equal(after.pending, before.pending)
    t.same(texts(await arrived(t, sink)), messages)
  })

  t.test('what an operation has is its own', async (t) => {
    const sink = await receiver(t)
    const { port } = sink.address()
    const socket = await bound(t, { type: 'udp4' }, '0.0.0.0')
    noRoom()
    hook!.hold(true)
    const before = pending()
    const [first, second, third] = [Buffer.from('first'), Buffer.from('second'), Buffer.from('third')]
    const moved = new Uint8Array(Buffer.from('moved away'))
    const octet = Buffer.from(Uint32Array.of(0x28).buffer)
    const message = { data: [first, second, new Uint8Array(0), third], address: LOOPBACK, port, source: '127.0.0.5' }
    const sends = [
      sendmsg(socket, message),
      sendmsg(socket, { data: Buffer.alloc(0), address: LOOPBACK, port, source: '127.0.0.6' }),
      sendmsg(socket, { data: moved, address: LOOPBACK, port, trafficClass: 0x48 }),
      // IP_TOS
      sendmsg(socket, {
        data: Buffer.from('raw'),
        address: LOOPBACK,
        port,
        control: [{ level: 0, type: 3, data: octet }],
      }),
    ]
    t.equal(pending() - before, 4)
    for (const view of [first, second, third, octet]) view.fill('x')
    Object.assign(message, { data: [], address: '127.0.0.3', port: 1, source: '127.0.0.4' })
    structuredClone(moved, { transfer: [moved.buffer] })
    t.equal(moved.length, 0)
    // Memory that is freed is soon somebody else's.
    Array.from({ length: 1000 }, () => Buffer.alloc(4096, 'y'))
    hook!.hold(false)
    t.same(await Promise.all(sends), [16, 0, 10, 3])
    told(
      t,
      await arrived(t, sink),
      [
        { data: Buffer.from('firstsecondthird'), address: '127.0.0.5', trafficClass: 0 },
        { data: Buffer.alloc(0), address: '127.0.0.6', trafficClass: 0 },
        { data: Buffer.from('moved away'), address: LOOPBACK, trafficClass: 0x48 },
        { data: Buffer.from('raw'), address: LOOPBACK, trafficClass: 0x28 },
      ],
      'what was asked for when they were started',
    )
  })

  t.test('abort and time-out', async (t) => {
    for (const how of ['abort', 'time-out'] as const) {
      const sink = await receiver(t)
      const to = { address: LOOPBACK, port: sink.address().port }
      const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
      await sendmsg(socket, { data: Buffer.from('before'), ...to })
      noRoom()
      hook!.hold(true)
      const controller = new AbortController()
      const options = how === 'abort' ? { signal: controller.signal } : { timeout: 30 }
      const before = pending()
      let front = false
      const first = sendmsg(socket, { data: Buffer.from('first'), ...to }).finally(() => (front = true))
      const given = [
        sendmsg(socket, { data: Buffer.from('given up'), ...to }, options),
        sendmmsg(
          socket,
          ['given', 'up', 'too'].map((text) => ({ data: Buffer.from(text), ...to })),
          options,
        ),
      ]
      const last = sendmsg(socket, { data: Buffer.from('last'), ...to })
      t.equal(pending() - before, 3, 'of a batch one at a time, and nothing behind it')
      controller.abort()
      const expected = how === 'abort' ? { name: 'AbortError' } : { code: 'ETIMEDOUT' }
      const rejected = [
        { status: 'rejected', reason: expected },
        { status: 'rejected', reason: { ...expected, sent: 0 } },
      ]
      t.match(await Promise.allSettled(given), rejected, how)
      t.equal(front, false, 'whatever still waits before it')
      t.equal(socket.getSendQueueCount(), 2)
      t.equal(pending() - before, 4)
      hook!.hold(false)
      t.same(await Promise.all([first, last]), [5, 4])
      heal()
      await sendmsg(socket, { data: Buffer.from('after'), ...to })
      t.same(texts(await arrived(t, sink)), ['before', 'first', 'last', 'after'], 'nothing of what was given up')
      t.equal(socket.getSendQueueCount(), 0)
    }
  })

  t.test('close', async (t) => {
    const sink = await receiver(t)
    const to = { address: LOOPBACK, port: sink.address().port }
    const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
    await sendmsg(socket, { data: Buffer.from('before'), ...to })
    noRoom()
    hook!.hold(true)
    const before = pending()
    const sends = Array.from({ length: 40 }, async () => await sendmsg(socket, { data: Buffer.from('closed'), ...to }))
    const batch = sendmmsg(
      socket,
      [1, 2].map(() => ({ data: Buffer.from('closed'), ...to })),
    )
    const started = pending() - before
    t.equal(started, 32, 'the others wait for those')
    socket.close()
    const results = await Promise.allSettled([...sends, batch])
    for (const [at, result] of results.slice(0, 40).entries()) {
      const reason = at < started ? { ...aborted, ...to } : { code: 'ECANCELED', nativeCode: undefined }
      t.match(result, { status: 'rejected', reason }, `send ${at}`)
    }
    t.match(results[40], { status: 'rejected', reason: { code: 'ECANCELED', syscall: 'sendmmsg', sent: 0 } })
    heal()
    t.same(texts(await arrived(t, sink)), ['before'])
  })

  t.test('a long batch, once there is room again', async (t) => {
    const sink = await receiver(t)
    const to = { address: LOOPBACK, port: sink.address().port }
    const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
    noRoom()
    hook!.hold(true)
    // More than is sent in one turn of the event loop.
    const messages = Array.from({ length: 1000 }, (_, at) => `message ${at}`)
    const batch = sendmmsg(
      socket,
      messages.map((text) => ({ data: Buffer.from(text), ...to })),
      { timeout: 20_000 },
    )
    t.equal(socket.getSendQueueCount(), 1000)
    heal()
    t.equal(await batch, 1000)
    t.equal(socket.getSendQueueCount(), 0)
    t.same(texts(await arrived(t, sink)), messages)
  })

  t.test('the end of a thread', async (t) => {
    const sink = await receiver(t)
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { createSocket, sendmsg } = require(workerData.path)
      const socket = createSocket('udp4')
      for (let at = 0; at < 8; at++) {
        sendmsg(socket, { data: Buffer.from('of a thread'), address: '127.0.0.1', port: workerData.port }).catch(() => {})
      }
      parentPort.postMessage('started')`
    const workerData = { path: require.resolve('sendmsg'), port: sink.address().port }
    for (let round = 0; round < 5; round++) {
      noRoom()
      hook!.hold(true)
      const before = pending()
      const worker = new Worker(source, { eval: true, workerData })
      await once(worker, 'message')
      t.equal(pending() - before, 8)
      await worker.terminate()
      heal()
    }
    t.same(texts(await arrived(t, sink)), [], 'nothing arrives of what was pending')
  })

  t.test('a train that is cancelled', async (t) => {
    const sink = await receiver(t)
    const data = bytes(200_000)
    const message = { data, segmentSize: 1200, address: LOOPBACK, port: sink.address().port }
    for (const when of ['before its start was taken', 'when its start was taken'] as const) {
      const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
      noRoom()
      hook!.hold(true)
      const controller = new AbortController()
      const before = hook!.counts()
      const train = sendmsg(socket, message, { signal: controller.signal })
      t.equal(hook!.counts().pending - before.pending, 1)
      if (when === 'before its start was taken') {
        controller.abort()
        await t.rejects(train, { name: 'AbortError' }, when)
        hook!.hold(false)
        t.same(await arrived(t, sink), [])
      } else {
        hook!.hold(false)
        // The kernel gets on with it, and nobody hears of it yet.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
        controller.abort()
        t.equal(await train, data.length, 'it is finished')
        while (socket.getSendQueueCount() > 0) await timers.setImmediate()
        t.same(
          (await arrived(t, sink)).map(({ data }) => data),
          cut(data, 1200),
          when,
        )
      }
      heal()
    }
  })

  t.test('sockets without end', async (t) => {
    const sink = await receiver(t)
    const to = { address: LOOPBACK, port: sink.address().port }
    let handles = 0
    const before = pending()
    for (let round = 0; round < 120; round++) {
      if (round === 20) handles = hook!.counts().handles
      const socket = createSocket('udp4')
      noRoom()
      hook!.hold(true)
      const sends = Array.from({ length: 4 }, async () => await sendmsg(socket, { data: Buffer.from('x'), ...to }))
      if (round % 2 === 0) await timers.setImmediate()
      socket.close()
      for (const { status } of await Promise.allSettled(sends)) {
        if (status === 'fulfilled') t.fail(`round ${round}: sent`)
      }
      heal()
    }
    t.equal(pending() - before, 480)
    const { handles: after } = hook!.counts()
    t.ok(after - handles < 20, `${handles} handles after 20 rounds, ${after} after 120`)
    t.same(texts(await arrived(t, sink)), [])
  })
})
