import { execFile, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import {
  createSocket,
  recvmmsg,
  recvmsg,
  sendmmsg,
  sendmsg,
  tryRecvmmsg,
  tryRecvmsg,
  trySendmmsg,
  trySendmsg,
  type OutgoingMessage,
  type SendingSocket,
} from 'sendmsg'
import { countSockets, descriptorOf, descriptorsByPort, flagsOf } from '../helpers/descriptors.cjs'
import { noPeer, Peer } from '../helpers/peer'
import { onOneCpu } from '../helpers/one-cpu'

const run = promisify(execFile)
const helper = (name: string): string => path.join(__dirname, name)
const has = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

const noProc = process.platform === 'linux' ? false : 'reads /proc, which is Linux only'
const noStrace = has('strace', '-o', os.devNull, 'true') ? false : 'strace is not installed, or must not trace'

/** A loopback of its own that is slow, so that it fills a send buffer. */
const SLOW = [
  '-n',
  'sh',
  '-c',
  'ip link set lo up && tc qdisc add dev lo root tbf rate 20mbit burst 10kb limit 10mb && exec "$@"',
  'sh',
]
const noSlow = has('unshare', ...SLOW, 'true') ? false : 'no network namespace with a tbf queue can be made here'

/** Closes it, and waits until its handle does not count any more. */
async function closed(socket: dgram.Socket): Promise<void> {
  try {
    socket.close()
  } catch {
    return // The test closed it.
  }
  await once(socket, 'close')
  // libuv lets go of a handle at the end of a turn.
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate)
}

/** A socket that ends with its test. */
async function bound(
  test: Test,
  type: dgram.SocketType | dgram.SocketOptions = 'udp4',
  address = '127.0.0.1',
): Promise<dgram.Socket> {
  const socket = typeof type === 'string' ? dgram.createSocket(type) : dgram.createSocket(type)
  test.teardown(() => closed(socket))
  socket.bind(0, address)
  await once(socket, 'listening')
  return socket
}

/** What a datagram looked like to the witness. */
interface Seen {
  address: string
  port: number
  data: string
  trafficClass?: number
}

interface Witness {
  readonly port: number
  next(): Promise<Seen>
  send(address: string, port: number, data: string): Promise<void>
}

const peers = noPeer === false ? new Peer() : undefined
t.teardown(() => peers?.end())

async function witness(test: Test, address = '127.0.0.1'): Promise<Witness> {
  const socket = await peers!.open({ family: address.includes(':') ? 6 : 4, address })
  test.teardown(async () => await socket.close())
  const seen: Seen[] = []
  return {
    port: socket.port,
    next: async () => {
      if (seen.length === 0) {
        const came = await socket.receive(1)
        seen.push(...came.map((message) => ({ ...message, data: message.data.toString() })))
      }
      const first = seen.shift()
      if (first === undefined) throw new Error('the witness saw nothing')
      return first
    },
    send: async (address, port, data) => await socket.send({ address, port, data }),
  }
}

/** What an error must have. */
interface Refusal {
  code: string
  name?: string
  message?: RegExp
  syscall?: string
}

/** How many UDP handles hold the event loop. */
const held = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length

const text = (data: string): Uint8Array => Buffer.from(data)

t.test('a dgram socket sends from the address that it is told to', { skip: noPeer }, async (t) => {
  const peer = await witness(t)
  const to = { address: '127.0.0.1', port: peer.port }

  await t.test('udp4, on the wildcard and on one address', async (t) => {
    for (const address of ['0.0.0.0', '127.0.0.1']) {
      const socket = await bound(t, 'udp4', address)
      const { port } = socket.address()
      t.equal(await sendmsg(socket, { ...to, data: text('first'), source: '127.0.0.3', trafficClass: 0xb9 }), 5)
      t.match(await peer.next(), { address: '127.0.0.3', port, data: 'first', trafficClass: 0xb9 })
      t.equal(trySendmsg(socket, { ...to, data: text('second'), source: '127.0.0.4' }), 6)
      t.match(await peer.next(), { address: '127.0.0.4', port, data: 'second', trafficClass: 0 })
      const batch = ['5', '6', '7'].map((last) => ({ ...to, data: text(last), source: `127.0.0.${last}` }))
      t.equal(await sendmmsg(socket, batch), 3)
      for (const last of ['5', '6', '7']) t.match(await peer.next(), { address: `127.0.0.${last}`, port, data: last })
      t.equal(trySendmmsg(socket, batch.slice(0, 1)), 1)
      t.match(await peer.next(), { address: '127.0.0.5', port })
      t.equal(await sendmsg(socket, { ...to, data: text('none') }), 4)
      t.match(await peer.next(), { address: '127.0.0.1', port, data: 'none' }, 'no source: the system chooses')
    }
  })

  await t.test('udp6, dual-stack', async (t) => {
    const socket = await bound(t, 'udp6', '::')
    const { port } = socket.address()
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1']) {
      t.equal(await sendmsg(socket, { data: text('mapped'), address, port: peer.port, source: '127.0.0.3' }), 6)
      t.match(await peer.next(), { address: '127.0.0.3', port, data: 'mapped' })
    }
    const six = await witness(t, '::1')
    await sendmsg(socket, { data: text('six'), address: '::1', port: six.port, source: '::1', trafficClass: 0x2e })
    t.match(await six.next(), { address: '::1', port, data: 'six', trafficClass: 0x2e })
    await t.rejects(sendmsg(socket, { data: text('x'), address: '::1', port: six.port, source: '127.0.0.3' }), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  await t.test('udp6 without IPv4', async (t) => {
    const socket = await bound(t, { type: 'udp6', ipv6Only: true }, '::')
    await t.rejects(sendmsg(socket, { ...to, data: text('x') }), { code: 'ERR_INVALID_ARG_VALUE' })
  })

  await t.test('connected', async (t) => {
    const socket = await bound(t, 'udp4', '0.0.0.0')
    socket.connect(peer.port, '127.0.0.1')
    await once(socket, 'connect')
    const { port } = socket.address()
    t.equal(await sendmsg(socket, { data: text('to the peer'), source: '127.0.0.3' }), 11)
    t.match(await peer.next(), { address: '127.0.0.3', port, data: 'to the peer' })
    t.equal(await sendmsg(socket, { data: text('again') }), 5)
    t.match(await peer.next(), { address: '127.0.0.1', port, data: 'again' })
    await t.rejects(sendmsg(socket, { ...to, data: text('x') }), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' })
  })

  await t.test('subclassed, with methods of its own', async (t) => {
    let calls = 0
    class Own extends dgram.Socket {
      override ref(): this {
        calls++
        return this
      }
      override unref(): this {
        calls++
        return this
      }
      override getSendQueueCount(): number {
        calls++
        return 0
      }
    }
    const sub = Reflect.construct(dgram.Socket, ['udp4'], Own) as dgram.Socket
    t.teardown(() => closed(sub))
    sub.bind(0, '127.0.0.1')
    await once(sub, 'listening')
    const patched = await bound(t)
    patched.ref = patched.unref = () => {
      calls++
      return patched
    }
    for (const socket of [sub, patched]) {
      const before = held()
      await sendmsg(socket, { ...to, data: text('own'), source: '127.0.0.3' })
      t.match(await peer.next(), { address: '127.0.0.3', port: socket.address().port, data: 'own' })
      t.equal(held(), before)
    }
    t.equal(calls, 0, 'what they override is not called')
  })
})

t.test('it keeps receiving, and its own send works', { skip: noPeer }, async (t) => {
  const peer = await witness(t)
  const socket = await bound(t)
  const { port } = socket.address()
  const heard: string[] = []
  socket.on('message', (data, info) => heard.push(`${data.toString()} ${info.address} ${String(info.port)}`))
  for (let round = 0; round < 20; round++) {
    const data = text(`ours ${String(round)}`)
    await sendmsg(socket, { data, address: '127.0.0.1', port: peer.port, source: '127.0.0.3' })
    t.match(await peer.next(), { address: '127.0.0.3', port, data: `ours ${String(round)}` })
    const came = once(socket, 'message')
    await peer.send('127.0.0.1', port, `theirs ${String(round)}`)
    await came
    socket.send(`dgram ${String(round)}`, peer.port, '127.0.0.1')
    t.match(await peer.next(), { address: '127.0.0.1', port, data: `dgram ${String(round)}` })
  }
  t.same(
    heard,
    Array.from({ length: 20 }, (_, round) => `theirs ${String(round)} 127.0.0.1 ${String(peer.port)}`),
  )
})

t.test('its ref state is as it was', async (t) => {
  await t.test('beside others, held or not', async (t) => {
    const sockets = await Promise.all(Array.from({ length: 6 }, () => bound(t)))
    sockets.forEach((socket, index) => {
      if (index % 2 === 1) socket.unref()
    })
    const others = held()
    for (const [index, socket] of sockets.entries()) {
      await sendmsg(socket, { data: text('x'), address: '127.0.0.1', port: socket.address().port })
      t.equal(held(), others)
      socket.unref()
      t.equal(held(), index % 2 === 0 ? others - 1 : others, index % 2 === 0 ? 'it was held' : 'it was not held')
      if (index % 2 === 0) socket.ref()
      t.equal(held(), others)
    }
  })

  await t.test('a process ends, or stays, as it would have', async (t) => {
    for (const [how, said] of [
      ['ref', 'running'],
      ['unref', 'ended'],
    ] as const) {
      const { stdout } = await run(process.execPath, [helper('borrowed-hold.mjs'), how])
      t.equal(stdout.trim(), said, how)
    }
  })

  await t.test('it is looked for once', async (t) => {
    const { stdout } = await run(process.execPath, [helper('borrowed-cached.cjs')])
    const [first, then, second, thenAgain] = JSON.parse(stdout) as number[]
    t.ok(first! > 0 && second! > 0, 'at the first call')
    t.same([then, thenAgain], [0, 0], 'not at the next forty')
  })
})

t.test('a thousand dgram sockets at once, each found among all', async (t) => {
  const receiver = createSocket({ type: 'udp4', pull: true, recvBufferSize: 1 << 20 })
  t.teardown(() => receiver.close())
  receiver.bind(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address()
  const sockets = await Promise.all(Array.from({ length: 1000 }, () => bound(t)))
  sockets.forEach((socket, index) => {
    if (index % 3 === 0) socket.unref()
  })
  const holding = held()
  const start = performance.now()
  for (const round of ['found', 'known']) {
    const wrong: number[] = []
    for (const [index, socket] of sockets.entries()) {
      const data = new Uint8Array(2)
      new DataView(data.buffer).setUint16(0, index)
      await sendmsg(socket, { data, address: '127.0.0.1', port, source: '127.0.0.3' })
      const message = await receiver.recvmsg({ timeout: 10_000 })
      if (message.port !== socket.address().port || message.data.readUInt16BE(0) !== index) wrong.push(index)
    }
    t.same(wrong, [], round)
    t.comment(`${round}: ${(performance.now() - start).toFixed()} ms since the start`)
  }
  t.equal(held(), holding, 'as many hold the loop as before')
  // A closed one's number goes to a new one, which must not be taken for it.
  for (let index = 0; index < 1000; index += 100) {
    const old = sockets[index]!
    old.close()
    await t.rejects(sendmsg(old, { data: text('x'), address: '127.0.0.1', port }), {
      code: 'ERR_SOCKET_DGRAM_NOT_RUNNING',
    })
    const fresh = await bound(t)
    await sendmsg(fresh, { data: text('fresh'), address: '127.0.0.1', port })
    t.equal((await receiver.recvmsg({ timeout: 10_000 })).port, fresh.address().port)
    t.throws(() => trySendmsg(old, { data: text('x'), address: '127.0.0.1', port }), {
      code: 'ERR_SOCKET_DGRAM_NOT_RUNNING',
    })
  }
  t.equal(receiver.tryRecvmsg(), null, 'nothing more was sent')
})

t.test('a bare descriptor', { skip: noProc }, async (t) => {
  await t.test('of a dgram socket', { skip: noPeer }, async (t) => {
    const peer = await witness(t)
    const socket = await bound(t, 'udp4', '0.0.0.0')
    const { port } = socket.address()
    const descriptor = descriptorOf(port)
    const flags = flagsOf(descriptor)
    await sendmsg(descriptor, { data: text('one'), address: '127.0.0.1', port: peer.port, source: '127.0.0.3' })
    t.match(await peer.next(), { address: '127.0.0.3', port, data: 'one' })
    await sendmsg(socket, { data: text('two'), address: '127.0.0.1', port: peer.port, source: '127.0.0.4' })
    t.match(await peer.next(), { address: '127.0.0.4', port, data: 'two' })
    const came = once(socket, 'message')
    await peer.send('127.0.0.1', port, 'three')
    const [data] = (await came) as [Buffer]
    t.equal(data.toString(), 'three')
    t.equal(flagsOf(descriptor), flags)
  })

  await t.test('of another program, which does not read from it', { skip: noPeer }, async (t) => {
    const peer = await witness(t)
    const { stdout } = await run('python3', [
      path.resolve('test/witness/lend_descriptor.py'),
      '127.0.0.1',
      process.execPath,
      helper('borrowed-lent.mjs'),
      String(peer.port),
    ])
    const [results, lent] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    t.same(results, {
      sent: 3,
      batch: 2,
      nothing: null,
      timedOut: 'ETIMEDOUT',
      aborted: 'ABORT_ERR',
      behind: null,
      pulled: ['a', 'b', ['c']],
      truncated: { address: '127.0.0.1', family: 'IPv4', from: true, size: 4, truncated: true },
      immediate: ['d', ['e', 'f']],
    })
    t.match(await peer.next(), { address: '127.0.0.3', data: 'one' })
    t.match(await peer.next(), { address: '127.0.0.1', data: 'two', trafficClass: 0xb9 })
    t.match(await peer.next(), { address: '127.0.0.4', data: 'three' })
    t.equal(lent!['code'], 0)
    t.same(lent!['after'], lent!['before'], 'its options and its blocking mode are as they were')
    t.match(lent!['before'], { blocking: true })
    t.equal(lent!['left'], 1, 'what was not asked for is left to the owner')
  })

  await t.test('whose number another socket has now', async (t) => {
    const receivers = await Promise.all([bound(t), bound(t, 'udp6', '::1')])
    const [four, six] = receivers.map((socket) => socket.address().port) as [number, number]
    const first = createSocket({ type: 'udp4', pull: true })
    first.bind(0, '127.0.0.1')
    const number = descriptorOf(first.address().port)
    await sendmsg(number, { data: text('four'), address: '127.0.0.1', port: four })
    const [, info] = (await once(receivers[0], 'message')) as [Buffer, dgram.RemoteInfo]
    t.equal(info.port, first.address().port)
    first.close()
    await t.rejects(sendmsg(number, { data: text('x'), address: '127.0.0.1', port: four }), { code: 'EBADF' })

    const second = createSocket({ type: 'udp6', pull: true, ipv6Only: true })
    t.teardown(() => second.close())
    second.bind(0, '::1')
    const { port } = second.address()
    t.equal(descriptorOf(port, 'udp6'), number, 'the number is used again')
    await sendmsg(number, { data: text('six'), address: '::1', port: six })
    const [data, from] = (await once(receivers[1], 'message')) as [Buffer, dgram.RemoteInfo]
    t.match({ ...from, data: data.toString() }, { family: 'IPv6', address: '::1', port, data: 'six' })
    await t.rejects(sendmsg(number, { data: text('x'), address: '127.0.0.1', port: four }), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  await t.test('more numbers than are remembered', async (t) => {
    const before = countSockets()
    const sockets = Array.from({ length: 1100 }, () => createSocket({ type: 'udp4', pull: true }).bind(0, '127.0.0.1'))
    const first = sockets[0]!
    const numbers = descriptorsByPort()
    const waiting = recvmsg(descriptorOf(first.address().port))
    const wrong: number[] = []
    for (const socket of sockets.slice(1)) {
      const { port } = socket.address()
      await sendmsg(numbers.get(port)!, { data: text('self'), address: '127.0.0.1', port })
      if ((await socket.recvmsg({ timeout: 10_000 })).port !== port) wrong.push(port)
    }
    t.same(wrong, [], 'each number sends from its own socket')
    // Still the one that the first number has: the call that waits there comes first.
    const number = descriptorOf(first.address().port)
    const next = recvmsg(number)
    for (const data of ['first', 'next']) {
      await sendmsg(number, { data: text(data), address: '127.0.0.1', port: first.address().port })
    }
    t.equal((await waiting).data.toString(), 'first')
    t.equal((await next).data.toString(), 'next')
    for (const socket of sockets) socket.close()
    await new Promise(setImmediate)
    t.equal(countSockets(), before)
  })
})

t.test('refused', async (t) => {
  const socket = await bound(t)
  const { port } = socket.address()
  const message: OutgoingMessage = { data: text('x'), address: '127.0.0.1', port }

  const everySend = async (t: Test, borrowed: unknown, expected: Refusal): Promise<void> => {
    const sender = borrowed as SendingSocket
    await t.rejects(sendmsg(sender, message), expected)
    await t.rejects(sendmmsg(sender, [message]), expected)
    t.throws(() => trySendmsg(sender, message), expected)
    t.throws(() => trySendmmsg(sender, [message]), expected)
  }

  await t.test('not bound yet', async (t) => {
    const unbound = dgram.createSocket('udp4')
    t.teardown(() => closed(unbound))
    const before = held()
    await everySend(t, unbound, { code: 'ERR_INVALID_STATE', message: /not bound/ })
    t.equal(held(), before)
    unbound.bind(0, '127.0.0.1')
    await once(unbound, 'listening')
    t.equal(await sendmsg(unbound, message), 1, 'bound it is taken')
  })

  await t.test('closed', async (t) => {
    const ended = await bound(t)
    t.equal(await sendmsg(ended, message), 1)
    ended.close()
    await everySend(t, ended, { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    await once(ended, 'close')
    await everySend(t, ended, { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    const never = dgram.createSocket('udp6')
    never.close()
    await everySend(t, never, { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
  })

  await t.test('no datagram socket', async (t) => {
    const foreign: unknown[] = [undefined, null, '7', true, 7n, Symbol('7'), {}, [], () => 7, Buffer.from('7')]
    foreign.push(
      new net.Socket(),
      { fd: 1 },
      { _handle: { fd: 1 } },
      new AbortController().signal,
      dgram,
      dgram.Socket,
      dgram.Socket.prototype,
    )
    for (const value of foreign) {
      await everySend(t, value, { code: 'ERR_INVALID_ARG_TYPE', name: 'TypeError', message: /"socket"/ })
      await t.rejects(recvmsg(value as number), { code: 'ERR_INVALID_ARG_TYPE' })
    }
  })

  await t.test('no number of a descriptor', async (t) => {
    for (const number of [-1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53]) {
      await everySend(t, number, { code: 'ERR_OUT_OF_RANGE', name: 'RangeError' })
      t.throws(() => tryRecvmsg(number), { code: 'ERR_OUT_OF_RANGE' })
    }
  })

  await t.test('no descriptor of a datagram socket', { skip: noProc }, async (t) => {
    const file = openSync(os.devNull, 'r')
    t.teardown(() => closeSync(file))
    await everySend(t, file, { code: 'ENOTSOCK', name: 'SocketError', syscall: 'sendmsg' })
    await everySend(t, 0x7ffffffe, { code: 'EBADF' })
    const server = net.createServer().listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    await everySend(t, fd, { code: 'ENOTSUP' })
    t.throws(() => tryRecvmmsg(fd), { code: 'ENOTSUP' })
  })

  await t.test('what is emulated, which would change its options', async (t) => {
    const sets: OutgoingMessage[] = [true, false].map((dontFragment) => ({ ...message, dontFragment }))
    const numbers = process.platform === 'linux' ? [descriptorOf(port)] : []
    for (const one of sets) {
      for (const borrowed of [socket, ...numbers]) {
        const expected = { code: 'ENOTSUP', name: 'SocketError', message: /dontFragment .*borrowed/ }
        await t.rejects(sendmsg(borrowed, one), expected)
        t.throws(() => trySendmsg(borrowed, one), expected)
        await t.rejects(sendmmsg(borrowed, [message, one]), expected)
      }
    }
    const six = await bound(t, 'udp6', '::1')
    const sent = await sendmsg(six, { data: text('x'), address: '::1', port: six.address().port, dontFragment: true })
    t.equal(sent, 1, 'IPv6 has it by control message')
  })

  await t.test('receiving from a dgram socket', async (t) => {
    const borrowed = socket as unknown as number
    const expected = { code: 'ERR_INVALID_ARG_VALUE', message: /dgram\.Socket/ }
    await t.rejects(recvmsg(borrowed), expected)
    await t.rejects(recvmmsg(borrowed), expected)
    t.throws(() => tryRecvmsg(borrowed), expected)
    t.throws(() => tryRecvmmsg(borrowed), expected)
  })
  const [heard] = await Promise.all([once(socket, 'message'), sendmsg(socket, message)])
  t.equal((heard as [Buffer])[0].toString(), 'x', 'nothing of this broke it')
})

t.test('its options are never changed', { skip: noProc || noStrace }, async (t) => {
  for (const how of ['at once', 'waits']) {
    const trace = path.join(t.testdir({}), 'trace')
    const strace = ['-f', '-o', trace, '-e', 'trace=setsockopt,fcntl,ioctl,access,faccessat,faccessat2']
    const { stdout } = await run('strace', [...strace, process.execPath, helper('borrowed-options.mjs'), how])
    const { descriptor, sent } = JSON.parse(stdout) as { descriptor: number; sent: number }
    t.equal(sent, 2 * (300 + 300 + 300 + 900), how)
    const lines = readFileSync(trace, 'utf8').split('\n')
    const borrowedAt = lines.findIndex((line) => line.includes('borrowed-options.mjs'))
    const ofIt = new RegExp(`(setsockopt|fcntl|ioctl)\\(${String(descriptor)},`)
    t.ok(borrowedAt > 0)
    t.equal(lines.slice(0, borrowedAt).filter((line) => ofIt.test(line)).length > 0, true, 'its owner sets one')
    // To look at the flags, and to duplicate it, changes nothing.
    const changes = lines.slice(borrowedAt).filter((line) => ofIt.test(line) && !/F_GETFL|F_DUPFD_CLOEXEC/.test(line))
    t.same(changes, [])
    t.ok(
      lines.slice(borrowedAt).some((line) => line.includes('setsockopt(')),
      'sockets of ours are set, and traced',
    )
  }
})

t.test('without room, while it receives', { skip: noProc || noSlow }, async (t) => {
  const count = 1500
  const command = ['unshare', ...SLOW, process.execPath, helper('borrowed-waiting.mjs'), String(count)]
  const [program = '', ...args] = onOneCpu(command)
  const { stdout } = await run(program, args)
  const { result, closed: end } = JSON.parse(stdout) as {
    result: Record<string, any>[] // eslint-disable-line @typescript-eslint/no-explicit-any
    closed: object
  }
  for (const [index, one] of result.entries()) {
    await t.test(index === 0 ? 'held' : 'not held', async (t) => {
      t.equal(one['refused'], null, 'an immediate call does not pass those that wait')
      t.ok(one['during'].waiting > 0, 'sends wait')
      t.ok(one['during'].heard > 0 && one['heardWhileWaiting'] > one['during'].heard, 'and it receives meanwhile')
      t.equal(one['during'].held, one['before'].held)
      t.equal(one['during'].flags, one['before'].flags)
      t.same(one['after'], one['before'], 'ref state, sockets and flags are as before')
      t.equal(one['inOrder'], true, 'all are settled and arrive, in order')
      t.same(one['sources'], ['127.0.0.3'])
      t.equal(one['again'], 9)
    })
  }
  t.same(end, { canceled: true, sent: true, sockets: 0 }, 'closed while sends wait: all are settled')
})
