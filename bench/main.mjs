// CPU time per datagram (user and system, of the measured process alone): ours beside C making the same system calls and
// beside what users would take instead, in one run and interleaved. Absolute figures mean little on a shared machine;
// the ratios do.
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { SingleBar } from 'cli-progress'
import { ROWS } from './cases.mjs'
import { buildReference, measure, openSink } from './run.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)

const median = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Every program of a case in turn, round after round, beginning with another one each time. */
async function measureCase(one, sink, done) {
  const names = Object.keys(one.programs)
  const runs = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(round + at) % names.length]
      runs[name].push(await measure(one, one.programs[name], sink))
      done()
    }
  }
  const each = Object.fromEntries(names.map((name) => [name, runs[name].map((r) => r.nanoseconds / r.datagrams)]))
  const ratios = names.slice(1).map((name) => {
    const all = each.sendmsg.map((time, round) => time / each[name][round])
    return [name, { median: median(all), least: Math.min(...all), most: Math.max(...all), target: one.targets?.[name] }]
  })
  return {
    name: one.name,
    title: one.title,
    datagrams: runs.sendmsg.reduce((sum, { datagrams }) => sum + datagrams, 0),
    nanoseconds: Object.fromEntries(names.map((name) => [name, median(each[name])])),
    ratios: Object.fromEntries(ratios),
  }
}

const format = (ratio) =>
  ratio === undefined
    ? ''
    : `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)})` +
      (ratio.target === undefined ? '' : ` ${ratio.median <= ratio.target ? '≤' : '>'} ${ratio.target}`)

const cases = ROWS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
await buildReference()
const sink = await openSink()
const total = cases.reduce((sum, { programs }) => sum + Object.keys(programs).length * rounds, 0)
const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', stream: process.stderr })
bar.start(total, 0, { name: '' })
const results = []
for (const one of cases) {
  results.push(await measureCase(one, sink.address().port, () => bar.increment({ name: one.title })))
}
bar.stop()
sink.close()
if (values.json) console.log(JSON.stringify(results, null, 2))
else {
  const table = new Table({
    head: ['1,200 byte datagrams', 'datagrams', 'CPU ns each', 'to C', 'to dgram'],
    style: { head: [], border: [] },
  })
  for (const { title, datagrams, nanoseconds, ratios } of results) {
    table.push([title, datagrams, nanoseconds.sendmsg.toFixed(0), format(ratios.c), format(ratios.dgram)])
  }
  console.log(table.toString())
}
