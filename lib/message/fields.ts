import { numberOf } from '../native/addon'

/** How a value is written on the command line, in its JSON and in its text: lib/cli/ knows these kinds. */
export type ValueKind =
  | { readonly kind: 'address' | 'interface' | 'word' | 'boolean' | 'time' | 'control' }
  /** `label` is what it is called in text, `hex`: written so there, `names`: what its values are called. */
  | {
      readonly kind: 'integer'
      readonly min: number
      readonly max: number
      readonly label: string
      readonly hex?: true
      readonly names?: readonly string[]
    }

/** An option of the command line, in commander's terms. */
export interface CommandOption {
  readonly flags: string
  /** In place of the field's own. */
  readonly description?: string
  readonly conflicts?: readonly string[]
  /** What an option without an argument sets the field to. */
  readonly value?: boolean
}

interface Row {
  /** The property of OutgoingMessage, of MessageInfo, or of both. */
  readonly name: string
  readonly direction: 'send' | 'receive' | 'both'
  /** Its bit in the tables of the kernels (src/layout.h, SENDMSG_FIELDS), where that is not called as the property is. */
  readonly field?: string
  /** The bits of the traffic class octet that it stands for. */
  readonly classMask?: number
  /** Every socket requests it, unless `receiveInfo` is false. */
  readonly byDefault?: true
  readonly description: string
  readonly value: ValueKind
  readonly options?: readonly CommandOption[]
}

/**
 * The fields of a message that kernels differ in. A field is added here: its types, capabilities(), `receiveInfo` and the
 * command line follow from its row.
 */
const table = [
  {
    name: 'source',
    direction: 'send',
    description: 'local address to send from',
    value: { kind: 'address' },
    options: [{ flags: '--source <address>' }],
  },
  {
    name: 'destination',
    direction: 'receive',
    byDefault: true,
    description: 'local address that it was sent to',
    value: { kind: 'address' },
  },
  {
    name: 'interface',
    direction: 'both',
    byDefault: true,
    description: 'interface to send through',
    value: { kind: 'interface' },
    options: [{ flags: '--interface <index or name>' }],
  },
  {
    name: 'cast',
    direction: 'receive',
    byDefault: true,
    description: 'unicast, multicast or broadcast',
    value: { kind: 'word' },
  },
  {
    name: 'trafficClass',
    direction: 'both',
    classMask: 0xff,
    byDefault: true,
    description: 'whole TOS or traffic class octet, 0 to 255',
    value: { kind: 'integer', min: 0, max: 255, label: 'traffic class', hex: true },
    options: [{ flags: '--traffic-class <octet>', conflicts: ['ecn', 'dscp'] }],
  },
  {
    name: 'ecn',
    direction: 'both',
    field: 'trafficClass',
    classMask: 0x03,
    description: 'ECN half of the octet, 0 to 3',
    value: { kind: 'integer', min: 0, max: 3, label: 'ecn', names: ['not-ECT', 'ECT(1)', 'ECT(0)', 'CE'] },
    options: [{ flags: '--ecn <number>' }],
  },
  {
    name: 'dscp',
    direction: 'both',
    field: 'trafficClass',
    classMask: 0xfc,
    description: 'DSCP half of the octet, 0 to 63',
    value: { kind: 'integer', min: 0, max: 63, label: 'dscp' },
    options: [{ flags: '--dscp <number>' }],
  },
  {
    name: 'hopLimit',
    direction: 'both',
    description: 'TTL or hop limit, 1 to 255',
    value: { kind: 'integer', min: 1, max: 255, label: 'hop limit' },
    options: [{ flags: '--hop-limit <number>' }],
  },
  {
    name: 'dontFragment',
    direction: 'send',
    description: "never fragment, don't trust a cached path MTU",
    value: { kind: 'boolean' },
    options: [
      { flags: '--dont-fragment', conflicts: ['mayFragment'], value: true },
      { flags: '--may-fragment', description: 'may be fragmented', value: false },
    ],
  },
  {
    name: 'timestamp',
    direction: 'receive',
    description: 'when the kernel received it',
    value: { kind: 'time' },
  },
  {
    name: 'dropped',
    direction: 'receive',
    description: 'datagrams that the kernel had dropped on the socket before it',
    value: { kind: 'integer', min: 0, max: 0xffffffff, label: 'dropped' },
  },
  {
    name: 'segmentSize',
    direction: 'both',
    description: 'split the data into datagrams of this size, 1 to 65535',
    value: { kind: 'integer', min: 1, max: 65535, label: 'segment size' },
    options: [{ flags: '--segment-size <bytes>' }],
  },
  {
    name: 'sendTime',
    direction: 'send',
    description:
      'when the kernel shall send it: +<ns> counts from the moment of each send, <ns> is absolute on the clock of ' +
      'process.hrtime.bigint() (Linux: CLOCK_MONOTONIC); the units us, ms and s are understood, too (+5ms)',
    value: { kind: 'time' },
    options: [{ flags: '--send-time <time>' }],
  },
  {
    name: 'mark',
    direction: 'send',
    description: 'mark for policy routing and firewalls, 0 to 4294967295',
    value: { kind: 'integer', min: 0, max: 0xffffffff, label: 'mark' },
    options: [{ flags: '--mark <number>' }],
  },
  {
    name: 'control',
    direction: 'both',
    description: "raw control message in the platform's own numbers and layout; can be repeated",
    value: { kind: 'control' },
    options: [{ flags: '--control <level:type:hex>' }],
  },
] as const satisfies readonly Row[]

type TableRow = (typeof table)[number]

/** The fields of a message that kernels differ in. */
export type SendField = Extract<TableRow, { direction: 'send' | 'both' }>['name']

/** What `createSocket({ receiveInfo })` can name. `trafficClass` brings `ecn` and `dscp`. */
export type ReceiveInfoName = Extract<TableRow, { direction: 'receive' | 'both' }>['name']

/** A row with its bit, and with what is left out above. */
export interface FieldRow<Name extends string = string> extends Row {
  readonly name: Name
  readonly bit: number
  /** 0: it is no part of the traffic class. */
  readonly classMask: number
}

function rowsOf<Name extends string>(excluded: Row['direction']): Readonly<Record<Name, FieldRow<Name>>> {
  const rows = table
    .filter(({ direction }) => direction !== excluded)
    .map((row) => ({ classMask: 0, ...row, bit: numberOf('enums.field', 'field' in row ? row.field : row.name) }))
  return Object.fromEntries(rows.map((row) => [row.name, row])) as unknown as Record<Name, FieldRow<Name>>
}

export const sendFields = rowsOf<SendField>('receive')
export const receiveFields = rowsOf<ReceiveInfoName>('send')
