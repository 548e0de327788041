// Datagrams that say who sent them, to whom, and what else must be in them.
import { Random } from './random'

const MAGIC = 0x46757a7a
/** Bytes; what is shorter says nothing of itself, and is only counted. */
export const HEADER = 24
const PATTERN = 1 << 16
const LONGEST = 1 << 16

const pattern = ((): Buffer => {
  const random = new Random(1)
  const bytes = Buffer.alloc(PATTERN + LONGEST)
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random.next(), at)
  return bytes
})()

export interface Header {
  readonly id: number
  readonly sink: number
  readonly sender: number
  readonly sequence: number
  readonly size: number
}

const startOf = (id: number): number => (Math.imul(id, 0x9e3779b1) >>> 0) % PATTERN

/** The datagram's bytes; `run` tells those of this process from any other's. */
export function write(target: Uint8Array, run: number, { id, sink, sender, sequence, size }: Header): void {
  target.set(pattern.subarray(startOf(id), startOf(id) + size))
  if (size < HEADER) return
  const words = new DataView(target.buffer, target.byteOffset, HEADER)
  words.setUint32(0, MAGIC ^ run)
  words.setUint32(4, id)
  words.setUint16(8, sink)
  words.setUint16(10, sender)
  words.setUint32(12, sequence)
  words.setUint32(16, size)
  words.setUint32(20, MAGIC ^ id ^ Math.imul(sequence, 31) ^ size)
}

export function read(data: Uint8Array, run: number): Header | undefined {
  if (data.length < HEADER) return undefined
  const words = new DataView(data.buffer, data.byteOffset, HEADER)
  const header = {
    id: words.getUint32(4),
    sink: words.getUint16(8),
    sender: words.getUint16(10),
    sequence: words.getUint32(12),
    size: words.getUint32(16),
  }
  const { id, sequence, size } = header
  const whole = words.getUint32(0) === (MAGIC ^ run) >>> 0
  return whole && words.getUint32(20) === (MAGIC ^ id ^ Math.imul(sequence, 31) ^ size) >>> 0 ? header : undefined
}

/** Whether `data` is the datagram of this header, or what a short room left of it. */
export function isWhole(data: Uint8Array, { id }: Header): boolean {
  const start = startOf(id)
  return Buffer.compare(data.subarray(HEADER), pattern.subarray(start + HEADER, start + data.length)) === 0
}
