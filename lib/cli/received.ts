import type { Message, ReceiveInfoName } from '../index'
import { receiveFields, type FieldRow, type ValueKind } from '../message/fields'
import { color } from './colors'
import { dataLines, printableText } from './data-text'
import { endpoint } from './endpoint'
import { interfaceName } from './interface-names'
import { plural } from './output'

/** Raw control messages have a place of their own. */
const typedRows = Object.values(receiveFields).filter(({ name }) => name !== 'control')

/** In text the parts of the traffic class go from its upper bits down. */
const textRows = typedRows.toSorted((a, b) => rank(a) - rank(b) || b.classMask - a.classMask)

function rank({ bit }: FieldRow): number {
  return typedRows.findIndex((row) => row.bit === bit)
}

/** Nanoseconds since the epoch as ISO 8601 with nine decimals. */
export function isoTime(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n
  const rest = nanoseconds % 1_000_000_000n
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  return `${whole}.${rest.toString().padStart(9, '0')}Z`
}

/** One received datagram as one line of JSON: bigint as string, data in base64 and, if printable, as text. */
export function receivedJson(message: Message): string {
  const { address, port, family, size, truncated, controlTruncated, data } = message
  const fields: Record<string, unknown> = {}
  for (const row of typedRows) Object.assign(fields, jsonOf(row, message))
  return JSON.stringify({
    address,
    port,
    family,
    size,
    ...fields,
    truncated,
    controlTruncated,
    control: message.control?.map(({ level, type, data: payload }) => ({ level, type, data: hex(payload) })),
    data: data.toString('base64'),
    text: printableText(data),
  })
}

/** The properties that a field has in JSON; none where it is not known. */
function jsonOf({ name, value: { kind } }: FieldRow<ReceiveInfoName>, message: Message): Record<string, unknown> {
  const value = message[name]
  if (value === undefined) return {}
  if (kind === 'interface') return { [name]: value, interfaceName: interfaceName(value as number) }
  if (kind === 'time') return { [name]: (value as bigint).toString(), time: isoTime(value as bigint) }
  return { [name]: value }
}

/** One received datagram as text in several lines, with everything that is known about it. */
export function receivedText(message: Message, number: number, limit: number): string {
  const from = color('bold', endpoint(message.address, message.port))
  const to = message.destination === undefined ? '' : ` → ${color('bold', message.destination)}`
  const time = message.timestamp === undefined ? '' : `  ${isoTime(message.timestamp)}`
  const lines = [details(message).join('  '), ...controlLine(message)].filter((line) => line !== '')
  return [
    `#${number}  ${from}${to}  ${plural(message.size, 'byte')}${time}`,
    ...lines.map((line) => `    ${color('dim', line)}`),
    ...dataLines(message.data, limit).map((line) => `    ${line}`),
    '',
  ].join('\n')
}

function details(message: Message): string[] {
  const parts = textRows.map((row) => textOf(row, message)).filter((part) => part !== undefined)
  if (message.truncated) parts.push('DATA TRUNCATED')
  if (message.controlTruncated) parts.push('CONTROL TRUNCATED')
  return parts
}

/** undefined where the field is not known, and for those that are in the first line. */
function textOf({ name, value: kinds }: FieldRow<ReceiveInfoName>, message: Message): string | undefined {
  const value = message[name]
  if (value === undefined) return undefined
  switch (kinds.kind) {
    case 'interface':
      return `interface ${value as number} (${interfaceName(value as number) ?? 'name unknown'})`
    case 'word':
      return value as string
    case 'integer':
      return integerText(value as number, kinds)
    default:
      return undefined
  }
}

function integerText(value: number, { label, hex, names }: Extract<ValueKind, { kind: 'integer' }>): string {
  const digits = hex ? `0x${value.toString(16).padStart(2, '0')}` : String(value)
  return `${label} ${digits} ${names?.[value] ?? ''}`.trimEnd()
}

function controlLine({ control }: Message): string[] {
  if (control === undefined || control.length === 0) return []
  return [`control ${control.map(({ level, type, data }) => `${level}:${type}:${hex(data)}`).join(' ')}`]
}

function hex(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
}
