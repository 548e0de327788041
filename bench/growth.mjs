// How ours grows, and C: CPU time per datagram by batch size, sockets and messages that wait, and what memory holds.
import { inNarrowNamespace, whyNoNamespace } from './namespace.mjs'
import { progress } from './progress.mjs'
import { buildReference, commandOf, lastLine, measure, openSink } from './run.mjs'
import { median } from './statistics.mjs'
import { table } from './table.mjs'

const COUNT = 100_000
const LOAD = { mode: 'flood', payload: 1200 }
const RATE = '20mbit'
/** Nothing leaves while it is looked at. */
const STANDSTILL = '100kbit'

const js = (file, options) => ({ run: 'node', file, options })
const c = (file, options) => ({ run: 'c', file, options })

/** Each point is a process, and C's `beside` it another; what is `narrow` runs where sends have to wait. */
const CURVES = [
  {
    title: 'trySendmmsg, messages in a batch',
    points: [1, 8, 64, 256, 1024],
    program: (batch) => js('send', { with: 'sendmsg', call: 'trySendmmsg', control: 1, batch }),
    beside: (batch) => c('send', { control: 1, batch }),
  },
  {
    title: 'trySendmsg in turn, sockets',
    points: [1, 10, 100, 1000],
    program: (sockets) => js('many', { do: 'send', sockets }),
    beside: (sockets) => c('send', { sockets }),
  },
  {
    title: "'messages', sockets",
    points: [1, 10, 100, 1000],
    program: (sockets) => js('many', { do: 'receive', sockets }),
    beside: (sockets) => c('receive', { batch: 64, ports: 1, sockets }),
    load: LOAD,
  },
  {
    title: 'sendmsg at once, messages that wait',
    points: [1, 100, 10_000, 100_000],
    program: (waiting) => js('queue', { waiting }),
    narrow: true,
  },
]

const MEMORY = [
  { title: 'a waiting message of 100 bytes, of 100,000', of: 'waiting', count: 100_000, narrow: true },
  { title: 'an idle bound socket, of 1,000', of: 'idle', count: 1000 },
  { title: 'a received byte, of a million messages of 1,200', of: 'received', count: 1_000_000, load: LOAD },
]

async function measurePoint({ load, narrow }, program, point, sink) {
  if (!narrow) return measure({ count: COUNT, load }, program, { sink })
  const { options, ...rest } = program
  // They take as long as the rate lets them.
  const command = commandOf({ ...rest, options: { ...options, count: Math.min(COUNT / 5, point * 200) } })
  const [datagrams, nanoseconds] = (await lastLine(inNarrowNamespace(RATE, command))).split(' ').map(Number)
  return { datagrams, nanoseconds }
}

async function measureMemory({ title, of, count, load, narrow }) {
  const [node, ...rest] = commandOf(js('memory', { of, count }))
  const command = [node, '--expose-gc', ...rest]
  const line = await lastLine(narrow ? inNarrowNamespace(STANDSTILL, command) : command, load)
  return { title, ...JSON.parse(line) }
}

export async function measureGrowth(rounds) {
  await buildReference()
  const skipped = await whyNoNamespace()
  const possible = ({ narrow }) => skipped === undefined || !narrow
  const curves = CURVES.filter(possible)
  const sink = await openSink()
  const runs = ({ points, beside }) => points.length * rounds * (beside === undefined ? 1 : 2)
  const shown = progress(curves.reduce((sum, curve) => sum + runs(curve), 0))
  const results = { curves: [], memory: [], skipped }
  try {
    for (const curve of curves) {
      shown.begin(curve.title)
      const points = await measureCurve(curve, rounds, sink.address().port, shown.step)
      results.curves.push({ title: curve.title, points })
    }
  } finally {
    shown.end()
    sink.close()
  }
  for (const one of MEMORY.filter(possible)) results.memory.push(await measureMemory(one))
  return results
}

async function measureCurve(curve, rounds, sink, done) {
  const ours = curve.points.map(() => [])
  const ratios = curve.points.map(() => [])
  const run = async (program, point) => {
    const { datagrams, nanoseconds } = await measurePoint(curve, program, point, sink)
    done()
    return nanoseconds / datagrams
  }
  for (let round = 0; round < rounds; round++) {
    for (const [at, point] of curve.points.entries()) {
      const nanoseconds = await run(curve.program(point), point)
      ours[at].push(nanoseconds)
      if (curve.beside !== undefined) ratios[at].push(nanoseconds / (await run(curve.beside(point), point)))
    }
  }
  return curve.points.map((point, at) => ({
    point,
    nanoseconds: median(ours[at]),
    ...(curve.beside !== undefined && { toC: median(ratios[at]) }),
  }))
}

export function tablesOfGrowth({ curves, memory, skipped }) {
  const rows = curves.flatMap(({ title, points }) =>
    points.map(({ point, nanoseconds, toC }) => [
      title,
      point,
      nanoseconds.toFixed(0),
      (nanoseconds / points[0].nanoseconds).toFixed(2),
      toC?.toFixed(2) ?? '',
    ]),
  )
  const growth = memory.filter(({ heap }) => heap !== undefined)
  const bytes = growth.map(({ title, heap, external, resident }) => [title, heap, external, resident])
  const received = memory.find(({ allocated }) => allocated !== undefined)
  return [
    table(['', 'of', 'CPU ns each', 'to the first', 'to C'], rows),
    table(['bytes of', 'heap', 'external', 'resident'], bytes),
    `For each received byte ${(received.allocated / received.bytes).toFixed(2)} bytes of ArrayBuffers were allocated.`,
    ...(skipped === undefined ? [] : [`Left out is what waits, which ${skipped}`]),
  ].join('\n')
}
