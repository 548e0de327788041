// CPU time per datagram (user and system, of the measured process alone): ours beside C making the same system calls and
// beside what users would take instead, in one run and interleaved. Absolute figures mean little on a shared machine;
// the ratios do.
import { findPeers } from './peers.mjs'
import { progress } from './progress.mjs'
import { buildReference, measure, openSink } from './run.mjs'
import { median } from './statistics.mjs'

export async function measureCases(cases, rounds) {
  await buildReference()
  const peers = await peersOf(cases)
  const known = cases.map((one) => ({ ...one, programs: present(one.programs, peers) }))
  const sink = await openSink()
  const shown = progress(known.reduce((sum, { programs }) => sum + Object.keys(programs).length * rounds, 0))
  const results = []
  try {
    for (const one of known) {
      shown.begin(one.title)
      results.push(resultOf(one, await measureCase(one, rounds, { sink: sink.address().port, peers }, shown.step)))
    }
  } finally {
    shown.end()
    sink.close()
  }
  return results
}

const isPeer = ({ run }) => run !== 'c' && run !== 'node'

/** They are looked for only where a case has them. */
async function peersOf(cases) {
  const wanted = cases.some(({ programs }) => Object.values(programs).some(isPeer))
  return wanted ? await findPeers((line) => console.error(line)) : {}
}

const present = (programs, peers) =>
  Object.fromEntries(Object.entries(programs).filter(([, program]) => !isPeer(program) || program.run in peers))

/** Every program of a case in turn, round after round, beginning with another one each time. */
async function measureCase(one, rounds, beside, done) {
  const names = Object.keys(one.programs)
  const runs = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(round + at) % names.length]
      runs[name].push(await measure(one, one.programs[name], beside))
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
