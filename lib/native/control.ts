import { LITTLE_ENDIAN, binding, receiveRecordMemory, sendRecordMemory } from './addon'
import { invalidArgType, outOfRange } from '../errors/socket-error'
import type { ControlMessage } from '../types'
import { byteLengthOf, checkInteger, checkView } from '../util/validate'

// src/slot.h: ControlRecord. Level, type, length, reserved, then the payload, padded to 8 bytes.
const HEADER = binding.layout.recordHeader
const recordSpace = (length: number): number => HEADER + ((length + 7) & ~7)

export const MAX_RECORDS = binding.layout.sendControlArena

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
  view.setInt32(0, level, LITTLE_ENDIAN)
  view.setInt32(4, type, LITTLE_ENDIAN)
  view.setUint32(8, length, LITTLE_ENDIAN)
  record.set(data, HEADER)
  return record
}

/** The control messages that the addon copied for one received message. */
export function decodeControl(offset: number, length: number): ControlMessage[] {
  const messages: ControlMessage[] = []
  const end = offset + length
  for (let at = offset; at < end;) {
    const size = received.getUint32(at + 8, LITTLE_ENDIAN)
    messages.push({
      level: received.getInt32(at, LITTLE_ENDIAN),
      type: received.getInt32(at + 4, LITTLE_ENDIAN),
      data: Buffer.from(receivedBytes.subarray(at + HEADER, at + HEADER + size)),
    })
    at += recordSpace(size)
  }
  return messages
}
