import { InvalidArgumentError } from 'commander'
import { capabilities, type ReceiveInfoName, type SocketType } from '../index'

const names: readonly ReceiveInfoName[] = [
  'destination',
  'interface',
  'cast',
  'trafficClass',
  'ecn',
  'dscp',
  'hopLimit',
  'timestamp',
  'segmentSize',
  'control',
]

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

/** Everything this kernel can tell, but for `segmentSize`, which changes what one datagram is. */
export function everythingKnown(type: SocketType): ReceiveInfoName[] {
  const family = type.endsWith('4') ? 'IPv4' : 'IPv6'
  const { receive } = capabilities()
  return names.filter((name) => name !== 'segmentSize' && receive[name][family] !== false)
}
