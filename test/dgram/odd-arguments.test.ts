// Arguments that JavaScript cannot make a number or a text of, and arguments of multicast; errors as dgram's programs read them.
import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import t from 'tap'
import { createSocket, SocketError, type DatagramError, type Socket, type SocketOptions } from 'sendmsg'
import { closedPort, isLocal, open } from '../helpers/sockets'

type Any = ReturnType<typeof JSON.parse>
type Lookup = NonNullable<SocketOptions['lookup']>

const LOOPBACK = '127.0.0.1'
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'

t.test('symbols and bigints', async (t) => {
  const socket: Any = open(t, { type: 'udp4' })
  const badPort = { name: 'RangeError', code: 'ERR_SOCKET_BAD_PORT' }
  const wrongType = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
  for (const odd of [Symbol('odd'), 10n]) {
    t.throws(() => socket.send('x', odd), badPort)
    t.throws(() => socket.send('x', odd, LOOPBACK), badPort)
    t.throws(() => socket.send('x', 0, 1, odd, LOOPBACK), badPort)
    t.throws(() => socket.connect(odd), badPort)
    t.throws(() => socket.connectSync(odd), badPort)
    t.throws(() => socket.bind(odd), badPort)
    t.throws(() => socket.bind({ port: odd }), badPort)
    t.throws(() => socket.bindSync({ port: odd }), badPort)
    t.throws(() => socket.send('x', odd, 1, 9, LOOPBACK), { ...wrongType, message: /"offset" argument/ })
    t.throws(() => socket.send('x', 0, odd, 9, LOOPBACK), { ...wrongType, message: /"length" argument/ })
    t.throws(() => socket.send('x', 9, odd), wrongType)
    t.throws(() => socket.bind(0, odd), wrongType)
    t.throws(() => socket.connect(9, odd), wrongType)
    t.throws(() => socket.setTTL(odd), wrongType)
    t.throws(() => socket.setRecvBufferSize(odd), { code: 'ERR_SOCKET_BAD_BUFFER_SIZE' })
    t.throws(() => socket.addMembership(odd), wrongType)
    t.throws(() => socket.setMulticastInterface(odd), wrongType)
    t.throws(() => createSocket(odd as Any), { code: 'ERR_SOCKET_BAD_TYPE' })
    t.throws(() => createSocket({ type: odd } as Any), { code: 'ERR_SOCKET_BAD_TYPE' })
    t.throws(() => createSocket({ type: 'udp4', receiveInfo: [odd] } as Any), { code: 'ERR_INVALID_ARG_VALUE' })
  }
})

t.test("dgram's forms: memory that is gone, and objects with code of their own", async (t) => {
  const socket: Any = open(t, { type: 'udp4' })
  const receiver = open(t, { type: 'udp4', pull: true })
  const { port } = receiver.bindSync({ address: LOOPBACK })
  for (const Type of [Uint8Array, Uint16Array, DataView, Buffer]) {
    const { buffer } = new Uint8Array(8)
    const view = Type === Buffer ? Buffer.from(buffer) : new (Type as typeof Uint8Array)(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    const gone = { name: 'Error', code: 'ERR_INVALID_STATE' }
    t.throws(() => socket.send(view, port, LOOPBACK), gone)
    t.throws(() => socket.send([Buffer.from('x'), view], port, LOOPBACK), gone)
    t.throws(() => socket.send(view, 0, 0, port, LOOPBACK), gone)
    t.throws(() => socket.send(view, 0, 8, port, LOOPBACK), { code: /^ERR_(INVALID_STATE|BUFFER_OUT_OF_BOUNDS)$/ })
  }
  const wrongType = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
  for (const odd of [Object.create(null), { valueOf: () => ({}), toString: () => ({}) }]) {
    t.throws(() => socket.send('xyz', odd, 1, port, LOOPBACK), { ...wrongType, message: /"offset" argument/ })
    t.throws(() => socket.send('xyz', 0, odd, port, LOOPBACK), { ...wrongType, message: /"length" argument/ })
  }
  // As with dgram: its own code is the program's.
  const own = new RangeError('of its own')
  const throwing = {
    valueOf: () => {
      throw own
    },
  }
  t.throws(() => socket.send('xyz', throwing, 1, port, LOOPBACK), own)
  class Odd extends Uint8Array {
    override subarray(): never {
      throw new Error('code of its own')
    }
    static get [Symbol.species](): never {
      throw new Error('code of its own')
    }
  }
  socket.send(Odd.from([1, 2, 3, 4]), 1, 2, port, LOOPBACK)
  const { data } = await receiver.recvmsg()
  t.same([...data], [2, 3])
  socket.send('xyz', { valueOf: () => 1 }, '2', port, LOOPBACK)
  t.equal((await receiver.recvmsg()).data.toString(), 'yz')
  const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(7)
  for (const view of [shared, new DataView(shared.buffer)]) {
    socket.send(view, port, LOOPBACK)
    t.same([...(await receiver.recvmsg()).data], [7, 7, 7, 7], 'shared memory is sent, as with dgram')
    socket.send([view, 'x'], port, LOOPBACK)
    t.equal((await receiver.recvmsg()).size, 5)
    socket.send(view, 1, 2, port, LOOPBACK)
    t.equal((await receiver.recvmsg()).size, 2)
  }
  const { buffer } = new Uint8Array(8)
  const detaching = { valueOf: () => (structuredClone(buffer, { transfer: [buffer] }), 4) }
  t.throws(() => socket.send(new Uint8Array(buffer), 0, detaching, port, LOOPBACK), { code: /^ERR_/ })
})

t.test('a look-up that answers with a symbol', async (t) => {
  const lookup = ((_name: string, _family: number, done: (...answer: Any[]) => void) => {
    done(null, Symbol('address'), 4)
  }) as unknown as Lookup
  const socket = open(t, { type: 'udp4', lookup })
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error))
  socket.bind(0, 'a.name')
  t.match(errors, [{ code: 'EINVAL', syscall: 'bind', address: 'a.name' }])
  socket.bindSync({ address: LOOPBACK })
  for (const call of ['connect', 'send'] as const) {
    const error = await new Promise((done) => {
      if (call === 'connect') socket.connect(9, 'a.name', done)
      else socket.send('x', 9, 'a.name', done)
    })
    t.match(error, { code: 'EINVAL', syscall: call, address: 'a.name' })
  }
})

const multicast: Record<string, (socket: Socket, group: string, through: string) => void> = {
  addMembership: (socket, group, through) => socket.addMembership(group, through),
  dropMembership: (socket, group, through) => socket.dropMembership(group, through),
  addSourceSpecificMembership: (socket, group, through) =>
    socket.addSourceSpecificMembership(group.includes(':') ? '::1' : LOOPBACK, group, through),
  dropSourceSpecificMembership: (socket, group, through) =>
    socket.dropSourceSpecificMembership(group.includes(':') ? '::1' : LOOPBACK, group, through),
}

t.test('an interface that is none', async (t) => {
  const socket = open(t, { type: 'udp4' })
  for (const [name, call] of Object.entries(multicast)) {
    for (const through of ['lo', '', '::1', '127.0.0', 'no such thing']) {
      t.throws(() => call(socket, '232.1.2.3', through), {
        code: 'EINVAL',
        syscall: name,
        message: `${name} EINVAL: multicastInterface must be an IPv4 address of the interface, not its name`,
      })
    }
  }
  for (const through of ['lo', '', 'no such thing', '::', '::1']) {
    t.throws(() => socket.setMulticastInterface(through), {
      code: 'EINVAL',
      syscall: 'setMulticastInterface',
      message: /interfaceAddress must be an IPv4 address/,
    })
  }
})

t.test('an interface that is none, of IPv6', { skip: noIPv6 }, async (t) => {
  const socket = open(t, { type: 'udp6' })
  for (const [name, call] of Object.entries(multicast)) {
    for (const through of ['lo', '', LOOPBACK, '::%nowhere0']) {
      t.throws(() => call(socket, 'ff02::77', through), {
        code: 'EINVAL',
        syscall: name,
        message: /multicastInterface must be an IPv6 address with a scope/,
      })
    }
  }
})

t.test('IPv6 multicast on udp4', async (t) => {
  const socket = open(t, { type: 'udp4' })
  for (const bound of [false, true]) {
    if (bound) socket.bindSync()
    for (const [name, call] of Object.entries(multicast)) {
      t.throws(() => call(socket, 'ff02::77', '::'), { code: 'EINVAL', syscall: name })
    }
    t.throws(() => socket.setMulticastInterface('::'), { code: 'EINVAL' })
  }
})

t.test('errors as text', async (t) => {
  const socket = open(t, { type: 'udp4' })
  try {
    socket.setTTL(0)
    t.fail('taken')
  } catch (error) {
    t.equal(String(error), 'Error: setTTL EINVAL')
    t.equal(`${error as Error}`, 'Error: setTTL EINVAL')
    t.ok(error instanceof SocketError)
    t.equal((error as Error).name, 'SocketError')
  }
  // As Node's own tests have it.
  assert.throws(() => socket.setTTL(0), /^Error: setTTL EINVAL$/)
  assert.throws(() => socket.addMembership('256.256.256.256'), /^Error: addMembership EINVAL$/)
})

const noQueue = process.platform !== 'linux' && 'only Linux has an error queue'
t.test('errors of earlier datagrams as text', { skip: noQueue }, async (t) => {
  const socket = open(t, { type: 'udp4', receiveErrors: true })
  const port = await closedPort('udp4')
  const told = once(socket, 'datagramError', { signal: AbortSignal.timeout(10_000) })
  socket.bindSync({ address: LOOPBACK })
  await socket.sendmsg({ data: Buffer.from('x'), address: LOOPBACK, port })
  const [error] = (await told) as [DatagramError]
  t.equal(String(error), `Error: sendmsg ECONNREFUSED ${LOOPBACK}:${port}`)
})

t.test('dns.lookup is looked up when it is used', async (t) => {
  const { lookup } = dns
  t.teardown(() => {
    dns.lookup = lookup
  })
  const asked: unknown[] = []
  dns.lookup = ((name: string, family: number, done: (...answer: Any[]) => void) => {
    asked.push([name, family])
    process.nextTick(done, null, LOOPBACK, 4)
  }) as Any
  const sink = open(t, { type: 'udp4', pull: true })
  sink.bind(0, 'not.looked.up.invalid')
  await once(sink, 'listening')
  const { port } = sink.address()
  const socket = open(t, { type: 'udp4' })
  socket.send('1', port, 'a.name.invalid')
  t.equal(String((await sink.recvmsg({ timeout: 10_000 })).data), '1')
  await new Promise<void>((done) => socket.connect(port, 'another.name.invalid', () => done()))
  t.same(asked, [
    ['not.looked.up.invalid', 4],
    // As dgram: whoever replaces dns.lookup is asked for addresses, too.
    ['0.0.0.0', 4],
    ['a.name.invalid', 4],
    ['another.name.invalid', 4],
  ])
  asked.length = 0
  dns.lookup = lookup
  const other = open(t, { type: 'udp4' })
  other.send('2', port, LOOPBACK)
  t.equal(String((await sink.recvmsg({ timeout: 10_000 })).data), '2')
  t.same(asked, [])
})
