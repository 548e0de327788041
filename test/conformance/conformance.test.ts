// What the interface promises on every platform, over loopback: what we send is read by an outside witness from its
// own control messages, and what such a witness sends is what we report. What a kernel cannot do is skipped, by
// capabilities(), as far as helpers/floor.ts lets it lack that. What needs more than loopback is in test/linux/ and test/windows/.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { SocketAddress } from 'node:net'
import timers from 'node:timers/promises'
import t from 'tap'
import {
  capabilities,
  createSocket,
  recvmmsg,
  recvmsg,
  replyTo,
  sendmmsg,
  sendmsg,
  SocketError,
  tryRecvmmsg,
  tryRecvmsg,
  trySendmmsg,
  trySendmsg,
  type Message,
  type MessageInfo,
  type OutgoingMessage,
  type ReceiveInfoName,
  type SendField,
  type SocketType,
  type Support,
} from 'sendmsg'
import { floor, mayLack } from '../helpers/floor'
import { known, noPeer, Peer, type PeerSocket, type Witnessed } from '../helpers/peer'
import {
  bound,
  bytes,
  closedPort,
  cut,
  isLocal,
  loopbackInterface,
  open,
  pulls,
  receive,
  receiveWays,
  sendWays,
  told,
  type SendWay,
} from '../helpers/sockets'

interface Route {
  title: string
  type: 'udp4' | 'udp6'
  family: 'IPv4' | 'IPv6'
  /** What the witness is bound to, and sees us as. */
  loopback: string
  /** What we send to. */
  address: string
}

const routes: readonly Route[] = [
  { title: 'IPv4', type: 'udp4', family: 'IPv4', loopback: '127.0.0.1', address: '127.0.0.1' },
  { title: 'IPv6', type: 'udp6', family: 'IPv6', loopback: '::1', address: '::1' },
  { title: 'IPv4 on a dual-stack socket', type: 'udp6', family: 'IPv4', loopback: '127.0.0.1', address: '127.0.0.1' },
  {
    title: 'IPv4-mapped on a dual-stack socket',
    type: 'udp6',
    family: 'IPv4',
    loopback: '127.0.0.1',
    address: '::ffff:127.0.0.1',
  },
]

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at)
const texts = (messages: readonly { data: Buffer }[]): string[] => messages.map(({ data }) => data.toString())
const sizes = (messages: readonly { data: Buffer }[]): number[] => messages.map(({ data }) => data.length)
const joined = (messages: readonly { data: Buffer }[]): Buffer => Buffer.concat(messages.map(({ data }) => data))

const { platform } = process
const wine = process.env['SENDMSG_WINE'] !== undefined
const qemu = process.env['SENDMSG_QEMU'] !== undefined
const can = capabilities()
const x = Buffer.from('x')
const noSend = (field: SendField, family: 'IPv4' | 'IPv6'): string | false =>
  can.send[field][family] === false &&
  mayLack('send', field, family) &&
  `${platform} cannot send ${field} over ${family}`
const noReceive = (field: ReceiveInfoName, family: 'IPv4' | 'IPv6'): string | false =>
  can.receive[field][family] === false &&
  mayLack('receive', field, family) &&
  `${platform} does not tell ${field} of ${family}`

/** Winsock refuses to send the ECN value 3, congestion experienced; so do we, in advance. */
const sendsCE = platform !== 'win32'
const sendable = (trafficClass: number): boolean => sendsCE || (trafficClass & 3) !== 3

const peer = noPeer === false ? new Peer() : undefined
t.teardown(() => peer?.end())
const local = { '::1': isLocal('::1'), '127.0.0.2': isLocal('127.0.0.2') }
const loopbackIndex = known.interfaces[loopbackInterface ?? '']!
const without = (route: Route): string | false =>
  noPeer || (!local['::1'] && route.type === 'udp6' && 'there is no IPv6 here')
const witness = async (route: Route): Promise<PeerSocket> =>
  await peer!.open({ family: route.family === 'IPv4' ? 4 : 6, address: route.loopback })

t.test('the least that this platform must do', async (t) => {
  for (const direction of ['send', 'receive'] as const) {
    for (const [field, least] of Object.entries(floor[direction])) {
      const found = (can[direction] as Record<string, Partial<typeof least>>)[field] ?? {}
      for (const [family, support] of Object.entries(least) as ['IPv4' | 'IPv6', Support][]) {
        const enough = support === 'kernel' ? ['kernel'] : ['kernel', 'emulated']
        t.ok(enough.includes(String(found[family])), `${direction} ${field}, ${family}: ${String(found[family])}`)
      }
    }
  }
  for (const flag of floor.flags) t.equal((can.flags as Record<string, boolean>)[flag], true, `flags.${flag}`)
  t.ok(can.maxSegments >= floor.maxSegments, 'segments')
  if (platform !== 'linux' || qemu) return
  const named = (fields: object): string[] => Object.keys(fields).sort()
  t.same(named(can.send), named(floor.send), 'there is no field that may be lacked on Linux')
  t.same(named(can.receive), named(floor.receive), 'nor one of what is received')
})

for (const route of routes) {
  const { family, type, address, loopback } = route

  t.test(`sending, ${route.title}`, { skip: without(route) }, async (t) => {
    const sink = await witness(route)
    t.teardown(async () => await sink.close())
    const socket = await bound(t, { type })
    const to = { address, port: sink.port }

    /** Sends, and gives what arrived. */
    const arrives = async (messages: OutgoingMessage[], way: SendWay = 'sendmmsg'): Promise<Witnessed[]> => {
      await sendWays[way](socket, messages)
      return await sink.receive(messages.length)
    }

    t.test('data, by each function, with the bytes or messages sent', async (t) => {
      for (const way of Object.keys(sendWays) as SendWay[]) {
        const messages = ['one', 'two', ''].map((text) => ({ data: Buffer.from(`${text}${text && way}`), ...to }))
        const result = await sendWays[way](socket, messages)
        t.same(result, way.endsWith('mmsg') ? 3 : messages.map(({ data }) => data.length), way)
        const arrived = await sink.receive(3)
        t.same(texts(arrived), texts(messages), `${way}: all three arrived, in order`)
        told(t, arrived, Array(3).fill({ address: loopback, port: socket.address().port, destination: loopback }))
      }
      if (qemu) {
        t.pass('no view at all', { skip: 'qemu-user sends nothing where there is no iovec' })
        return
      }
      t.equal(trySendmsg(socket, { data: [], ...to }), 0, 'no view at all is an empty datagram')
      t.same(sizes(await sink.receive(1)), [0])
    })

    t.test('sizes up to the longest datagram', async (t) => {
      for (const length of [1, 1472, 9000, can.maxDatagram[family]]) {
        const data = bytes(length)
        t.equal(await sendmsg(socket, { data, ...to }), length)
        const arrived = await sink.receive(1)
        t.same(sizes(arrived), [length])
        t.ok(joined(arrived).equals(data))
      }
      await t.rejects(sendmsg(socket, { data: bytes(can.maxDatagram[family] + 1), ...to }), {
        name: 'SocketError',
        code: 'EMSGSIZE',
        syscall: 'sendmsg',
        ...to,
      })
      t.same(await sink.receive(0), [], 'one byte more is EMSGSIZE, and nothing was sent')
    })

    t.test('gathered views', async (t) => {
      for (const count of [1, 2, 8, can.maxBuffers]) {
        const views = range(1, count).map((at) => bytes(at % 7)) // some are empty
        const data = Buffer.concat(views)
        for (const way of ['sendmsg', 'trySendmsg', 'sendmmsg', 'trySendmmsg'] as const) {
          const arrived = await arrives([{ data: views, ...to }], way)
          t.same(sizes(arrived), [data.length], `${way}, ${count} views`)
          t.ok(joined(arrived).equals(data))
        }
      }
      const empty = new Uint8Array(0)
      t.same(
        texts(await arrives([{ data: [empty, Buffer.from('a'), empty, empty, Buffer.from('b'), empty], ...to }])),
        ['ab'],
      )
      t.same(texts(await arrives([{ data: [empty, empty], ...to }])), [''])
      const inside = Buffer.from('..inside..').subarray(2, 8)
      t.same(texts(await arrives([{ data: [inside, new Uint8Array(inside)], ...to }])), ['insideinside'])
    })

    t.test('source', { skip: noSend('source', family) }, async (t) => {
      const sources =
        family === 'IPv6' ? ['::1'] : local['127.0.0.2'] ? range(1, 9).map((n) => `127.0.0.${n}`) : ['127.0.0.1']
      for (const way of Object.keys(sendWays) as SendWay[]) {
        const arrived = await arrives(
          sources.map((source) => ({ data: Buffer.from(source), ...to, source })),
          way,
        )
        t.same(
          arrived.map((message) => message.address),
          sources,
          way,
        )
        t.same(texts(arrived), sources)
      }
      if (family === 'IPv4' && type === 'udp6') {
        const [arrived] = await arrives([{ data: Buffer.from('x'), ...to, source: `::ffff:${sources.at(-1)}` }])
        t.equal(arrived?.address, sources.at(-1), 'an IPv4-mapped source')
      }
      await t.rejects(
        sendmsg(socket, { data: Buffer.from('x'), ...to, source: family === 'IPv4' ? '::1' : '127.0.0.1' }),
        {
          code: 'ERR_INVALID_ARG_VALUE',
        },
      )
      await t.rejects(
        sendmsg(socket, { data: Buffer.from('x'), ...to, source: family === 'IPv4' ? '192.0.2.1' : '2001:db8::1' }),
        { name: 'SocketError', syscall: 'sendmsg' },
        'a source that is not ours',
      )
      t.same(await sink.receive(0), [])
    })

    t.test('interface, by index and by name', { skip: noSend('interface', family) }, async (t) => {
      for (const through of [loopbackIndex, loopbackInterface!]) {
        const arrived = await arrives([{ data: Buffer.from('x'), ...to, interface: through }])
        told(t, arrived, [{ interface: loopbackIndex, destination: loopback }], String(through))
      }
      await t.rejects(sendmsg(socket, { data: Buffer.from('x'), ...to, interface: 0x7ffffff0 }), {
        name: 'SocketError',
      })
      await t.rejects(sendmsg(socket, { data: Buffer.from('x'), ...to, interface: 'no-such-interface' }), {
        code: 'ERR_INVALID_ARG_VALUE',
      })
      t.same(await sink.receive(0), [])
    })

    t.test('to: a parsed address', async (t) => {
      const parsed = new SocketAddress({ address, port: sink.port, family: address.includes(':') ? 'ipv6' : 'ipv4' })
      for (const way of Object.keys(sendWays) as SendWay[]) {
        t.same(texts(await arrives([{ data: Buffer.from(way), to: parsed }], way)), [way])
      }
    })

    t.test('trafficClass, every value', { skip: noSend('trafficClass', family) }, async (t) => {
      const all = range(0, 255).filter(sendable)
      const arrived = await arrives(
        all.map((trafficClass) => ({ data: Buffer.from([trafficClass]), ...to, trafficClass })),
      )
      t.same(
        arrived.map((message) => message.trafficClass),
        all,
      )
      t.same(
        arrived.map((message) => message.data[0]),
        all,
      )
      for (const way of Object.keys(sendWays) as SendWay[]) {
        told(
          t,
          await arrives([{ data: Buffer.from('x'), ...to, trafficClass: 0xb9 }], way),
          [{ trafficClass: 0xb9 }],
          way,
        )
      }
      told(t, await arrives([{ data: Buffer.from('x'), ...to }]), [{ trafficClass: 0 }], 'the socket is as it was')
      if (!sendsCE) {
        for (const fields of [{ trafficClass: 0x2b }, { ecn: 3 }, { ecn: 3, dscp: 1 }]) {
          await t.rejects(sendmsg(socket, { data: Buffer.from('x'), ...to, ...fields }), { code: 'ENOTSUP' })
        }
        t.same(await sink.receive(0), [])
      }
    })

    t.test('ecn and dscp, every value', { skip: noSend('ecn', family) }, async (t) => {
      const marks = [
        ...range(0, 3).map((ecn) => ({ fields: { ecn }, seen: ecn })),
        ...range(0, 63).map((dscp) => ({ fields: { dscp }, seen: dscp << 2 })),
        ...range(0, 63).map((dscp) => ({ fields: { dscp, ecn: dscp & 3 }, seen: (dscp << 2) | (dscp & 3) })),
      ].filter(({ seen }) => sendable(seen))
      const arrived = await arrives(marks.map(({ fields }) => ({ data: Buffer.from('x'), ...to, ...fields })))
      t.same(
        arrived.map((message) => message.trafficClass),
        marks.map(({ seen }) => seen),
      )
    })

    t.test('hopLimit, every value', { skip: noSend('hopLimit', family) }, async (t) => {
      const all = range(1, 255)
      const arrived = await arrives(all.map((hopLimit) => ({ data: Buffer.from('x'), ...to, hopLimit })))
      t.same(
        arrived.map((message) => message.hopLimit),
        all,
      )
      const [before] = await arrives([{ data: Buffer.from('x'), ...to }])
      for (const way of Object.keys(sendWays) as SendWay[]) {
        told(t, await arrives([{ data: Buffer.from('x'), ...to, hopLimit: 33 }], way), [{ hopLimit: 33 }], way)
      }
      told(
        t,
        await arrives([{ data: Buffer.from('x'), ...to }]),
        [{ hopLimit: before!.hopLimit! }],
        'the socket is as it was',
      )
    })

    t.test('dontFragment', { skip: noSend('dontFragment', family) }, async (t) => {
      for (const way of Object.keys(sendWays) as SendWay[]) {
        const messages = [true, false, undefined, true].map((dontFragment, at) => ({
          data: Buffer.from(`${way} ${at}`),
          ...to,
          dontFragment,
        }))
        t.same(
          texts(await arrives(messages, way)),
          texts(messages),
          'a batch is cut where it changes, and kept in order',
        )
      }
    })

    t.test('sendTime', { skip: noSend('sendTime', family) }, async (t) => {
      await t.rejects(
        sendmsg(socket, { data: Buffer.from('x'), ...to, sendTime: process.hrtime.bigint() }),
        { code: 'ERR_INVALID_STATE' },
        'not without the option',
      )
      const timed = await bound(t, { type, sendTime: true })
      const now = process.hrtime.bigint()
      for (const sendTime of [0n, now - 1_000_000_000n, now, now + 1_000_000n, now + 3_600_000_000_000n]) {
        t.equal(await timed.sendmsg({ data: Buffer.from(String(sendTime)), ...to, sendTime }), String(sendTime).length)
        t.same(texts(await sink.receive(1)), [String(sendTime)])
      }
      t.equal(await timed.sendmsg({ data: Buffer.from('at once'), ...to }), 7)
      t.same(texts(await sink.receive(1)), ['at once'])
    })

    t.test('flags', async (t) => {
      for (const flag of ['dontRoute', 'confirm', 'partial', 'oob'] as const) {
        const message = { data: Buffer.from(flag), ...to, flags: { [flag]: true } }
        // "MSG_OOB was specified, but the socket is not stream-style": WSAEOPNOTSUPP, on Microsoft's page.
        if (can.flags[flag] && flag === 'oob') continue
        if (can.flags[flag]) t.same(texts(await arrives([message])), [flag])
        else await t.rejects(sendmsg(socket, message), { code: 'ENOTSUP' }, `${flag} is not of ${platform}`)
        t.same(texts(await arrives([{ ...message, flags: { [flag]: false } }])), [flag], 'switched off, nobody minds')
      }
      t.same(await sink.receive(0), [])
    })

    t.test('raw control messages', async (t) => {
      const { numbers } = known
      const [level, classType, limitType] =
        family === 'IPv4'
          ? [numbers['IPPROTO_IP']!, numbers['IP_TOS']!, numbers['IP_TTL']!]
          : [numbers['IPPROTO_IPV6']!, numbers['IPV6_TCLASS']!, numbers['IPV6_HOPLIMIT']!]
      const integer = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer)
      const octet = { level, type: classType, data: integer(0x66) }
      // Where there is no control message for it macOS passes over it, and Windows refuses it.
      const sendsLimit = can.send.hopLimit[family] === 'kernel'
      const limit = { level, type: limitType, data: integer(44) }
      if (platform === 'win32' && !sendsLimit) {
        await t.rejects(sendmsg(socket, { data: Buffer.from('x'), ...to, control: [limit] }), { code: 'EINVAL' })
      }
      told(t, await arrives([{ data: Buffer.from('x'), ...to, control: [octet] }]), [{ trafficClass: 0x66 }])
      told(
        t,
        await arrives([
          { data: Buffer.from('x'), ...to, control: platform === 'win32' && !sendsLimit ? [octet] : [octet, limit] },
        ]),
        [!sendsLimit ? { trafficClass: 0x66 } : { trafficClass: 0x66, hopLimit: 44 }],
        'two of them',
      )
      if (noSend('source', family) === false) {
        const source = family === 'IPv6' ? '::1' : local['127.0.0.2'] ? '127.0.0.2' : '127.0.0.1'
        told(
          t,
          await arrives([{ data: Buffer.from('x'), ...to, source, control: [octet] }]),
          [{ trafficClass: 0x66, address: source }],
          'beside a typed field',
        )
      }
      told(t, await arrives([{ data: Buffer.from('x'), ...to, control: [] }]), [{ trafficClass: 0 }])
    })

    t.test('all at once', { skip: noSend('source', family) || noSend('hopLimit', family) }, async (t) => {
      const source = family === 'IPv6' ? '::1' : local['127.0.0.2'] ? '127.0.0.2' : '127.0.0.1'
      const message: OutgoingMessage = {
        data: [Buffer.from('al'), Buffer.from('l')],
        ...to,
        source,
        interface: loopbackIndex,
        trafficClass: 0x2a,
        hopLimit: 9,
        dontFragment: true,
        flags: { confirm: can.flags.confirm },
      }
      told(t, await arrives([message, { data: Buffer.from('plain'), ...to }, message]), [
        { data: Buffer.from('all'), address: source, interface: loopbackIndex, trafficClass: 0x2a, hopLimit: 9 },
        { data: Buffer.from('plain'), trafficClass: 0 },
        { data: Buffer.from('all'), address: source, interface: loopbackIndex, trafficClass: 0x2a, hopLimit: 9 },
      ])
    })

    t.test('batches, each message with fields of its own', async (t) => {
      for (const count of [0, 1, can.maxBatch, can.maxBatch + 1, 300]) {
        const messages = range(1, count).map((at): OutgoingMessage => ({
          data: at % 5 === 0 ? [Buffer.from(String(at)), Buffer.from('!')] : Buffer.from(String(at)),
          ...to,
          ...(noSend('trafficClass', family) === false && { trafficClass: at & 0xfe }),
          ...(noSend('hopLimit', family) === false && at % 3 === 0 && { hopLimit: (at % 255) + 1 }),
          ...(noSend('source', family) === false &&
            family === 'IPv4' &&
            local['127.0.0.2'] && { source: `127.0.0.${(at % 200) + 1}` }),
        }))
        const expected = messages.map((message, index) => ({
          data: Buffer.from(`${index + 1}${Array.isArray(message.data) ? '!' : ''}`),
          address: message.source ?? loopback,
          ...(message.trafficClass !== undefined && { trafficClass: message.trafficClass }),
          ...(message.hopLimit !== undefined && { hopLimit: message.hopLimit }),
        }))
        t.equal(await sendmmsg(socket, messages), count)
        const arrived = await sink.receive(count)
        t.equal(arrived.length, count)
        told(t, arrived, expected, `sendmmsg of ${count}`)
        t.equal(trySendmmsg(socket, messages), count)
        told(t, await sink.receive(count), expected, `trySendmmsg of ${count}`)
      }
    })

    t.test('a batch stops at the message that fails', async (t) => {
      const good = range(1, 70).map((at) => ({ data: Buffer.from(String(at)), ...to }))
      const bad = { data: bytes(can.maxDatagram[family] + 1), ...to }
      await t.rejects(sendmmsg(socket, [...good, bad, ...good]), { code: 'EMSGSIZE', sent: 70, syscall: 'sendmmsg' })
      t.same(texts(await sink.receive(70)), texts(good), 'those before it went')
      t.equal(trySendmmsg(socket, [...good, bad, ...good]), 70)
      t.same(texts(await sink.receive(70)), texts(good))
      t.throws(() => trySendmmsg(socket, [bad, ...good]), { code: 'EMSGSIZE', sent: 0 })
      await t.rejects(sendmmsg(socket, [...good, { ...to, data: 7 as never }]), { code: 'ERR_INVALID_ARG_TYPE' })
      t.same(await sink.receive(0), [], 'a wrong one is found before the first is sent')
    })

    t.test('connected', async (t) => {
      const connected = open(t, { type })
      connected.connect(sink.port, address)
      await once(connected, 'connect')
      for (const way of Object.keys(sendWays) as SendWay[]) {
        const messages = [
          { data: Buffer.from(`${way} 1`) },
          { data: Buffer.from(`${way} 2`), ...(noSend('trafficClass', family) === false && { trafficClass: 0x28 }) },
        ]
        await sendWays[way](connected, messages)
        const arrived = await sink.receive(2)
        t.same(texts(arrived), texts(messages), way)
        t.equal(arrived[0]?.port, connected.address().port)
        if (noSend('trafficClass', family) === false) t.equal(arrived[1]?.trafficClass, 0x28)
      }
      if (noSend('source', family) === false && family === 'IPv4' && local['127.0.0.2']) {
        await connected.sendmsg({ data: Buffer.from('x'), source: '127.0.0.2' })
        t.equal(
          (await sink.receive(1))[0]?.address,
          '127.0.0.2',
          'from another address than the one it is connected from',
        )
      }
      t.throws(() => connected.trySendmsg({ data: Buffer.from('x'), ...to }), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' })
      connected.disconnect()
      t.throws(() => connected.trySendmsg({ data: Buffer.from('x') }), { code: 'ERR_INVALID_ARG_TYPE' })
      t.equal(connected.trySendmsg({ data: Buffer.from('again'), ...to }), 5)
      t.same(texts(await sink.receive(1)), ['again'])
    })

    t.test('bound to one address', async (t) => {
      const one = await bound(t, { type }, address)
      if (noSend('source', family) === false) {
        t.equal(await one.sendmsg({ data: Buffer.from('x'), ...to, source: loopback }), 1)
        told(t, await sink.receive(1), [{ address: loopback, port: one.address().port }])
      }
      t.equal(await one.sendmsg({ data: Buffer.from('y'), ...to }), 1)
      told(t, await sink.receive(1), [{ address: loopback, port: one.address().port }])
    })

    t.test('unbound: bound at the first send', async (t) => {
      const fresh = open(t, { type })
      t.equal(fresh.trySendmsg({ data: Buffer.from('x'), ...to }), 1)
      const { port } = fresh.address()
      t.not(port, 0)
      told(t, await sink.receive(1), [{ port, address: loopback }])
    })

    t.test('trains of datagrams', async (t) => {
      const train = async (data: Buffer, size: number, more: Partial<OutgoingMessage> = {}): Promise<void> => {
        const parts = data.length === 0 ? [data] : cut(data, size)
        for (const way of Object.keys(sendWays) as SendWay[]) {
          const message = { data, ...to, ...more, segmentSize: size }
          const result = await sendWays[way](socket, [message])
          t.same(result, way.endsWith('mmsg') ? 1 : [data.length], `${way}: ${data.length} at ${size}`)
          const arrived = await sink.receive(parts.length)
          t.same(sizes(arrived), sizes(parts.map((part) => ({ data: part }))))
          t.ok(joined(arrived).equals(data), 'in order')
          for (const field of ['trafficClass', 'hopLimit'] as const) {
            const value = more[field]
            if (value !== undefined) t.same(new Set(arrived.map((message) => message[field])), new Set([value]))
          }
        }
      }
      await train(bytes(10_000), 1200)
      await train(bytes(9600), 1200)
      await train(bytes(1200), 1200)
      await train(bytes(1199), 1200)
      await train(bytes(0), 1200)
      await train(bytes(200_000), 1200)
      await train(bytes(3000), 10)
      await train(bytes(130), 1)
      await train(bytes(100_000), 40_000)
      await train(bytes(5000), 700, {
        ...(noSend('trafficClass', family) === false && { trafficClass: 0x2e }),
        ...(noSend('hopLimit', family) === false && { hopLimit: 17 }),
      })
      if (noSend('dontFragment', family) === false) await train(bytes(5000), 700, { dontFragment: true })
    })

    t.test('trains of gathered views', async (t) => {
      for (const pieces of [3, 100, can.maxBuffers]) {
        const data = bytes(50_000)
        const views = cut(data, Math.ceil(data.length / pieces))
        views.splice(1, 0, new Uint8Array(0) as Buffer)
        if (views.length > can.maxBuffers) views.pop()
        const whole = Buffer.concat(views)
        t.equal(await sendmsg(socket, { data: views, ...to, segmentSize: 1200 }), whole.length)
        const arrived = await sink.receive(Math.ceil(whole.length / 1200))
        t.same(sizes(arrived), sizes(cut(whole, 1200).map((part) => ({ data: part }))), `${views.length} views`)
        t.ok(joined(arrived).equals(whole))
      }
    })

    t.test('batches with trains in the middle', async (t) => {
      const messages: OutgoingMessage[] = [
        { data: Buffer.from('first'), ...to },
        { data: bytes(10_000), ...to, segmentSize: 1200 },
        { data: Buffer.from('second'), ...to },
        { data: [bytes(70_000), bytes(60_000)], ...to, segmentSize: 1000 },
        { data: bytes(500), ...to, segmentSize: 1 },
        { data: Buffer.from(''), ...to },
        ...range(1, 100).map((at) => ({ data: bytes(50 + at), ...to, segmentSize: 25 })),
        { data: Buffer.from('last'), ...to },
      ]
      const expected = messages.flatMap(({ data, segmentSize }) => {
        const whole = Buffer.concat([data as Uint8Array | Uint8Array[]].flat())
        return segmentSize === undefined || whole.length === 0 ? [whole] : cut(whole, segmentSize)
      })
      for (const way of ['sendmsg', 'sendmmsg', 'trySendmmsg'] as const) {
        await sendWays[way](socket, messages)
        const arrived = await sink.receive(expected.length)
        t.equal(arrived.length, expected.length, `${way}: nothing lost, nothing twice`)
        t.ok(
          arrived.every(({ data }, at) => expected[at]!.equals(data)),
          'all in order',
        )
      }
    })
  })

  if (address !== loopback) continue // what the last one was about is sending

  t.test(`receiving, ${route.title}`, { skip: without(route) }, async (t) => {
    const everything: ReceiveInfoName[] = (
      ['destination', 'interface', 'cast', 'trafficClass', 'hopLimit', 'timestamp', 'control'] as const
    ).filter((name) => noReceive(name, family) === false)
    const source = await witness(route)
    t.teardown(async () => await source.close())
    const destinations = family === 'IPv4' && local['127.0.0.2'] ? ['127.0.0.1', '127.0.0.2', '127.0.0.3'] : [loopback]

    for (const way of receiveWays) {
      t.test(way, async (t) => {
        const before = BigInt(Date.now() - 60_000) * 1_000_000n
        const socket = await bound(t, { type, pull: pulls(way), receiveInfo: everything })
        const { port } = socket.address()
        const received = receive(socket, way, destinations.length + 2)
        await source.send(
          ...destinations.map((destination, at) => ({
            data: `to ${destination}`,
            address: destination,
            port,
            trafficClass: 0xb9 + at,
            hopLimit: 90 + at,
          })),
          { data: '', address: loopback, port, trafficClass: 0, hopLimit: 1 },
          { data: bytes(2000), address: loopback, port, hopLimit: 255 },
        )
        const messages = await received
        const after = BigInt(Date.now() + 60_000) * 1_000_000n
        t.equal(messages.length, destinations.length + 2)
        t.same(texts(messages), [...destinations.map((to) => `to ${to}`), '', bytes(2000).toString()])
        for (const [at, message] of messages.entries()) {
          const destination = destinations[at] ?? loopback
          const trafficClass = at < destinations.length ? 0xb9 + at : 0
          t.ok(Buffer.isBuffer(message.data))
          const expected: Partial<MessageInfo> = {
            address: loopback,
            family,
            port: source.port,
            size: message.data.length,
            truncated: false,
            controlTruncated: false,
            segmentSize: undefined,
            ...(everything.includes('destination') && { destination }),
            ...(everything.includes('interface') && { interface: loopbackIndex }),
            ...(everything.includes('cast') && { cast: 'unicast' }),
            ...(everything.includes('trafficClass') && {
              trafficClass,
              ecn: trafficClass & 3,
              dscp: trafficClass >> 2,
            }),
            ...(everything.includes('hopLimit') && {
              hopLimit: at < destinations.length ? 90 + at : at === destinations.length ? 1 : 255,
            }),
          }
          for (const [name, value] of Object.entries(expected)) t.equal(message[name as keyof Message], value, name)
          if (everything.includes('timestamp')) {
            t.type(message.timestamp, 'bigint')
            t.ok(message.timestamp! > before && message.timestamp! < after, 'within a minute of our clock')
          }
          t.ok(message.control!.length > 0)
        }
      })
    }

    t.test('what was not asked for', async (t) => {
      const send = async (port: number): Promise<void> =>
        await source.send({ data: 'x', address: loopback, port, trafficClass: 0x2e, hopLimit: 77 })
      const plain = await bound(t, { type, pull: true })
      await send(plain.address().port)
      const usual = await plain.recvmsg()
      told(t, usual, {
        hopLimit: undefined,
        timestamp: undefined,
        control: undefined,
        ...(noReceive('destination', family) === false && { destination: loopback }),
        ...(noReceive('interface', family) === false && { interface: loopbackIndex }),
        ...(noReceive('cast', family) === false && { cast: 'unicast' }),
        ...(noReceive('trafficClass', family) === false && { trafficClass: 0x2e, ecn: 2, dscp: 11 }),
      })
      t.equal(usual.hopLimit, undefined)
      const bare = await bound(t, { type, pull: true, receiveInfo: false })
      await send(bare.address().port)
      const nothing = await bare.recvmsg()
      for (const name of [
        'destination',
        'interface',
        'cast',
        'trafficClass',
        'ecn',
        'dscp',
        'hopLimit',
        'timestamp',
        'control',
      ] as const) {
        t.equal(nothing[name], undefined, name)
      }
      told(t, nothing, { address: loopback, port: source.port, family, size: 1, data: Buffer.from('x') })
    })

    t.test('raw control messages', { skip: noReceive('trafficClass', family) }, async (t) => {
      const socket = await bound(t, { type, pull: true, receiveInfo: ['trafficClass', 'control'] })
      await source.send({ data: 'x', address: loopback, port: socket.address().port, trafficClass: 0x2e })
      const { control } = await socket.recvmsg()
      const { numbers } = known
      const [level, types] =
        family === 'IPv4'
          ? [numbers['IPPROTO_IP']!, [numbers['IP_TOS']!, numbers['IP_RECVTOS']!]]
          : [numbers['IPPROTO_IPV6']!, [numbers['IPV6_TCLASS']!]]
      const octet = control?.find((message) => message.level === level && types.includes(message.type))
      t.ok(octet?.data.includes(0x2e), 'the octet, as the kernel gave it')
    })

    t.test('truncation of data', async (t) => {
      const socket = await bound(t, { type, pull: true })
      const { port } = socket.address()
      for (const how of ['recvmsg', 'tryRecvmsg', 'recvmmsg', 'tryRecvmmsg'] as const) {
        for (const length of [0, 4]) {
          const next = receive(socket, 'recvmsg', 0)
          await source.send({ data: '0123456789', address: loopback, port }, { data: 'next', address: loopback, port })
          await next
          let message: Message
          for (;;) {
            const got = await socket[how]({ length, ...(how.endsWith('mmsg') && { count: 1 }) })
            const one = Array.isArray(got) ? got[0] : got
            if (one !== null && one !== undefined) {
              message = one
              break
            }
            await timers.setTimeout(1)
          }
          t.equal(message.truncated, true, `${how}({ length: ${length} })`)
          t.equal(message.data.toString(), '0123456789'.slice(0, length))
          t.equal(message.size, length)
          t.equal(message.controlTruncated, false)
          told(t, message, { address: loopback, port: source.port })
          const whole = await socket.recvmsg({ length: 4 })
          t.equal(whole.truncated, false, 'what just fits is whole')
          t.equal(whole.data.toString(), 'next')
        }
      }
    })

    t.test('truncation of data that comes in two parts', async (t) => {
      // The sizes before say how much is received right where it stays; what is longer comes in a second buffer.
      const socket = await bound(t, { type, pull: true })
      const { port } = socket.address()
      for (const usual of [600, 1200]) {
        for (let sent = 0; sent < 3; sent++) {
          await source.send({ data: bytes(usual), address: loopback, port })
          t.equal((await socket.recvmsg()).size, usual)
        }
        await source.send({ data: bytes(4000), address: loopback, port })
        const { data, size, truncated } = await socket.recvmsg({ length: 3000 })
        t.same({ size, truncated }, { size: 3000, truncated: true })
        t.ok(data.equals(bytes(4000).subarray(0, 3000)), 'as much as there is room for')
      }
    })

    t.test('truncation of control data', { skip: noReceive('destination', family) }, async (t) => {
      const socket = await bound(t, { type, pull: true })
      const { port } = socket.address()
      for (const controlLength of [0, 1, 16]) {
        await source.send({ data: 'abc', address: loopback, port })
        const message = await socket.recvmsg({ controlLength })
        t.equal(message.controlTruncated, true, `controlLength: ${controlLength}`)
        t.equal(message.truncated, false)
        t.equal(message.destination, undefined)
        t.equal(message.data.toString(), 'abc', 'the data is not lost')
        await source.send({ data: 'abc', address: loopback, port })
        const [many] = await socket.recvmmsg({ controlLength })
        t.equal(many?.controlTruncated, true, 'recvmmsg')
      }
      await source.send({ data: 'abc', address: loopback, port })
      told(t, await socket.recvmsg(), { controlTruncated: false, destination: loopback })
    })

    t.test('batches, in order', async (t) => {
      const socket = await bound(t, { type, pull: true, recvBufferSize: 1 << 20 })
      const { port } = socket.address()
      const numbered = range(1, 200).map((at) => ({ data: String(at), address: loopback, port }))
      await source.send(...numbered)
      const messages: Message[] = []
      while (messages.length < 100) {
        const batch = await socket.recvmmsg({ count: 7 })
        t.ok(batch.length >= 1 && batch.length <= 7)
        messages.push(...batch)
      }
      while (messages.length < 200) messages.push(...(await socket.recvmmsg({ count: 200 - messages.length })))
      t.same(
        texts(messages),
        numbered.map(({ data }) => data),
      )
      t.equal(socket.tryRecvmsg(), null)
      t.same(socket.tryRecvmmsg(), [])
      await t.rejects(socket.recvmsg({ timeout: 5 }), { code: 'ETIMEDOUT', syscall: 'recvmsg' })
      await t.rejects(socket.recvmsg({ signal: AbortSignal.timeout(5) }), { name: 'AbortError' })
      const pending = [socket.recvmsg(), socket.recvmsg(), socket.recvmmsg({ count: 2 })]
      await source.send(...numbered.slice(0, 3))
      t.same(texts((await Promise.all(pending)).flat()), ['1', '2', '3'], 'those who wait are served in their order')
    })

    t.test('what is kept holds little memory', async (t) => {
      for (const way of ['message', 'recvmsg', 'recvmmsg'] as const) {
        const socket = await bound(t, { type, pull: pulls(way), recvBufferSize: 1 << 20 })
        const { port } = socket.address()
        const lengths = range(1, 60).flatMap((at) => [at, 511, 512, 1400, at * 100])
        const received = receive(socket, way, lengths.length)
        for (let at = 0; at < lengths.length; at += 50) {
          const part = lengths.slice(at, at + 50).map((length) => ({ data: bytes(length), address: loopback, port }))
          await source.send(...part)
        }
        const messages = await received
        t.same(sizes(messages), lengths)
        t.ok(
          messages.every(({ data }) => data.equals(bytes(data.length))),
          'memory is not used twice',
        )
        const held = (most: number, small: boolean): number[] =>
          messages
            .filter(({ data }) => data.length < 512 === small)
            .map(({ data }) => data.buffer.byteLength)
            .filter((length) => length > most)
        t.same(held(8192, true), [], `${way}: small messages hold at most 8 kB`)
        t.same(held(65536, false), [], 'others at most 64 kB')
      }
    })

    t.test('the longest datagram', async (t) => {
      const socket = await bound(t, { type, pull: true })
      const longest = bytes(can.maxDatagram[family])
      await source.send({ data: longest, address: loopback, port: socket.address().port })
      const { data, truncated } = await socket.recvmsg()
      t.ok(data.equals(longest))
      t.equal(truncated, false)
    })

    t.test(
      'coalesced trains',
      { skip: noReceive('segmentSize', family) || noSend('segmentSize', family) },
      async (t) => {
        const data = bytes(10_000)
        const parts = cut(data, 1200)
        const sender = await bound(t, { type })
        const trains: Record<string, (port: number) => Promise<unknown>> = {
          'our own': async (port) => await sender.sendmsg({ data, address, port, segmentSize: 1200, trafficClass: 2 }),
          "the witness'": async (port) =>
            await source.send({ data, address: loopback, port, segmentSize: 1200, trafficClass: 2 }),
        }
        for (const [whose, train] of Object.entries(trains)) {
          for (const way of receiveWays) {
            const split = await bound(t, { type, pull: pulls(way), coalesce: true })
            t.same(split.offload, { segmentation: can.send.segmentSize.IPv4 === 'kernel', coalescing: true })
            const received = receive(split, way, 9)
            await train(split.address().port)
            const messages = await received
            t.same(
              sizes(messages),
              parts.map((part) => part.length),
              `${whose}, by ${way}: split again`,
            )
            t.ok(joined(messages).equals(data))
            told(
              t,
              messages,
              Array(9).fill({ segmentSize: undefined, truncated: false, trafficClass: 2, destination: loopback }),
            )
            t.same(
              messages.map(({ size }) => size),
              parts.map((part) => part.length),
            )

            const whole = await bound(t, { type, pull: pulls(way), receiveInfo: ['segmentSize', 'destination'] })
            const one = receive(whole, way, 1)
            await train(whole.address().port)
            const [message, ...more] = await one
            t.same(more, [])
            told(t, message, { size: 10_000, segmentSize: 1200, destination: loopback }, 'whole, when asked')
            t.ok(message?.data.equals(data))
          }
        }
        // More datagrams than one batch has messages.
        for (const way of ['message', 'messages'] as const) {
          const many = await bound(t, { type, coalesce: true })
          const received = receive(many, way, 150)
          const train = bytes(50 * 300)
          const at = { address, port: many.address().port, segmentSize: 300 }
          await sender.sendmmsg([0, 1, 2].map(() => ({ data: train, ...at })))
          const messages = await received
          t.equal(messages.length, 150, `by ${way}`)
          t.ok(joined(messages).equals(Buffer.concat([train, train, train])))
        }

        const plain = await bound(t, { type, pull: true })
        await trains["the witness'"]!(plain.address().port)
        t.same(
          sizes(await receive(plain, 'recvmsg', 9)),
          parts.map((part) => part.length),
          'without it the kernel splits',
        )

        const mixed = await bound(t, { type, pull: true, coalesce: true })
        const { port } = mixed.address()
        await source.send(
          { data: 'before', address: loopback, port },
          { data: bytes(3000), address: loopback, port, segmentSize: 100 },
          { data: 'after', address: loopback, port },
        )
        const messages = await receive(mixed, 'recvmsg', 32)
        t.same(sizes(messages), [6, ...(Array(30).fill(100) as number[]), 5])
        t.same(
          messages.filter(({ data }) => data.buffer.byteLength > 8192),
          [],
          'small ones do not hold their train',
        )

        await source.send({ data, address: loopback, port, segmentSize: 1200 })
        const cutShort = [await mixed.recvmsg({ length: 100 }), ...(await receive(mixed, 'recvmsg', 8))]
        t.same(
          sizes(cutShort),
          [100, ...(Array(7).fill(1200) as number[]), 400],
          'too little room is a matter of one datagram',
        )
        t.same(
          cutShort.map(({ truncated }) => truncated),
          [true, ...(Array(8).fill(false) as boolean[])],
        )
        t.ok(cutShort[0]?.data.equals(data.subarray(0, 100)))
      },
    )

    t.test('answers leave from the address that was asked', { skip: noSend('source', family) }, async (t) => {
      const server = await bound(t, { type })
      server.on('message', (data, info) => {
        server.send({ data, ...replyTo(info) })
      })
      for (const destination of destinations) {
        await source.send({ data: destination, address: destination, port: server.address().port })
        told(t, await source.receive(1), [{ data: Buffer.from(destination), address: destination }])
      }
    })
  })
}

for (const [title, options] of [
  ['raw4', { type: 'raw4', loopback: '127.0.0.1', protocol: 1, request: 8, reply: 0, family: 4 }],
  ['raw6', { type: 'raw6', loopback: '::1', protocol: 58, request: 128, reply: 129, family: 6 }],
] as const) {
  const { type, loopback, protocol, request, reply } = options
  const family = options.family === 4 ? 'IPv4' : 'IPv6'
  const refused = ((): string | false => {
    if (options.family === 6 && !local['::1']) return 'there is no IPv6 here'
    const socket = createSocket({ type, protocol })
    try {
      socket.bindSync({ address: loopback })
      return false
    } catch (error) {
      const { code } = error as SocketError
      if (code === 'EPROTONOSUPPORT' && wine) return `no raw sockets of protocol ${protocol} under Wine`
      if (code !== 'EPERM' && code !== 'EACCES') throw error
      return `raw sockets are not for everybody: ${code}`
    } finally {
      socket.close()
    }
  })()

  const noExperiment = wine && 'Wine knows raw sockets of ICMP alone'

  t.test(`${title}: an echo`, { skip: refused }, async (t) => {
    const receiveInfo = (['destination', 'interface', 'hopLimit'] as const).filter(
      (name) => noReceive(name, family) === false,
    )
    const socket = await bound(t, { type, protocol, pull: true, receiveInfo })
    const sources = [loopback, ...(options.family === 4 && local['127.0.0.2'] ? ['127.0.0.2'] : [])]
    for (const [sequence, source] of sources.entries()) {
      const identifier = process.pid & 0xffff
      const payload = Buffer.from(`echo ${sequence}`)
      const echo = Buffer.concat([
        Buffer.from([request, 0, 0, 0, identifier >> 8, identifier & 0xff, 0, sequence]),
        payload,
      ])
      if (options.family === 4) echo.writeUInt16BE(internetChecksum(echo), 2) // raw(7): the kernel does it for ICMPv6 alone
      const fields = {
        ...(noSend('source', family) === false && { source }),
        ...(noSend('hopLimit', family) === false && { hopLimit: 33 }),
      }
      t.equal(await socket.sendmsg({ data: echo, address: loopback, ...fields }), echo.length)
      let answer: Message
      do {
        answer = await socket.recvmsg({ timeout: 10_000 })
        if (answer.data[0] === request && answer.data.subarray(8).equals(payload)) {
          // Over loopback our own request comes by, too.
          if ('hopLimit' in fields && receiveInfo.includes('hopLimit')) t.equal(answer.hopLimit, 33)
          if ('source' in fields) t.equal(answer.address, source)
        }
      } while (answer.data[0] !== reply || answer.data.readUInt16BE(4) !== identifier)
      t.ok(answer.data.subarray(4).equals(echo.subarray(4)), 'the answer starts with the ICMP header')
      t.equal(answer.size, echo.length)
      told(t, answer, { address: loopback, family, port: 0 })
      if (receiveInfo.includes('destination')) t.equal(answer.destination, 'source' in fields ? source : loopback)
      if (receiveInfo.includes('interface')) t.equal(answer.interface, loopbackIndex)
      if (receiveInfo.includes('hopLimit')) t.ok(answer.hopLimit! > 0)
    }
    await t.rejects(socket.sendmsg({ data: Buffer.from('x'), address: loopback, port: 7 }), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  t.test(`${title}: data without the IP header, both ways`, { skip: refused || noPeer || noExperiment }, async (t) => {
    const EXPERIMENT = 253 // RFC 3692
    const socket = await bound(t, { type, protocol: EXPERIMENT, pull: true, receiveInfo: ['hopLimit', 'trafficClass'] })
    const other = await peer!.open({ family: options.family, protocol: EXPERIMENT, address: loopback })
    t.teardown(async () => await other.close())
    const header = options.family === 4 ? 20 : 0 // raw(7): with the header on IPv4
    for (const data of [Buffer.from('hello'), bytes(1000), Buffer.alloc(0)]) {
      t.equal(await socket.sendmsg({ data, address: loopback, hopLimit: 21, trafficClass: 0x2e }), data.length)
      const [seen] = await other.receive(1)
      told(t, seen, { hopLimit: 21, trafficClass: 0x2e, address: loopback })
      t.ok(seen?.data.subarray(header).equals(data))
      const own = await socket.recvmsg() // over loopback it comes by here, too
      t.ok(own.data.equals(data))
      told(t, own, { size: data.length, hopLimit: 21, trafficClass: 0x2e, truncated: false })
      await other.send({ data, address: loopback, port: 0, hopLimit: 22 })
      const back = await socket.recvmsg()
      t.ok(back.data.equals(data))
      told(t, back, { size: data.length, hopLimit: 22, address: loopback })
      await other.receive(1)
    }
    await other.send({ data: '0123456789', address: loopback, port: 0 })
    told(t, await socket.recvmsg({ length: 4 }), { data: Buffer.from('0123'), truncated: true, size: 4 })
  })
}

for (const type of ['udp4', 'udp6'] as const) {
  const loopback = type === 'udp4' ? '127.0.0.1' : '::1'
  const skip = type === 'udp6' && !local['::1'] && 'there is no IPv6 here'

  t.test(`ICMP unreachable, ${type}: an unconnected socket goes on`, { skip }, async (t) => {
    const nobody = await closedPort(type)
    const receiver = await bound(t, { type, pull: true }, loopback)
    for (const pull of [true, false]) {
      const socket = await bound(t, { type, pull })
      const errors: Error[] = []
      socket.on('error', (error) => errors.push(error))
      const { port } = socket.address()
      for (let round = 0; round < 20; round++) {
        t.equal(await socket.sendmsg({ data: Buffer.from('lost'), address: loopback, port: nobody }), 4)
        t.equal(socket.trySendmsg({ data: Buffer.from('kept'), address: loopback, port: receiver.address().port }), 4)
        t.equal((await receiver.recvmsg({ timeout: 10_000 })).data.toString(), 'kept')
      }
      const received = receive(socket, pull ? 'recvmsg' : 'message', 1)
      await receiver.sendmsg({ data: Buffer.from('heard'), address: loopback, port })
      t.same(texts(await received), ['heard'])
      t.same(errors, [])
    }
  })

  const untold = wine && 'Wine fetches the error of a datagram socket, and tells nobody'
  t.test(`ICMP unreachable, ${type}: a connected socket is told, once`, { skip: skip || untold }, async (t) => {
    const nobody = await closedPort(type)
    const pulling = open(t, { type, pull: true })
    pulling.connect(nobody, loopback)
    await once(pulling, 'connect')
    t.equal(await pulling.sendmsg({ data: Buffer.from('lost') }), 4)
    await t.rejects(pulling.recvmsg({ timeout: 10_000 }), {
      name: 'SocketError',
      code: 'ECONNREFUSED',
      syscall: 'recvmsg',
      nativeName: platform === 'win32' ? 'WSAECONNRESET' : 'ECONNREFUSED',
    })
    t.equal(pulling.tryRecvmsg(), null, 'once')

    const waiting = t.rejects(pulling.recvmsg({ timeout: 10_000 }), { code: 'ECONNREFUSED' })
    t.equal(await pulling.sendmsg({ data: Buffer.from('lost') }), 4)
    await waiting

    const service = await bound(t, { type }, loopback, nobody)
    service.on('message', (data, info) => {
      service.send({ data, ...replyTo(info) })
    })
    t.equal(await pulling.sendmsg({ data: Buffer.from('found') }), 5)
    t.equal((await pulling.recvmsg({ timeout: 10_000 })).data.toString(), 'found', 'and then it works')
    await service[Symbol.asyncDispose]()

    const listening = open(t, { type })
    listening.connect(nobody, loopback)
    await once(listening, 'connect')
    const failed = once(listening, 'error')
    t.equal(await listening.sendmsg({ data: Buffer.from('lost') }), 4)
    const [error] = (await failed) as [SocketError]
    t.ok(error instanceof SocketError)
    told(t, error, { code: 'ECONNREFUSED', syscall: 'recvmsg' }, "'error' of a socket that listens")
    const back = await bound(t, { type }, loopback, nobody)
    const heard = receive(back, 'message', 1)
    t.equal(await listening.sendmsg({ data: Buffer.from('found') }), 5)
    t.same(texts(await heard), ['found'])
  })
}

t.test('the life of a socket', async (t) => {
  for (const type of ['udp4', ...(local['::1'] ? (['udp6'] as const) : [])] as const) {
    const [wildcard, loopback, family] = type === 'udp4' ? ['0.0.0.0', '127.0.0.1', 'IPv4'] : ['::', '::1', 'IPv6']

    t.test(`${type}: bind, listening, address`, async (t) => {
      const socket = open(t, { type })
      let listening = 0
      socket.on('listening', () => listening++)
      t.equal(socket.bind(), socket, 'returns the socket')
      t.equal(listening, 0, 'events come later')
      t.throws(() => socket.bind(), { code: 'ERR_SOCKET_ALREADY_BOUND' })
      await once(socket, 'listening')
      told(t, socket.address(), { address: wildcard, family })
      t.ok(socket.address().port > 0)
      t.throws(() => socket.bind(0), { code: 'ERR_SOCKET_ALREADY_BOUND' })
      t.equal(listening, 1)

      const { port } = socket.address()
      const second = open(t, { type })
      second.bind(port)
      const [error] = (await once(second, 'error')) as [SocketError]
      t.ok(error instanceof SocketError)
      told(t, error, {
        code: 'EADDRINUSE',
        syscall: 'bind',
        port,
        address: wildcard,
        message: `bind EADDRINUSE ${wildcard}:${port}`,
      })
      t.type(error.errno, 'number')
      t.type(error.nativeCode, 'number')
      t.match(error.nativeName, /^(WSA)?EADDRINUSE$/)
      second.bind(0, loopback)
      await once(second, 'listening')
      told(t, second.address(), { address: loopback, family }, 'it can be bound after that')

      for (const form of [
        (s: typeof socket, done: () => void) => s.bind(done),
        (s: typeof socket, done: () => void) => s.bind(0, done),
        (s: typeof socket, done: () => void) => s.bind(0, loopback, done),
        (s: typeof socket, done: () => void) => s.bind({ port: 0, address: loopback }, done),
      ]) {
        const one = open(t, { type })
        await new Promise<void>((done) => form(one, done))
        t.ok(one.address().port > 0)
      }
    })

    const anyAddress = wine && 'Wine binds to addresses that are not there'
    t.test(`${type}: bind to an address of another host`, { skip: anyAddress }, async (t) => {
      const foreign = open(t, { type })
      foreign.bind(0, type === 'udp4' ? '192.0.2.77' : '2001:db8::77')
      told(t, (await once(foreign, 'error'))[0], { code: 'EADDRNOTAVAIL', syscall: 'bind' })
    })

    t.test(`${type}: connect, remoteAddress, disconnect`, async (t) => {
      const server = await bound(t, { type, pull: true }, loopback)
      const { port } = server.address()
      const socket = open(t, { type, pull: true })
      t.throws(() => socket.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      t.throws(() => socket.disconnect(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      await new Promise<void>((done, failed) => {
        socket.connect(port, loopback, (error) => (error === undefined ? done() : failed(error)))
      })
      t.same(socket.remoteAddress(), { address: loopback, family, port })
      t.equal(socket.address().address, loopback)
      t.throws(() => socket.connect(port, loopback), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' })

      const stranger = await bound(t, { type }, loopback)
      await stranger.sendmsg({ data: Buffer.from('stranger'), address: loopback, port: socket.address().port })
      await server.sendmsg({ data: Buffer.from('friend'), address: loopback, port: socket.address().port })
      t.equal((await socket.recvmsg()).data.toString(), 'friend', 'of the peer alone')

      socket.disconnect()
      t.throws(() => socket.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      socket.connect(port, loopback)
      await once(socket, 'connect')
      t.equal(await socket.sendmsg({ data: Buffer.from('again') }), 5)
      t.equal((await server.recvmsg()).data.toString(), 'again')
    })

    t.test(`${type}: close`, async (t) => {
      const socket = await bound(t, { type, pull: true })
      const waits = t.rejects(socket.recvmsg(), { name: 'SocketError', code: 'ECANCELED' })
      const loop = (async () => {
        for await (const message of socket) t.fail(String(message.size))
        return 'over'
      })()
      let closed = false
      socket.once('close', () => (closed = true))
      const gone = once(socket, 'close')
      t.equal(socket.close(), socket)
      t.equal(closed, false, "'close' comes later")
      await waits
      t.equal(await loop, 'over')
      await gone
      for (const use of [
        () => socket.close(),
        () => socket.bind(),
        () => socket.address(),
        () => socket.connect(1),
        () => socket.remoteAddress(),
        () => socket.send({ data: Buffer.from('x'), address: loopback, port: 9 }),
        () => socket.trySendmsg({ data: Buffer.from('x'), address: loopback, port: 9 }),
        () => socket.trySendmmsg([{ data: Buffer.from('x'), address: loopback, port: 9 }]),
        () => socket.tryRecvmsg(),
        () => socket.tryRecvmmsg(),
        () => socket.getRecvBufferSize(),
        () => socket.setSendBufferSize(4096),
      ]) {
        t.throws(use, { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }, String(use))
      }
      const calls: (() => Promise<unknown>)[] = [
        () => sendmsg(socket, { data: Buffer.from('x'), address: loopback, port: 9 }),
        () => sendmmsg(socket, [{ data: Buffer.from('x'), address: loopback, port: 9 }]),
        () => recvmsg(socket),
        () => recvmmsg(socket),
      ]
      for (const use of calls) {
        await t.rejects(use(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }, String(use))
      }
      t.equal(socket.ref(), socket)
      t.equal(socket.unref(), socket)
      await socket[Symbol.asyncDispose]()
      t.same(socket.offload, { segmentation: false, coalescing: false })

      const unbound = createSocket(type)
      await new Promise<void>((done) => unbound.close(done))
      const leaving = await bound(t, { type, pull: true })
      await leaving.sendmsg({ data: Buffer.from('one'), address: loopback, port: leaving.address().port })
      const left = once(leaving, 'close')
      for await (const { data } of leaving) {
        t.equal(data.toString(), 'one')
        break
      }
      await left
      t.throws(() => leaving.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }, 'leaving the loop closes the socket')
    })

    t.test(`${type}: closed within its own events`, async (t) => {
      const socket = await bound(t, { type })
      const { port } = socket.address()
      const got: string[] = []
      socket.on('message', (data) => {
        got.push(data.toString())
        socket.close()
      })
      const gone = once(socket, 'close')
      t.equal(
        trySendmmsg(
          socket,
          ['1', '2', '3'].map((text) => ({ data: Buffer.from(text), address: loopback, port })),
        ),
        3,
      )
      await gone
      t.same(got, ['1'], 'nothing is told after it')
      const early = createSocket(type)
      early.bind()
      early.on('listening', () => t.fail("'listening' after close"))
      early.close()
      await once(early, 'close')
      await timers.setImmediate()
    })

    t.test(`${type}: AbortSignal`, async (t) => {
      const controller = new AbortController()
      const socket = await bound(t, { type, signal: controller.signal })
      const gone = once(socket, 'close')
      controller.abort()
      await gone
      t.throws(() => socket.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
      const never = createSocket({ type, signal: AbortSignal.abort() })
      await once(never, 'close')
      t.throws(() => never.bind(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
      const kept = await bound(t, { type, pull: true })
      const aborted = new AbortController()
      const waits = kept.recvmsg({ signal: aborted.signal })
      aborted.abort()
      await t.rejects(waits, { name: 'AbortError', code: 'ABORT_ERR' })
      await t.rejects(kept.recvmsg({ signal: aborted.signal }), { name: 'AbortError' })
      await t.rejects(
        kept.sendmsg(
          { data: Buffer.from('x'), address: loopback, port: kept.address().port },
          { signal: aborted.signal },
        ),
        { name: 'AbortError' },
      )
      t.equal(kept.tryRecvmsg(), null, 'and was not sent')
    })

    t.test(`${type}: buffer sizes`, async (t) => {
      const socket = open(t, { type, recvBufferSize: 50_000, sendBufferSize: 60_000 })
      t.ok(socket.getRecvBufferSize() >= 50_000)
      t.ok(socket.getSendBufferSize() >= 60_000)
      socket.setRecvBufferSize(80_000)
      socket.setSendBufferSize(90_000)
      t.ok(socket.getRecvBufferSize() >= 80_000)
      t.ok(socket.getSendBufferSize() >= 90_000)
      t.equal(socket.getSendQueueCount(), 0)
      t.equal(socket.getSendQueueSize(), 0)
    })

    t.test(`${type}: the two receiving modes do not mix`, async (t) => {
      const listens = await bound(t, { type })
      t.throws(() => listens.tryRecvmsg(), { code: 'ERR_INVALID_STATE' })
      t.throws(() => tryRecvmmsg(listens), { code: 'ERR_INVALID_STATE' })
      await t.rejects(recvmsg(listens), { code: 'ERR_INVALID_STATE' })
      await t.rejects(recvmmsg(listens), { code: 'ERR_INVALID_STATE' })
      await t.rejects(
        async () => {
          for await (const message of listens) t.fail(String(message.size))
        },
        { code: 'ERR_INVALID_STATE' },
      )
      const pulled = await bound(t, { type, pull: true })
      for (const event of ['message', 'messages'] as const) {
        t.throws(() => pulled.on(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.once(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.addListener(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.prependListener(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.prependOnceListener(event, () => {}), { code: 'ERR_INVALID_STATE' })
      }
      t.throws(() => createSocket({ type, pull: true }, () => {}), { code: 'ERR_INVALID_STATE' })
      t.equal(tryRecvmsg(pulled), null)
      t.same(tryRecvmmsg(pulled), [])
      const both = await bound(t, { type })
      const seen: string[] = []
      both.on('messages', (batch) => seen.push(`batch of ${batch.length}`))
      both.on('message', (data) => seen.push(data.toString()))
      const { port } = both.address()
      trySendmmsg(
        both,
        ['a', 'b'].map((text) => ({ data: Buffer.from(text), address: loopback, port })),
      )
      while (seen.filter((text) => text.length === 1).length < 2) await once(both, 'message')
      t.same(
        seen.filter((text) => text.length === 1),
        ['a', 'b'],
        'both fire if both have listeners',
      )
      t.ok(seen.includes('batch of 2') || seen.filter((text) => text === 'batch of 1').length === 2)
    })

    t.test(`${type}: wrong families and types`, async (t) => {
      const socket = open(t, { type, ...(type === 'udp6' && { ipv6Only: true }) })
      const other = type === 'udp4' ? '::1' : '127.0.0.1'
      t.throws(() => socket.trySendmsg({ data: Buffer.from('x'), address: other, port: 9 }), {
        code: 'ERR_INVALID_ARG_VALUE',
      })
      const cases: [OutgoingMessage, string][] = [
        [{ data: Buffer.from('x'), address: 'localhost', port: 9 }, 'ERR_INVALID_ARG_VALUE'],
        [{ data: Buffer.from('x'), address: loopback, port: 70000 }, 'ERR_SOCKET_BAD_PORT'],
        [{ data: Buffer.from('x'), address: loopback }, 'ERR_SOCKET_BAD_PORT'],
        [{ data: Buffer.from('x'), port: 9 }, 'ERR_INVALID_ARG_TYPE'],
        [{ data: 'x' as never, address: loopback, port: 9 }, 'ERR_INVALID_ARG_TYPE'],
        [{ data: Buffer.from('x'), address: loopback, port: 9, hopLimit: 0 }, 'ERR_OUT_OF_RANGE'],
        [{ data: Buffer.from('x'), address: loopback, port: 9, trafficClass: 1, ecn: 1 }, 'ERR_INVALID_ARG_VALUE'],
      ]
      for (const [message, code] of cases) {
        t.throws(() => socket.trySendmsg(message), { code })
        await t.rejects(socket.sendmsg(message), { code })
      }
      socket.bind(0, other)
      t.match((await once(socket, 'error'))[0], {
        code: /^(ERR_INVALID_ARG_VALUE|EINVAL|EAFNOSUPPORT|ENOTFOUND|EADDRNOTAVAIL)$/,
      })
    })
  }

  t.throws(() => createSocket('udp5' as SocketType), { code: 'ERR_SOCKET_BAD_TYPE' })
  t.throws(() => createSocket({ type: 'raw4' }), { code: 'ERR_INVALID_ARG_TYPE' }, 'a raw socket has a protocol')

  t.test('send with a message throws what is wrong with it, and tells what the system says', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const socket = await bound(t, { type: 'udp4' })
    const { port } = receiver.address()
    const at = { address: '127.0.0.1', port }
    const wrong = (message: object): (() => void) => {
      return () => {
        socket.send(message as OutgoingMessage)
      }
    }
    t.throws(wrong({ data: 'text', ...at }), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(wrong({ data: x, adress: '127.0.0.1', port }), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(wrong({ data: x, ...at, hopLimit: 0 }), { code: 'ERR_OUT_OF_RANGE' })
    if (!can.flags.oob) t.throws(wrong({ data: x, ...at, flags: { oob: true } }), { code: 'ENOTSUP' })
    const tooLong = { data: bytes(70_000), ...at }
    socket.send(tooLong)
    t.match(await new Promise((done) => socket.send(tooLong, done)), { code: 'EMSGSIZE', syscall: 'sendmsg' })
    socket.send({ data: x, ...at })
    t.same((await receiver.recvmsg()).data, x, 'and nothing else came')
    t.equal(receiver.tryRecvmsg(), null)
  })

  t.test('what is sent while bind looks up a name goes out afterwards', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const { port } = receiver.address()
    const socket = open(t, {
      type: 'udp4',
      lookup: (_host, _options, done) => setImmediate(done, null, '127.0.0.1', 4),
    })
    socket.bind(0, 'a.name')
    socket.send({ data: Buffer.from('message'), address: '127.0.0.1', port })
    socket.send('buffer', port, '127.0.0.1')
    const wrong = new Promise((done) => {
      socket.send({ data: x, address: '127.0.0.1', port: 70000 }, done)
    })
    t.match(await wrong, { code: 'ERR_SOCKET_BAD_PORT' })
    t.same(
      (await receive(receiver, 'recvmsg', 2)).map(({ data }) => data.toString()),
      ['message', 'buffer'],
    )
  })

  t.test('recvmmsg takes as many as it is asked for', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const sender = await bound(t, { type: 'udp4' })
    const { port } = receiver.address()
    const numbered = Array.from({ length: 150 }, (_, index) => Buffer.from(String(index)))
    await sender.sendmmsg(numbered.map((data) => ({ data, address: '127.0.0.1', port })))
    const messages = receiver.tryRecvmmsg({ count: 130 })
    t.same(
      messages.map(({ data }) => data),
      numbered.slice(0, 130),
    )
    t.equal(receiver.tryRecvmmsg({ count: 1024 }).length, 20)
    t.same(receiver.tryRecvmmsg({ count: 1024 }), [])
  })

  t.test('setTTL holds for datagrams that give no hop limit', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true, receiveInfo: ['hopLimit'] }, '127.0.0.1')
    const socket = await bound(t, { type: 'udp4' })
    const at = { data: x, address: '127.0.0.1', port: receiver.address().port }
    t.equal(socket.setTTL(7), 7)
    await socket.sendmsg(at)
    await socket.sendmsg({ ...at, hopLimit: 9 })
    t.same(
      (await receive(receiver, 'recvmsg', 2)).map(({ hopLimit }) => hopLimit),
      [7, 9],
    )
    t.throws(() => socket.setTTL(0), { code: 'EINVAL', syscall: 'setTTL' })
    t.throws(() => socket.setRecvBufferSize(-1), { code: 'ERR_SOCKET_BAD_BUFFER_SIZE' })
  })

  t.test('a message is sent in the tick of the call', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const sender = open(t, { type: 'udp4' })
    const to = { address: '127.0.0.1', port: receiver.address().port }
    const data = Buffer.from('now')
    const sent = sender.sendmsg({ data, ...to })
    data.fill('?')
    t.equal(await sent, 3)
    t.equal((await receiver.recvmsg()).data.toString(), 'now', 'it was not copied, and had gone already')
    const results: string[] = []
    await Promise.all([
      sender.sendmsg({ data: Buffer.from('1'), ...to }).then(() => results.push('1')),
      sender.sendmmsg([{ data: Buffer.from('2'), ...to }]).then(() => results.push('2')),
      Promise.resolve(sender.trySendmsg({ data: Buffer.from('3'), ...to })).then(() => results.push('3')),
    ])
    t.same(texts(await receive(receiver, 'recvmsg', 3)), ['1', '2', '3'], 'in call order')
    t.equal(results.length, 3)
  })

  t.test('ref and unref', async (t) => {
    const run = (source: string): { status: number | null; stdout: string } => {
      const { status, stdout } = spawnSync(process.execPath, ['-e', source], {
        cwd: __dirname,
        encoding: 'utf8',
        timeout: 60_000,
        env: { ...process.env, NODE_OPTIONS: '' },
      })
      return { status, stdout }
    }
    const head = "const { createSocket } = require('sendmsg'); process.on('exit', () => console.log('end'));"
    t.same(run(`${head} createSocket('udp4').bind().unref()`), { status: 0, stdout: 'end\n' })
    t.same(run(`${head} createSocket('udp4').unref().bind()`), { status: 0, stdout: 'end\n' })
    t.same(run(`${head} createSocket('udp4')`), { status: 0, stdout: 'end\n' }, 'not bound, it holds nothing')
    t.same(
      run(`${head} const s = createSocket({ type: 'udp4', pull: true }); s.recvmsg().catch(() => {}); s.unref()`),
      { status: 0, stdout: 'end\n' },
    )
    t.same(
      run(`${head} const s = createSocket('udp4').bind(); s.unref(); s.ref();
           s.on('close', () => console.log('close')); setTimeout(() => s.close(), 50).unref()`),
      { status: 0, stdout: 'close\nend\n' },
      'bound and held, it keeps the loop alive until it is closed',
    )
  })
})

/** RFC 1071. */
function internetChecksum(data: Buffer): number {
  let sum = 0
  for (let at = 0; at < data.length; at += 2) sum += data.readUInt8(at) * 256 + (data[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
