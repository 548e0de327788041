// What is Windows' own: WSASendMsg's errors, sends that find no room, control data. Runs in Windows' Node, under Wine:
// scripts/test-windows.mjs. With the hook (test/windows/) control data reaches the network and faults can be injected;
// without it this shows that neither does.
import { once } from 'node:events'
import dgram from 'node:dgram'
import timers from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { capabilities, sendmmsg, sendmsg, trySendmsg, type SocketError } from 'sendmsg'
import { bound, open } from '../helpers/sockets'
import { elsewhere, heal, hook, Place, unhooked } from './hook'

const hooked = elsewhere || (hook !== undefined && 'the hook is loaded')

const LOOPBACK = '127.0.0.1'
const LARGE = { recvBufferSize: 1 << 22 }
const number = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer)

t.test('without the hook control data does not leave Wine', { skip: hooked }, async (t) => {
  const { send } = capabilities()
  t.equal(send.source.IPv4, false, 'found out by a try, before anything is lost')
  const socket = open(t, { type: 'udp4' })
  await t.rejects(sendmsg(socket, { data: number(1), address: '127.0.0.1', port: 9, source: '127.0.0.2' }), {
    code: 'ENOTSUP',
  })
  const receiver = await bound(t, { type: 'udp4', pull: true }, LOOPBACK)
  const { port } = receiver.address()
  // IP_PKTINFO (19) with 127.0.0.2, past the check of the library.
  const control = [{ level: 0, type: 19, data: Buffer.from([127, 0, 0, 2, 0, 0, 0, 0]) }]
  t.equal(await sendmsg(socket, { data: number(1), address: '127.0.0.1', port, control }), 4)
  t.equal((await receiver.recvmsg({ timeout: 10_000 })).address, '127.0.0.1', 'the negative control')
})

t.test('sends that find no room complete once, in order', { skip: unhooked }, async (t) => {
  t.teardown(heal)
  const receiver = await bound(t, { type: 'udp4', pull: true, ...LARGE }, LOOPBACK)
  const { port } = receiver.address()
  const socket = open(t, { type: 'udp4' })
  const COUNT = 10_000
  const before = hook!.counts()
  hook!.injectAtRandom(30, 50, 4711)
  const settled: number[] = []
  const arrived: number[] = []
  const reading = (async () => {
    while (arrived.length < COUNT) {
      const messages = await receiver.recvmmsg({ count: 64, timeout: 20_000 })
      for (const { data, address } of messages) {
        const at = data.readUInt32LE()
        arrived.push(at)
        if (address !== (at % 3 === 0 ? '127.0.0.2' : '127.0.0.1')) t.fail(`${at} came from ${address}`)
      }
    }
  })()
  for (let at = 0; at < COUNT;) {
    const wave = Array.from({ length: 100 }, () => at++)
    await Promise.all(
      wave.map(async (index) => {
        const source = index % 3 === 0 && { source: '127.0.0.2' }
        const bytes = await sendmsg(socket, { data: number(index), address: '127.0.0.1', port, ...source })
        settled.push(index)
        if (bytes !== 4) t.fail(`${index}: ${bytes} bytes`)
      }),
    )
  }
  await reading
  const all = Array.from({ length: COUNT }, (_, at) => at)
  t.same(settled, all, 'settled once each, in order')
  t.same(arrived, all, 'arrived once each, in order')
  const after = hook!.counts()
  t.ok(after.overlapped - before.overlapped > COUNT / 10, `${after.overlapped - before.overlapped} went overlapped`)
  t.equal(socket.getSendQueueCount(), 0)
  t.equal(socket.getSendQueueSize(), 0)
})

t.test('a batch, trains and emulated fields with faults among them', { skip: unhooked }, async (t) => {
  t.teardown(heal)
  const receiver = await bound(t, { type: 'udp4', pull: true, receiveInfo: ['hopLimit'], ...LARGE }, LOOPBACK)
  const { port } = receiver.address()
  const socket = open(t, { type: 'udp4' })
  hook!.injectAtRandom(50, 50, 42)
  const to = { address: '127.0.0.1', port }
  const messages = Array.from({ length: 300 }, (_, at) => ({
    data: number(at),
    ...to,
    ...(at % 5 === 0 && { hopLimit: 33 }),
    ...(at % 7 === 0 && { data: Buffer.concat([number(at), number(at)]), segmentSize: 4 }),
  }))
  const expected = messages.flatMap(({ data }, at) => Array(data.length / 4).fill([at, at % 5 === 0 ? 33 : 64]))
  const sent = sendmmsg(socket, messages)
  const arrived: unknown[] = []
  while (arrived.length < expected.length) {
    for (const { data, hopLimit } of await receiver.recvmmsg({ timeout: 20_000 })) {
      arrived.push([data.readUInt32LE(), hopLimit])
    }
  }
  t.equal(await sent, messages.length)
  t.same(arrived, expected)
})

t.test('what Wine has is cancelled by abort, time-out and close', { skip: unhooked }, async (t) => {
  t.teardown(heal)
  const receiver = await bound(t, { type: 'udp4', pull: true, ...LARGE }, LOOPBACK)
  const to = { address: '127.0.0.1', port: receiver.address().port }
  let handles = 0
  const before = hook!.counts().pending
  for (let round = 0; round < 120; round++) {
    if (round === 20) handles = hook!.counts().handles
    const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
    hook!.injectAtRandom(100, 100, round + 1)
    const controller = new AbortController()
    const pending = [
      sendmsg(socket, { data: number(1), ...to }, { signal: controller.signal }),
      sendmsg(socket, { data: number(2), ...to }, { timeout: 0 }),
      sendmmsg(
        socket,
        [1, 2, 3].map(() => ({ data: number(3), ...to })),
      ),
      sendmsg(socket, { data: number(4), ...to }),
    ]
    if (round % 2 === 0) controller.abort()
    if (round % 3 === 0) await timers.setImmediate()
    socket.close()
    const results = await Promise.allSettled(pending)
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      const { code } = result.reason as SocketError
      if (!['ECANCELED', 'ETIMEDOUT', 'ABORT_ERR'].includes(code)) t.fail(`round ${round}: ${String(result.reason)}`)
    }
    heal()
  }
  const { handles: after, pending } = hook!.counts()
  t.ok(pending - before > 120, `${pending - before} operations were pending`)
  t.ok(after - handles < 20, `${handles} handles after 20 rounds, ${after} after 120`)
})

t.test('a train whose start was taken is finished, also when its call is given up', { skip: unhooked }, async (t) => {
  t.teardown(() => hook!.injectAtRandom(0, 0, 1))
  const receiver = await bound(t, { type: 'udp4', pull: true, ...LARGE })
  const to = { address: '127.0.0.1', port: receiver.address().port }
  const socket = await bound(t, { type: 'udp4' })
  // Longer than one call takes; the first part completes at once, and is told of later.
  const data = Buffer.alloc(4 * 1000, 'train')
  hook!.injectAtRandom(100, 0, 1)
  const controller = new AbortController()
  const sent = sendmsg(socket, { data, ...to, segmentSize: 4 }, { signal: controller.signal })
  controller.abort()
  t.equal(await sent, data.length)
  const arrived: Buffer[] = []
  while (arrived.length < 1000) {
    arrived.push(...(await receiver.recvmmsg({ count: 64, timeout: 10_000 })).map((message) => message.data))
  }
  t.ok(Buffer.concat(arrived).equals(data))
})

t.test('what a closed socket still had is settled in order', { skip: unhooked }, async (t) => {
  t.teardown(() => hook!.injectAtRandom(0, 0, 1))
  const receiver = await bound(t, { type: 'udp4', pull: true, ...LARGE })
  const to = { address: '127.0.0.1', port: receiver.address().port }
  const socket = await bound(t, { type: 'udp4' })
  hook!.injectAtRandom(100, 50, 5)
  const settled: number[] = []
  // More than the kernel is given at a time.
  const all = Array.from({ length: 100 }, async (_, at) => {
    await sendmsg(socket, { data: number(at), ...to }).catch((error: unknown) => {
      t.match(error, { code: 'ECANCELED' })
    })
    settled.push(at)
  })
  socket.close()
  await Promise.all(all)
  t.same(settled, [...all.keys()])
})

t.test('threads end in the middle of it', { skip: unhooked }, async (t) => {
  t.teardown(heal)
  const receiver = await bound(t, { type: 'udp4', pull: true, ...LARGE }, LOOPBACK)
  const { port } = receiver.address()
  hook!.injectAtRandom(100, 100, 7)
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { createSocket, sendmsg } = require(workerData.path)
    const socket = createSocket('udp4')
    const send = () => sendmsg(socket, { data: Buffer.alloc(100), address: '127.0.0.1', port: workerData.port }).then(send, () => {})
    for (let at = 0; at < 20; at++) send()
    parentPort.postMessage('started')`
  let handles = 0
  const before = hook!.counts().pending
  for (let round = 0; round < 100; round++) {
    if (round === 20) handles = hook!.counts().handles
    const worker = new Worker(source, { eval: true, workerData: { path: require.resolve('sendmsg'), port } })
    await once(worker, 'message')
    t.equal(typeof (await worker.terminate()), 'number')
  }
  const { handles: after, pending } = hook!.counts()
  t.ok(pending - before > 100, `${pending - before} operations were pending`)
  t.ok(after - handles < 40, `${handles} handles after 20 rounds, ${after} after 100`)
})

t.test('the errors of WSASendMsg, injected', { skip: unhooked }, async (t) => {
  const to = { address: '127.0.0.1', port: 9 }
  const codes: Record<number, [code: string, name: string]> = {
    10004: ['EINTR', 'WSAEINTR'],
    10013: ['EACCES', 'WSAEACCES'],
    10014: ['EFAULT', 'WSAEFAULT'],
    10022: ['EINVAL', 'WSAEINVAL'],
    10036: ['EINPROGRESS', 'WSAEINPROGRESS'],
    10038: ['ENOTSOCK', 'WSAENOTSOCK'],
    10040: ['EMSGSIZE', 'WSAEMSGSIZE'],
    10045: ['ENOTSUP', 'WSAEOPNOTSUPP'],
    10050: ['ENETDOWN', 'WSAENETDOWN'],
    10051: ['ENETUNREACH', 'WSAENETUNREACH'],
    10052: ['ENETRESET', 'WSAENETRESET'],
    10054: ['ECONNRESET', 'WSAECONNRESET'],
    10055: ['ENOBUFS', 'WSAENOBUFS'],
    10057: ['ENOTCONN', 'WSAENOTCONN'],
    10058: ['ESHUTDOWN', 'WSAESHUTDOWN'],
    10060: ['ETIMEDOUT', 'WSAETIMEDOUT'],
    10093: ['WSANOTINITIALISED', 'WSANOTINITIALISED'],
    995: ['ECANCELED', 'WSA_OPERATION_ABORTED'],
  }
  const socket = await bound(t, { type: 'udp4' }, LOOPBACK)
  for (const [text, [code, nativeName]] of Object.entries(codes)) {
    const nativeCode = Number(text)
    for (const send of [
      async () => await sendmsg(socket, { data: number(1), ...to }),
      async () => await sendmmsg(socket, [{ data: number(1), ...to }]),
      async () => trySendmsg(socket, { data: number(1), ...to }),
    ]) {
      hook!.inject(nativeCode, 1)
      await t.rejects(send(), { name: 'SocketError', code, nativeName, nativeCode, address: to.address, port: to.port })
    }
    t.equal(trySendmsg(socket, { data: number(1), ...to }), 4, 'and the next one goes')
  }
  const connected = await bound(t, { type: 'udp4' }, LOOPBACK)
  connected.connect(9, '127.0.0.1')
  await once(connected, 'connect')
  hook!.inject(10054, 1)
  await t.rejects(
    connected.sendmsg({ data: number(1) }),
    { code: 'ECONNREFUSED', nativeName: 'WSAECONNRESET', nativeCode: 10054 },
    'the one that depends on the socket',
  )
})

t.test('a plain dgram socket', { skip: unhooked }, async (t) => {
  t.teardown(heal)
  const receiver = await bound(t, { type: 'udp4', pull: true, ...LARGE }, LOOPBACK)
  const to = { address: '127.0.0.1', port: receiver.address().port }
  const plain = dgram.createSocket('udp4')
  t.teardown(() => plain.close())
  plain.bind(0, '0.0.0.0')
  await once(plain, 'listening')
  hook!.injectAtRandom(50, 50, 3)
  const own = once(plain, 'message')
  for (let at = 0; at < 200; at++) t.equal(await sendmsg(plain, { data: number(at), ...to, source: '127.0.0.7' }), 4)
  for (let at = 0; at < 200; at++) {
    const message = await receiver.recvmsg({ timeout: 10_000 })
    t.equal(message.data.readUInt32LE(), at)
    t.equal(message.address, '127.0.0.7')
  }
  await receiver.sendmsg({ data: Buffer.from('to it'), address: '127.0.0.1', port: plain.address().port })
  const [data] = (await own) as [Buffer]
  t.equal(data.toString(), 'to it', 'what its own loop receives is undisturbed')
  // What an earlier datagram met, told of this one.
  for (const place of [Place.withoutOverlapped, Place.atCompletion]) {
    heal()
    if (place === Place.atCompletion) hook!.injectAtRandom(100, 0, 3)
    for (const count of [1, 2, 20]) {
      hook!.inject(10054, count, 0, place)
      t.equal(await sendmsg(plain, { data: number(place + count), ...to }), 4)
      t.equal((await receiver.recvmsg({ timeout: 10_000 })).data.readUInt32LE(), place + count)
    }
  }
})
