import { LITTLE_ENDIAN, binding, numberOf, receiveRecordMemory, sendRecordMemory } from './addon'
import { invalidArgType, outOfRange } from '../errors/socket-error'
import type { ControlMessage } from '../types'
import { byteLengthOf, checkInteger, checkView } from '../util/validate'

// A record is a ControlRecord of src/layout.h, then the payload, padded.
const HEADER = numberOf('record', 'slotSize')
const LEVEL = numberOf('record', 'level')
const TYPE = numberOf('record', 'type')
const LENGTH = numberOf('record', 'length')

const { recordAlignment, sendControlArena: MAX_RECORDS } = binding.layout
const recordSpace = (length: number): number => HEADER + ((length + recordAlignment - 1) & -recordAlignment)

export { MAX_RECORDS }

/** The records that the addon reads. */
export const sharedRecords = new Uint8Array(sendRecordMemory)

const received = new DataView(receiveRecordMemory)
const receivedBytes = new Uint8Array(receiveRecordMemory)

/** Checks the property `control` of a message and writes it down as records. */
export function encodeControl(control: unknown, name: string): Uint8Array {
  if (!Array.isArray(control)) throw invalidArgType(name, 'Array', control)
  const count = control.length
  if (count * HEADER > MAX_RECORDS) {
    throw outOfRange(`${name}.length`, `<= ${String(MAX_RECORDS / HEADER)}`, count)
  }
  const parts: Uint8Array[] = []
  let size = 0
  for (let index = 0; index < count; index++) {
    const part = encodeOne(control[index], `${name}[${String(index)}]`)
    parts.push(part)
    size += part.byteLength
    if (size > MAX_RECORDS) {
      throw outOfRange(name, `at most ${String(MAX_RECORDS)} bytes with ${String(HEADER)} a message`, size)
    }
  }
  const records = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    records.set(part, at)
    at += part.byteLength
  }
  return records
}

function encodeOne(message: unknown, name: string): Uint8Array {
  if (typeof message !== 'object' || message === null) throw invalidArgType(name, 'Object', message)
  const { level, type, data } = message as Partial<ControlMessage>
  checkInteger(level, `${name}.level`, -0x80000000, 0x7fffffff)
  checkInteger(type, `${name}.type`, -0x80000000, 0x7fffffff)
  checkView(data, `${name}.data`)
  const length = byteLengthOf(data)
  if (length > MAX_RECORDS - HEADER) {
    throw outOfRange(`${name}.data.byteLength`, `<= ${String(MAX_RECORDS - HEADER)}`, length)
  }
  const record = new Uint8Array(recordSpace(length))
  const view = new DataView(record.buffer)
  view.setInt32(LEVEL, level, LITTLE_ENDIAN)
  view.setInt32(TYPE, type, LITTLE_ENDIAN)
  view.setUint32(LENGTH, length, LITTLE_ENDIAN)
  record.set(data, HEADER)
  return record
}

/** The control messages that the addon copied for one received message. */
export function decodeControl(offset: number, length: number): ControlMessage[] {
  const messages: ControlMessage[] = []
  const end = offset + length
  for (let at = offset; at < end;) {
    const size = received.getUint32(at + LENGTH, LITTLE_ENDIAN)
    messages.push({
      level: received.getInt32(at + LEVEL, LITTLE_ENDIAN),
      type: received.getInt32(at + TYPE, LITTLE_ENDIAN),
      data: Buffer.from(receivedBytes.subarray(at + HEADER, at + HEADER + size)),
    })
    at += recordSpace(size)
  }
  return messages
}
