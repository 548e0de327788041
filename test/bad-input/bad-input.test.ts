import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import timers from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import {
  capabilities,
  createSocket,
  recvmmsg,
  recvmsg,
  replyTo,
  sendmmsg,
  sendmsg,
  Socket,
  SocketError,
  tryRecvmmsg,
  tryRecvmsg,
  trySendmmsg,
  trySendmsg,
  type OutgoingMessage,
} from 'sendmsg'
import {
  aborted,
  badPort,
  badSocketType,
  fails,
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
import { detach, revokedProxy, thrownByGetter, wrongMessages, wrongWholes } from './wrong-messages'

// Every function here is called with what its types forbid.
type Any = ReturnType<typeof JSON.parse>

const windows = process.platform === 'win32'

/** Two control messages that change nothing: of a level that POSIX kernels pass over, on Windows IP_TOS and IP_PKTINFO. */
const [aControl, anotherControl] = windows
  ? [
      { level: 0, type: 3, data: Buffer.alloc(4) },
      { level: 0, type: 19, data: Buffer.alloc(8) },
    ]
  : [
      { level: 99, type: 1, data: Buffer.alloc(8) },
      { level: 99, type: 2, data: Buffer.alloc(24) },
    ]

/** Who is sent to: an ordinary dgram.Socket, over IPv4 and IPv6. All that comes is compared with what was to come. */
const witness = dgram.createSocket({ type: 'udp6', recvBufferSize: 1 << 22 })
const arrived: string[] = []
const expected: string[] = []
let port = 0
let calls = 0
let rows = 0
let current: Test = t

t.beforeEach((test) => {
  current = test
})

/** Of what is good; `data` is unlike any other. */
const good = (data: string): OutgoingMessage => ({ data: Buffer.from(data), address: '127.0.0.1', port })
const neverToArrive = (): OutgoingMessage => good('never to arrive')

/** A call that must succeed; its data has to arrive, in this order. */
function arrives(call: () => unknown, ...data: string[]): unknown {
  expected.push(...data)
  return call()
}

const wrong = async (what: string, forms: Forms, error: Expected): Promise<void> => {
  rows++
  calls += await fails(current, what, forms, error)
}

const sendForms = (socket: Any, messages: (index: 0 | 1) => Any, index: 0 | 1): Forms => {
  const many = (): Any[] => (index === 0 ? [messages(0), neverToArrive()] : [neverToArrive(), messages(1)])
  return index === 0
    ? {
        throwing: { trySendmsg: () => trySendmsg(socket, messages(0)) },
        rejecting: { sendmsg: () => sendmsg(socket, messages(0)) },
      }
    : {
        throwing: { trySendmmsg: () => trySendmmsg(socket, many()) },
        rejecting: { sendmmsg: () => sendmmsg(socket, many()) },
      }
}

/** A wrong message alone, and as the second of two. What the system refuses stands first: good ones before it do go. */
async function wrongMessage(
  kind: string,
  socket: Any,
  what: string,
  make: () => Any,
  error: (name: string) => Expected,
): Promise<void> {
  const refusedBySystem = error('').name === 'SocketError' && error('').code !== 'ENOTSUP'
  const batch = (): Any[] => (refusedBySystem ? [make(), neverToArrive()] : [neverToArrive(), make()])
  await wrong(`${kind}: ${what}`, sendForms(socket, make, 0), error('message'))
  await wrong(
    `${kind}, of two: ${what}`,
    {
      throwing: { trySendmmsg: () => trySendmmsg(socket, batch()) },
      rejecting: { sendmmsg: () => sendmmsg(socket, batch()) },
    },
    error(refusedBySystem ? 'messages[0]' : 'messages[1]'),
  )
  rows-- // the same wrong call in two more forms
}

const ours = createSocket('udp4')
const borrowed = dgram.createSocket('udp4')

t.before(async () => {
  witness.on('message', (data) => arrived.push(data.toString()))
  witness.bind(0)
  await once(witness, 'listening')
  port = witness.address().port
  ours.bind(0, '127.0.0.1')
  borrowed.bind(0, '127.0.0.1')
  await once(borrowed, 'listening')
})

t.test('messages', async () => {
  for (const [what, fields, error] of wrongMessages) {
    await wrongMessage('a socket', ours, what, () => ({ ...neverToArrive(), ...fields() }), error)
  }
  for (const [what, whole, error] of wrongWholes) {
    await wrongMessage('a socket', ours, `${what}, as a message`, whole, error)
  }
})

t.test('messages on borrowed sockets', async () => {
  const sockets: [string, Any][] = [['a dgram.Socket', borrowed]]
  const { fd } = (borrowed as Any)._handle ?? { fd: -1 }
  if (fd >= 0) sockets.push(['a descriptor', fd])
  for (const [kind, socket] of sockets) {
    for (const [what, fields, error] of wrongMessages) {
      if (what.startsWith('sendTime: on a socket')) continue // is not known of a borrowed socket
      const make = (): Any => ({ ...neverToArrive(), ...fields() })
      calls += await fails(current, `${kind}: ${what}`, sendForms(socket, make, 0), error('message'))
    }
  }
  if (capabilities().send.dontFragment.IPv4 === 'emulated') {
    await wrongMessage(
      'a dgram.Socket',
      borrowed,
      'dontFragment, which takes a socket option here',
      () => ({ ...neverToArrive(), dontFragment: true }),
      () => socketError('ENOTSUP', /dontFragment is not supported on \w+ on a borrowed socket$/),
    )
  }
})

t.test('flags that this platform does not have', async () => {
  for (const [flag, known] of Object.entries(capabilities().flags)) {
    if (known) continue
    const make = (): OutgoingMessage => ({ ...neverToArrive(), flags: { [flag]: true } })
    await wrongMessage('a socket', ours, `flags.${flag}`, make, () =>
      socketError('ENOTSUP', new RegExp(`^sendmsg ENOTSUP: flags\\.${flag} is not supported on ${process.platform}$`)),
    )
  }
})

t.test('batches', async () => {
  for (const [what, messages] of [
    ['undefined', undefined],
    ['null', null],
    ['a message', neverToArrive()],
    ['a string', 'text'],
    ['a Set', new Set([neverToArrive()])],
    ['an array-like object', { length: 1, 0: neverToArrive() }],
    ['a generator', (function* () {})()],
  ] as const) {
    await wrong(
      `messages: ${what}`,
      {
        throwing: { trySendmmsg: () => trySendmmsg(ours, messages as Any) },
        rejecting: { sendmmsg: () => sendmmsg(ours, messages as Any) },
      },
      wrongType('messages', 'of Array'),
    )
  }
  await wrong(
    'messages: a revoked proxy',
    {
      throwing: { trySendmmsg: () => trySendmmsg(ours, revokedProxy([]) as Any) },
      rejecting: { sendmmsg: () => sendmmsg(ours, revokedProxy([]) as Any) },
    },
    revoked,
  )
  const sparse = new Array(2 ** 32 - 1)
  await wrong(
    'messages: a sparse array of 4294967295',
    {
      throwing: { trySendmmsg: () => trySendmmsg(ours, sparse) },
      rejecting: { sendmmsg: () => sendmmsg(ours, sparse) },
    },
    wrongType('messages[0]', 'of type object'),
  )
  for (const at of [1, 63, 64, 99_999]) {
    const many = new Array<Any>(100_000).fill(neverToArrive())
    many[at] = { ...neverToArrive(), hopLimit: 256 }
    await wrong(
      `messages: 100,000, of which number ${at} is wrong`,
      {
        throwing: { trySendmmsg: () => trySendmmsg(ours, many) },
        rejecting: { sendmmsg: () => sendmmsg(ours, many) },
      },
      outOfRange(`messages[${at}].hopLimit`),
    )
  }
  const thief = (): OutgoingMessage[] => {
    const first = neverToArrive()
    first.data = new Uint8Array(8)
    return [
      first,
      {
        ...neverToArrive(),
        get hopLimit() {
          detach(first.data as Uint8Array)
          return 1
        },
      },
    ]
  }
  await wrong(
    'messages: one takes away the data of another',
    {
      throwing: { trySendmmsg: () => trySendmmsg(ours, thief()) },
      rejecting: { sendmmsg: () => sendmmsg(ours, thief()) },
    },
    wrongState('data', 'was detached or resized'),
  )
})

const waitOptions: [what: string, options: () => Any, error: Expected][] = [
  ['null', () => null, wrongType('options', 'of type object')],
  ['a number', () => 1000, wrongType('options', 'of type object')],
  ['an array', () => [], wrongType('options', 'of type object')],
  ['a function', () => () => undefined, wrongType('options', 'of type object')],
  ['a revoked proxy', () => revokedProxy({}), revoked],
  ['timeout negative', () => ({ timeout: -1 }), outOfRange('options.timeout')],
  ['timeout NaN', () => ({ timeout: NaN }), outOfRange('options.timeout', 'an integer')],
  ['timeout Infinity', () => ({ timeout: Infinity }), outOfRange('options.timeout', 'an integer')],
  ['timeout a fraction', () => ({ timeout: 0.5 }), outOfRange('options.timeout', 'an integer')],
  ['timeout longer than a timer runs', () => ({ timeout: 2 ** 31 }), outOfRange('options.timeout')],
  ['timeout a string', () => ({ timeout: '100' }), wrongType('options.timeout', 'of type number')],
  ['timeout a bigint', () => ({ timeout: 100n }), wrongType('options.timeout', 'of type number')],
  ['timeout null', () => ({ timeout: null }), wrongType('options.timeout', 'of type number')],
  ['signal null', () => ({ signal: null }), wrongType('options.signal', 'AbortSignal')],
  ['signal a controller', () => ({ signal: new AbortController() }), wrongType('options.signal', 'AbortSignal')],
  ['signal a string', () => ({ signal: 'SIGINT' }), wrongType('options.signal', 'AbortSignal')],
  [
    'signal like one, without events',
    () => ({ signal: { aborted: false } }),
    wrongType('options.signal', 'AbortSignal'),
  ],
  ['signal aborted before', () => ({ signal: AbortSignal.abort() }), aborted],
  [
    'a getter throws',
    () => ({
      get timeout() {
        throw new Error('thrown by a getter')
      },
    }),
    thrownByGetter,
  ],
]

t.test('options of the functions that wait', async (t) => {
  const pull = createSocket({ type: 'udp4', pull: true })
  t.teardown(() => pull.close())
  for (const [what, options, error] of waitOptions) {
    await wrong(
      `options: ${what}`,
      {
        rejecting: {
          sendmsg: () => sendmsg(ours, neverToArrive(), options()),
          sendmmsg: () => sendmmsg(ours, [neverToArrive()], options()),
          'sendmsg of a dgram.Socket': () => sendmsg(borrowed, neverToArrive(), options()),
          recvmsg: () => recvmsg(pull, options()),
          recvmmsg: () => recvmmsg(pull, options()),
          'socket.sendmsg': () => ours.sendmsg(neverToArrive(), options()),
          'socket.recvmsg': () => pull.recvmsg(options()),
        },
      },
      error,
    )
  }
})

t.test('options of the receiving functions', async (t) => {
  const pull = createSocket({ type: 'udp4', pull: true })
  t.teardown(() => pull.close())
  const room = (name: string, most: number): [what: string, options: Any, error: Expected][] => [
    [`${name} negative`, { [name]: -1 }, outOfRange(`options.${name}`)],
    [`${name} too large`, { [name]: most + 1 }, outOfRange(`options.${name}`)],
    [`${name} a fraction`, { [name]: 1.5 }, outOfRange(`options.${name}`, 'an integer')],
    [`${name} NaN`, { [name]: NaN }, outOfRange(`options.${name}`, 'an integer')],
    [`${name} Infinity`, { [name]: Infinity }, outOfRange(`options.${name}`, 'an integer')],
    [`${name} a string`, { [name]: '16' }, wrongType(`options.${name}`, 'of type number')],
    [`${name} a bigint`, { [name]: 16n }, wrongType(`options.${name}`, 'of type number')],
    [`${name} null`, { [name]: null }, wrongType(`options.${name}`, 'of type number')],
  ]
  for (const [what, options, error] of [...room('length', 65535), ...room('controlLength', 1024)]) {
    await wrong(
      `options: ${what}`,
      {
        throwing: { tryRecvmsg: () => tryRecvmsg(pull, options), tryRecvmmsg: () => tryRecvmmsg(pull, options) },
        rejecting: { recvmsg: () => recvmsg(pull, options), recvmmsg: () => recvmmsg(pull, options) },
      },
      error,
    )
  }
  for (const [what, options, error] of [
    ...room('count', 1024),
    ['count 0', { count: 0 }, outOfRange('options.count')] as const,
  ]) {
    await wrong(
      `options: ${what}`,
      {
        throwing: { tryRecvmmsg: () => tryRecvmmsg(pull, options) },
        rejecting: { recvmmsg: () => recvmmsg(pull, options) },
      },
      error,
    )
  }
  for (const [what, socket, error] of [
    ['a socket with listeners', ours, wrongState("'message'", 'createSocket({ pull: true })')],
    ['a dgram.Socket', borrowed, wrongValue('socket', 'must not be a dgram.Socket, which receives by itself')],
  ] as const) {
    await wrong(
      `receiving from ${what}`,
      {
        throwing: { tryRecvmsg: () => tryRecvmsg(socket as Any), tryRecvmmsg: () => tryRecvmmsg(socket as Any) },
        rejecting: { recvmsg: () => recvmsg(socket as Any), recvmmsg: () => recvmmsg(socket as Any) },
      },
      error,
    )
  }
  await wrong(
    'listeners on a socket that is pulled from',
    {
      throwing: {
        on: () => pull.on('message', () => undefined),
        once: () => pull.once('messages', () => undefined),
        prependListener: () => pull.prependListener('message', () => undefined),
      },
    },
    wrongState('createSocket({ pull: true })', 'no listeners'),
  )
})

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
  rows += 2
  calls += 2
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

const option = (name: string, value: () => unknown, error: Expected, type = 'udp4'): [string, () => Any, Expected] => [
  name,
  () => ({ type, [name]: value() }),
  error,
]

const socketOptions: [what: string, options: () => Any, error: Expected][] = [
  ...([undefined, null, 4, true, 'udp', 'UDP4', 'raw', 'toString', '__proto__', '', [], {}, ['udp4']] as const).map(
    (type): [string, () => Any, Expected] => [`type ${JSON.stringify(type)}`, () => type, badSocketType],
  ),
  ['type a String object', () => ({ type: new String('udp4') }), badSocketType],
  ['type a symbol', () => Symbol('udp4'), badSocketType],
  ['options revoked', () => revokedProxy({}), revoked],
  ...['pull', 'coalesce', 'dontFragment', 'receiveErrors'].flatMap((name) =>
    [1, 'true', null].map((value) => option(name, () => value, wrongType(`options.${name}`, 'of type boolean'))),
  ),
  ...[1, null].map((value) => option('sendTime', () => value, wrongType('options.sendTime', 'of type boolean'))),
  option('sendTime', () => 'realtime', wrongValue('options.sendTime', "must be a boolean, 'monotonic' or 'tai'")),
  ...['recvBufferSize', 'sendBufferSize'].flatMap((name) => [
    ...[-1, 1.5, Infinity, 2 ** 32].map((value) => option(name, () => value, outOfRange(`options.${name}`))),
    ...['1000', 1000n].map((value) => option(name, () => value, wrongType(`options.${name}`, 'of type number'))),
  ]),
  option('ipv6Only', () => true, wrongValue('options.ipv6Only', 'is for IPv6 sockets')),
  option('lookup', () => 'dns', wrongType('lookup', 'function')),
  option('lookup', () => null, wrongType('lookup', 'function')),
  ...['receiveBlockList', 'sendBlockList'].flatMap((name) =>
    [{}, ['127.0.0.1'], 'list'].map((value) =>
      option(name, () => value, wrongType(`options.${name}`, 'net.BlockList')),
    ),
  ),
  option('signal', () => ({}), wrongType('options.signal', 'AbortSignal')),
  option('signal', () => null, wrongType('options.signal', 'AbortSignal')),
  option('protocol', () => 1, wrongValue('options.protocol', 'is for raw sockets')),
  ...[-1, 256, 1.5, NaN].map((value) => option('protocol', () => value, outOfRange('options.protocol'), 'raw4')),
  ...[undefined, null, '1', 1n].map((value) =>
    option('protocol', () => value, wrongType('options.protocol', 'of type number'), 'raw6'),
  ),
  ...['destination', {}, null, true, new Set(['ecn'])].map((value) =>
    option('receiveInfo', () => value, wrongType('options.receiveInfo', 'of Array or false')),
  ),
  ...['ttl', 'toString', '__proto__', '', 1, null, ['ecn']].map((value) =>
    option('receiveInfo', () => ['ecn', value], wrongValue('options.receiveInfo[1]', 'is not a field')),
  ),
  option('receiveInfo', () => new Array(3), wrongValue('options.receiveInfo[0]', 'is not a field')),
  option('receiveInfo', () => new Array(2 ** 32 - 1), outOfRange('options.receiveInfo.length')),
  ...['Error', true, null, ''].map((value) =>
    option('unsupported', () => value, wrongValue('options.unsupported', "must be 'error' or 'ignore'")),
  ),
  [
    'options of which a getter throws',
    () => ({
      type: 'udp4',
      get pull() {
        throw new Error('thrown by a getter')
      },
    }),
    thrownByGetter,
  ],
]

t.test('options of sockets', async () => {
  for (const [what, options, error] of socketOptions) {
    await wrong(
      `createSocket: ${what}`,
      { throwing: { createSocket: () => createSocket(options()), 'new Socket': () => new Socket(options()) } },
      error,
    )
  }
})

t.test('other methods, and replyTo', async (t) => {
  const socket: Any = createSocket('udp4')
  t.teardown(() => socket.close())
  for (const value of [-1, 65536, 1.5, 'x', true, {}]) {
    await wrong(
      `bind to port ${JSON.stringify(value)}`,
      { throwing: { bind: () => (typeof value === 'object' ? socket.bind({ port: {} }) : socket.bind(value)) } },
      { name: 'RangeError', code: 'ERR_SOCKET_BAD_PORT', says: /port should be >= 0 and < 65536/i },
    )
  }
  for (const value of [0, -1, 65536, 1.5, NaN, 'x', undefined, null]) {
    await wrong(
      `connect to port ${JSON.stringify(value)}`,
      { throwing: { connect: () => socket.connect(value) } },
      badPort('Port', '> 0 and < 65536'),
    )
  }
  for (const value of [5, {}, true]) {
    await wrong(
      `address ${JSON.stringify(value)}`,
      { throwing: { bind: () => socket.bind(0, value), connect: () => socket.connect(9, value) } },
      wrongType('address', 'of type string'),
    )
  }
  for (const value of [null, undefined, 'text', 5]) {
    await wrong(
      `replyTo ${String(value)}`,
      { throwing: { replyTo: () => replyTo(value as Any) } },
      wrongType('info', 'of type object'),
    )
  }
})

/** An object whose properties count how often they are read. */
function counted(values: object, counts: Record<string, number>, prefix = ''): Any {
  return Object.defineProperties(
    {},
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        {
          enumerable: true,
          get() {
            counts[prefix + name] = (counts[prefix + name] ?? 0) + 1
            return value
          },
        },
      ]),
    ),
  )
}

t.test('every property is read once', async (t) => {
  const counts: Record<string, number> = {}
  const flags = counted({ dontRoute: false, confirm: false, partial: false, oob: false }, counts, 'flags.')
  const control = [counted(aControl, counts, 'control.')]
  const fields = {
    ...good('counted'),
    to: undefined,
    source: '127.0.0.1',
    interface: undefined,
    trafficClass: undefined,
    ecn: 1,
    dscp: 2,
    hopLimit: 3,
    dontFragment: undefined,
    segmentSize: 1000,
    sendTime: undefined,
    flags,
    control,
  }
  const once = (): void => {
    t.same(
      Object.entries(counts).filter(([, count]) => count !== 1),
      [],
    )
    for (const name of Object.keys(counts)) Reflect.deleteProperty(counts, name)
  }
  arrives(() => trySendmsg(ours, counted(fields, counts)), 'counted')
  t.equal(Object.keys(counts).length, Object.keys(fields).length + 7)
  once()
  arrives(() => trySendmmsg(ours, [counted(fields, counts)]), 'counted')
  once()
  const options = counted({ signal: new AbortController().signal, timeout: 5000 }, counts)
  await arrives(() => sendmsg(ours, good('counted'), options), 'counted')
  once()
  await arrives(() => sendmmsg(ours, [good('counted')], options), 'counted')
  once()
  const pull = createSocket(counted({ type: 'udp4', pull: true, receiveInfo: ['ecn'] }, counts))
  t.teardown(() => pull.close())
  once()
  const room = counted({ signal: undefined, timeout: 20, length: 10, controlLength: 10, count: 2 }, counts)
  await t.rejects(recvmmsg(pull, room), { code: 'ETIMEDOUT' })
  once()
  await t.rejects(recvmsg(pull, room), { code: 'ETIMEDOUT' })
  delete counts['count']
  once()
})

t.test('getters that act', async (t) => {
  // One that sends: both messages are whole.
  const nested = {
    ...good('outer'),
    control: [aControl],
    get hopLimit() {
      trySendmsg(ours, { ...good('inner'), trafficClass: 4, control: [anotherControl] })
      trySendmmsg(ours, [good('inner, first'), good('inner, second')])
      return 9
    },
  }
  arrives(() => trySendmsg(ours, nested), 'inner', 'inner, first', 'inner, second', 'outer')
  arrives(
    () => trySendmmsg(ours, [good('before'), nested, good('after')]),
    'inner',
    'inner, first',
    'inner, second',
    'before',
    'outer',
    'after',
  )

  // One that changes what it stands beside: what was read first counts.
  const mutable: Any = { ...good('mutable') }
  Object.defineProperty(mutable, 'segmentSize', {
    enumerable: true,
    get() {
      mutable.address = 'wrong'
      mutable.port = -1
      mutable.data = undefined
      return undefined
    },
  })
  arrives(() => trySendmsg(ours, mutable), 'mutable')

  // One that lengthens, or empties, the array it stands in.
  const views: Uint8Array[] = [Buffer.from('a'), Buffer.from('b')]
  const longer = new Proxy(views, {
    get(target, key) {
      if (key === '0') views.push(Buffer.from('c'))
      return Reflect.get(target, key)
    },
  })
  arrives(() => trySendmsg(ours, { ...good(''), data: longer }), 'ab')
  const shorter = new Proxy([Buffer.from('a'), Buffer.from('b')], {
    get(target, key) {
      if (key === '0') target.length = 1
      return Reflect.get(target, key) ?? Buffer.from('a')
    },
  })
  await wrong(
    'views that vanish while they are read',
    {
      throwing: {
        trySendmsg: () => {
          const list = [Buffer.from('a'), Buffer.from('b')]
          const emptying = new Proxy(list, {
            get(target, key) {
              const value: unknown = Reflect.get(target, key)
              if (key === '0') target.length = 0
              return value
            },
          })
          return trySendmsg(ours, { ...neverToArrive(), data: emptying })
        },
      },
    },
    wrongType('message.data[1]', 'Received undefined'),
  )
  t.equal(shorter.length, 2)

  // One that closes the socket in the middle.
  const closing = createSocket('udp4')
  closing.bind(0, '127.0.0.1')
  await wrong(
    'a getter closes the socket',
    {
      throwing: {
        trySendmsg: () =>
          trySendmsg(closing, {
            ...neverToArrive(),
            get hopLimit() {
              closing.close()
              return 1
            },
          }),
      },
    },
    notRunning,
  )
  const closingToo = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(closingToo, 'listening')
  arrives(() => trySendmsg(closingToo, good('still open')), 'still open')
  const taken: Socket[] = []
  await wrong(
    'a getter closes the dgram.Socket, and its descriptor is given to another one',
    {
      throwing: {
        trySendmsg: () =>
          trySendmsg(closingToo, {
            ...neverToArrive(),
            get trafficClass() {
              closingToo.close()
              for (let count = 0; count < 20; count++) taken.push(createSocket('udp4'))
              return 1
            },
          }),
      },
    },
    notRunning,
  )
  for (const socket of taken) socket.close()
  const pulled = createSocket({ type: 'udp4', pull: true })
  await wrong(
    'a getter of the options closes the socket',
    {
      rejecting: {
        recvmsg: () =>
          recvmsg(pulled, {
            get timeout() {
              pulled.close()
              return 5000
            },
          }),
      },
    },
    notRunning,
  )

  // One that calls itself: the stack ends first.
  const endless: Any = {
    ...neverToArrive(),
    get hopLimit() {
      return trySendmsg(ours, endless)
    },
  }
  await wrong(
    'a getter without end',
    { throwing: { trySendmsg: () => trySendmsg(ours, endless) } },
    { name: 'RangeError', code: undefined, says: /Maximum call stack size exceeded/ },
  )
})

t.test('what looks odd and is right', async (t) => {
  const resizable: Any = new (ArrayBuffer as Any)(4, { maxByteLength: 16 })
  resizable.resize(8)
  new Uint8Array(resizable).set(Buffer.from('tracking'))
  class Boast extends Uint8Array {
    override get byteLength(): number {
      return 0
    }
    override get length(): number {
      return 5_000_000_000
    }
    override get buffer(): Any {
      throw new Error('not to be asked')
    }
  }
  const foreign = runInNewContext(`({
    data: [new Uint8Array([111, 116]), new Uint8Array([104, 101, 114])], address: '127.0.0.1', port: ${port}
  })`)
  const cases: [string, OutgoingMessage][] = [
    ['tracking', { ...good(''), data: new Uint8Array(resizable) }],
    ['rack', { ...good(''), data: new Uint8Array(resizable, 1, 4) }],
    ['boast', { ...good(''), data: Boast.from(Buffer.from('boast')) }],
    ['other', foreign],
    ['frozen', Object.freeze(good('frozen'))],
    ['proxy', new Proxy(good('proxy'), {})],
    ['inherited', Object.create(good('inherited'))],
    ['no prototype', Object.assign(Object.create(null), good('no prototype'))],
    ['', { ...good(''), data: [] }],
    ['', { ...good(''), data: new Uint8Array(0) }],
    ['many', { ...good(''), data: Array.from('many', (letter) => Buffer.from(letter)) }],
    ['x'.repeat(1024), { ...good(''), data: new Array<Uint8Array>(1024).fill(Buffer.from('x')) }],
    ['mapped', { ...good('mapped'), address: '::ffff:127.0.0.1' }],
  ]
  for (const [data, message] of cases) {
    arrives(() => t.equal(trySendmsg(ours, message), data.length, data.slice(0, 20)), data)
  }
  expected.push(...cases.map(([data]) => data))
  t.equal(
    await sendmmsg(
      ours,
      cases.map(([, message]) => message),
    ),
    cases.length,
  )
})

t.test('a program takes away the memory of what it received', async (t) => {
  const socket = createSocket({ type: 'udp4', pull: true })
  t.teardown(() => socket.close())
  socket.bind(0, '127.0.0.1')
  const to = { address: '127.0.0.1', port: socket.address().port }
  for (const data of ['', 'small', '', 'l'.repeat(600), '', 'small again', 'l'.repeat(60_000), '']) {
    trySendmsg(ours, { data: Buffer.from(data), ...to })
    const message = await recvmsg(socket, { timeout: 10_000 })
    t.equal(message.data.toString(), data)
    if (message.data.buffer.byteLength > 0) detach(message.data)
  }
})

t.test('nothing of all that was sent', async (t) => {
  arrives(() => trySendmsg(ours, good('sentinel')), 'sentinel')
  while (arrived.at(-1) !== 'sentinel') await timers.setTimeout(10)
  t.same(arrived, expected)
  t.comment(`${rows} wrong calls, ${calls} in all their forms`)
  t.ok(rows >= 150)
  t.ok(SocketError.prototype instanceof Error)
  ours.close()
  borrowed.close()
  witness.close()
})
