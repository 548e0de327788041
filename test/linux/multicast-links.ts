// Runs in a network namespace of its own; the witness is in another one, with two links between them.
import { execFileSync } from 'node:child_process'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Message, Socket } from 'sendmsg'
import { Peer, type PeerSocket } from '../helpers/peer'
import { bound, told } from '../helpers/sockets'

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' })

const peer = new Peer(['unshare', '-n'])
t.teardown(() => peer.end())

async function setUp(): Promise<void> {
  ip('link', 'set', 'lo', 'up')
  await peer.run('ip', 'link', 'set', 'lo', 'up')
  for (const link of [0, 1]) {
    ip('link', 'add', 'name', `va${link}`, 'type', 'veth', 'peer', 'name', `vb${link}`)
    ip('link', 'set', `vb${link}`, 'netns', String(peer.pid))
    for (const [name, hosts, run] of [
      [`va${link}`, [1], async (...args: string[]) => ip(...args)],
      [`vb${link}`, [2, 4], async (...args: string[]) => await peer.run('ip', ...args)],
    ] as const) {
      await run('link', 'set', name, 'addrgenmode', 'none')
      await run('link', 'set', name, 'up')
      for (const own of hosts) {
        await run('address', 'add', `10.9.${link}.${own}/24`, 'dev', name)
        await run('address', 'add', `fd00:${link}::${own}/64`, 'dev', name, 'nodad')
      }
    }
  }
  // Where multicast goes, and is joined, when nobody names an interface.
  ip('route', 'add', '224.0.0.0/4', 'dev', 'va1')
  ip('route', 'add', 'multicast', 'ff15::/16', 'dev', 'va1', 'table', 'local')
}

const indexOf = (name: string): number => JSON.parse(ip('-json', 'link', 'show', name))[0].ifindex
const x = Buffer.from('x')
const texts = (messages: readonly { data: Buffer }[]): string[] => messages.map(({ data }) => data.toString())

const IPv4 = {
  family: 4,
  ours: ['10.9.0.1', '10.9.1.1'],
  theirs: ['10.9.0.2', '10.9.1.2'],
  others: ['10.9.0.4', '10.9.1.4'],
  through: ['10.9.0.1', '10.9.1.1'],
  groups: ['239.1.2.3', '239.1.2.4'],
  sourceGroup: '232.1.2.3',
  nowhere: '192.0.2.1',
} as const
const IPv6 = {
  family: 6,
  ours: ['fd00::1', 'fd00:1::1'],
  theirs: ['fd00::2', 'fd00:1::2'],
  others: ['fd00::4', 'fd00:1::4'],
  through: ['::%va0', '::%va1'],
  groups: ['ff15::123', 'ff15::124'],
  sourceGroup: 'ff35::8000:123',
  nowhere: '::%4242',
} as const
const routes = [
  { title: 'IPv4', type: 'udp4', ...IPv4 },
  { title: 'IPv6', type: 'udp6', ...IPv6 },
  { title: 'IPv4 on a dual-stack socket', type: 'udp6', ...IPv4 },
] as const

void t.test('set up', async (t) => {
  await setUp()
  const links = ['va0', 'va1'].map(indexOf)
  const { interfaces } = (await peer.ask({ op: 'numbers' })) as { interfaces: Record<string, number> }
  const theirLinks = ['vb0', 'vb1'].map((name) => interfaces[name]!)

  for (const { title, type, family, ours, theirs, others, through, groups, sourceGroup, nowhere } of routes) {
    const [group, otherGroup] = groups

    /** A socket that is pulled from, and a witness that sends to it. */
    const receiving = async (t: Test): Promise<{ socket: Socket; source: PeerSocket }> => {
      const socket = await bound(t, { type, pull: true })
      const source = await peer.open({ family })
      t.teardown(async () => await source.close())
      return { socket, source }
    }
    /** Sends to `to` through each link, then to the socket alone: what was heard before that. */
    const heard = async (socket: Socket, source: PeerSocket, to: string = group): Promise<Message[]> => {
      const { port } = socket.address()
      for (const link of [0, 1] as const) {
        const given = { port, interface: `vb${link}`, source: theirs[link] }
        await source.send({ data: `through ${link}`, address: to, ...given })
        await source.send({ data: 'end', address: ours[link], ...given })
      }
      const messages: Message[] = []
      for (let ends = 0; ends < 2;) {
        const message = await socket.recvmsg({ timeout: 10_000 })
        if (message.data.toString() === 'end') ends++
        else messages.push(message)
      }
      await timers.setTimeout(10)
      return [...messages, ...socket.tryRecvmmsg()]
    }

    t.test(`${title}: a group is heard where it is joined`, async (t) => {
      const { socket, source } = await receiving(t)
      t.same(await heard(socket, source), [], 'not before it is joined')
      for (const link of [1, 0] as const) {
        socket.addMembership(group, through[link])
        const messages = await heard(socket, source)
        t.same(texts(messages), [`through ${link}`])
        told(t, messages, [
          {
            cast: 'multicast',
            destination: group,
            interface: links[link],
            address: theirs[link],
            port: source.port,
            family: family === 4 ? 'IPv4' : 'IPv6',
          },
        ])
        t.same(await heard(socket, source, otherGroup), [], 'another group is not')
        t.throws(
          () => socket.addMembership(group, through[link]),
          { name: 'SocketError', code: 'EADDRINUSE', syscall: 'addMembership' },
          'joined already',
        )
        socket.dropMembership(group, through[link])
        t.same(await heard(socket, source), [], 'nor when it is left')
        t.throws(
          () => socket.dropMembership(group, through[link]),
          { name: 'SocketError', code: 'EADDRNOTAVAIL', syscall: 'dropMembership' },
          'not joined',
        )
      }
      socket.addMembership(group, through[0])
      socket.addMembership(group, through[1])
      socket.addMembership(otherGroup, through[0])
      t.same(texts(await heard(socket, source)), ['through 0', 'through 1'], 'through both')
      t.same(texts(await heard(socket, source, otherGroup)), ['through 0'])
      socket.dropMembership(group, through[0])
      t.same(texts(await heard(socket, source)), ['through 1'])
      t.throws(() => socket.addMembership(group, nowhere), { code: 'ENODEV', syscall: 'addMembership' })
    })

    t.test(`${title}: an interface of the system's choice`, async (t) => {
      const { socket, source } = await receiving(t)
      socket.addMembership(group)
      t.same(texts(await heard(socket, source)), ['through 1'], "the route's")
      socket.dropMembership(group)
      t.same(await heard(socket, source), [])
    })

    t.test(`${title}: a group of one source`, async (t) => {
      const { socket, source } = await receiving(t)
      const { port } = socket.address()
      const fromBoth = async (): Promise<string[]> => {
        for (const from of [others[0], theirs[0]]) {
          await source.send({ data: from, address: sourceGroup, port, interface: 'vb0', source: from })
        }
        await source.send({ data: 'end', address: ours[0], port })
        const messages: string[] = []
        while (messages.at(-1) !== 'end') {
          const { data, destination, cast } = await socket.recvmsg({ timeout: 10_000 })
          messages.push(data.toString())
          if (messages.at(-1) !== 'end') told(t, { destination, cast }, { destination: sourceGroup, cast: 'multicast' })
        }
        await timers.setTimeout(10)
        return [...messages, ...texts(socket.tryRecvmmsg())]
      }
      t.same(await fromBoth(), ['end'])
      socket.addSourceSpecificMembership(theirs[0], sourceGroup, through[0])
      t.same(await fromBoth(), [theirs[0], 'end'], 'the source is heard alone')
      t.throws(() => socket.addSourceSpecificMembership(theirs[0], sourceGroup, through[0]), {
        name: 'SocketError',
        code: 'EADDRNOTAVAIL',
        syscall: 'addSourceSpecificMembership',
      })
      socket.addSourceSpecificMembership(others[0], sourceGroup, through[0])
      t.same(await fromBoth(), [others[0], theirs[0], 'end'], 'both')
      socket.dropSourceSpecificMembership(theirs[0], sourceGroup, through[0])
      t.same(await fromBoth(), [others[0], 'end'])
      socket.dropSourceSpecificMembership(others[0], sourceGroup, through[0])
      t.same(await fromBoth(), ['end'])
      t.throws(() => socket.dropSourceSpecificMembership(others[0], sourceGroup, through[0]), {
        name: 'SocketError',
        syscall: 'dropSourceSpecificMembership',
      })
    })

    /** A witness that has joined the group on both links. */
    const listening = async (t: Test): Promise<PeerSocket> => {
      const sink = await peer.open({ family })
      t.teardown(async () => await sink.close())
      for (const link of ['vb0', 'vb1']) await sink.join(group, link)
      return sink
    }

    t.test(`${title}: hop limit`, async (t) => {
      const sink = await listening(t)
      const socket = await bound(t, { type })
      socket.setMulticastInterface(through[0])
      const message = { data: x, address: group, port: sink.port }
      const unicast = { data: x, address: theirs[0], port: sink.port }
      await socket.sendmsg(message)
      told(t, await sink.receive(1), [{ hopLimit: 1 }], 'by itself it stays on the link')
      for (const ttl of [7, 255, 0, 2]) {
        t.equal(socket.setMulticastTTL(ttl), ttl)
        await socket.sendmsg(message)
        told(t, await sink.receive(1), [{ hopLimit: ttl, destination: group }])
      }
      await socket.sendmsg({ ...message, hopLimit: 9 })
      told(t, await sink.receive(1), [{ hopLimit: 9 }], "a message's own goes before it")
      await socket.sendmsg(unicast)
      told(t, await sink.receive(1), [{ hopLimit: 64 }], 'unicast has its own')
      socket.setTTL(33)
      await socket.sendmsg(unicast)
      await socket.sendmsg(message)
      told(t, await sink.receive(2), [{ hopLimit: 33 }, { hopLimit: 2 }])
    })

    t.test(`${title}: loopback`, async (t) => {
      const sink = await listening(t)
      const own = await bound(t, { type, pull: true })
      own.addMembership(group, through[0])
      const socket = await bound(t, { type })
      socket.setMulticastInterface(through[0])
      const send = async (data: string): Promise<void> => {
        await socket.sendmsg({ data: Buffer.from(data), address: group, port: own.address().port })
        await socket.sendmsg({ data: Buffer.from(data), address: group, port: sink.port })
        t.same(texts(await sink.receive(1)), [data], 'others hear it')
      }
      await send('as it is')
      const message = await own.recvmsg({ timeout: 10_000 })
      told(t, message, { cast: 'multicast', destination: group, address: ours[0] }, 'our own sockets, too')
      t.equal(socket.setMulticastLoopback(false), false)
      await send('off')
      await timers.setTimeout(20)
      t.same(own.tryRecvmmsg(), [], 'not any more')
      t.equal(socket.setMulticastLoopback(true), true)
      await send('on')
      t.same(texts([await own.recvmsg({ timeout: 10_000 })]), ['on'])
    })

    t.test(`${title}: the interface that it leaves by`, async (t) => {
      const sink = await listening(t)
      const socket = await bound(t, { type })
      const message = { data: x, address: group, port: sink.port }
      await socket.sendmsg(message)
      told(t, await sink.receive(1), [{ interface: theirLinks[1], address: ours[1] }], "the route's")
      for (const link of [0, 1, 0] as const) {
        socket.setMulticastInterface(through[link])
        await socket.sendmsg(message)
        told(t, await sink.receive(1), [{ interface: theirLinks[link], address: ours[link] }])
        const other = link === 0 ? 1 : 0
        for (const named of [links[other]!, `va${other}`]) {
          t.equal(await socket.sendmmsg([{ ...message, interface: named }, message]), 2)
          const where = (await sink.receive(2)).map((witnessed) => witnessed.interface)
          t.same(where.sort(), [...theirLinks].sort(), "a message's own goes before it, for itself alone")
        }
      }
      t.throws(() => socket.setMulticastInterface(nowhere), { name: 'SocketError', syscall: 'setMulticastInterface' })
      await socket.sendmsg(message)
      told(t, await sink.receive(1), [{ interface: theirLinks[0] }], 'and it is as it was')
    })
  }
})
