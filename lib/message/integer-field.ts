import { receiveMember, sendMember } from '../native/slots'
import type { ReceiveInfoName, SendField } from '../types'
import { receiveFields, sendFields } from './fields'

/** What encoding needs of a field whose value is a whole number. */
interface IntegerField {
  readonly bit: number
  readonly min: number
  readonly max: number
}

/** The same where a member of the send slot, of the field's name, holds the value. */
interface StoredInteger extends IntegerField {
  readonly member: number
}

export function integerField(name: SendField): IntegerField {
  const { bit, value } = sendFields[name]
  if (value.kind !== 'integer') throw new TypeError(`The field ${name} is no integer`)
  return { bit, min: value.min, max: value.max }
}

export const uint8Field = (name: SendField): StoredInteger => ({
  ...integerField(name),
  member: sendMember.uint8(name),
})
export const uint32Field = (name: SendField): StoredInteger => ({
  ...integerField(name),
  member: sendMember.uint32(name),
})

/** What decoding needs of such a field: it is there if its bit is in `present`. */
interface ReceivedInteger {
  readonly bit: number
  readonly member: number
}

export const receivedUint8 = (name: ReceiveInfoName): ReceivedInteger => ({
  bit: receiveFields[name].bit,
  member: receiveMember.uint8(name),
})
export const receivedUint32 = (name: ReceiveInfoName): ReceivedInteger => ({
  bit: receiveFields[name].bit,
  member: receiveMember.uint32(name),
})
