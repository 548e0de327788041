// Latency: of one echo on an idle socket, and of a timer and an echo in a process that another socket of floods.
import { progress } from './progress.mjs'
import { answers, buildReference, commandOf } from './run.mjs'
import { median, quantile } from './statistics.mjs'
import { PEERS, table } from './table.mjs'

const js = (options) => commandOf({ run: 'node', file: 'answer', options })

const IDLE = {
  sendmsg: js({ with: 'sendmsg' }),
  dgram: js({ with: 'dgram' }),
  c: commandOf({ run: 'c', file: 'echo', options: { count: 1e9 } }),
}
const FLOODED = {
  sendmsg: js({ with: 'sendmsg', flooded: 1 }),
  dgram: js({ with: 'dgram', flooded: 1 }),
}
/** `warm` answers are not counted: until the server is compiled. */
const IDLE_QUESTIONS = { warm: 1500, count: 2500, pause: 500 }
const FLOODED_QUESTIONS = { warm: 50, count: 300, pause: 5000, seconds: 20 }
const FLOOD = { mode: 'flood', payload: 1200 }

/** Of each round its quantiles, of these the medians. Nanoseconds. */
const summary = (rounds) => ({
  p50: median(rounds.map((times) => quantile(times, 0.5))),
  p99: median(rounds.map((times) => quantile(times, 0.99))),
})

async function interleaved(servers, rounds, ask) {
  const names = Object.keys(servers)
  const results = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(round + at) % names.length]
      results[name].push(await ask(servers[name]))
    }
  }
  return results
}

const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))

export async function measureFairness(rounds) {
  await buildReference()
  const shown = progress((Object.keys(IDLE).length + Object.keys(FLOODED).length) * rounds)
  const ask = async (command, { warm, ...questions }, flood) => {
    const { times, told } = await answers(command, questions, flood)
    shown.step()
    if (times.length <= warm) throw new Error(`hardly anything was answered by ${command.join(' ')}`)
    return { echo: times.slice(warm), lost: questions.count - times.length, ...(told && JSON.parse(told)) }
  }
  shown.begin('echo on an idle socket')
  const idle = await interleaved(IDLE, rounds, (command) => ask(command, IDLE_QUESTIONS))
  shown.begin('beside a flooded socket')
  const flooded = await interleaved(FLOODED, rounds, (command) => ask(command, FLOODED_QUESTIONS, FLOOD))
  shown.end()
  const echoes = mapped(idle, (runs) => summary(runs.map(({ echo }) => echo)))
  return {
    idle: echoes,
    ratios: { dgram: echoes.sendmsg.p50 / echoes.dgram.p50, c: echoes.sendmsg.p50 / echoes.c.p50 },
    flooded: mapped(flooded, (runs) => ({
      timer: summary(runs.map(({ late }) => late)),
      echo: summary(runs.map(({ echo }) => echo)),
      unanswered: median(runs.map(({ lost }) => lost)),
      received: median(runs.map(({ received }) => received)),
    })),
  }
}

const microseconds = ({ p50, p99 }) => [(p50 / 1000).toFixed(0), (p99 / 1000).toFixed(0)]
const nameOf = (server) => PEERS[server] ?? server

export function tablesOfFairness({ idle, ratios, flooded }) {
  return [
    table(
      ['echo on an idle socket', 'p50 µs', 'p99 µs'],
      Object.entries(idle).map(([server, times]) => [nameOf(server), ...microseconds(times)]),
    ),
    `p50 of sendmsg is ${ratios.dgram.toFixed(2)} of dgram's, ${ratios.c.toFixed(2)} of C's.`,
    table(
      [
        'beside a flooded socket',
        'timer p50 µs late',
        'p99',
        'echo p50 µs',
        'p99',
        'unanswered',
        'flood received a second',
      ],
      Object.entries(flooded).map(([server, { timer, echo, unanswered, received }]) => [
        nameOf(server),
        ...microseconds(timer),
        ...microseconds(echo),
        unanswered,
        received.toFixed(0),
      ]),
    ),
  ].join('\n')
}
