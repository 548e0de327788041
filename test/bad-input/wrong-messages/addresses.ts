import { createServer, SocketAddress } from 'node:net'
import { badPort, outOfRange, socketError, wrongType, wrongValue } from '../expect-error'
import { primitive, type WrongMessage } from './wrong-message'

const port = (what: string, value: () => unknown): WrongMessage => [
  `port: ${what}`,
  () => ({ port: value() }),
  (name) => badPort(`${name}.port`, '>= 0 and < 65536'),
]

const address = (what: string, text: string): WrongMessage => [
  `address: ${what}`,
  () => ({ address: text }),
  (name) => wrongValue(`${name}.address`, 'must be an IP address'),
]

const textFields = ['address', 'source'].flatMap((field): WrongMessage[] =>
  [
    ['null', () => null] as const,
    ['a number', () => 2130706433] as const,
    ['bytes', () => new Uint8Array([127, 0, 0, 1])] as const,
    ['a String object', () => new String('127.0.0.1')] as const,
    ['an object with toPrimitive', () => primitive('127.0.0.1')] as const,
    ['a symbol', () => Symbol('127.0.0.1')] as const,
  ].map(([what, value]) => [
    `${field}: ${what}`,
    () => ({ [field]: value() }),
    (name) => wrongType(`${name}.${field}`, 'of type string'),
  ]),
)

export const wrongAddresses: WrongMessage[] = [
  ...textFields,
  address('empty', ''),
  address('a host name', 'localhost'),
  address('three numbers', '127.0.1'),
  address('a number too large', '127.0.0.256'),
  address('a leading zero', '127.0.0.01'),
  address('a NUL behind it', '127.0.0.1\0'),
  address('a NUL and more behind it', '127.0.0.1\0.example'),
  address('a blank before it', ' 127.0.0.1'),
  address('a line break behind it', '127.0.0.1\n'),
  address('a port behind it', '127.0.0.1:53'),
  address('brackets', '[::1]'),
  address('a prefix length', '127.0.0.1/8'),
  address('an IPv4 scope', '127.0.0.1%lo'),
  address('full-width digits', '１27.0.0.1'),
  address('a lone surrogate', '127.0.0.1\ud800'),
  address('a very long text', '1'.repeat(2 ** 24)),
  address('an unknown scope', 'fe80::1%there-is-none'),
  address('an empty scope', 'fe80::1%'),
  address('a scope with a NUL', 'fe80::1%lo\0'),
  address('a scope too large', 'fe80::1%4294967296'),
  address('a scope that is very long', `fe80::1%${'l'.repeat(2 ** 20)}`),
  address('two scopes', 'fe80::1%lo%lo'),
  ['address: of the other family', () => ({ address: '::1' }), (name) => wrongValue(`${name}.address`, 'must be IPv4')],
  [
    'address: left out',
    () => ({ address: undefined }),
    (name) => wrongType(`${name}.address`, 'of type string. Received undefined'),
  ],
  [
    'address and port: left out',
    () => ({ address: undefined, port: undefined }),
    (name) => wrongType(`${name}.address`, 'of type string. Received undefined'),
  ],
  port('left out', () => undefined),
  port('null', () => null),
  port('negative', () => -1),
  port('65536', () => 65536),
  port('1.5', () => 1.5),
  port('NaN', () => NaN),
  port('Infinity', () => Infinity),
  port('a string', () => '53'),
  port('a bigint', () => 53n),
  port('true', () => true),
  port('a Number object', () => new Number(53)),
  port('an object with toPrimitive', () => primitive(53)),
  [
    'to: beside address and port',
    () => ({ to: new SocketAddress({ port: 9 }) }),
    (name) => wrongValue(`${name}.to`, 'must not be given beside address and port'),
  ],
  ...(
    [
      ['a string', () => '127.0.0.1:53'],
      ['null', () => null],
      ['an object like one', () => ({ address: '127.0.0.1', port: 53, family: 'ipv4', flowlabel: 0 })],
      ['an object that inherits from one', () => Object.create(SocketAddress.prototype)],
      ['a server', () => createServer()],
    ] as const
  ).map(([what, to]): WrongMessage => [
    `to: ${what}`,
    () => ({ address: undefined, port: undefined, to: to() }),
    (name) => wrongType(`${name}.to`, 'SocketAddress'),
  ]),
  [
    'to: of the other family',
    () => ({ address: undefined, port: undefined, to: new SocketAddress({ family: 'ipv6', port: 9 }) }),
    (name) => wrongValue(`${name}.to`, 'must be IPv4'),
  ],
  [
    'to: with a flow label',
    () => ({
      address: undefined,
      port: undefined,
      to: new SocketAddress({ family: 'ipv6', address: '::1', port: 9, flowlabel: 7 }),
    }),
    () => socketError('ENOTSUP', /to\.flowlabel is not supported/),
  ],

  ...['', 'localhost', '127.0.0.1\0', '127.0.0.1%lo', 'fe80::1%there-is-none', '1'.repeat(10_000)].map(
    (source): WrongMessage => [
      `source: ${JSON.stringify(source.slice(0, 30))}`,
      () => ({ source }),
      (name) => wrongValue(`${name}.source`, 'must be an IP address'),
    ],
  ),
  ['source: of the other family', () => ({ source: '::1' }), (name) => wrongValue(`${name}.source`, 'must be IPv4')],
  [
    'source: of another host',
    () => ({ source: '192.0.2.77' }),
    () => socketError(/^E/, /^sendmm?sg E(NETUNREACH|INVAL|ADDRNOTAVAIL) 127\.0\.0\.1:\d+$/),
  ],
  ...(
    [
      ['true', true],
      ['null', null],
      ['a bigint', 1n],
      ['an object', {}],
      ['an array', ['lo']],
    ] as const
  ).map(([what, through]): WrongMessage => [
    `interface: ${what}`,
    () => ({ interface: through }),
    (name) => wrongType(`${name}.interface`, 'of type number or string'),
  ]),
  ...[0, -1, 2 ** 31, 2 ** 32 + 1, 1.5, NaN].map((through): WrongMessage => [
    `interface: ${through}`,
    () => ({ interface: through }),
    (name) => outOfRange(`${name}.interface`),
  ]),
  ...['', 'there-is-none', 'lo\0', '1', ' lo', 'l'.repeat(1000), '\ud800'].map((through): WrongMessage => [
    `interface: ${JSON.stringify(through.slice(0, 30))}`,
    () => ({ interface: through }),
    (name) => wrongValue(`${name}.interface`, 'must be the name of an interface'),
  ]),
  [
    'interface: an index that nothing has',
    () => ({ interface: 0x7ffffff0 }),
    () => socketError(/^E/, /^sendmm?sg E(NODEV|NXIO|INVAL|NETUNREACH|ADDRNOTAVAIL) 127\.0\.0\.1:\d+$/),
  ],
]
