import { outOfRange, wrongState, wrongType, type Expected } from '../expect-error'
import { detached, outOfBounds } from '../../helpers/memory'
import { bytes, type WrongMessage } from './wrong-message'

const control = (what: string, value: () => unknown, expected: (name: string) => Expected): WrongMessage => [
  `control: ${what}`,
  () => ({ control: value() }),
  (name) => expected(`${name}.control`),
]

const level0 = { level: 0, type: 8 }

export const wrongControl: WrongMessage[] = [
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
