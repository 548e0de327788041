// What WSARecvMsg can tell, and how it fails. Wine tells some of it; the hook (test/windows/) changes the rest into what
// Windows' pages say. The control messages are made here byte by byte.
import { once } from 'node:events'
import dgram from 'node:dgram'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { capabilities, createSocket, sendmsg, type Message, type Socket, type SocketOptions } from 'sendmsg'
import { bound, open, receive, told, type ReceiveWay } from '../helpers/sockets'
import { hook, unhooked, type ReceiveChange } from './hook'

/** winsock2.h, ws2def.h, ws2ipdef.h, mstcpip.h */
const MSG = { TRUNC: 0x0100, CTRUNC: 0x0200, BCAST: 0x0400, MCAST: 0x0800 }
const [IPPROTO_IP, IPPROTO_UDP, IPPROTO_IPV6] = [0, 17, 41]
const [IP_TOS, IP_TTL, IP_PKTINFO, IP_HOPLIMIT, IP_TCLASS, IP_ECN] = [3, 4, 19, 21, 39, 50]
const UDP_COALESCED_INFO = 3
const [WSAEINVAL, WSAEMSGSIZE, WSAENETRESET, WSAECONNRESET, WSAENOBUFS] = [10022, 10040, 10052, 10054, 10055]

/** WSACMSGHDR of x64: SIZE_T cmsg_len, INT cmsg_level, INT cmsg_type; everything is aligned to 8. */
function record(level: number, type: number, payload: Uint8Array, length = 16 + payload.length): Buffer {
  const bytes = Buffer.alloc(16 + ((payload.length + 7) & ~7))
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(length)))
  bytes.writeInt32LE(level, 8)
  bytes.writeInt32LE(type, 12)
  bytes.set(payload, 16)
  return bytes
}

const dword = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer)

type Type = 'udp4' | 'udp6'
const loopback = { udp4: '127.0.0.1', udp6: '::1' }
const everything = ['destination', 'interface', 'cast', 'trafficClass', 'hopLimit', 'control'] as const

/** A sender of Node's own. */
async function sender(test: Test, type: Type): Promise<(to: Socket, data: string) => Promise<void>> {
  const socket = dgram.createSocket(type)
  test.teardown(() => socket.close())
  socket.bind(0, loopback[type])
  await once(socket, 'listening')
  return async (to, data) =>
    await new Promise((resolve, reject) => {
      socket.send(data, to.address().port, loopback[type], (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
}

t.test('receiving', { skip: unhooked }, async (t) => {
  capabilities() // its sockets are not those that are counted and changed here
  const send = { udp4: await sender(t, 'udp4'), udp6: await sender(t, 'udp6') }
  const pull = async (test: Test, type: Type, options: Partial<SocketOptions> = {}): Promise<Socket> =>
    await bound(test, { type, pull: true, receiveInfo: everything, ...options }, loopback[type])
  /** One datagram, told with a change. */
  const changed = async (test: Test, type: Type, change: ReceiveChange, data = 'data'): Promise<Message> => {
    const socket = await pull(test, type)
    hook!.changeReceived(change)
    await send[type](socket, data)
    return await socket.recvmsg({ timeout: 5000 })
  }

  t.test('control messages, of the types that Windows versions have', async (t) => {
    const octet = { trafficClass: 0xb9, ecn: 1, dscp: 46 }
    const half = { trafficClass: undefined, ecn: 2, dscp: undefined }
    const to4 = Buffer.from([127, 0, 0, 5, 7, 0, 0, 0])
    const to6 = Buffer.concat([Buffer.alloc(15), Buffer.from([9]), dword(8)])
    const mapped = Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255, 127, 0, 0, 6]), dword(9)])
    const cases: [Type, number, number, Uint8Array, object][] = [
      ['udp4', IPPROTO_IP, IP_TTL, dword(77), { hopLimit: 77 }],
      ['udp4', IPPROTO_IP, IP_HOPLIMIT, dword(78), { hopLimit: 78 }],
      ['udp6', IPPROTO_IPV6, IP_HOPLIMIT, dword(79), { hopLimit: 79 }],
      ['udp6', IPPROTO_IP, IP_TTL, dword(80), { hopLimit: 80 }],
      ['udp4', IPPROTO_IP, IP_TOS, dword(0xb9), octet],
      ['udp4', IPPROTO_IP, IP_TCLASS, dword(0xb9), octet],
      ['udp6', IPPROTO_IPV6, IP_TCLASS, dword(0xb9), octet],
      ['udp6', IPPROTO_IP, IP_TOS, dword(0xb9), octet],
      ['udp4', IPPROTO_IP, IP_TOS, Buffer.from([0xb9]), octet],
      ['udp4', IPPROTO_IP, IP_ECN, dword(2), half],
      ['udp6', IPPROTO_IPV6, IP_ECN, dword(2), half],
      ['udp6', IPPROTO_IP, IP_ECN, dword(2), half],
      ['udp4', IPPROTO_IP, IP_PKTINFO, to4, { destination: '127.0.0.5', interface: 7, cast: 'unicast' }],
      ['udp6', IPPROTO_IPV6, IP_PKTINFO, to6, { destination: '::9', interface: 8, cast: 'unicast' }],
      ['udp6', IPPROTO_IPV6, IP_PKTINFO, mapped, { destination: '127.0.0.6', interface: 9, cast: 'unicast' }],
    ]
    const nothing = {
      destination: undefined,
      interface: undefined,
      cast: undefined,
      trafficClass: undefined,
      ecn: undefined,
      dscp: undefined,
      hopLimit: undefined,
      segmentSize: undefined,
      truncated: false,
      controlTruncated: false,
    }
    for (const [type, level, number, payload, expected] of cases) {
      const message = await changed(t, type, { control: record(level, number, payload) })
      told(t, message, { ...nothing, ...expected }, `${type}: level ${level}, type ${number}`)
      told(t, message.control, [{ level, type: number, data: Buffer.from(payload) }])
      t.equal(message.data.toString(), 'data')
    }
    const all = [
      record(IPPROTO_IP, IP_TTL, dword(3)),
      record(1, 2, Buffer.from('odd')),
      record(IPPROTO_IP, IP_TOS, dword(4)),
    ]
    const message = await changed(t, 'udp4', { control: Buffer.concat(all) })
    told(t, message, { ...nothing, hopLimit: 3, trafficClass: 4, ecn: 0, dscp: 1 }, 'several, and an unknown one')
    told(t, message.control, [
      { level: IPPROTO_IP, type: IP_TTL },
      { level: 1, type: 2, data: Buffer.from('odd') },
      { level: IPPROTO_IP, type: IP_TOS },
    ])
    told(t, await changed(t, 'udp4', { control: Buffer.alloc(0) }), { ...nothing, control: [] }, 'none')
  })

  t.test('whom it was for', async (t) => {
    const to = (...address: number[]): Buffer => record(IPPROTO_IP, IP_PKTINFO, Buffer.from([...address, 1, 0, 0, 0]))
    const cases: [ReceiveChange, string | undefined][] = [
      [{ flags: MSG.BCAST }, 'broadcast'],
      [{ flags: MSG.MCAST }, 'multicast'],
      [{ flags: MSG.BCAST, control: to(10, 0, 0, 255) }, 'broadcast'],
      [{ flags: MSG.MCAST, control: to(224, 0, 0, 251) }, 'multicast'],
      [{ control: to(224, 0, 0, 251) }, 'multicast'],
      [{ control: to(255, 255, 255, 255) }, 'broadcast'],
      [{ control: to(10, 0, 0, 7) }, 'unicast'],
      [{ control: Buffer.alloc(0) }, undefined],
    ]
    for (const [change, cast] of cases) {
      t.equal((await changed(t, 'udp4', change)).cast, cast, `${String(cast)}, flags ${String(change.flags)}`)
    }
    t.equal((await changed(t, 'udp6', { flags: MSG.MCAST })).cast, 'multicast')
  })

  t.test('truncation is a flag', async (t) => {
    const whole = { truncated: false, controlTruncated: false }
    const control = record(IPPROTO_IP, IP_TTL, dword(9))
    const cases: [title: string, ReceiveChange, length: number | undefined, expected: object][] = [
      ['MSG_TRUNC alone', { flags: MSG.TRUNC }, undefined, { ...whole, truncated: true, size: 10 }],
      [
        'MSG_CTRUNC alone',
        { flags: MSG.CTRUNC, control },
        undefined,
        { ...whole, controlTruncated: true, hopLimit: 9 },
      ],
      [
        'WSAEMSGSIZE, with flag and count',
        { error: WSAEMSGSIZE, flags: MSG.TRUNC, bytes: 4, control },
        4,
        { ...whole, truncated: true, size: 4, hopLimit: 9 },
      ],
      [
        'WSAEMSGSIZE, with the count of what was sent',
        { error: WSAEMSGSIZE, flags: MSG.TRUNC, bytes: 10, control },
        4,
        { ...whole, truncated: true, size: 4, hopLimit: 9 },
      ],
      [
        'WSAEMSGSIZE, with the flag alone',
        { error: WSAEMSGSIZE, flags: MSG.TRUNC, bytes: 0 },
        4,
        { ...whole, truncated: true, size: 4 },
      ],
      ['WSAEMSGSIZE, with nothing', { error: WSAEMSGSIZE, bytes: 0 }, 4, { ...whole, truncated: true, size: 4 }],
      [
        'WSAEMSGSIZE of control data',
        { error: WSAEMSGSIZE, flags: MSG.CTRUNC, bytes: 10, control },
        undefined,
        { ...whole, controlTruncated: true, size: 10, hopLimit: 9 },
      ],
      [
        'WSAEMSGSIZE of both',
        { error: WSAEMSGSIZE, flags: MSG.TRUNC | MSG.CTRUNC, bytes: 4 },
        4,
        { truncated: true, controlTruncated: true, size: 4 },
      ],
    ]
    for (const [title, change, length, expected] of cases) {
      const socket = await pull(t, 'udp4')
      hook!.changeReceived(change)
      await send.udp4(socket, '0123456789')
      await send.udp4(socket, 'next')
      const message = await socket.recvmsg({ length, timeout: 5000 })
      told(t, message, expected, title)
      t.equal(message.data.toString(), '0123456789'.slice(0, length), `${title}: what fitted`)
      const next = await socket.recvmsg({ timeout: 5000 })
      told(t, { ...next, data: next.data.toString() }, { data: 'next', ...whole }, `${title}: the next one`)
    }
    for (const way of ['recvmmsg', 'message', 'messages'] as const) {
      const socket = await bound(t, { type: 'udp4', pull: way === 'recvmmsg' }, loopback.udp4)
      hook!.changeReceived({})
      hook!.changeReceived({ error: WSAEMSGSIZE, flags: MSG.TRUNC, bytes: 6 })
      const received = receive(socket, way, 3)
      for (const data of ['before', 'within', 'behind']) await send.udp4(socket, data)
      const messages = (await received).map(({ data, truncated }) => [data.toString(), truncated])
      t.same(messages, [
        ['before', false],
        ['within', true],
        ['behind', false],
      ])
    }
  })

  t.test('control data that is not well-formed', async (t) => {
    const good = record(IPPROTO_IP, IP_TTL, dword(11))
    const first = { level: IPPROTO_IP, type: IP_TTL, data: dword(11) }
    const cases: [title: string, Buffer, control: object[]][] = [
      ['a length of 0', record(IPPROTO_IP, IP_TTL, dword(1), 0), []],
      ['a length below a header', record(IPPROTO_IP, IP_TTL, dword(1), 15), []],
      ['a header alone', record(1, 2, Buffer.alloc(0)), [{ level: 1, type: 2, data: Buffer.alloc(0) }]],
      ['a length beyond what is there', record(IPPROTO_IP, IP_TTL, dword(1), 25), []],
      ['a length of 4 GiB', record(IPPROTO_IP, IP_TTL, dword(1), 2 ** 32 + 20), []],
      ['the greatest length', record(IPPROTO_IP, IP_TTL, dword(1), -1), []],
      ['half a header', Buffer.alloc(8, 1), []],
      ['zeros', Buffer.alloc(64), []],
      ['a good one, and a length of 0', Buffer.concat([good, record(IPPROTO_IP, IP_TOS, dword(1), 0)]), [first]],
      ['a good one, and half a header', Buffer.concat([good, Buffer.alloc(9, 1)]), [first]],
      [
        'a good one, and one that is too long',
        Buffer.concat([good, record(IPPROTO_IP, IP_TOS, dword(1), 99)]),
        [first],
      ],
      ['without its padding', good.subarray(0, 20), [first]],
      ['cut off within', good.subarray(0, 19), []],
    ]
    for (const [title, control, expected] of cases) {
      const message = await changed(t, 'udp4', { control })
      t.equal(message.data.toString(), 'data', title)
      told(t, message.control, expected, title)
      t.equal(message.hopLimit, expected[0] === first ? 11 : undefined, title)
    }
    // All the room that a message has: 1024 bytes.
    const most = Buffer.concat([...Array<Buffer>(42).fill(good), record(1, 2, Buffer.alloc(0))])
    const full = await changed(t, 'udp4', { control: most, controlTold: 1 << 20 })
    t.ok(full.controlTruncated, 'a length beyond the room for it')
    told(t, full.control, [...Array<object>(42).fill(first), { level: 1, type: 2 }], 'what there is room for')

    const short: [number, number, Uint8Array][] = [
      [IPPROTO_IP, IP_PKTINFO, Buffer.from([127, 0, 0, 5, 7, 0, 0])],
      [IPPROTO_IPV6, IP_PKTINFO, Buffer.alloc(19, 1)],
      [IPPROTO_IP, IP_TTL, Buffer.alloc(0)],
      [IPPROTO_IP, IP_TOS, Buffer.alloc(0)],
      [IPPROTO_IP, IP_ECN, Buffer.alloc(0)],
      [IPPROTO_UDP, UDP_COALESCED_INFO, Buffer.from([1, 0])],
    ]
    for (const [level, type, payload] of short) {
      const message = await changed(t, 'udp4', { control: record(level, type, payload) })
      const none = { destination: undefined, interface: undefined, trafficClass: undefined, ecn: undefined }
      told(t, message, { ...none, hopLimit: undefined, segmentSize: undefined }, `too short: ${level}, ${type}`)
      told(t, message.control, [{ level, type, data: Buffer.from(payload) }])
    }
  })

  t.test('trains', async (t) => {
    const of = (size: number): Buffer => record(IPPROTO_UDP, UDP_COALESCED_INFO, dword(size))
    const cases: [size: number, data: string, split: string[]][] = [
      [4, '0123456789', ['0123', '4567', '89']],
      [5, '0123456789', ['01234', '56789']],
      [10, '0123456789', ['0123456789']],
      [65_535, '0123456789', ['0123456789']],
      [0, '0123456789', ['0123456789']],
      [2 ** 32 - 1, '0123456789', ['0123456789']],
      [4, '', ['']],
    ]
    for (const [size, data, split] of cases) {
      const parts = await bound(t, { type: 'udp4', pull: true, coalesce: true }, loopback.udp4)
      const whole = await bound(t, { type: 'udp4', pull: true, receiveInfo: ['segmentSize'] }, loopback.udp4)
      for (const socket of [parts, whole]) {
        hook!.changeReceived({ control: of(size) })
        await send.udp4(socket, data)
      }
      const received = await receive(parts, 'recvmsg', split.length)
      t.same(
        received.map((message) => message.data.toString()),
        split,
        `in datagrams of ${size}`,
      )
      t.equal(parts.tryRecvmsg(), null, 'and no more')
      const one = await whole.recvmsg({ timeout: 5000 })
      told(t, one, { size: data.length, segmentSize: split.length > 1 ? size : undefined }, 'whole')
      t.equal(one.data.toString(), data)
    }
  })

  t.test('coalescing is asked for by those who want it', async (t) => {
    const asked = async (make: () => Promise<unknown>): Promise<number> => {
      const before = hook!.counts().coalescing
      await make()
      return hook!.counts().coalescing - before
    }
    for (const type of ['udp4', 'udp6'] as const) {
      t.equal(await asked(async () => await bound(t, { type, pull: true })), 0, 'not by default')
      t.equal(await asked(async () => await bound(t, { type, receiveInfo: everything })), 0)
      t.equal(await asked(async () => await bound(t, { type, coalesce: false })), 0)
      t.equal(await asked(async () => await bound(t, { type, coalesce: true })), 1, 'with coalesce')
      t.equal(await asked(async () => await bound(t, { type, receiveInfo: ['segmentSize'] })), 1, 'with segmentSize')
    }
    const plain = dgram.createSocket('udp4')
    t.teardown(() => plain.close())
    plain.bind(0, loopback.udp4)
    await once(plain, 'listening')
    const target = await pull(t, 'udp4')
    const to = { address: loopback.udp4, port: target.address().port }
    t.equal(await asked(async () => await sendmsg(plain, { data: Buffer.from('x'), ...to })), 0, 'nor for one of dgram')
  })

  t.test('errors of earlier datagrams', async (t) => {
    const switches = (): number[] => {
      const { connectionResetsOn, connectionResetsOff, networkResetsOff } = hook!.counts()
      return [connectionResetsOn, connectionResetsOff, networkResetsOff]
    }
    const turned = async (what: () => unknown): Promise<number[]> => {
      const before = switches()
      await what()
      return switches().map((count, index) => count - before[index]!)
    }
    const socket = open(t, { type: 'udp4', pull: true })
    socket.setBroadcast(true) // which opens it
    const opens = (): void => {
      const other = createSocket('udp4')
      other.setBroadcast(true)
      other.close()
    }
    t.same(await turned(opens), [0, 1, 1], 'off from the start')
    const connect = async (): Promise<unknown> => {
      socket.connect(9, loopback.udp4)
      return await once(socket, 'connect')
    }
    t.same(await turned(connect), [1, 0, 0], 'on while connected')
    t.same(await turned(() => socket.disconnect()), [0, 1, 0])

    for (const error of [WSAECONNRESET, WSAENETRESET]) {
      for (const way of ['recvmsg', 'tryRecvmsg', 'message', 'for await'] satisfies ReceiveWay[]) {
        const unconnected = await bound(t, { type: 'udp4', pull: way !== 'message' }, loopback.udp4)
        unconnected.on('error', (error) => t.fail(`${way}: ${String(error)}`))
        hook!.changeReceived({ error })
        const received = receive(unconnected, way, 1)
        await send.udp4(unconnected, 'data')
        t.equal((await received)[0]?.data.toString(), 'data', `${error} is quiet while unconnected, by ${way}`)
      }
    }

    const refused = { code: 'ECONNREFUSED', nativeName: 'WSAECONNRESET', nativeCode: WSAECONNRESET, syscall: 'recvmsg' }
    const cases: [number, { code: string; nativeName: string }][] = [
      [WSAECONNRESET, refused],
      [WSAENETRESET, { code: 'ENETRESET', nativeName: 'WSAENETRESET' }],
      [WSAENOBUFS, { code: 'ENOBUFS', nativeName: 'WSAENOBUFS' }],
      [WSAEINVAL, { code: 'EINVAL', nativeName: 'WSAEINVAL' }],
    ]
    for (const [error, expected] of cases) {
      const peer = await bound(t, { type: 'udp4' }, loopback.udp4)
      const connected = await bound(t, { type: 'udp4', pull: true }, loopback.udp4)
      connected.connect(peer.address().port, loopback.udp4)
      await once(connected, 'connect')
      hook!.changeReceived({ error })
      t.throws(() => connected.tryRecvmsg(), expected)
      t.equal(connected.tryRecvmsg(), null, 'once')
      hook!.changeReceived({ error })
      await t.rejects(connected.recvmsg({ timeout: 5000 }), expected)
      await peer.sendmsg({ data: Buffer.from('data'), address: loopback.udp4, port: connected.address().port })
      t.equal((await connected.recvmsg({ timeout: 5000 })).data.toString(), 'data', 'and the next one is received')
    }

    const peer = await bound(t, { type: 'udp4' }, loopback.udp4)
    const events = await bound(t, { type: 'udp4' }, loopback.udp4)
    events.connect(peer.address().port, loopback.udp4)
    await once(events, 'connect')
    const heard: unknown[] = []
    events.on('error', (error) => heard.push(error))
    hook!.changeReceived({ error: WSAECONNRESET })
    const received = new Promise<Buffer>((resolve) => events.once('message', resolve))
    await peer.sendmsg({ data: Buffer.from('data'), address: loopback.udp4, port: events.address().port })
    t.equal((await received).toString(), 'data')
    await timers.setTimeout(20)
    t.equal(heard.length, 1)
    t.match(heard[0], refused, "'error', and the datagram behind it")
  })
})
