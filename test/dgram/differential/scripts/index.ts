import type { Script } from '../steps'
import { randomScripts } from '../generator'
import { bindScripts, bindSixScripts } from './bind'
import { blockListScripts } from './block-lists'
import { connectScripts, connectSixScripts } from './connect'
import { createScripts } from './create'
import { lifeScripts } from './life'
import { lookupScripts } from './lookup'
import { multicastScripts, multicastSixScripts } from './multicast'
import { optionScripts, optionSixScripts } from './options'
import { sendScripts, sendSixScripts } from './send'
import { syncScripts } from './sync'

const RANDOM = 300

/** All of them, written and made. */
export function allScripts(): Script[] {
  return [
    ...createScripts,
    ...bindScripts,
    ...sendScripts,
    ...connectScripts,
    ...lifeScripts,
    ...optionScripts,
    ...multicastScripts,
    ...lookupScripts,
    ...blockListScripts,
    ...syncScripts,
    ...bindSixScripts,
    ...sendSixScripts,
    ...connectSixScripts,
    ...optionSixScripts,
    ...multicastSixScripts,
    ...randomScripts(RANDOM),
  ]
}

/** Where there is no IPv6, without those that need it. */
export const scripts = (hasIPv6: boolean): Script[] =>
  allScripts().filter(({ steps }) => hasIPv6 || !JSON.stringify(steps, plain).includes('udp6'))

const plain = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' || typeof value === 'symbol' ? String(value) : value
