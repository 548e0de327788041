// Block lists of node:net: senders that nothing is taken from, and addresses that nothing is sent to.
import { spawnSync } from 'node:child_process'
import { BlockList, SocketAddress } from 'node:net'
import path from 'node:path'
import timers from 'node:timers/promises'
import t from 'tap'
import { capabilities, type OutgoingMessage, type Socket } from 'sendmsg'
import { mayLack } from '../helpers/floor'
import {
  bound,
  bytes,
  isLocal,
  open,
  pulls,
  receive,
  receiveWays,
  sendWays,
  told,
  type SendWay,
} from '../helpers/sockets'

const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'
const noSecond = !isLocal('127.0.0.2') && '127.0.0.2 is not local here'
const noNamespace =
  spawnSync('unshare', ['-n', 'ip', 'link']).status !== 0 && 'a network namespace needs root, and iproute2'

function listOf(...addresses: string[]): BlockList {
  const list = new BlockList()
  for (const address of addresses) list.addAddress(address, address.includes(':') ? 'ipv6' : 'ipv4')
  return list
}
const texts = (messages: readonly { data: Buffer }[]): string[] => messages.map(({ data }) => data.toString())

for (const { title, type, skip } of [
  { title: 'IPv4', type: 'udp4', skip: noSecond },
  { title: 'IPv4 on a dual-stack socket', type: 'udp6', skip: noSecond || noIPv6 },
] as const) {
  for (const way of receiveWays) {
    t.test(`receiving, ${title}, by ${way}`, { skip }, async (t) => {
      const socket = await bound(t, { type, pull: pulls(way), receiveBlockList: listOf('127.0.0.2') })
      const sender = await bound(t, { type: 'udp4' }, '127.0.0.1')
      const blocked = await bound(t, { type: 'udp4' }, '127.0.0.2')
      const to = { address: '127.0.0.1', port: socket.address().port }
      // More of them than are received at once.
      for (let count = 0; count < 100; count++) await blocked.sendmsg({ data: Buffer.from('blocked'), ...to })
      await sender.sendmsg({ data: Buffer.from('one'), ...to })
      await blocked.sendmsg({ data: Buffer.from('blocked'), ...to })
      await sender.sendmsg({ data: Buffer.from('two'), ...to })
      const heard = await receive(socket, way, 2)
      t.same(texts(heard), ['one', 'two'])
      told(t, heard, Array(2).fill({ address: '127.0.0.1', port: sender.address().port }))
    })
  }
}

t.test('what is behind blocked ones is there at once', { skip: noSecond }, async (t) => {
  for (const count of [1, 2, 40]) {
    const socket = await bound(t, { type: 'udp4', pull: true, receiveBlockList: listOf('127.0.0.2') })
    const [sender, blocked] = [
      await bound(t, { type: 'udp4' }, '127.0.0.1'),
      await bound(t, { type: 'udp4' }, '127.0.0.2'),
    ]
    const to = { address: '127.0.0.1', port: socket.address().port }
    for (const text of ['one', 'two']) {
      for (let sent = 0; sent < count; sent++) await blocked.sendmsg({ data: Buffer.from('blocked'), ...to })
      await sender.sendmsg({ data: Buffer.from(text), ...to })
    }
    await timers.setTimeout(10)
    t.equal(socket.tryRecvmsg()?.data.toString(), 'one', `behind ${count}`)
    t.same(texts(socket.tryRecvmmsg()), ['two'])
    t.equal(socket.tryRecvmsg(), null)
  }
})

t.test('trains', { skip: noSecond }, async (t) => {
  const socket = await bound(t, {
    type: 'udp4',
    pull: true,
    coalesce: capabilities().receive.segmentSize.IPv4 !== false || !mayLack('receive', 'segmentSize', 'IPv4'),
    receiveBlockList: listOf('127.0.0.2'),
  })
  const to = { address: '127.0.0.1', port: socket.address().port }
  const data = bytes(5000)
  for (const from of ['127.0.0.2', '127.0.0.1']) {
    const sender = await bound(t, { type: 'udp4' }, from)
    await sender.sendmsg({ data, segmentSize: 1000, ...to })
  }
  const heard = await receive(socket, 'recvmsg', 5)
  t.ok(Buffer.concat(heard.map(({ data }) => data)).equals(data))
  told(t, heard, Array(5).fill({ address: '127.0.0.1', size: 1000 }))
  t.equal(socket.tryRecvmsg(), null)
})

t.test('a list that grows', { skip: noIPv6 }, async (t) => {
  const list = new BlockList()
  const socket = await bound(t, { type: 'udp6', pull: true, receiveBlockList: list })
  const sender = await bound(t, { type: 'udp6', sendBlockList: list })
  const message = { data: Buffer.from('x'), address: '::1', port: socket.address().port }
  await sender.sendmsg(message)
  t.equal((await receive(socket, 'recvmsg', 1)).length, 1)
  await sender.sendmsg(message)
  list.addSubnet('::', 64, 'ipv6')
  await timers.setTimeout(10)
  t.equal(socket.tryRecvmsg(), null, 'what had come before')
  await t.rejects(sender.sendmsg(message), { code: 'ERR_IP_BLOCKED' })
})

for (const { title, type, address, blocked, skip } of [
  { title: 'IPv4', type: 'udp4', address: '127.0.0.1', blocked: ['127.0.0.2'], skip: noSecond },
  { title: 'IPv6', type: 'udp6', address: '::1', blocked: ['fd00::2', 'fd00:0::2'], skip: noIPv6 },
  { title: 'IPv6 with a scope', type: 'udp6', address: '::1', blocked: ['fe80::2%1'], skip: noIPv6 },
  {
    title: 'IPv4 on a dual-stack socket',
    type: 'udp6',
    address: '127.0.0.1',
    blocked: ['127.0.0.2', '::ffff:127.0.0.2', '::ffff:7f00:2'],
    skip: noSecond || noIPv6,
  },
] as const) {
  t.test(`sending, ${title}`, { skip }, async (t) => {
    const list = listOf('127.0.0.2', 'fd00::2', 'fe80::2')
    const sink = await bound(t, { type, pull: true })
    const { port } = sink.address()
    const refused = { code: 'ERR_IP_BLOCKED' }
    const fresh = async (): Promise<Socket> => await bound(t, { type, sendBlockList: list })
    const socket = await fresh()
    const good = { data: Buffer.from('good'), address, port }
    for (const to of blocked) {
      const bad = { data: Buffer.from('bad'), address: to, port }
      for (const way of Object.keys(sendWays) as SendWay[]) {
        await sendWays[way](socket, [good])
        t.equal((await receive(sink, 'recvmsg', 1)).length, 1)
        await t.rejects(sendWays[way](socket, [bad]), refused, `${way} to ${to}`)
      }
      const many: OutgoingMessage[] = [good, good, bad, good]
      await t.rejects(socket.sendmmsg(many), refused, 'a batch with one of them')
      t.throws(() => socket.trySendmmsg(many), refused)
      await t.rejects(socket.sendmsg({ ...bad, data: bytes(3000), segmentSize: 1000 }), refused, 'a train')
      if (!to.includes('%')) {
        const parsed = new SocketAddress({ address: to, port, family: to.includes(':') ? 'ipv6' : 'ipv4' })
        await t.rejects(socket.sendmsg({ data: bad.data, to: parsed }), refused, 'a parsed address')
      }
      const error = await new Promise<Error | null>((resolve) => socket.send('bad', port, to, resolve))
      t.match(error, refused, "dgram's form of send")
      t.throws(() => open(t, { type, sendBlockList: list }).connectSync(port, to), refused)
      const connecting = open(t, { type, sendBlockList: list })
      t.match(await new Promise((resolve) => connecting.connect(port, to, resolve)), refused)
    }
    await timers.setTimeout(10)
    t.equal(sink.tryRecvmsg(), null, 'nothing of it went')
    const connected = await fresh()
    connected.connectSync(port, address)
    await connected.sendmsg({ data: Buffer.from('connected') })
    t.same(texts(await receive(sink, 'recvmsg', 1)), ['connected'])
  })
}

const inside = [process.execPath, ...process.execArgv, path.resolve('test/linux/link-local.ts')]
const namespace = 'IPv6 with a scope, in a namespace with a link-local address'
const setUp = 'ip link set lo up && ip address add fe80::1/64 dev lo nodad && exec "$@"'
if (noNamespace === false) void t.spawn('unshare', ['-n', 'sh', '-c', setUp, 'sh', ...inside], namespace)
else t.test(namespace, { skip: noNamespace }, async () => {})
