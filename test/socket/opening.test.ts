// A socket has no descriptor before a call needs one. What opening it fails with comes where dgram's errors come, and the
// socket can be tried again.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import t from 'tap'
import { capabilities, createSocket, type SocketOptions, type SocketType } from 'sendmsg'
import { countSockets } from '../helpers/descriptors.cjs'
import { isLocal } from '../helpers/sockets'

const elsewhere = process.platform !== 'linux' && 'looks at descriptors in /proc, which is Linux only'
const noShell = process.platform === 'win32' && 'needs a shell that limits descriptors'

const inside = (name: string, ...args: string[]): Record<string, unknown> => {
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, path.join(__dirname, name), ...args],
    { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  )
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

t.test('sockets that nobody uses have no descriptor', { skip: elsewhere }, async (t) => {
  const before = countSockets()
  const sockets = Array.from({ length: 5000 }, () => createSocket('udp4'))
  t.equal(countSockets(), before)
  const closed = Promise.all(sockets.map(async (socket) => await once(socket, 'close')))
  const waiting = sockets.reduce((sum, socket) => sum + socket.getSendQueueCount() + socket.getSendQueueSize(), 0)
  t.equal(waiting, 0)
  t.throws(() => sockets[0]!.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
  for (const socket of sockets) socket.ref().unref().close()
  await closed
  t.equal(countSockets(), before)
})

const calls: Record<string, (socket: ReturnType<typeof createSocket>) => unknown> = {
  bind: async (socket) => await once(socket.bind(), 'listening'),
  bindSync: (socket) => socket.bindSync(),
  connect: async (socket) => await new Promise<void>((done) => socket.connect(9, '127.0.0.1', () => done())),
  connectSync: (socket) => socket.connectSync(9, '127.0.0.1'),
  address: (socket) => socket.address(),
  setTTL: (socket) => socket.setTTL(64),
  setBroadcast: (socket) => socket.setBroadcast(true),
  setDontFragment: (socket) => socket.setDontFragment(true),
  getRecvBufferSize: (socket) => socket.getRecvBufferSize(),
  setSendBufferSize: (socket) => socket.setSendBufferSize(65_536),
  setMulticastInterface: (socket) => socket.setMulticastInterface('127.0.0.1'),
  addMembership: (socket) => socket.addMembership('239.255.77.3', '127.0.0.1'),
  tryRecvmsg: (socket) => socket.tryRecvmsg(),
  tryRecvmmsg: (socket) => socket.tryRecvmmsg(),
  trySendmsg: (socket) => socket.trySendmsg({ data: Buffer.alloc(1), address: '127.0.0.1', port: 9 }),
  sendmsg: (socket) => socket.sendmsg({ data: Buffer.alloc(1), address: '127.0.0.1', port: 9 }),
}

for (const [name, call] of Object.entries(calls)) {
  t.test(`${name} opens one`, { skip: elsewhere }, async (t) => {
    const before = countSockets()
    const socket = createSocket({ type: 'udp4', pull: true })
    t.equal(countSockets(), before)
    await call(socket)
    t.equal(countSockets(), before + 1)
    await socket[Symbol.asyncDispose]()
    t.equal(countSockets(), before)
  })
}

t.test('what was set before bind() stays', async (t) => {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 32_768 })
  const size = socket.getRecvBufferSize()
  socket.setSendBufferSize(40_000)
  const sendSize = socket.getSendBufferSize()
  socket.bindSync({ address: '127.0.0.1' })
  t.equal(socket.getRecvBufferSize(), size)
  t.equal(socket.getSendBufferSize(), sendSize)
  await socket[Symbol.asyncDispose]()
})

t.test('offload, before and after it is open', async (t) => {
  const can = capabilities()
  const families = { udp4: 'IPv4', udp6: 'IPv6', raw4: 'IPv4' } as const
  for (const type of ['udp4', ...(isLocal('::1') ? ['udp6' as const] : []), 'raw4'] as (keyof typeof families)[]) {
    const family = families[type]
    const coalesce = type !== 'raw4' && can.receive.segmentSize[family] === 'kernel'
    const protocol = type === 'raw4' ? { protocol: 253 } : {}
    const socket = createSocket({ type, coalesce, ...protocol })
    const expected = {
      segmentation: type !== 'raw4' && can.send.segmentSize[family] === 'kernel',
      coalescing: coalesce,
    }
    t.same(socket.offload, expected, `${type} unopened`)
    if (type !== 'raw4') {
      socket.bindSync()
      t.same(socket.offload, expected, `${type} bound`)
    }
    await socket[Symbol.asyncDispose]()
    t.same(socket.offload, { segmentation: false, coalescing: false }, `${type} closed`)
  }
})

t.test('options that the tables do not have are refused at once', async (t) => {
  const raw: [SocketOptions, string][] = [
    [{ type: 'raw4', protocol: 253, coalesce: true }, 'coalesce'],
    [{ type: 'raw6', protocol: 253, coalesce: true }, 'coalesce'],
    [{ type: 'raw4', protocol: 253, receiveInfo: ['destination', 'segmentSize'] }, 'segmentSize'],
  ]
  for (const [options, name] of raw) {
    t.throws(() => createSocket(options), { code: 'ENOTSUP', message: new RegExp(`${name} is not supported on`) })
    const ignoring = createSocket({ ...options, unsupported: 'ignore' })
    t.equal(ignoring.offload.coalescing, false)
    await ignoring[Symbol.asyncDispose]()
  }
  const can = capabilities()
  for (const type of ['udp4', 'udp6'] satisfies SocketType[]) {
    const family = type === 'udp4' ? 'IPv4' : 'IPv6'
    for (const [name, support] of Object.entries(can.receive)) {
      if (support[family] !== false || (type === 'udp6' && support.IPv4 !== false)) continue
      const receiveInfo = [name] as SocketOptions['receiveInfo']
      t.throws(() => createSocket({ type, receiveInfo }), { code: 'ENOTSUP', message: new RegExp(`\\b${name}\\b`) })
    }
  }
})

t.test('no descriptor left: as dgram, and tried again', { skip: noShell }, async (t) => {
  const { dgram, ours, again, closed } = inside('no-descriptors.mjs')
  const emfile = { code: 'EMFILE', syscall: 'bind', address: '0.0.0.0', port: undefined }
  t.match(dgram, { bind: { ...emfile, address: '0.0.0.0' } }, "what dgram's bind says")
  t.match(ours, {
    bind: emfile,
    bindSync: emfile,
    connectSync: emfile,
    recvmsg: emfile,
    tryRecvmsg: emfile,
    sendmsg: emfile,
    trySendmsg: emfile,
    sendmmsg: emfile,
    'send with a message': emfile,
    'send of dgram': emfile,
    connect: emfile,
    address: { code: 'EMFILE', syscall: 'socket' },
    setTTL: { code: 'EMFILE', syscall: 'socket' },
    getRecvBufferSize: { code: 'EMFILE', syscall: 'socket' },
    addMembership: { code: 'EMFILE', syscall: 'socket' },
    setDontFragment: { code: 'EMFILE', syscall: 'socket' },
  })
  t.same((ours as { bind: object }).bind, (dgram as { bind: object }).bind, 'equal in all that dgram tells')
  const names = Object.keys(ours as object)
  t.same(again, Object.fromEntries(names.map((name) => [name, 'done'])))
  t.equal(closed, names.length)
})

t.test(
  'a raw socket without the privilege',
  { skip: noShell || (process.getuid?.() !== 0 && 'only root can give up its privileges') },
  async (t) => {
    const { raw } = inside('no-descriptors.mjs', 'raw')
    t.match(raw, { code: 'EPERM', syscall: 'bind', address: '0.0.0.0' })
  },
)
