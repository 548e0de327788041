// Calls at random over the whole public interface, against a model of what must hold (test/fuzz/): a short run, with seeds
// that stay and one that is another each time. `npm run test:memory` makes the long one, under the sanitizers.
import { randomInt } from 'node:crypto'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { possibleLinks, run, seedsOfLinks } from './parent'
import { tell, tellViolation } from './tell'
import { links } from './circumstances'

const CALLS = 4000

const skip = process.platform === 'linux' ? false : 'needs /proc, and network namespaces for what loopback does not do'

t.test('what must hold holds', { skip }, async (t) => {
  // Below the package, so that it is found by its name.
  const directory = t.testdir()
  await build({
    entryPoints: [path.join(__dirname, 'main.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    external: ['sendmsg'],
    outdir: directory,
    logLevel: 'warning',
  })
  const program = path.join(directory, 'main.js')
  for (const link of links) {
    if (!possibleLinks().includes(link))
      t.comment(`no loopback of the kind '${link}' can be made here: plain in its place`)
  }
  const seeds = [...seedsOfLinks(), randomInt(1000, 2 ** 31)]
  const work = async (lane: number): Promise<void> => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const result = await run({ seed, calls: CALLS, program, lane })
      const { calls, accepted, arrived, episodes, violations } = result.summary
      t.comment(tell(result))
      t.same(
        violations.map(tellViolation),
        [],
        `seed ${seed}: ${calls} calls, ${accepted} datagrams accepted, ${arrived} arrived`,
      )
      // That it was not idle.
      t.ok(calls >= CALLS && episodes > 1 && arrived > calls / 10, `seed ${seed}: ${episodes} episodes`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, os.availableParallelism()) }, (_, lane) => work(lane)))
})
