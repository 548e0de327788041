// node run.js [--without HABIT,…] [--seed S] [--seeds N] [--calls N] [--episode E] [--trace] [--processes N] [--program FILE]
import { randomInt } from 'node:crypto'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { possibleLinks, run, type Result } from './parent'
import { habits, links } from './world'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    ...{ seed: text, seeds: text, calls: text, episode: text, processes: text, program: text, without: text },
    trace: { type: 'boolean', default: false },
  },
})

function print({ link, summary, last, milliseconds }: Result): void {
  const { seed, calls, episodes, workers, accepted, arrived, waited, violations } = summary
  const speed = Math.round((calls * 1000) / milliseconds)
  console.log(
    `seed ${seed} (${link}): ${calls} calls in ${episodes} episodes and ${workers} workers, ${speed} a second; ` +
      `${accepted} datagrams accepted, ${arrived} arrived, ${waited} calls waited; ${violations.length} rules broken`,
  )
  for (const { rule, episode, call, count, detail } of violations) {
    const again = episode < 0 ? `--calls ${call + 1000}` : `--calls ${call} (or --episode ${episode} --calls 1000)`
    console.log(
      `  ${rule}, ${count} times, first at call ${call}: --seed ${seed} ${again}\n    ${detail.replaceAll('\n', '\n    ')}`,
    )
  }
  if (last.length > 0) console.log(`  the last calls:\n    ${last.join('\n    ')}`)
}

async function main(): Promise<void> {
  const first = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
  const seeds = Array.from({ length: Number(values.seeds ?? 1) }, (_, index) => first + index)
  const processes = Number(values.processes ?? 1)
  const impossible = links.filter((link) => !possibleLinks().includes(link))
  if (impossible.length > 0) console.log(`loopback cannot be made here: ${impossible.join(', ')}`)
  let broken = 0
  let calls = 0
  const start = Date.now()
  const work = async (processor: number): Promise<void> => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const result = await run({
        seed,
        calls: Number(values.calls ?? 20_000),
        episode: values.episode === undefined ? undefined : Number(values.episode),
        trace: values.trace,
        without: habits.filter((habit) => values.without?.split(',').includes(habit)),
        program: values.program ?? path.join(__dirname, 'main.js'),
        processor,
      })
      print(result)
      broken += result.summary.violations.length
      calls += result.summary.calls
    }
  }
  await Promise.all(Array.from({ length: processes }, (_, processor) => work(processor)))
  console.log(`fuzz: ${calls} calls in ${Math.round((Date.now() - start) / 1000)} s, ${broken} rules broken`)
  process.exitCode = broken === 0 ? 0 : 1
}

void main()
