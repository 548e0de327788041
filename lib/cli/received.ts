import type { Message } from '../index'
import { color } from './colors'
import { dataLines, printableText } from './data-text'
import { endpoint } from './endpoint'
import { interfaceName } from './interface-names'
import { plural } from './output'

const ecnNames = ['not-ECT', 'ECT(1)', 'ECT(0)', 'CE']

/** Nanoseconds since the epoch as ISO 8601 with nine decimals. */
export function isoTime(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n
  const rest = nanoseconds % 1_000_000_000n
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  return `${whole}.${rest.toString().padStart(9, '0')}Z`
}

/** One received datagram as one line of JSON: bigint as string, data in base64 and, if printable, as text. */
export function receivedJson(message: Message): string {
  const { data, control } = message
  return JSON.stringify({
    address: message.address,
    port: message.port,
    family: message.family,
    size: message.size,
    destination: message.destination,
    interface: message.interface,
    interfaceName: message.interface === undefined ? undefined : interfaceName(message.interface),
    cast: message.cast,
    trafficClass: message.trafficClass,
    ecn: message.ecn,
    dscp: message.dscp,
    hopLimit: message.hopLimit,
    timestamp: message.timestamp?.toString(),
    time: message.timestamp === undefined ? undefined : isoTime(message.timestamp),
    segmentSize: message.segmentSize,
    truncated: message.truncated,
    controlTruncated: message.controlTruncated,
    control: control?.map(({ level, type, data: payload }) => ({ level, type, data: hex(payload) })),
    data: data.toString('base64'),
    text: printableText(data),
  })
}

/** One received datagram as a block to read, with everything that is known about it. */
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
  const { interface: index, cast, trafficClass, ecn, dscp, hopLimit, segmentSize } = message
  const parts: string[] = []
  if (index !== undefined) parts.push(`interface ${index} (${interfaceName(index) ?? 'name unknown'})`)
  if (cast !== undefined) parts.push(cast)
  if (trafficClass !== undefined) parts.push(`traffic class 0x${trafficClass.toString(16).padStart(2, '0')}`)
  if (dscp !== undefined) parts.push(`dscp ${dscp}`)
  if (ecn !== undefined) parts.push(`ecn ${ecn} ${ecnNames[ecn] ?? ''}`.trimEnd())
  if (hopLimit !== undefined) parts.push(`hop limit ${hopLimit}`)
  if (segmentSize !== undefined) parts.push(`segment size ${segmentSize}`)
  if (message.truncated) parts.push('DATA TRUNCATED')
  if (message.controlTruncated) parts.push('CONTROL TRUNCATED')
  return parts
}

function controlLine({ control }: Message): string[] {
  if (control === undefined || control.length === 0) return []
  return [`control ${control.map(({ level, type, data }) => `${level}:${type}:${hex(data)}`).join(' ')}`]
}

function hex(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
}
