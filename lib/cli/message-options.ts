import { Option, type Command } from 'commander'
import type { OutgoingMessage, SendFlags } from '../index'
import { sendFields, type CommandOption, type FieldRow, type ValueKind } from '../message/fields'
import { collectControl, integer, interfaceOption, sendTime, type SendTime } from './parse'

/** The options below, by the names that commander makes of their flags. */
export interface MessageOptions {
  sendTime?: SendTime
}

type Parse = (text: string, before: never) => unknown

const flags = [
  ['dontRoute', 'MSG_DONTROUTE: only to directly connected networks'],
  ['confirm', 'MSG_CONFIRM (Linux): the neighbour has just answered'],
  ['partial', 'MSG_PARTIAL (Windows)'],
  ['oob', 'MSG_OOB (Windows)'],
] as const

/** An option for every field of OutgoingMessage but its data and destination. */
export function addMessageOptions(command: Command): Command {
  command.optionsGroup('Fields of the message:')
  for (const row of Object.values(sendFields)) {
    // Raw control messages come last, as in the message itself.
    if (row.name === 'control') addFlagOptions(command)
    for (const option of row.options ?? []) command.addOption(commanderOption(row, option))
  }
  return command
}

function addFlagOptions(command: Command): void {
  for (const [name, description] of flags) {
    command.option(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, description)
  }
}

function commanderOption(row: FieldRow, { flags, description = row.description, conflicts }: CommandOption): Option {
  const option = new Option(flags, description)
  const parse = parserOf(row.value)
  if (parse !== undefined) option.argParser(parse as (text: string, before: unknown) => unknown)
  return conflicts === undefined ? option : option.conflicts([...conflicts])
}

/** undefined: the text itself, or an option without an argument. */
function parserOf(value: ValueKind): Parse | undefined {
  switch (value.kind) {
    case 'integer':
      return integer(value.min, value.max)
    case 'interface':
      return interfaceOption
    case 'time':
      return sendTime
    case 'control':
      return collectControl
    default:
      return undefined
  }
}

/** The property in which commander stores each option. */
const places = Object.values(sendFields).flatMap((row) =>
  (row.options ?? []).map((option) => ({ row, option, key: new Option(option.flags).attributeName() })),
)

/** The message without its data; a relative send time is counted from now. */
export function messageFields(options: MessageOptions): Omit<OutgoingMessage, 'data'> {
  const given = options as Readonly<Record<string, unknown>>
  const message: { flags?: SendFlags; [field: string]: unknown } = {}
  for (const { row, option, key } of places) {
    const value = given[key]
    if (value === undefined) continue
    message[row.name satisfies keyof OutgoingMessage] =
      row.value.kind === 'time' ? absolute(value as SendTime) : (option.value ?? value)
  }
  const set = flags.filter(([name]) => given[name])
  if (set.length > 0) message.flags = Object.fromEntries(set.map(([name]) => [name, true]))
  return message
}

function absolute(time: SendTime): bigint {
  return time.relative ? process.hrtime.bigint() + time.nanoseconds : time.nanoseconds
}
