// node run.js [--without HABIT,…] [--seed S] [--seeds N] [--calls N] [--episode E] [--trace] [--processes N] [--program FILE]
import { randomInt } from 'node:crypto'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { possibleLinks, run } from './parent'
import { tell } from './tell'
import { habits, links } from './circumstances'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    ...{ seed: text, seeds: text, calls: text, episode: text, processes: text, program: text, without: text },
    trace: { type: 'boolean', default: false },
  },
})

/** Of the processes that are fuzzed: what they are to run with, and how long they may be without a call. */
const environment = JSON.parse(process.env['FUZZ_ENVIRONMENT'] ?? '{}') as Record<string, string>
const patience = Number(process.env['FUZZ_PATIENCE'] ?? 30_000)

async function main(): Promise<void> {
  const first = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
  const seeds = Array.from({ length: Number(values.seeds ?? 1) }, (_, index) => first + index)
  const processes = Number(values.processes ?? 1)
  const impossible = links.filter((link) => !possibleLinks().includes(link))
  if (impossible.length > 0) console.log(`loopback cannot be made here: ${impossible.join(', ')}`)
  let broken = 0
  let calls = 0
  const start = Date.now()
  const work = async (lane: number): Promise<void> => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const result = await run({
        seed,
        calls: Number(values.calls ?? 20_000),
        episode: values.episode === undefined ? undefined : Number(values.episode),
        trace: values.trace,
        without: habits.filter((habit) => values.without?.split(',').includes(habit)),
        program: values.program ?? path.join(__dirname, 'main.js'),
        lane,
        environment,
        patience,
      })
      console.log(tell(result))
      broken += result.summary.violations.length
      calls += result.summary.calls
    }
  }
  await Promise.all(Array.from({ length: processes }, (_, lane) => work(lane)))
  console.log(`fuzz: ${calls} calls in ${Math.round((Date.now() - start) / 1000)} s, ${broken} rules broken`)
  process.exitCode = broken === 0 ? 0 : 1
}

void main()
