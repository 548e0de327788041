// Runs every script against node:dgram and against another implementation, and prints what both did: a Report.
import nodeDgram from 'node:dgram'
import * as sendmsg from 'sendmsg'
import { Descriptors } from './descriptors'
import { exits, livesHere } from './exits'
import type { Entry, Pair, Report } from './entries'
import { Peers } from './peers'
import { Recorder, type Implementation } from './recorder'
import { scripts } from './scripts'
import type { Script } from './steps'

/** For one script, on both sides. */
const PATIENCE = 20_000

/** Names that begin with an underscore were never public. */
function missingFrom(other: Implementation): string[] {
  const names = (of: object): string[] => Object.getOwnPropertyNames(of).filter((name) => !name.startsWith('_'))
  return [
    ...names(nodeDgram).filter((name) => !(name in other)),
    ...names(nodeDgram.Socket.prototype).filter((name) => !(name in other.Socket.prototype)),
  ]
}

async function main(): Promise<void> {
  // Against itself, node:dgram must show no difference.
  const other = process.argv[2] === 'self' ? nodeDgram : (sendmsg as unknown as Implementation)
  const only = process.argv[3]
  const peers = await Peers.open()
  const descriptors = new Descriptors()
  const pairs: Pair[] = []
  const record = async (implementation: Implementation, script: Script): Promise<Entry[]> => {
    const recorder = new Recorder(implementation, peers, descriptors)
    const entries = await recorder.run(script)
    // Once more: by chance, or because the script shares a port.
    return recorder.ports.ambiguous ? await new Recorder(implementation, peers, descriptors).run(script) : entries
  }
  for (const script of scripts(peers.hasIPv6)) {
    if (only !== undefined && !script.name.includes(only)) continue
    const watchdog = setTimeout(() => {
      process.stderr.write(`${script.name} does not end\n`, () => process.exit(1))
    }, PATIENCE)
    const dgram = await record(nodeDgram, script)
    const ours = await record(other, script)
    clearTimeout(watchdog)
    pairs.push({ name: script.name, dgram, ours })
  }
  peers.close()
  descriptors.close()
  const exited =
    other === nodeDgram ? { dgram: {}, ours: {} } : { dgram: await exits('dgram'), ours: await exits('ours') }
  const report: Report = {
    version: process.versions.node,
    missing: missingFrom(other),
    hasIPv6: peers.hasIPv6,
    pairs,
    exits: exited,
  }
  // A bind() that failed can leave a socket of node:dgram open for good.
  process.stdout.write(JSON.stringify(report), () => process.exit(0))
}

if (!livesHere()) void main()
