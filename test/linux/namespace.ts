// Runs in a network namespace of its own; the witness is in another one. Two links are between them, with an MTU of
// 1500, and the same link-local addresses on both.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { replyTo, sendmmsg, type Message, type OutgoingMessage, type Socket, type SocketOptions } from 'sendmsg'
import { Peer } from '../helpers/peer'
import { bound, bytes, cut, open, receive, told } from '../helpers/sockets'

const ip = (...args: string[]): void => {
  execFileSync('ip', args)
}

const peer = new Peer(['unshare', '-n'])
t.teardown(() => peer.end())

const OURS = { link: ['va0', 'va1'], local: 'fe80::a' } as const
const THEIRS = { link: ['vb0', 'vb1'], local: 'fe80::b' } as const

async function setUp(): Promise<void> {
  await peer.run('ip', 'link', 'set', 'lo', 'up')
  ip('link', 'set', 'lo', 'up')
  for (const link of [0, 1] as const) {
    const [ours, theirs] = [OURS.link[link], THEIRS.link[link]]
    ip('link', 'add', 'name', ours, 'type', 'veth', 'peer', 'name', theirs)
    ip('link', 'set', theirs, 'netns', String(peer.pid))
    for (const [name, host, local, run] of [
      [ours, 1, OURS.local, async (...args: string[]) => ip(...args)],
      [theirs, 2, THEIRS.local, async (...args: string[]) => await peer.run('ip', ...args)],
    ] as const) {
      await run('link', 'set', name, 'addrgenmode', 'none')
      await run('link', 'set', name, 'up')
      await run('address', 'add', `10.9.${link}.${host}/24`, 'broadcast', '+', 'dev', name)
      await run('address', 'add', `10.9.${link}.${host + 2}/24`, 'dev', name)
      await run('address', 'add', `fd00:${link}::${host}/64`, 'dev', name, 'nodad')
      await run('address', 'add', `fd00:${link}::${host + 2}/64`, 'dev', name, 'nodad')
      await run('address', 'add', `${local}/64`, 'dev', name, 'nodad')
    }
  }
  // Behind a router, which the witness plays.
  await peer.run('ip', 'address', 'add', '10.77.0.1/32', 'dev', 'lo')
  ip('route', 'add', '10.77.0.0/24', 'via', '10.9.0.2')
  // Where a smaller path MTU is known, as ICMP would have taught it.
  await peer.run('ip', 'address', 'add', '10.78.0.1/32', 'dev', 'lo')
  await peer.run('ip', 'address', 'add', 'fd00:78::1/128', 'dev', 'lo', 'nodad')
  ip('route', 'add', '10.78.0.0/24', 'via', '10.9.0.2', 'mtu', '1300')
  ip('route', 'add', 'fd00:78::/64', 'via', 'fd00:0::2', 'mtu', '1300')
}

const indexOf = (name: string): number =>
  JSON.parse(execFileSync('ip', ['-json', 'link', 'show', name], { encoding: 'utf8' }))[0].ifindex
const texts = (messages: readonly { data: Buffer }[]): string[] => messages.map(({ data }) => data.toString())
const x = Buffer.from('x')

const routes = [
  { title: 'IPv4', type: 'udp4', family: 4, to: ['10.9.0.2', '10.9.1.2'], sources: ['10.9.0.1', '10.9.0.3'] },
  { title: 'IPv6', type: 'udp6', family: 6, to: ['fd00:0::2', 'fd00:1::2'], sources: ['fd00::1', 'fd00::3'] },
  { title: 'dual-stack', type: 'udp6', family: 4, to: ['10.9.0.2', '10.9.1.2'], sources: ['10.9.0.1', '10.9.0.3'] },
] as const

void t.test('set up', async (t) => {
  await setUp()
  const { interfaces } = (await peer.ask({ op: 'numbers' })) as { interfaces: Record<string, number> }
  t.ok(networkInterfaces()['va0'] !== undefined && networkInterfaces()['va1'] !== undefined)
  t.ok(interfaces['vb0'] !== undefined && interfaces['vb1'] !== undefined)
  const links = OURS.link.map(indexOf)
  const theirs = THEIRS.link.map((name) => interfaces[name]!)

  for (const { title, type, family, to, sources } of routes) {
    t.test(`${title}: source and hop limit`, async (t) => {
      const sink = await peer.open({ family })
      const socket = await bound(t, { type })
      for (const source of [...sources, ...sources]) {
        await socket.sendmsg({ data: x, address: to[0], port: sink.port, source, hopLimit: 3, trafficClass: 0xb9 })
        told(t, await sink.receive(1), [
          { address: source, hopLimit: 3, trafficClass: 0xb9, interface: theirs[0], port: socket.address().port },
        ])
      }
      await sink.close()
    })

    t.test(`${title}: an answer leaves from the address that was asked`, async (t) => {
      const source = await peer.open({ family })
      const server = await bound(t, { type })
      server.on('message', (data, info) => {
        server.send({ data, ...replyTo(info) })
      })
      for (const asked of [...sources].reverse()) {
        await source.send({ data: asked, address: asked, port: server.address().port })
        told(t, await source.receive(1), [{ data: Buffer.from(asked), address: asked }])
      }
      await source.close()
    })

    t.test(`${title}: don't-fragment`, async (t) => {
      const sink = await peer.open({ family })
      const at = { address: to[0], port: sink.port }
      const large = bytes(4000)
      const refused = async (socket: Socket, message: Partial<OutgoingMessage>, why: string): Promise<void> => {
        await t.rejects(socket.sendmsg({ data: large, ...at, ...message }), { code: 'EMSGSIZE', ...at }, why)
        t.same(await sink.receive(0), [])
      }
      const passes = async (socket: Socket, message: Partial<OutgoingMessage>, why: string): Promise<void> => {
        t.equal(await socket.sendmsg({ data: large, ...at, ...message }), 4000)
        const [got] = await sink.receive(1)
        t.ok(got?.data.equals(large), why)
      }
      const socket = await bound(t, { type })
      await passes(socket, {}, 'fragmented, as the socket is')
      await refused(socket, { dontFragment: true }, 'true')
      await passes(socket, { dontFragment: false }, 'false')
      await passes(socket, {}, 'the socket is as it was')
      await refused(socket, { dontFragment: true }, 'true, again')
      t.equal(await socket.sendmsg({ data: x, ...at, dontFragment: true }), 1)
      t.same(texts(await sink.receive(1)), ['x'], 'a small one goes')
      await t.rejects(
        sendmmsg(socket, [
          { data: x, ...at },
          { data: large, ...at, dontFragment: true },
          { data: x, ...at },
        ]),
        { code: 'EMSGSIZE', sent: 1 },
        'in a batch',
      )
      t.same(texts(await sink.receive(1)), ['x'])

      const never = await bound(t, { type, dontFragment: true })
      await refused(never, {}, 'createSocket({ dontFragment: true })')
      await passes(never, { dontFragment: false }, 'one that may be fragmented on it')
      await refused(never, {}, 'and then again not')
      await sink.close()
    })

    t.test(`${title}: trains`, async (t) => {
      const sink = await peer.open({ family })
      const at = { address: to[0], port: sink.port }
      const socket = await bound(t, { type })
      for (const segmentSize of [1200, 100, 2000]) {
        for (const way of ['sendmsg', 'sendmmsg'] as const) {
          const data = bytes(20_000)
          const train = { data, ...at, segmentSize, source: sources[1], trafficClass: 2 }
          await (way === 'sendmsg' ? socket.sendmsg(train) : socket.sendmmsg([{ data: x, ...at }, train]))
          const parts = [...(way === 'sendmmsg' ? [x] : []), ...cut(data, segmentSize)]
          const got = await sink.receive(parts.length)
          t.equal(got.length, parts.length, `${way} at ${segmentSize}`)
          t.ok(parts.every((part, index) => got[index]?.data.equals(part)))
          told(t, got.slice(-10), Array(10).fill({ address: sources[1], trafficClass: 2 }))
        }
      }
      await sink.close()
    })
  }

  t.test("don't-fragment leaves a known path MTU aside", async (t) => {
    for (const { type, family, address } of [
      { type: 'udp4', family: 4, address: '10.78.0.1' },
      { type: 'udp6', family: 6, address: 'fd00:78::1' },
      { type: 'udp6', family: 4, address: '10.78.0.1' },
    ] as const) {
      const sink = await peer.open({ family })
      const message = { data: bytes(1400), address, port: sink.port, dontFragment: true }
      const socket = await bound(t, { type })
      t.equal(await socket.sendmsg(message), 1400)
      const [got] = await sink.receive(1)
      t.ok(got?.data.equals(message.data), `${type} to ${address}`)
      await sink.close()
    }
  })

  t.test("the wire: don't-fragment of IPv4", async (t) => {
    const wire = await peer.open({ family: 4, packets: 'vb0' })
    const sink = await peer.open({ family: 4 })
    const at = { address: '10.9.0.2', port: sink.port }
    for (const type of ['udp4', 'udp6'] as const) {
      const flagged = async (options: SocketOptions, values: (boolean | undefined)[]): Promise<boolean[]> => {
        const socket = await bound(t, options)
        t.equal(
          await sendmmsg(
            socket,
            values.map((dontFragment) => ({ data: x, ...at, dontFragment })),
          ),
          values.length,
        )
        t.equal((await sink.receive(values.length)).length, values.length)
        return (await wire.receive(0))
          .map(({ data }) => data)
          .filter((packet) => packet.length >= 28 && packet[0] === 0x45 && packet.readUInt16BE(22) === sink.port)
          .map((packet) => (packet[6]! & 0x40) !== 0)
      }
      const values = [true, false, undefined, false, true, true, undefined]
      // Linux sets it on what needs no fragmenting (IP_PMTUDISC_WANT).
      t.same(
        await flagged({ type }, values),
        values.map((value) => value ?? true),
        type,
      )
      t.same(await flagged({ type, dontFragment: true }, [undefined, false, undefined, true]), [
        true,
        false,
        true,
        true,
      ])
    }
    await wire.close()
    await sink.close()
  })

  t.test('link-local peers', async (t) => {
    const sink = await peer.open({ family: 6 })
    const socket = await bound(t, { type: 'udp6', pull: true })
    const there = { data: x, address: THEIRS.local, port: sink.port }
    for (const link of [1, 0, 1] as const) {
      for (const [how, fields] of Object.entries({
        'scope by name': { address: `${THEIRS.local}%${OURS.link[link]}` },
        'scope by index': { address: `${THEIRS.local}%${links[link]}` },
        'interface by name': { interface: OURS.link[link] },
        'interface by index': { interface: links[link]! },
        'scoped source': { source: `${OURS.local}%${OURS.link[link]}` },
        'both, and a source': {
          address: `${THEIRS.local}%${OURS.link[link]}`,
          source: OURS.local,
          interface: OURS.link[link],
        },
      })) {
        t.equal(await socket.sendmsg({ ...there, ...fields }), 1)
        told(t, await sink.receive(1), [{ address: OURS.local, scope: theirs[link], interface: theirs[link] }], how)
      }
      await sink.send({
        data: 'hello',
        address: `${OURS.local}%${THEIRS.link[link]}`,
        port: socket.address().port,
      })
      const message = await socket.recvmsg()
      told(t, message, {
        address: `${THEIRS.local}%${OURS.link[link]}`,
        destination: OURS.local,
        interface: links[link],
        cast: 'unicast',
        family: 'IPv6',
      })
      const reply = replyTo(message)
      t.equal(reply.interface, links[link])
      await socket.sendmsg({ data: x, ...reply })
      told(t, await sink.receive(1), [{ address: OURS.local, interface: theirs[link] }], 'answered through its link')
    }
    await t.rejects(socket.sendmsg({ ...there, address: `${THEIRS.local}%nowhere` }), { code: 'ERR_INVALID_ARG_VALUE' })
    t.same(await sink.receive(0), [])

    const connected = open(t, { type: 'udp6' })
    connected.connect(sink.port, `${THEIRS.local}%va1`)
    await once(connected, 'connect')
    t.equal(connected.remoteAddress().address, `${THEIRS.local}%va1`)
    await connected.sendmsg({ data: x })
    told(t, await sink.receive(1), [{ interface: theirs[1] }])
    const local = await bound(t, { type: 'udp6' }, `${OURS.local}%va1`)
    t.equal(local.address().address, `${OURS.local}%va1`)
    await sink.close()
  })

  t.test('the interface decides', async (t) => {
    for (const { title, type, family } of routes) {
      const sink = await peer.open({ family })
      const socket = await bound(t, { type })
      const all = family === 4 ? '224.0.0.1' : 'ff02::1'
      for (const link of [1, 0, 1] as const) {
        for (const through of [OURS.link[link], links[link]!]) {
          t.equal(await socket.sendmsg({ data: x, address: all, port: sink.port, interface: through }), 1)
          told(t, await sink.receive(1), [{ destination: all, interface: theirs[link] }], `${title}, all hosts`)
        }
        if (family === 6) {
          await socket.sendmsg({ data: x, address: `${all}%${OURS.link[link]}`, port: sink.port })
          told(t, await sink.receive(1), [{ destination: all, interface: theirs[link] }])
        }
        if (family === 4) {
          const source = `10.9.${link}.3`
          await socket.sendmsg({ data: x, address: all, port: sink.port, interface: OURS.link[link], source })
          told(t, await sink.receive(1), [{ destination: all, interface: theirs[link], address: source }])
        }
      }
      await sink.close()
    }
  })

  t.test('broadcast', async (t) => {
    const sink = await peer.open({ family: 4 })
    for (const type of ['udp4', 'udp6'] as const) {
      const socket = await bound(t, { type })
      const to = { data: x, address: '10.9.1.255', port: sink.port }
      await t.rejects(socket.sendmsg(to), { code: 'EACCES' }, 'not without setBroadcast(true)')
      socket.setBroadcast(true)
      t.equal(await socket.sendmsg(to), 1)
      told(t, await sink.receive(1), [{ destination: '10.9.1.255', interface: theirs[1] }])
      for (const link of [1, 0] as const) {
        const everywhere = { data: x, address: '255.255.255.255', port: sink.port, interface: OURS.link[link] }
        t.equal(await socket.sendmsg(everywhere), 1)
        told(t, await sink.receive(1), [{ destination: '255.255.255.255', interface: theirs[link] }])
      }
      socket.setBroadcast(false)
      await t.rejects(socket.sendmsg(to), { code: 'EACCES' })
    }
    await sink.close()
  })

  t.test('what kind of address it was sent to', async (t) => {
    for (const { title, type, family, sources } of routes) {
      const source = await peer.open({ family })
      const socket = await bound(t, { type, pull: true })
      const { port } = socket.address()
      const casts: (readonly [address: string, through: string, cast: Message['cast']])[] =
        family === 4
          ? [
              [sources[0], 'vb0', 'unicast'],
              // A group that nobody joined is for IPv4 sockets alone (IP_MULTICAST_ALL, which IPv6 sockets start without).
              ...(type === 'udp4' ? ([['224.0.0.1', 'vb1', 'multicast']] as const) : []),
              ['10.9.0.255', 'vb0', 'broadcast'],
              ['255.255.255.255', 'vb1', 'broadcast'],
              [sources[1], 'vb0', 'unicast'],
            ]
          : [
              [sources[0], 'vb0', 'unicast'],
              ['ff02::1', 'vb1', 'multicast'],
              [OURS.local, 'vb1', 'unicast'],
            ]
      for (const [address, through, cast] of casts) {
        const link = through === 'vb0' ? 0 : 1
        await source.send({ data: 'x', address, port, interface: through, trafficClass: 0x29 })
        const message = await socket.recvmsg({ timeout: 10_000 })
        told(
          t,
          message,
          { destination: address, cast, interface: links[link], ecn: 1, dscp: 10 },
          `${title}, ${address}`,
        )
        const reply = replyTo(message)
        t.equal(reply.source, cast === 'unicast' ? address : undefined, 'a group is never a source')
        await socket.sendmsg({ data: x, ...reply })
        const [answer] = await source.receive(1)
        t.equal(answer?.data.toString(), 'x', 'and the answer arrives')
        t.equal(answer?.interface, theirs[link])
      }
      await source.close()
    }
  })

  t.test('dontRoute', async (t) => {
    const sink = await peer.open({ family: 4 })
    for (const type of ['udp4', 'udp6'] as const) {
      const socket = await bound(t, { type })
      const near = { data: x, address: '10.9.0.2', port: sink.port }
      const far = { data: x, address: '10.77.0.1', port: sink.port }
      await socket.sendmsg({ ...near, flags: { dontRoute: true } })
      told(t, await sink.receive(1), [{ destination: '10.9.0.2' }])
      await socket.sendmsg(far)
      told(t, await sink.receive(1), [{ destination: '10.77.0.1' }])
      await t.rejects(
        socket.sendmsg({ ...far, flags: { dontRoute: true } }),
        { code: 'ENETUNREACH' },
        'not through a router',
      )
      t.same(await sink.receive(0), [])
    }
    await sink.close()
  })

  t.test('a peer that is not there', async (t) => {
    // The witness answers with ICMP port unreachable, over a wire.
    for (const { title, type, family, to } of routes) {
      const sink = await peer.open({ family })
      const socket = await bound(t, { type, pull: true })
      for (let round = 0; round < 10; round++) {
        t.equal(await socket.sendmsg({ data: x, address: to[0], port: 9 }), 1, title)
        t.equal(await socket.sendmsg({ data: x, address: to[0], port: sink.port }), 1)
      }
      t.equal((await sink.receive(10)).length, 10)
      const heard = receive(socket, 'recvmsg', 1)
      await sink.send({ data: 'heard', address: family === 4 ? '10.9.0.1' : 'fd00::1', port: socket.address().port })
      t.same(texts(await heard), ['heard'])
      await sink.close()
    }
  })
})
