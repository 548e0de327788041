import { InvalidArgumentError } from 'commander'
import { capabilities, type ReceiveInfoName, type SocketType } from '../index'
import { receiveFields } from '../message/fields'

const names = Object.keys(receiveFields) as ReceiveInfoName[]

/** `all`, `none`, or names of received fields with commas between them. */
export function receiveInfoOption(text: string): 'all' | 'none' | ReceiveInfoName[] {
  if (text === 'all' || text === 'none') return text
  return text.split(',').map((word) => {
    const name = names.find((known) => known === word.trim())
    if (name === undefined)
      throw new InvalidArgumentError(`Unknown field '${word}'; known are all, none, ${names.join(', ')}.`)
    return name
  })
}

/** Everything that this kernel can report, but for `segmentSize`, which has it coalesce datagrams. */
export function everythingKnown(type: SocketType): ReceiveInfoName[] {
  const family = type.endsWith('4') ? 'IPv4' : 'IPv6'
  const { receive } = capabilities()
  return names.filter((name) => name !== 'segmentSize' && receive[name][family] !== false)
}

/** The names that `--info` takes, for its help: what is reported by default, and what else can be. */
export function receiveInfoHelp(): string {
  const rows = Object.values(receiveFields)
  const byDefault = rows.filter((row) => row.byDefault)
  const parts = rows.filter((row) => !row.byDefault && byDefault.some(({ bit }) => bit === row.bit))
  const others = rows.filter((row) => !byDefault.includes(row) && !parts.includes(row))
  return `beside ${listed(byDefault)} (with ${listed(parts)}) some of ${listed(others)}`
}

function listed(rows: readonly { name: string }[]): string {
  const words = rows.map(({ name }) => name)
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
