import { revoked, wrongType, type Expected } from '../expect-error'
import { revokedProxy } from '../../helpers/memory'
import { bytes, type WrongMessage } from './wrong-message'

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
  'mark',
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
