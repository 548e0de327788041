// Wrong options of calls and of sockets, wrong arguments of their other methods.
import t from 'tap'
import { createSocket, recvmmsg, recvmsg, replyTo, sendmmsg, sendmsg, Socket, tryRecvmmsg, tryRecvmsg } from 'sendmsg'
import {
  aborted,
  badPort,
  badSocketType,
  outOfRange,
  revoked,
  wrongState,
  wrongType,
  wrongValue,
  type Expected,
} from './expect-error'
import { revokedProxy } from '../helpers/memory'
import { thrownByGetter } from './wrong-messages'
import { type Any, neverToArrive, wrong, ours, borrowed, testNothingElse } from './setup'

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

testNothingElse(100)
