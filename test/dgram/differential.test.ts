// The same calls on node:dgram and on this package in its place, on every version of Node.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { compare, explain } from './differential/compare'
import { differences, newerNode } from './differential/differences'
import type { Entry, Report } from './differential/entries'
import { bundle, report } from './differential/runner'
import { scripts } from './differential/scripts'

/** Of the scripts that differ, this many are told. */
const TOLD = 20

const pinned = JSON.parse(readFileSync('scripts/node-versions.json', 'utf8')) as string[]
const versions = [
  { version: process.versions.node, binary: process.execPath },
  ...pinned.map((version) => ({ version, binary: path.resolve('.cache/node', version, 'bin/node') })),
]
const major = (version: string): number => Number.parseInt(version)
const newest = versions
  .filter(({ binary }) => existsSync(binary))
  .map(({ version }) => version)
  .reduce((best, other) => (major(other) > major(best) ? other : best))

const skip = process.platform === 'linux' ? false : "needs loopback's order on one CPU, as on Linux"

t.test('as node:dgram', { skip }, async (t) => {
  const program = await bundle(t.testdir())
  const itself = await report(process.execPath, program, 'self')
  const reports = new Map<string, Report>()
  for (const { version, binary } of versions) {
    if (existsSync(binary)) reports.set(version, await report(binary, program, 'ours'))
  }
  const byName = new Map(scripts(itself.hasIPv6).map((script) => [script.name, script]))
  const newestDgram = new Map<string, readonly Entry[]>(
    reports.get(newest)!.pairs.map(({ name, dgram }) => [name, dgram]),
  )
  const seen = new Map<string, number>()
  const count = (name: string, times = 1): void => void seen.set(name, (seen.get(name) ?? 0) + times)

  await t.test('node:dgram is as itself', async (t) => {
    t.equal(itself.pairs.length, byName.size, 'each script has a name of its own')
    for (const { name, dgram, ours } of itself.pairs) {
      const { unlisted } = compare(byName.get(name)!, dgram, ours, [])
      if (unlisted !== undefined) t.fail(name, { script: explain(byName.get(name)!, dgram, ours, unlisted) })
    }
  })

  for (const { version } of versions) {
    const own = reports.get(version)
    const missing = own === undefined && `${version} is not there: node scripts/fetch-node.mjs`
    await t.test(`Node ${version}`, { skip: missing }, async (t) => {
      t.same(own!.missing, [], 'has all that dgram has')
      t.same(own!.exits.ours, own!.exits.dgram, 'a process ends as with a socket of dgram')
      let unlisted = 0
      for (const { name, dgram, ours } of own!.pairs) {
        const script = byName.get(name)!
        const newer = newerNode.find(({ since, applies }) => major(version) < since && applies(script))
        // Without a Node that has it there is nothing to compare with.
        if (newer !== undefined && major(newest) < newer.since) continue
        const expected = newer === undefined ? dgram : newestDgram.get(name)!
        const comparison = compare(script, expected, ours, differences)
        for (const [difference, times] of comparison.seen) count(difference, times)
        if (comparison.unlisted !== undefined) {
          if (++unlisted <= TOLD) t.fail(name, { script: explain(script, expected, ours, comparison.unlisted) })
        } else if (newer !== undefined && compare(script, dgram, ours, differences).unlisted !== undefined) {
          count(newer.name)
        }
      }
      t.equal(unlisted, 0, 'scripts in which ours differs')
    })
  }

  const absent = versions.filter(({ version }) => !reports.has(version)).map(({ version }) => version)
  const notAll = absent.length > 0 && `some are of other Nodes: ${absent.join(', ')}; node scripts/fetch-node.mjs`
  await t.test('each listed difference occurs', { skip: notAll }, async (t) => {
    for (const { name, needsIPv6 } of differences) {
      const skip = needsIPv6 === true && !itself.hasIPv6 && 'no IPv6 here'
      t.ok(seen.has(name), `${name}: ${seen.get(name) ?? 0} times`, { skip })
    }
    for (const { name, since } of newerNode) {
      const both = major(newest) >= since && [...reports.keys()].some((version) => major(version) < since)
      t.ok(seen.has(name), `${name}: ${seen.get(name) ?? 0} scripts`, {
        skip: !both && `needs a Node before ${since} and a newer one`,
      })
    }
  })
})
