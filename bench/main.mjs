// The command line of the benchmarks: what is measured is in cases.mjs, growth.mjs and fairness.mjs.
import { writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { ALL, OTHERS, ROWS } from './cases.mjs'
import { measureFairness, tablesOfFairness } from './fairness.mjs'
import { measureGrowth, tablesOfGrowth } from './growth.mjs'
import { measureCases } from './measure.mjs'
import { picture } from './picture.mjs'
import { tableOfCases } from './table.mjs'

function wholeNumber(text) {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1 on.')
  return Number(text)
}

const command = new Command('npm run bench --')
  .description('CPU time per datagram, beside C making the same system calls and beside dgram, interleaved')
  .argument('[case...]', 'only these, by name')
  .option('--all', 'every case, not only those with a target, and beside Bun, Python and Go where they are there')
  .option(
    '--rounds <count>',
    'how often each program runs; without it 5, with --all, --growth and --fairness 3',
    wholeNumber,
  )
  .option('--growth', 'how ours grows with batches, sockets and messages that wait, in time and memory')
  .option('--fairness', 'latency of an echo, and of a timer and an echo beside a flooded socket')
  .option('--list', 'print the names of the cases')
  .option('--json', 'print JSON in place of tables')
  .option('--svg <file>', 'write a picture of the ratios')
  .parse()
const options = command.opts()

function chosen() {
  // A case that is named is found without --all; with it, the peers run too.
  const cases = options.all || options.list ? ALL : command.args.length === 0 ? ROWS : [...ROWS, ...OTHERS]
  const unknown = command.args.find((name) => !cases.some((one) => one.name === name))
  if (unknown !== undefined) command.error(`There is no case ${unknown}; --list has them.`)
  return command.args.length === 0 ? cases : cases.filter(({ name }) => command.args.includes(name))
}

const print = (results, table) => console.log(options.json ? JSON.stringify(results, null, 2) : table(results))

if (options.list) {
  for (const { name, title, programs } of chosen()) {
    console.log(`${name.padEnd(16)}${title} (${Object.keys(programs).slice(1).join(', ')})`)
  }
} else if (options.fairness) {
  print(await measureFairness(options.rounds ?? 3), tablesOfFairness)
} else if (options.growth) {
  print(await measureGrowth(options.rounds ?? 3), tablesOfGrowth)
} else {
  const results = await measureCases(chosen(), options.rounds ?? (options.all ? 3 : 5))
  print(results, tableOfCases)
  if (options.svg !== undefined) writeFileSync(options.svg, await picture(results))
}
