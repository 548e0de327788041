import { outOfRange, wrongState, wrongType, wrongValue, type Expected } from '../expect-error'
import { primitive, type WrongMessage } from './wrong-message'

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

export const wrongValues: WrongMessage[] = [
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

  ...[null, '1', 1n, [1], true].map((mark): WrongMessage => [
    `mark: ${String(mark)}, a ${typeof mark}`,
    () => ({ mark }),
    (name) => wrongType(`${name}.mark`, 'of type number'),
  ]),
  ...[-1, 2 ** 32].map((mark): WrongMessage => [
    `mark: ${mark}`,
    () => ({ mark }),
    (name) => outOfRange(`${name}.mark`, '>= 0 && <= 4294967295'),
  ]),
  ...[1.5, NaN].map((mark): WrongMessage => [
    `mark: ${mark}`,
    () => ({ mark }),
    (name) => outOfRange(`${name}.mark`, 'an integer'),
  ]),

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
]
