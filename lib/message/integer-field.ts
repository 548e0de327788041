import { sendMember, type SendSlots } from '../native/slots'
import type { SendField } from '../types'
import { checkIntegerOf } from '../util/validate'
import { sendFields } from './fields'

/** A field whose value is a whole number, in the range that its row has. */
export interface IntegerField {
  readonly name: SendField
  readonly bit: number
  readonly min: number
  readonly max: number
}

export function integerField(name: SendField): IntegerField {
  const { bit, value } = sendFields[name]
  if (value.kind !== 'integer') throw new TypeError(`The field ${name} is no integer`)
  return { name, bit, min: value.min, max: value.max }
}

/** Checks the property of message `owner` that has the field's name. */
export function checkField(value: unknown, field: IntegerField, owner: string): asserts value is number {
  checkIntegerOf(value, owner, field.name, field.min, field.max)
}

/** An integer that a member of the send slot holds, under the field's name. */
interface StoredInteger extends IntegerField {
  readonly member: number
}

const stored = (name: SendField, member: number): StoredInteger => ({ ...integerField(name), member })

export const uint8Field = (name: SendField): StoredInteger => stored(name, sendMember.uint8(name))
export const uint32Field = (name: SendField): StoredInteger => stored(name, sendMember.uint32(name))

// Two functions, not one that looks at the width: encode() calls them for every message.

/** Checks the field of message `owner` and writes it to slot `index`; returns the field's bit. */
export function encodeUint8(
  field: StoredInteger,
  value: unknown,
  owner: string,
  slots: SendSlots,
  index: number,
): number {
  checkField(value, field, owner)
  slots.setUint8(index, field.member, value)
  return field.bit
}

export function encodeUint32(
  field: StoredInteger,
  value: unknown,
  owner: string,
  slots: SendSlots,
  index: number,
): number {
  checkField(value, field, owner)
  slots.setUint32(index, field.member, value)
  return field.bit
}
