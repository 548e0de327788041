import { createServer, SocketAddress } from 'node:net'
import { runInNewContext } from 'node:vm'
import {
  badPort,
  outOfRange,
  revoked,
  socketError,
  wrongState,
  wrongType,
  wrongValue,
  type Expected,
} from './expect-error'

/**
 * One wrong message: what is wrong, the fields that make it so (beside good ones), and the error, in which the message
 * is called `name`. The fields are made anew for each call.
 */
export type WrongMessage = [what: string, fields: () => object, expected: (name: string) => Expected]

type Resizable = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & {
  resize(length: number): void
}
const ResizableArrayBuffer = ArrayBuffer as unknown as Resizable
const GrowableSharedArrayBuffer = SharedArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => SharedArrayBuffer

export function detach(view: ArrayBufferView): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] })
}

export function detached(): Uint8Array {
  const view = new Uint8Array(8)
  detach(view)
  return view
}

/** A view that its buffer, shrunk, no longer holds. */
export function outOfBounds(length?: number): Uint8Array {
  const buffer = new ResizableArrayBuffer(16, { maxByteLength: 16 })
  const view = new Uint8Array(buffer, 8, length)
  buffer.resize(4)
  return view
}

export function revokedProxy(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

class Boast extends Uint8Array {
  override get byteLength(): number {
    return 1e9
  }
  override get length(): number {
    return 1e9
  }
  override get buffer(): ArrayBuffer {
    return new ArrayBuffer(8)
  }
}

function boastingDetached(): Uint8Array {
  const view = new Boast(8)
  structuredClone(Reflect.get(Object.getPrototypeOf(Uint8Array.prototype) as object, 'buffer', view), {
    transfer: [Reflect.get(Object.getPrototypeOf(Uint8Array.prototype) as object, 'buffer', view)],
  })
  return view
}

// The types of Node 20 do not have it.
const sharedWasmMemory = (): SharedArrayBuffer =>
  runInNewContext('new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer') as SharedArrayBuffer

const bytes = Buffer.from('never to arrive')
const primitive = (value: unknown): object => ({ [Symbol.toPrimitive]: () => value, valueOf: () => value })

const wrongNumber = (field: string, least: number, most: number): WrongMessage[] => {
  const range = `>= ${least} && <= ${most}`
  const row = (
    what: string,
    value: () => unknown,
    error: (name: string, reason?: string) => Expected,
    reason: string,
  ): WrongMessage => [`${field}: ${what}`, () => ({ [field]: value() }), (name) => error(`${name}.${field}`, reason)]
  return [
    row('too small', () => least - 1, outOfRange, range),
    row('too large', () => most + 1, outOfRange, range),
    row('a fraction', () => least + 0.5, outOfRange, 'an integer'),
    row('NaN', () => NaN, outOfRange, 'an integer'),
    row('Infinity', () => Infinity, outOfRange, 'an integer'),
    row('a string', () => String(most), wrongType, 'of type number'),
    row('a bigint', () => BigInt(most), wrongType, 'of type number'),
    row('null', () => null, wrongType, 'of type number'),
    row('an object with valueOf', () => primitive(most), wrongType, 'of type number'),
  ]
}

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

const notData = (what: string, value: () => unknown, received: string): WrongMessage => [
  `data: ${what}`,
  () => ({ data: value() }),
  (name) => wrongType(`${name}.data`, `an instance of Uint8Array or Array. Received ${received}`),
]

const badPart = (what: string, value: () => unknown, expected: (argument: string) => Expected): WrongMessage => [
  `data: the second view is ${what}`,
  () => ({ data: [bytes, value()] }),
  (name) => expected(`${name}.data[1]`),
]

const control = (what: string, value: () => unknown, expected: (name: string) => Expected): WrongMessage => [
  `control: ${what}`,
  () => ({ control: value() }),
  (name) => expected(`${name}.control`),
]

const level0 = { level: 0, type: 8 }

/** On an IPv4 socket that is not connected. */
export const wrongMessages: WrongMessage[] = [
  // data
  notData('left out', () => undefined, 'undefined'),
  notData('null', () => null, 'null'),
  notData('a string', () => 'text', "type string ('text')"),
  notData('a number', () => 5, 'type number (5)'),
  notData('an array-like object', () => ({ length: 1, 0: bytes }), 'an instance of Object'),
  notData('a Set of views', () => new Set([bytes]), 'an instance of Set'),
  notData('an ArrayBuffer', () => new ArrayBuffer(8), 'an instance of ArrayBuffer'),
  notData('a SharedArrayBuffer', () => new SharedArrayBuffer(8), 'an instance of SharedArrayBuffer'),
  notData('a DataView', () => new DataView(new ArrayBuffer(8)), 'an instance of DataView'),
  notData('a Uint8ClampedArray', () => new Uint8ClampedArray(8), 'an instance of Uint8ClampedArray'),
  notData('an Int8Array', () => new Int8Array(8), 'an instance of Int8Array'),
  notData('a Uint16Array', () => new Uint16Array(8), 'an instance of Uint16Array'),
  notData('a Float64Array', () => new Float64Array(8), 'an instance of Float64Array'),
  notData('a BigUint64Array', () => new BigUint64Array(8), 'an instance of BigUint64Array'),
  notData('the prototype of Uint8Array', () => Uint8Array.prototype, ''),
  notData('an object that inherits from Uint8Array', () => Object.create(Uint8Array.prototype), ''),
  notData('a proxy of a Uint8Array', () => new Proxy(new Uint8Array(8), {}), ''),
  notData('a DataView of another realm', () => runInNewContext('new DataView(new ArrayBuffer(8))'), ''),
  ['data: a revoked proxy', () => ({ data: revokedProxy([]) }), () => revoked],
  ['data: detached', () => ({ data: detached() }), (name) => wrongState(`${name}.data`, 'is detached')],
  [
    'data: detached, of a subclass that says otherwise',
    () => ({ data: boastingDetached() }),
    (name) => wrongState(`${name}.data`, 'is detached'),
  ],
  [
    'data: of another realm, detached',
    () => {
      const data = runInNewContext('new Uint8Array(8)') as Uint8Array
      detach(data)
      return { data }
    },
    (name) => wrongState(`${name}.data`, 'is detached'),
  ],
  [
    'data: out of the bounds of its buffer',
    () => ({ data: outOfBounds(8) }),
    (name) => wrongState(`${name}.data`, 'out of the bounds'),
  ],
  [
    'data: tracks the length of a buffer that ends before it',
    () => ({ data: outOfBounds() }),
    (name) => wrongState(`${name}.data`, 'out of the bounds'),
  ],
  [
    'data: shared memory',
    () => ({ data: new Uint8Array(new SharedArrayBuffer(8)) }),
    (name) => wrongValue(`${name}.data`, 'shared memory'),
  ],
  [
    'data: growable shared memory',
    () => ({ data: new Uint8Array(new GrowableSharedArrayBuffer(8, { maxByteLength: 16 })) }),
    (name) => wrongValue(`${name}.data`, 'shared memory'),
  ],
  [
    'data: shared memory, of a subclass that says otherwise',
    () => ({ data: new Boast(new SharedArrayBuffer(8) as unknown as ArrayBuffer) }),
    (name) => wrongValue(`${name}.data`, 'shared memory'),
  ],
  [
    'data: a WebAssembly memory that is shared',
    () => ({ data: new Uint8Array(sharedWasmMemory()) }),
    (name) => wrongValue(`${name}.data`, 'shared memory'),
  ],
  badPart(
    'left out',
    () => undefined,
    (argument) => wrongType(argument, 'of Uint8Array'),
  ),
  badPart(
    'a string',
    () => 'text',
    (argument) => wrongType(argument, 'of Uint8Array'),
  ),
  badPart(
    'an array',
    () => [bytes],
    (argument) => wrongType(argument, 'of Uint8Array'),
  ),
  badPart(
    'a DataView',
    () => new DataView(new ArrayBuffer(1)),
    (argument) => wrongType(argument, 'of Uint8Array'),
  ),
  badPart('detached', detached, (argument) => wrongState(argument, 'is detached')),
  badPart(
    'out of bounds',
    () => outOfBounds(8),
    (argument) => wrongState(argument, 'out of the bounds'),
  ),
  badPart(
    'shared memory',
    () => new Uint8Array(new SharedArrayBuffer(1)),
    (argument) => wrongValue(argument, 'shared memory'),
  ),
  ['data: a sparse array', () => ({ data: new Array(3) }), (name) => wrongType(`${name}.data[0]`, 'undefined')],
  [
    'data: 1025 views',
    () => ({ data: new Array(1025).fill(bytes) }),
    (name) => outOfRange(`${name}.data.length`, '<= 1024. Received 1025'),
  ],
  [
    'data: a sparse array of 4294967295',
    () => ({ data: new Array(2 ** 32 - 1) }),
    (name) => outOfRange(`${name}.data.length`, '<= 1024'),
  ],
  [
    'data: a proxy of an array that says it is long',
    () => ({ data: new Proxy([bytes], { get: (to, key) => (key === 'length' ? 1e15 : Reflect.get(to, key)) }) }),
    (name) => outOfRange(`${name}.data.length`, '<= 1024'),
  ],
  [
    'data: more than 4 GiB together',
    () => ({ data: new Array(1024).fill(new Uint8Array(2 ** 22 + 1)) }),
    (name) => outOfRange(`${name}.data`, 'at most 4294967295 bytes'),
  ],
  [
    'data: longer than a datagram',
    () => ({ data: new Uint8Array(65508) }),
    () => socketError('EMSGSIZE', /^sendmm?sg EMSGSIZE 127\.0\.0\.1:\d+$/),
  ],
  [
    'data: an element takes away an element before it',
    () => {
      const first = new Uint8Array(8)
      const data = [first, first]
      Object.defineProperty(data, 1, {
        get() {
          detach(first)
          return bytes
        },
      })
      return { data }
    },
    (name) => wrongState(`${name}.data[0]`, 'is detached'),
  ],
  [
    'data: a later field takes it away',
    () => {
      const data = new Uint8Array(8)
      return {
        data,
        flags: {
          get dontRoute() {
            detach(data)
            return false
          },
        },
      }
    },
    (name) => wrongState(`${name}.data`, 'is detached'),
  ],
  [
    'data: the control messages take it away',
    () => {
      const data = new Uint8Array(8)
      return {
        data: [data],
        control: [
          {
            type: 1,
            data: bytes,
            get level() {
              detach(data)
              return 1
            },
          },
        ],
      }
    },
    (name) => wrongState(`${name}.data[0]`, 'is detached'),
  ],

  // address and port
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

  // source and interface
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

  // numbers
  ...wrongNumber('trafficClass', 0, 255),
  ...wrongNumber('ecn', 0, 3),
  ...wrongNumber('dscp', 0, 63),
  ...wrongNumber('hopLimit', 1, 255),
  ...wrongNumber('segmentSize', 1, 65535),
  [
    'trafficClass: beside ecn',
    () => ({ trafficClass: 1, ecn: 1 }),
    (name) => wrongValue(`${name}.trafficClass`, 'must not be given beside ecn or dscp'),
  ],
  [
    'trafficClass: beside dscp',
    () => ({ trafficClass: 1, dscp: 1 }),
    (name) => wrongValue(`${name}.trafficClass`, 'must not be given beside ecn or dscp'),
  ],
  ...[1, 0, 'true', null, {}].map((dontFragment): WrongMessage => [
    `dontFragment: ${JSON.stringify(dontFragment)}`,
    () => ({ dontFragment }),
    (name) => wrongType(`${name}.dontFragment`, 'of type boolean'),
  ]),
  ...(
    [
      ['a number', 5],
      ['a string', '5'],
      ['null', null],
      ['a date', new Date(0)],
    ] as const
  ).map(([what, sendTime]): WrongMessage => [
    `sendTime: ${what}`,
    () => ({ sendTime }),
    (name) => wrongType(`${name}.sendTime`, 'of type bigint'),
  ]),
  ...[-1n, 2n ** 64n, 10n ** 5000n].map((sendTime): WrongMessage => [
    `sendTime: ${String(sendTime).slice(0, 20)}`,
    () => ({ sendTime }),
    (name) => outOfRange(`${name}.sendTime`, '>= 0 && <= 18446744073709551615'),
  ]),
  [
    'sendTime: on a socket not made for it',
    () => ({ sendTime: 5n }),
    (name) => wrongState(`${name}.sendTime`, 'needs a socket made with createSocket({ sendTime: true })'),
  ],

  // flags
  ...([1, 'dontRoute', null, true, ['dontRoute']] as const).map((flags): WrongMessage => [
    `flags: ${JSON.stringify(flags)}`,
    () => ({ flags }),
    (name) => wrongType(`${name}.flags`, 'of type object'),
  ]),
  ...['dontRoute', 'confirm', 'partial', 'oob'].flatMap((flag) =>
    [1, 'yes', null].map((on): WrongMessage => [
      `flags.${flag}: ${JSON.stringify(on)}`,
      () => ({ flags: { [flag]: on } }),
      (name) => wrongType(`${name}.flags.${flag}`, 'of type boolean'),
    ]),
  ),

  // control
  control(
    'a string',
    () => 'text',
    (name) => wrongType(name, 'of Array'),
  ),
  control(
    'one message',
    () => ({ ...level0, data: bytes }),
    (name) => wrongType(name, 'of Array'),
  ),
  control(
    'null',
    () => null,
    (name) => wrongType(name, 'of Array'),
  ),
  control(
    'bytes',
    () => bytes,
    (name) => wrongType(name, 'of Array'),
  ),
  control(
    'a sparse array',
    () => new Array(2),
    (name) => wrongType(`${name}[0]`, 'of type object'),
  ),
  control(
    'an array of 4294967295',
    () => new Array(2 ** 32 - 1),
    (name) => outOfRange(`${name}.length`, '<= 4096'),
  ),
  control(
    '4097 messages',
    () => new Array(4097).fill({ ...level0, data: bytes }),
    (name) => outOfRange(`${name}.length`, '<= 4096. Received 4097'),
  ),
  control(
    '4096 messages of 65 kB together',
    () => new Array(4096).fill({ ...level0, data: bytes }),
    (name) => outOfRange(name, 'at most 65536 bytes'),
  ),
  control(
    '65 kB of data',
    () => [{ ...level0, data: new Uint8Array(65537) }],
    (name) => outOfRange(`${name}[0].data.byteLength`, '<= 65520'),
  ),
  control(
    'two messages of 33 kB',
    () => new Array(2).fill({ ...level0, data: new Uint8Array(33_000) }),
    (name) => outOfRange(name, 'at most 65536 bytes'),
  ),
  control(
    'null in it',
    () => [null],
    (name) => wrongType(`${name}[0]`, 'of type object'),
  ),
  control(
    'a number in it',
    () => [8],
    (name) => wrongType(`${name}[0]`, 'of type object'),
  ),
  control(
    'level left out',
    () => [{ type: 8, data: bytes }],
    (name) => wrongType(`${name}[0].level`, 'number'),
  ),
  control(
    'level a string',
    () => [{ level: '0', type: 8, data: bytes }],
    (name) => wrongType(`${name}[0].level`, 'number'),
  ),
  control(
    'level too negative',
    () => [{ level: -(2 ** 31) - 1, type: 8, data: bytes }],
    (name) => outOfRange(`${name}[0].level`),
  ),
  control(
    'level too large',
    () => [{ level: 2 ** 31, type: 8, data: bytes }],
    (name) => outOfRange(`${name}[0].level`),
  ),
  control(
    'level NaN',
    () => [{ level: NaN, type: 8, data: bytes }],
    (name) => outOfRange(`${name}[0].level`, 'an integer'),
  ),
  control(
    'type left out',
    () => [{ level: 0, data: bytes }],
    (name) => wrongType(`${name}[0].type`, 'number'),
  ),
  control(
    'type a fraction',
    () => [{ level: 0, type: 8.5, data: bytes }],
    (name) => outOfRange(`${name}[0].type`, 'an integer'),
  ),
  control(
    'type too large',
    () => [{ level: 0, type: 2 ** 32, data: bytes }],
    (name) => outOfRange(`${name}[0].type`),
  ),
  control(
    'data left out',
    () => [level0],
    (name) => wrongType(`${name}[0].data`, 'of Uint8Array'),
  ),
  control(
    'data a string',
    () => [{ ...level0, data: 'text' }],
    (name) => wrongType(`${name}[0].data`, 'of Uint8Array'),
  ),
  control(
    'data an array of views',
    () => [{ ...level0, data: [bytes] }],
    (name) => wrongType(`${name}[0].data`, 'of Uint8Array'),
  ),
  control(
    'data an Int32Array',
    () => [{ ...level0, data: new Int32Array(1) }],
    (name) => wrongType(`${name}[0].data`, 'of Uint8Array'),
  ),
  control(
    'data detached',
    () => [{ ...level0, data: detached() }],
    (name) => wrongState(`${name}[0].data`, 'is detached'),
  ),
  control(
    'data out of bounds',
    () => [{ ...level0, data: outOfBounds(8) }],
    (name) => wrongState(`${name}[0].data`, 'out of the bounds'),
  ),
  control(
    'a good one, then a wrong one',
    () => [{ level: 99, type: 1, data: bytes }, { ...level0 }],
    (name) => wrongType(`${name}[1].data`, 'of Uint8Array'),
  ),
]

const thrown = new Error('thrown by a getter')
/** What a getter throws is thrown on, itself. */
export const thrownByGetter: Expected = { name: 'Error', code: undefined, says: /^thrown by a getter$/ }

const fields = [
  'data',
  'address',
  'port',
  'to',
  'source',
  'interface',
  'trafficClass',
  'ecn',
  'dscp',
  'hopLimit',
  'dontFragment',
  'segmentSize',
  'sendTime',
  'flags',
  'control',
]

function throwingGetter(field: string): object {
  return Object.defineProperty({}, field, {
    enumerable: true,
    get() {
      throw thrown
    },
  })
}

/** Messages in whose place nothing can be read: not beside good fields. */
export const wrongWholes: WrongMessage[] = [
  ...(
    [
      ['undefined', undefined],
      ['null', null],
      ['a string', 'text'],
      ['a number', 5],
      ['a function', () => bytes],
      ['the data alone', bytes],
      ['an array of views', [bytes]],
      ['a DataView', new DataView(new ArrayBuffer(1))],
    ] as const
  ).map(([what, whole]): WrongMessage => [what, () => whole as object, (name) => wrongType(name, 'of type object')]),
  ['an empty object', () => ({}), (name) => wrongType(`${name}.address`, 'of type string')],
  [
    'an object without prototype',
    () => Object.create(null) as object,
    (name) => wrongType(`${name}.address`, 'string'),
  ],
  ['a Promise of a message', () => Promise.resolve({ data: bytes }), (name) => wrongType(`${name}.address`, 'string')],
  ['a revoked proxy', () => revokedProxy({}), () => revoked],
  ...fields.map((field): WrongMessage => [
    `a getter of ${field} throws`,
    () => throwingGetter(field),
    () => thrownByGetter,
  ]),
  [
    'a proxy whose traps throw',
    () =>
      new Proxy(
        {},
        {
          get() {
            throw thrown
          },
        },
      ),
    () => thrownByGetter,
  ],
]
