// CPU time per datagram (user and system, of the measured process alone): ours beside C making the same system calls and
// beside what users would take instead, in one run and interleaved. Absolute figures mean little on a shared machine;
// the ratios do.
import { progress } from './progress.mjs'
import { buildReference, measure, openSink } from './run.mjs'
import { median } from './statistics.mjs'

export async function measureCases(cases, rounds) {
  await buildReference()
  const sink = await openSink()
  const shown = progress(cases.reduce((sum, { programs }) => sum + Object.keys(programs).length * rounds, 0))
  const results = []
  try {
    for (const one of cases) {
      shown.begin(one.title)
      results.push(resultOf(one, await measureCase(one, rounds, sink.address().port, shown.step)))
    }
  } finally {
    shown.end()
    sink.close()
  }
  return results
}

/** Every program of a case in turn, round after round, beginning with another one each time. */
async function measureCase(one, rounds, sink, done) {
  const names = Object.keys(one.programs)
  const runs = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(round + at) % names.length]
      runs[name].push(await measure(one, one.programs[name], sink))
      done()
    }
  }
  return runs
}

/** Ratios are of what ran in the same round. */
function resultOf({ name, title, targets }, runs) {
  const each = Object.fromEntries(
    Object.entries(runs).map(([program, all]) => [program, all.map((run) => run.nanoseconds / run.datagrams)]),
  )
  const ratios = {}
  for (const [peer, times] of Object.entries(each)) {
    if (peer === 'sendmsg') continue
    const all = each.sendmsg.map((time, round) => time / times[round])
    const target = targets?.[peer]
    ratios[peer] = { median: median(all), least: Math.min(...all), most: Math.max(...all), target }
    if (target !== undefined) ratios[peer].met = ratios[peer].median <= target
  }
  return {
    name,
    title,
    datagrams: runs.sendmsg.reduce((sum, { datagrams }) => sum + datagrams, 0),
    nanoseconds: Object.fromEntries(Object.entries(each).map(([program, times]) => [program, median(times)])),
    ratios,
  }
}
