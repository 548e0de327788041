// What earlier datagrams met on their way (IP_RECVERR): 'datagramError'. Over loopback here, where the system itself
// answers with ICMP port unreachable; with a router on the way in test/linux/path-errors.ts.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import timers from 'node:timers/promises'
import t from 'tap'
import {
  createSocket,
  SocketError,
  type DatagramError,
  type OutgoingMessage,
  type Socket,
  type SocketOptions,
} from 'sendmsg'
import { noPeer } from '../helpers/peer'
import { bound, closedPort, isLocal, loopbackInterface, open, receive, told } from '../helpers/sockets'
import { uncaught } from '../helpers/uncaught'

const elsewhere = process.platform !== 'linux' && 'the error queue is Linux'
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'
const noNamespace =
  elsewhere ||
  noPeer ||
  (spawnSync('unshare', ['-n', 'ip', 'link']).status !== 0 && 'a network namespace needs root, and iproute2')

const REFUSED_IPV4 = { origin: 'icmp', icmpType: 3, icmpCode: 3 } // RFC 792
const REFUSED_IPV6 = { origin: 'icmp6', icmpType: 1, icmpCode: 4 } // RFC 4443
const routes = [
  { title: 'IPv4', type: 'udp4', address: '127.0.0.1', icmp: REFUSED_IPV4 },
  { title: 'IPv6', type: 'udp6', address: '::1', icmp: REFUSED_IPV6 },
  { title: 'IPv4 on a dual-stack socket', type: 'udp6', address: '127.0.0.1', icmp: REFUSED_IPV4 },
] as const

/** What comes until there was nothing for a while. */
function errorsOf(socket: Socket): DatagramError[] {
  const errors: DatagramError[] = []
  socket.on('datagramError', (error) => errors.push(error))
  socket.on('error', (error) => errors.push(error as DatagramError))
  return errors
}
const quiet = async (): Promise<void> => {
  await timers.setTimeout(50)
}

for (const { title, type, address, icmp } of routes) {
  const skip = elsewhere || (type === 'udp6' && noIPv6)
  const expected = (port: number, data: string): object => ({
    name: 'DatagramError',
    code: 'ECONNREFUSED',
    nativeName: 'ECONNREFUSED',
    syscall: 'sendmsg',
    address,
    port,
    ...icmp,
    mtu: undefined,
    offender: address,
    data: Buffer.from(data),
    message: `sendmsg ECONNREFUSED ${address}:${port}`,
  })

  for (const connected of [false, true]) {
    t.test(`${title}, ${connected ? 'connected' : 'unconnected'}: a port that is closed`, { skip }, async (t) => {
      const port = await closedPort(type)
      const socket = open(t, { type, receiveErrors: true })
      const errors = errorsOf(socket)
      socket.bindSync()
      if (connected) socket.connectSync(port, address)
      const to = connected ? {} : { address, port }
      for (const data of ['one', 'two', '']) {
        const [error] = await Promise.all([
          once(socket, 'datagramError'),
          socket.sendmsg({ data: Buffer.from(data), ...to }),
        ])
        t.ok(error[0] instanceof SocketError)
        told(t, error[0], expected(port, data))
      }
      for (const data of ['three', 'four', 'five']) {
        t.equal(socket.trySendmsg({ data: Buffer.from(data), ...to }), data.length, 'no send fails for another')
      }
      await quiet()
      told(
        t,
        errors.slice(3),
        ['three', 'four', 'five'].map((data) => expected(port, data)),
        'one for each, in order, and nothing else',
      )
    })
  }

  t.test(`${title}: dead and living ports in turn`, { skip }, async (t) => {
    const living = await bound(t, { type, recvBufferSize: 4 << 20 }, type === 'udp6' ? undefined : address)
    const dead = await closedPort(type)
    for (const pull of [false, true]) {
      const socket = await bound(t, { type, receiveErrors: true, pull })
      const errors = errorsOf(socket)
      // Nothing comes; while it waits the socket is read.
      const waits = pull ? socket.recvmsg() : undefined
      const messages: OutgoingMessage[] = Array.from({ length: 1000 }, (_, at) => ({
        data: Buffer.from(String(at)),
        address,
        port: at % 2 === 0 ? dead : living.address().port,
      }))
      const heard = receive(living, 'messages', 500)
      // The first half each on its own, the others in batches.
      const sent = await Promise.all(messages.slice(0, 500).map(async (message) => await socket.sendmsg(message)))
      t.same(
        sent,
        messages.slice(0, 500).map(({ data }) => data.length),
        'each is sent',
      )
      for (let at = 500; at < 1000; at += 50) t.equal(await socket.sendmmsg(messages.slice(at, at + 50)), 50)
      const numbers = (await heard).map(({ data }) => Number(data))
      t.same(
        numbers,
        Array.from({ length: 500 }, (_, at) => at * 2 + 1),
        'the living one gets all of its own, in order',
      )
      await quiet()
      const told = errors.map(({ data }) => Number(data))
      t.ok(told.length > 0, `${told.length} of 500 refusals were told`) // the kernel limits how many it answers
      t.equal(new Set(told).size, told.length, 'none twice')
      t.ok(
        errors.every(({ name, port, data }) => name === 'DatagramError' && port === dead && Number(data) % 2 === 0),
        'each of the dead one',
      )
      const ended = waits?.catch((error: unknown) => (error as SocketError).code)
      socket.close()
      if (pull) t.equal(await ended, 'ECANCELED', 'whoever waited for a message heard of none of it')
      living.removeAllListeners('messages')
    }
  })

  t.test(`${title}: a socket that is pulled from`, { skip }, async (t) => {
    const port = await closedPort(type)
    for (const connected of [false, true]) {
      const socket = open(t, { type, receiveErrors: true, pull: true })
      const errors = errorsOf(socket)
      socket.bindSync()
      if (connected) socket.connectSync(port, address)
      await socket.sendmsg({ data: Buffer.from('x'), ...(connected ? {} : { address, port }) })
      await quiet()
      t.equal(socket.tryRecvmsg(), null, 'no error of a call')
      t.same(socket.tryRecvmmsg(), [])
      await t.rejects(socket.recvmsg({ timeout: 100 }), { code: 'ETIMEDOUT' })
      told(t, errors, [expected(port, 'x')], 'told while it is waited for messages')
    }
  })

  t.test(`${title}: nobody asked for it`, { skip }, async (t) => {
    const port = await closedPort(type)
    const socket = await bound(t, { type })
    const errors = errorsOf(socket)
    for (let count = 0; count < 10; count++) await socket.sendmsg({ data: Buffer.from('x'), address, port })
    await quiet()
    t.same(errors, [])
  })
}

t.test('a listener that throws', { skip: elsewhere }, async (t) => {
  const port = await closedPort('udp4')
  const socket = await bound(t, { type: 'udp4', receiveErrors: true }, '127.0.0.1')
  let calls = 0
  socket.on('datagramError', () => {
    if (++calls === 1) throw new Error('thrown by a listener')
  })
  const errors = uncaught(t)
  for (let count = 0; count < 3; count++) {
    await socket.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port })
  }
  await quiet()
  const [thrown] = errors
  t.equal(thrown?.message, 'thrown by a listener')
  const heard = receive(socket, 'message', 1)
  await socket.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port: socket.address().port })
  t.equal((await heard).length, 1, 'the socket goes on to receive')
  await socket.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port })
  await quiet()
  t.equal(calls, 4, 'and all errors are told')
})

t.test('a listener that closes the socket', { skip: elsewhere }, async (t) => {
  const port = await closedPort('udp4')
  const socket = await bound(t, { type: 'udp4', receiveErrors: true })
  const errors = errorsOf(socket)
  socket.on('datagramError', () => {
    socket.close()
  })
  socket.trySendmmsg(Array(4).fill({ data: Buffer.from('x'), address: '127.0.0.1', port }))
  await once(socket, 'close')
  await quiet()
  t.equal(errors.length, 1, 'hears of no more')
})

t.test('the path MTU of loopback', { skip: elsewhere }, async (t) => {
  const link = Number(readFileSync(`/sys/class/net/${loopbackInterface}/mtu`, 'utf8'))
  for (const { title, type, address } of routes.slice(0, noIPv6 === false ? 3 : 1)) {
    const socket = await bound(t, { type })
    t.throws(() => socket.getPathMTU(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
    socket.connectSync(9, address)
    // No packet of IPv4 is longer than 65,535 bytes.
    t.equal(socket.getPathMTU(), address === '127.0.0.1' ? Math.min(link, 65535) : link, title)
  }
})

t.test('where there is no error queue', { skip: process.platform === 'linux' && 'Linux has one' }, async (t) => {
  const options: SocketOptions = { type: 'udp4', receiveErrors: true }
  t.throws(() => createSocket(options), { code: 'ENOTSUP', message: /receiveErrors/ })
  open(t, { ...options, unsupported: 'ignore' })
})

const inside = [process.execPath, ...process.execArgv, path.resolve('test/linux/path-errors.ts')]
const router = 'a namespace with a router on the way'
if (noNamespace === false) void t.spawn('unshare', ['-n', ...inside], router)
else t.test(router, { skip: noNamespace }, async () => {})
