// Sockets that are none, or not in the right state.
import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import {
  createSocket,
  recvmmsg,
  recvmsg,
  sendmmsg,
  sendmsg,
  Socket,
  tryRecvmmsg,
  tryRecvmsg,
  trySendmmsg,
  trySendmsg,
} from 'sendmsg'
import {
  isConnected,
  notRunning,
  outOfRange,
  revoked,
  socketError,
  wrongState,
  wrongType,
  wrongValue,
  type Expected,
  type Forms,
} from './expect-error'
import { revokedProxy } from '../helpers/memory'
import {
  type Any,
  windows,
  port,
  tried,
  good,
  neverToArrive,
  arrives,
  wrong,
  sendForms,
  ours,
  testNothingElse,
} from './setup'

t.test('what is no socket', async () => {
  const notSocket = wrongType('socket')
  const values: [what: string, socket: Any, error: Expected][] = [
    ['undefined', undefined, notSocket],
    ['null', null, notSocket],
    ['a string', '3', notSocket],
    ['a bigint', 3n, notSocket],
    ['true', true, notSocket],
    ['a symbol', Symbol('socket'), notSocket],
    ['an object', {}, notSocket],
    ['an object with fd', { fd: 3 }, notSocket],
    ['an object with toPrimitive', { [Symbol.toPrimitive]: () => 3 }, notSocket],
    ['a net.Socket', new net.Socket(), notSocket],
    ['a net.Server', net.createServer(), notSocket],
    ['dgram.Socket itself', dgram.Socket, notSocket],
    ['Socket itself', Socket, notSocket],
    ['what inherits from Socket', Object.create(Socket.prototype), notSocket],
    ['a negative descriptor', -1, outOfRange('socket', '>= 0')],
    ['a descriptor too large', 2 ** 53, outOfRange('socket')],
    [
      'a descriptor of another width',
      2 ** 32 + 1,
      windows
        ? socketError('ENOTSOCK', /^(send|recv)mm?sg ENOTSOCK: the descriptor is not a socket$/)
        : outOfRange('socket'),
    ],
    ['a fraction', 1.5, outOfRange('socket', 'an integer')],
    ['NaN', NaN, outOfRange('socket', 'an integer')],
    ['Infinity', Infinity, outOfRange('socket', 'an integer')],
    ['a revoked proxy', revokedProxy({}), revoked],
  ]
  for (const [what, socket, error] of values) {
    await wrong(
      what,
      {
        throwing: {
          trySendmsg: () => trySendmsg(socket, neverToArrive()),
          trySendmmsg: () => trySendmmsg(socket, [neverToArrive()]),
          tryRecvmsg: () => tryRecvmsg(socket),
          tryRecvmmsg: () => tryRecvmmsg(socket),
        },
        rejecting: {
          sendmsg: () => sendmsg(socket, neverToArrive()),
          sendmmsg: () => sendmmsg(socket, [neverToArrive()]),
          recvmsg: () => recvmsg(socket),
          recvmmsg: () => recvmmsg(socket),
        },
      },
      error,
    )
  }
  for (const [what, socket, error] of [
    ['what inherits from dgram.Socket', Object.create(dgram.Socket.prototype), notSocket],
    [
      'a dgram.Socket that is not bound',
      dgram.createSocket('udp4').unref(),
      wrongState('dgram socket', 'is not bound'),
    ],
  ] as const) {
    await wrong(what, sendForms(socket, neverToArrive, 0), error)
    if (socket instanceof dgram.Socket && 'type' in socket && Object.hasOwn(socket, 'type')) (socket as Any).close()
  }
})

t.test(
  'descriptors of other kinds',
  { skip: process.platform === 'win32' && 'numbers are SOCKETs on Windows' },
  async () => {
    const both = (descriptor: number): ((call: 'sendmsg' | 'recvmsg') => Forms) => {
      return (call) =>
        call === 'sendmsg'
          ? sendForms(descriptor, neverToArrive, 0)
          : {
              throwing: { tryRecvmsg: () => tryRecvmsg(descriptor) },
              rejecting: { recvmsg: () => recvmsg(descriptor), recvmmsg: () => recvmmsg(descriptor) },
            }
    }
    const check = async (what: string, descriptor: number, code: string, says: string): Promise<void> => {
      for (const call of ['sendmsg', 'recvmsg'] as const) {
        await wrong(
          `${what}: ${call}`,
          both(descriptor)(call),
          socketError(code, new RegExp(`^${call} ${code}: ${says}$`)),
        )
      }
    }
    const file = openSync(__filename, 'r')
    await check('a file', file, 'ENOTSOCK', 'the descriptor is not a socket')
    closeSync(file)
    await check('a descriptor that was closed', file, 'EBADF', 'the descriptor is not open')
    await check('a descriptor that nobody has', 0x7fffffff, 'EBADF', 'the descriptor is not open')

    const tcp = net.createServer().listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    await check(
      'a listening TCP socket',
      (tcp as Any)._handle.fd,
      'ENOTSUP',
      'the descriptor is not a datagram or raw socket',
    )
    const { port: tcpPort } = tcp.address() as net.AddressInfo
    const stream = net.connect(tcpPort, '127.0.0.1')
    await once(stream, 'connect')
    await check(
      'a TCP connection',
      (stream as Any)._handle.fd,
      'ENOTSUP',
      'the descriptor is not a datagram or raw socket',
    )
    stream.destroy()
    tcp.close()

    const local = net.createServer().listen(path.join(tmpdir(), `sendmsg-${process.pid}.sock`))
    await once(local, 'listening')
    await check(
      'a listening AF_UNIX socket',
      (local as Any)._handle.fd,
      'ENOTSUP',
      'the descriptor is not a datagram or raw socket',
    )
    local.close()
  },
)

const noPython =
  spawnSync('python3', ['--version']).error !== undefined && 'python3 is not here to make such descriptors'

t.test('a datagram socket of another family, and a pipe', { skip: noPython }, async (t) => {
  const script = `
    const { trySendmsg } = require('sendmsg')
    for (const descriptor of [Number(process.argv[1]), Number(process.argv[2])]) {
      try {
        trySendmsg(descriptor, { data: Buffer.from('x'), address: '127.0.0.1', port: ${port} })
      } catch (error) {
        console.log(error.name + ' ' + error.message)
      }
    }`
  const python = `
import os, socket, sys
local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
read, write = os.pipe()
for descriptor in (local.fileno(), write):
    os.set_inheritable(descriptor, True)
os.execv(sys.argv[1], [sys.argv[1], '-e', sys.argv[2], str(local.fileno()), str(write)])`
  const result = spawnSync('python3', ['-c', python, process.execPath, script], { encoding: 'utf8', cwd: __dirname })
  tried.rows += 2
  tried.calls += 2
  t.equal(
    result.stdout,
    'SocketError sendmsg EAFNOSUPPORT: the descriptor is not an IPv4 or IPv6 socket\n' +
      'SocketError sendmsg ENOTSOCK: the descriptor is not a socket\n',
    result.stderr,
  )
})

t.test('closed sockets', async () => {
  const closed = createSocket({ type: 'udp4', pull: true })
  closed.bind(0, '127.0.0.1')
  closed.close()
  const bytes = neverToArrive()
  await wrong(
    'a closed socket, before its event',
    {
      throwing: {
        trySendmsg: () => trySendmsg(closed, bytes),
        trySendmmsg: () => trySendmmsg(closed, [bytes]),
        tryRecvmsg: () => tryRecvmsg(closed),
        tryRecvmmsg: () => tryRecvmmsg(closed),
        send: () => closed.send(bytes),
        bind: () => closed.bind(0),
        connect: () => closed.connect(9),
        address: () => closed.address(),
        remoteAddress: () => closed.remoteAddress(),
        getSendBufferSize: () => closed.getSendBufferSize(),
        setRecvBufferSize: () => closed.setRecvBufferSize(9999),
        setBroadcast: () => closed.setBroadcast(true),
        close: () => closed.close(),
      },
      rejecting: {
        sendmsg: () => sendmsg(closed, bytes),
        sendmmsg: () => sendmmsg(closed, [bytes]),
        recvmsg: () => recvmsg(closed),
        recvmmsg: () => recvmmsg(closed),
        'for await': async () => closed[Symbol.asyncIterator]().next(),
      },
    },
    notRunning,
  )
  const other = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(other, 'listening')
  arrives(() => trySendmsg(other, good('from a dgram.Socket')), 'from a dgram.Socket')
  other.close()
  await wrong('a closed dgram.Socket, before its event', sendForms(other, neverToArrive, 0), notRunning)
  await once(other, 'close')
  await wrong('a closed dgram.Socket', sendForms(other, neverToArrive, 0), notRunning)
})

t.test('sockets in the wrong state', async (t) => {
  const connected = createSocket('udp4')
  t.teardown(() => connected.close())
  connected.connect(port, '127.0.0.1')
  await once(connected, 'connect')
  await wrong('an address on a connected socket', sendForms(connected, neverToArrive, 0), isConnected)
  await wrong(
    'a port alone on a connected socket',
    sendForms(connected, () => ({ data: Buffer.from('x'), port }), 0),
    wrongType('message.address', 'of type string. Received undefined'),
  )
  await wrong(
    'no data on a connected socket',
    sendForms(connected, () => ({}), 0),
    wrongType('message.data', 'Received undefined'),
  )
  await wrong('connect twice', { throwing: { connect: () => connected.connect(9) } }, isConnected)
  await wrong(
    'disconnect what is not connected',
    { throwing: { disconnect: () => ours.disconnect(), remoteAddress: () => ours.remoteAddress() } },
    { name: 'Error', code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED', says: /^Not connected$/ },
  )
  await wrong(
    'bind twice',
    { throwing: { bind: () => ours.bind(0) } },
    { name: 'Error', code: 'ERR_SOCKET_ALREADY_BOUND', says: /already bound/ },
  )

  const six = createSocket({ type: 'udp6', ipv6Only: true })
  t.teardown(() => six.close())
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1']) {
    await wrong(
      `${address} on an IPv6 socket`,
      sendForms(six, () => ({ ...neverToArrive(), address }), 0),
      wrongValue('message.address', 'must be IPv6 on this socket'),
    )
  }
  const dual = createSocket('udp6')
  t.teardown(() => dual.close())
  for (const [destination, source] of [
    ['127.0.0.1', '::1'],
    ['::ffff:127.0.0.1', '::1'],
    ['::1', '127.0.0.1'],
    ['::1', '::ffff:127.0.0.1'],
  ] as const) {
    await wrong(
      `to ${destination} from ${source}`,
      sendForms(dual, () => ({ ...neverToArrive(), address: destination, source }), 0),
      wrongValue('message.source', `must be IPv${destination === '::1' ? 6 : 4}, as the destination`),
    )
  }
})

testNothingElse(30)
