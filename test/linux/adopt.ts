// Runs with descriptors that Python opened (test/witness/lend_descriptors.py): bind({ fd }) takes them over.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fstatSync, writeSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createSocket, type Socket, type SocketOptions } from 'sendmsg'
import { countSockets, flagsOf } from '../helpers/descriptors.cjs'
import { Peer } from '../helpers/peer'
import { bound, closedPort, isLocal, loopbackInterface, open, receive, told } from '../helpers/sockets'

const lent = JSON.parse(process.env['DESCRIPTORS']!) as Record<string, { fd: number; port: number }>
const peer = new Peer()
t.teardown(() => peer.end())
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'
const x = Buffer.from('x')

function adopted(test: Test, options: SocketOptions, name: string): Socket {
  return open(test, options).bind({ fd: lent[name]!.fd })
}

const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

/** What another process reads of a descriptor's options. */
function optionsOf(fd: number, ...options: [level: number, option: number][]): number[] {
  const script = `import json, socket
lent = socket.socket(fileno=3)
print(json.dumps([lent.getsockopt(*option) for option in ${JSON.stringify(options)}]))`
  const { stdout } = spawnSync('python3', ['-c', script], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
    encoding: 'utf8',
  })
  return JSON.parse(stdout)
}

const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000
const SO_RCVBUF: [number, number] = [1, 8]
const SO_SNDBUF: [number, number] = [1, 7]
const IP_MTU_DISCOVER: [number, number] = [0, 10]
const PROBE = 3
const UDP_GRO: [number, number] = [17, 104]

for (const { type, family, address } of [
  { type: 'udp4', family: 4, address: '127.0.0.1' },
  { type: 'udp6', family: 6, address: '::1' },
] as const) {
  t.test(`${type}: taken over, and closed at the end`, { skip: family === 6 && noIPv6 }, async (t) => {
    const { fd, port } = lent[type]!
    const witness = await peer.open({ family, address })
    await witness.send({ data: 'before', address, port })
    const sockets = countSockets()
    t.equal(flagsOf(fd) & O_NONBLOCK, 0)

    const socket = open(t, { type })
    let listening = 0
    const heard = receive(socket, 'message', 1)
    socket.bind({ fd }, () => listening++)
    t.equal(listening, 1, 'at once')
    told(t, socket.address(), { address, port, family: `IPv${family}` })
    t.equal(countSockets(), sockets, 'what the socket had before is closed')
    t.equal(flagsOf(fd) & (O_NONBLOCK | O_CLOEXEC), O_NONBLOCK | O_CLOEXEC)
    t.throws(() => socket.bind({ fd }), { code: 'ERR_SOCKET_ALREADY_BOUND' })
    t.throws(() => socket.bindSync(), { code: 'ERR_SOCKET_ALREADY_BOUND' })
    told(t, await heard, [{ data: Buffer.from('before'), port: witness.port, address }], 'what had come is not lost')

    const [next] = await Promise.all([
      receive(socket, 'message', 1),
      witness.send({ data: 'after', address, port, trafficClass: 0x2a }),
    ])
    told(t, next, [
      {
        data: Buffer.from('after'),
        destination: address,
        interface: (await peer.ask({ op: 'numbers' })).interfaces[loopbackInterface!],
        cast: 'unicast',
        trafficClass: 0x2a,
      },
    ])
    await socket.sendmsg({ data: x, address, port: witness.port, trafficClass: 0xb8 })
    told(t, await witness.receive(1), [{ data: x, address, port, trafficClass: 0xb8 }])

    socket.close()
    t.notOk(isOpen(fd))
    t.equal(countSockets(), sockets - 1)
    await once(socket, 'close')
    const again = await bound(t, { type }, address, port)
    t.equal(again.address().port, port, 'its port is free')
    await witness.close()
  })
}

t.test('a connected one', async (t) => {
  const [far, near] = [adopted(t, { type: 'udp4', pull: true }, 'far'), adopted(t, { type: 'udp4' }, 'near')]
  told(t, near.remoteAddress(), { address: '127.0.0.1', port: lent['far']!.port })
  t.throws(() => near.connect(9), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' })
  t.equal(near.getPathMTU(), 65535, 'no packet of IPv4 is longer')
  await near.sendmsg({ data: x })
  told(t, await far.recvmsg({ timeout: 10_000 }), { data: x, port: lent['near']!.port })
  near.send('by its form of old')
  t.equal((await far.recvmsg({ timeout: 10_000 })).data.toString(), 'by its form of old')
  near.disconnect()
  t.throws(() => near.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
  await near.sendmsg({ data: x, address: '127.0.0.1', port: lent['far']!.port })
  told(t, await far.recvmsg({ timeout: 10_000 }), { data: x, address: '127.0.0.1' })
})

t.test('one of the other family', async (t) => {
  for (const [type, name] of [
    ['udp6', 'spare4'],
    ['udp4', 'spare6'],
  ] as const) {
    if (lent[name] === undefined) continue
    const { fd, port } = lent[name]
    const socket = open(t, { type })
    t.throws(() => socket.bind({ fd }), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: /options\.fd/ })
    t.ok(isOpen(fd), 'is left open')
    t.ok(socket.bindSync().port > 0, 'and the socket can be bound')
    socket.close()
    t.ok(isOpen(fd))
    const right = adopted(t, { type: type === 'udp4' ? 'udp6' : 'udp4' }, name)
    t.equal(right.address().port, port, 'where it fits it is taken')
  }
})

t.test('what is no datagram socket', async (t) => {
  for (const name of ['file', 'pipe', 'tcp', 'unix']) {
    const { fd } = lent[name]!
    const socket = open(t, { type: 'udp4' })
    const before = countSockets()
    t.throws(() => socket.bind({ fd }), { name: 'TypeError', code: 'ERR_INVALID_FD_TYPE' }, name)
    t.ok(isOpen(fd), 'is left open')
    t.equal(countSockets(), before)
    t.equal(flagsOf(fd) & O_NONBLOCK, 0, 'and as it was')
    if (name === 'file' || name === 'pipe') t.equal(writeSync(fd, 'usable'), 6)
    t.ok(socket.bindSync().port > 0, 'the socket can be bound')
  }
  const socket = open(t, { type: 'udp4' })
  t.throws(() => socket.bind({ fd: 4242 }), { code: 'ERR_INVALID_FD_TYPE' }, 'not open')
  t.ok(socket.bindSync().port > 0)
})

t.test('options of createSocket hold on it', async (t) => {
  const { fd, port } = lent['options']!
  const [before] = optionsOf(fd, IP_MTU_DISCOVER)
  t.not(before, PROBE)
  const socket = adopted(
    t,
    {
      type: 'udp4',
      pull: true,
      receiveInfo: ['hopLimit', 'timestamp', 'destination', 'segmentSize'],
      dontFragment: true,
      receiveErrors: true,
      recvBufferSize: 100_000,
      sendBufferSize: 50_000,
    },
    'options',
  )
  t.same(optionsOf(fd, IP_MTU_DISCOVER, SO_RCVBUF, SO_SNDBUF, UDP_GRO), [PROBE, 200_000, 100_000, 1])
  t.equal(socket.getRecvBufferSize(), 200_000)
  t.same(socket.offload, { segmentation: true, coalescing: true })
  const sender = await bound(t, { type: 'udp4' })
  const to = { address: '127.0.0.1', port }
  await sender.sendmsg({ data: Buffer.alloc(3000), segmentSize: 1000, hopLimit: 9, ...to })
  const message = await socket.recvmsg({ timeout: 10_000 })
  told(t, message, { size: 3000, segmentSize: 1000, hopLimit: 9, destination: '127.0.0.1', trafficClass: 0 })
  t.type(message.timestamp, 'bigint')
  const dead = await closedPort('udp4')
  const [[error]] = await Promise.all([
    once(socket, 'datagramError', { signal: AbortSignal.timeout(10_000) }),
    socket.sendmsg({ data: x, address: '127.0.0.1', port: dead }),
    t.rejects(socket.recvmsg({ timeout: 100 }), { code: 'ETIMEDOUT' }),
  ])
  told(t, error, { code: 'ECONNREFUSED', port: dead })
})

t.test('as a service manager hands it over', async (t) => {
  const server = createSocket('udp4', (data, { address, port }) => {
    server.send(data, port, address)
  })
  t.teardown(() => server.close())
  server.bind({ fd: lent['activated']!.fd })
  const witness = await peer.open({ family: 4, address: '127.0.0.1' })
  for (const data of ['one', 'two']) {
    await witness.send({ data, address: '127.0.0.1', port: lent['activated']!.port })
    told(t, await witness.receive(1), [{ data: Buffer.from(data), port: lent['activated']!.port }])
  }
  await witness.close()
})
