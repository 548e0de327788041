// What we send, as the witness sees it.
import { once } from 'node:events'
import { SocketAddress } from 'node:net'
import t from 'tap'
import { sendmmsg, sendmsg, trySendmmsg, trySendmsg, type OutgoingMessage } from 'sendmsg'
import { known, type Witnessed } from '../helpers/peer'
import { bound, bytes, cut, loopbackInterface, open, sendWays, told, type SendWay } from '../helpers/sockets'
import {
  routes,
  range,
  texts,
  sizes,
  joined,
  platform,
  qemu,
  can,
  noSend,
  sendsCE,
  sendable,
  local,
  loopbackIndex,
  without,
  witness,
} from './setup'

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
}
