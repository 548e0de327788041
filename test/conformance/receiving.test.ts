// What the witness sends, as we report it.
import timers from 'node:timers/promises'
import t from 'tap'
import { replyTo, type Message, type MessageInfo, type ReceiveInfoName } from 'sendmsg'
import { known } from '../helpers/peer'
import { bound, bytes, cut, pulls, receive, receiveWays, told } from '../helpers/sockets'
import {
  routes,
  range,
  texts,
  sizes,
  joined,
  can,
  noSend,
  noReceive,
  local,
  loopbackIndex,
  without,
  witness,
} from './setup'

for (const route of routes.filter(({ address, loopback }) => address === loopback)) {
  const { family, type, address, loopback } = route

  t.test(`receiving, ${route.title}`, { skip: without(route) }, async (t) => {
    const everything: ReceiveInfoName[] = (
      ['destination', 'interface', 'cast', 'trafficClass', 'hopLimit', 'timestamp', 'dropped', 'control'] as const
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
            ...(everything.includes('dropped') && { dropped: 0 }),
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
        dropped: undefined,
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
        'dropped',
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
