import { runInNewContext } from 'node:vm'
import { outOfRange, revoked, socketError, wrongState, wrongType, wrongValue, type Expected } from '../expect-error'
import { detach, detached, outOfBounds, revokedProxy } from '../../helpers/memory'
import { bytes, type WrongMessage } from './wrong-message'

const GrowableSharedArrayBuffer = SharedArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => SharedArrayBuffer

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

export const wrongData: WrongMessage[] = [
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
]
