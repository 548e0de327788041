import { isUtf8 } from 'node:buffer'
import { plural } from './output'

/** The data as text, if it is UTF-8 without control characters other than tab and line ends. */
export function printableText(data: Buffer): string | undefined {
  if (!isUtf8(data)) return undefined
  const text = data.toString('utf8')
  return /[^\P{C}\t\r\n]/u.test(text) ? undefined : text
}

/** Offset, hexadecimal and ASCII, 16 bytes a line. */
export function hexDump(data: Buffer): string[] {
  const lines: string[] = []
  for (let offset = 0; offset < data.length; offset += 16) {
    const row = data.subarray(offset, offset + 16)
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const ascii = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${offset.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${ascii}`)
  }
  return lines
}

/** The data in lines: text where it is printable, else a hex dump. Only the first `limit` bytes are shown. */
export function dataLines(data: Buffer, limit: number): string[] {
  if (data.length === 0) return ['(no data)']
  const cut = data.length > limit ? [`… ${plural(data.length - limit, 'more byte')}`] : []
  const text = printableText(data)
  if (text === undefined) return [...hexDump(data.subarray(0, limit)), ...cut]
  // The cut can split a character, of which nothing is shown then.
  const shown = data.length > limit ? data.toString('utf8', 0, limit).replace(/\ufffd+$/, '') : text
  return [...shown.replace(/\r?\n$/, '').split(/\r?\n/), ...cut]
}
