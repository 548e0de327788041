// Runs in a network namespace of its own, behind a router in another one: what the router tells of datagrams on their
// way comes as 'datagramError', and is known to getPathMTU().
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import timers from 'node:timers/promises'
import t from 'tap'
import type { DatagramError, OutgoingMessage, Socket } from 'sendmsg'
import { Peer } from '../helpers/peer'
import { bound, bytes, open, told } from '../helpers/sockets'

const ip = (...args: string[]): void => {
  execFileSync('ip', args)
}

const router = new Peer(['unshare', '-n'])
t.teardown(() => router.end())

const LINK_MTU = 1500
/** Of the link behind the router. */
const PATH_MTU = 1300
const HEADERS = { 4: 28, 6: 48 }

async function setUp(): Promise<void> {
  ip('link', 'set', 'lo', 'up')
  ip('link', 'add', 'name', 'va', 'type', 'veth', 'peer', 'name', 'vb')
  ip('link', 'set', 'vb', 'netns', String(router.pid))
  await router.run('ip', 'link', 'set', 'lo', 'up')
  // Behind it: a link with a smaller MTU, whose far end nobody answers from.
  await router.run('ip', 'link', 'add', 'name', 'vc', 'type', 'veth', 'peer', 'name', 'vd')
  await router.run('ip', 'link', 'set', 'vc', 'mtu', String(PATH_MTU), 'up')
  await router.run('ip', 'link', 'set', 'vd', 'mtu', String(PATH_MTU), 'up')
  ip('link', 'set', 'va', 'up')
  await router.run('ip', 'link', 'set', 'vb', 'up')
  for (const [network, length, nodad] of [
    ['10.9.0.', 24, []],
    ['fd00::', 64, ['nodad']],
  ] as const) {
    ip('address', 'add', `${network}1/${length}`, 'dev', 'va', ...nodad)
    ip('route', 'add', 'default', 'via', `${network}2`)
    await router.run('ip', 'address', 'add', `${network}2/${length}`, 'dev', 'vb', ...nodad)
  }
  await router.run('ip', 'address', 'add', '10.78.0.254/24', 'dev', 'vc')
  await router.run('ip', 'address', 'add', 'fd00:78::ff/64', 'dev', 'vc', 'nodad')
  for (const far of ['10.78.0.1', 'fd00:78::1']) {
    await router.run('ip', 'neighbour', 'add', far, 'lladdr', '02:00:00:00:00:01', 'dev', 'vc')
  }
  await router.run('ip', 'route', 'add', 'unreachable', '10.79.0.0/24')
  await router.run('ip', 'route', 'add', 'unreachable', 'fd00:79::/64')
  for (const setting of [
    'ipv4/ip_forward=1',
    'ipv6/conf/all/forwarding=1',
    'ipv4/icmp_ratemask=0',
    'ipv6/icmp/ratelimit=0',
  ]) {
    const [name, value] = setting.split('=')
    await router.run('sh', '-c', `echo ${value} > /proc/sys/net/${name}`)
  }
}

const routes = [
  {
    title: 'IPv4',
    type: 'udp4',
    family: 4,
    router: '10.9.0.2',
    far: '10.78.0.1',
    unreachable: '10.79.0.1',
    host: { code: 'EHOSTUNREACH', origin: 'icmp', icmpType: 3, icmpCode: 1 }, // RFC 792
    exceeded: { code: 'EHOSTUNREACH', origin: 'icmp', icmpType: 11, icmpCode: 0 },
    tooBig: { origin: 'icmp', icmpType: 3, icmpCode: 4 },
  },
  {
    title: 'IPv6',
    type: 'udp6',
    family: 6,
    router: 'fd00::2',
    far: 'fd00:78::1',
    unreachable: 'fd00:79::1',
    host: { code: 'ENETUNREACH', origin: 'icmp6', icmpType: 1, icmpCode: 0 }, // RFC 4443
    exceeded: { code: 'EHOSTUNREACH', origin: 'icmp6', icmpType: 3, icmpCode: 0 },
    tooBig: { origin: 'icmp6', icmpType: 2, icmpCode: 0 },
  },
  {
    title: 'IPv4 on a dual-stack socket',
    type: 'udp6',
    family: 4,
    router: '10.9.0.2',
    far: '10.78.0.1',
    unreachable: '10.79.0.1',
    host: { code: 'EHOSTUNREACH', origin: 'icmp', icmpType: 3, icmpCode: 1 },
    exceeded: { code: 'EHOSTUNREACH', origin: 'icmp', icmpType: 11, icmpCode: 0 },
    tooBig: { origin: 'icmp', icmpType: 3, icmpCode: 4 },
  },
] as const

/** Path MTUs are kept for the destination, whoever's datagram taught it. */
const forget = (): void => {
  ip('-4', 'route', 'flush', 'cache')
  ip('-6', 'route', 'flush', 'cache')
}

async function errorOf(socket: Socket, message: OutgoingMessage): Promise<DatagramError> {
  const signal = AbortSignal.timeout(10_000)
  const [[error]] = await Promise.all([once(socket, 'datagramError', { signal }), socket.sendmsg(message)])
  return error as DatagramError
}

void t.test('set up', async (t) => {
  await setUp()

  for (const { title, type, family, router, far, unreachable, host, exceeded, tooBig } of routes) {
    const longest = LINK_MTU - HEADERS[family]

    t.test(`${title}: no way there, and too many hops`, async (t) => {
      const socket = await bound(t, { type, receiveErrors: true })
      const errors: DatagramError[] = []
      const there = { data: Buffer.from('hello'), address: unreachable, port: 4433 }
      told(t, await errorOf(socket, there), {
        ...host,
        address: unreachable,
        port: 4433,
        offender: router,
        mtu: undefined,
        data: Buffer.from('hello'),
      })
      told(t, await errorOf(socket, { ...there, address: far, hopLimit: 1 }), {
        ...exceeded,
        address: far,
        port: 4433,
        offender: router,
        mtu: undefined,
        data: Buffer.from('hello'),
      })
      socket.on('datagramError', (error) => errors.push(error))
      t.equal(await socket.sendmsg({ ...there, address: far }), 5)
      await timers.setTimeout(50)
      t.same(errors, [], 'one that has hops enough meets nothing')
    })

    t.test(`${title}: too long for the path`, async (t) => {
      const setters: Record<string, (socket: Socket) => void> = {
        'createSocket({ dontFragment })': () => {},
        'setDontFragment()': (socket) => socket.setDontFragment(true),
      }
      for (const [how, set] of Object.entries(setters)) {
        forget()
        const given = how.startsWith('create') ? { dontFragment: true } : {}
        const socket = await bound(t, { type, receiveErrors: true, ...given })
        set(socket)
        const large = { data: bytes(longest), address: far, port: 4433 }
        for (let round = 0; round < 2; round++) {
          // It leaves each time: what the path is said to take is not trusted.
          const error = await errorOf(socket, large)
          told(
            t,
            error,
            { code: 'EMSGSIZE', address: far, port: 4433, ...tooBig, mtu: PATH_MTU, offender: router },
            how,
          )
          const { data } = error
          t.ok(data.length > 400 && data.equals(large.data.subarray(0, data.length)), 'with the start of it')
        }
        const errors: DatagramError[] = []
        socket.on('datagramError', (error) => errors.push(error))
        t.equal(await socket.sendmsg({ ...large, data: bytes(PATH_MTU - HEADERS[family]) }), PATH_MTU - HEADERS[family])
        await timers.setTimeout(50)
        t.same(errors, [], 'as long as the path takes')

        await t.rejects(
          socket.sendmsg({ ...large, data: bytes(longest + 1) }),
          { code: 'EMSGSIZE', address: far, port: 4433 },
          'longer than our own link takes',
        )
        await timers.setTimeout(50)
        const local = { code: 'EMSGSIZE', origin: 'local', icmpType: undefined, icmpCode: undefined, mtu: LINK_MTU }
        t.ok(errors.length > 0)
        told(t, errors, Array(errors.length).fill(local), 'is told, too, with what the link takes')

        socket.setDontFragment(false)
        errors.length = 0
        t.equal(await socket.sendmsg({ ...large, data: bytes(4000) }), 4000)
        await timers.setTimeout(50)
        t.same(errors, [], 'setDontFragment(false): fragmented')
      }
    })

    t.test(`${title}: one message that must not be fragmented`, async (t) => {
      forget()
      const socket = await bound(t, { type, receiveErrors: true })
      const error = await errorOf(socket, { data: bytes(longest), address: far, port: 4433, dontFragment: true })
      told(t, error, { code: 'EMSGSIZE', ...tooBig, mtu: PATH_MTU })
    })

    t.test(`${title}: getPathMTU()`, async (t) => {
      forget()
      const socket = open(t, { type, dontFragment: true, receiveErrors: true })
      socket.bindSync()
      t.throws(() => socket.getPathMTU(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      socket.connectSync(4433, far)
      t.equal(socket.getPathMTU(), LINK_MTU, 'as far as it is known')
      told(t, await errorOf(socket, { data: bytes(longest) }), {
        code: 'EMSGSIZE',
        address: far,
        mtu: PATH_MTU,
        offender: router,
      })
      t.equal(socket.getPathMTU(), PATH_MTU, 'what the router told')
      socket.disconnect()
      t.throws(() => socket.getPathMTU(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      socket.connectSync(4433, router)
      t.equal(socket.getPathMTU(), LINK_MTU, 'of another path')
      socket.close()
      t.throws(() => socket.getPathMTU(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    })
  }
})
