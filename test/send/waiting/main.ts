// One scenario a process: main.ts NAME [COUNT]; its result is one line of JSON on stdout.
import * as borrowed from './borrowed'
import * as endings from './endings'
import * as loop from './loop'
import * as order from './order'
import * as segmented from './segmented'
import * as signals from './signals'

const scenarios = new Map<string, (count: number) => unknown>()
for (const file of [order, endings, borrowed, loop, segmented, signals]) {
  for (const [name, scenario] of Object.entries(file)) {
    if (scenarios.has(name)) throw new Error(`two scenarios are called ${name}`)
    scenarios.set(name, scenario)
  }
}

async function main(): Promise<void> {
  const [, , name = '', count = '0'] = process.argv
  const scenario = scenarios.get(name)
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  const result = await scenario(Number(count))
  if (result === undefined) return
  process.stdout.write(JSON.stringify(result))
}

void main()
