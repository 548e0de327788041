// CPU time per datagram (user and system, of the sending process alone): ours beside C doing the same system calls and
// beside dgram, in one run and interleaved. Absolute figures mean little on a shared machine; the ratios do.
import { execFile } from 'node:child_process'
import dgram from 'node:dgram'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import Table from 'cli-table3'

const run = promisify(execFile)
const here = dirname(fileURLToPath(import.meta.url))
const cache = join(here, '..', '.cache')

const CASES = [
  { name: 'single', title: 'trySendmsg, source and ECN', count: 200_000 },
  { name: 'batch', title: 'trySendmmsg of 64, source and ECN', count: 400_000 },
  { name: 'train', title: 'segmentSize trains of 64 kB', count: 1_000_000 },
]
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, json: { type: 'boolean', default: false } },
})

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

async function compileReference() {
  mkdirSync(cache, { recursive: true })
  const binary = join(cache, 'bench-reference')
  await run('cc', ['-O2', '-Wall', '-Wextra', '-o', binary, join(here, 'reference.c')])
  return binary
}

/** Nobody reads from it: what does not fit is dropped, at the same price for all. */
function openSink() {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4096 })
  return new Promise((done) => {
    socket.bind(0, '127.0.0.1', () => done(socket))
  })
}

async function nanoseconds(command, args) {
  const { stdout } = await run(command, args)
  const [sent, time] = stdout.trim().split(' ').map(Number)
  return time / sent
}

const reference = await compileReference()
const sink = await openSink()
const port = String(sink.address().port)
const subject = join(here, 'subject.mjs')
const results = []
for (const { name, title, count } of CASES) {
  const times = { c: [], ours: [], dgram: [] }
  for (let round = 0; round < Number(values.rounds); round++) {
    times.c.push(await nanoseconds(reference, [name, String(count), port]))
    times.ours.push(await nanoseconds(process.execPath, [subject, 'sendmsg', name, String(count), port]))
    times.dgram.push(await nanoseconds(process.execPath, [subject, 'dgram', name, '50000', port]))
    if (process.stderr.isTTY) process.stderr.write(`\r${title}: ${round + 1} of ${values.rounds} `)
  }
  const ratios = (peer) => times.ours.map((time, round) => time / times[peer][round])
  results.push({
    case: title,
    nanoseconds: median(times.ours),
    toC: median(ratios('c')),
    toCSpread: [Math.min(...ratios('c')), Math.max(...ratios('c'))],
    toDgram: median(ratios('dgram')),
  })
}
sink.close()
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

if (values.json) {
  console.log(JSON.stringify(results, null, 2))
} else {
  const table = new Table({
    head: ['1,200 byte datagrams', 'CPU ns each', 'to C', '(spread)', 'to dgram.send'],
    style: { head: [], border: [] },
  })
  for (const { case: title, nanoseconds, toC, toCSpread, toDgram } of results) {
    const spread = toCSpread.map((ratio) => ratio.toFixed(2)).join(' to ')
    table.push([title, nanoseconds.toFixed(0), toC.toFixed(2), spread, toDgram.toFixed(2)])
  }
  console.log(table.toString())
}
