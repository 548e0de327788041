// Starts the process that is fuzzed, watches it, and tells what became of it: a crash and a hang are results, too.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { readJournal } from './journal'
import type { Order } from './main'
import type { Summary, Violation } from './report'
import { links, type Habit, type Link } from './circumstances'

export interface Run {
  readonly seed: number
  readonly calls: number
  readonly episode?: number | undefined
  readonly trace?: boolean
  readonly without?: readonly Habit[]
  /** The bundled main.ts. */
  readonly program: string
  /** Of the child alone. */
  readonly environment?: Record<string, string>
  /** Milliseconds without a call, after which it hangs. */
  readonly patience?: number
  /** Those of different lanes run on different processors. */
  readonly lane?: number
}

export interface Result {
  readonly link: Link
  readonly summary: Summary
  /** What it did last, where it crashed or hung. */
  readonly last: readonly string[]
  readonly milliseconds: number
}

/** Bound sockets that the child can take over. */
const ADOPTABLE = 12
const LENDER = 'test/witness/with_descriptors.py'
const PATIENCE = 30_000

const allowed = (): number[] => {
  const [, list = '0'] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}
const processors = allowed()

/** Makes loopback what it should be, in a network namespace of its own. */
function setUp(link: Link, processor: number): string {
  const lines = ['ip link set lo up', 'ip link set lo multicast on']
  // Trains of 64 kB, with the headers of 128 datagrams, must fit into the bucket: the kernel divides one that does not, and
  // says that it has sent it when it has dropped a part (net/sched/sch_tbf.c, tbf_segment).
  if (link === 'narrow') lines.push('tc qdisc add dev lo root tbf rate 30mbit burst 80kb limit 256mb')
  if (link === 'tight') lines.push('tc qdisc add dev lo root tbf rate 30mbit burst 80kb limit 200kb')
  if (link === 'parallel') {
    const other = processors.find((number) => number !== processor)
    const mask = other === undefined ? '0' : (1n << BigInt(other)).toString(16)
    lines.push('mount -t sysfs none /sys', `echo ${mask} > /sys/class/net/lo/queues/rx-0/rps_cpus`)
  }
  return lines.join(' && ')
}

const unshare = process.getuid?.() === 0 ? ['unshare', '-n', '-m'] : ['unshare', '-r', '-n', '-m']
const works = new Map<Link, boolean>()

function canSetUp(link: Link): boolean {
  let known = works.get(link)
  if (known === undefined) {
    const possible = link !== 'parallel' || processors.length > 1
    known =
      possible && spawnSync(unshare[0]!, [...unshare.slice(1), 'sh', '-c', setUp(link, processors[0]!)]).status === 0
    works.set(link, known)
  }
  return known
}

/** The links that can be made here; `plain` needs nothing. */
export const possibleLinks = (): Link[] => links.filter((link) => link === 'plain' || canSetUp(link))

/** Each seed has a link of its own, where that can be made. */
const linkOf = (seed: number): Link => links[seed % links.length]!

/** The first seeds of each link. */
export const seedsOfLinks = (): number[] =>
  links.map((link) => Array.from({ length: 1000 }, (_, index) => index + 1).find((seed) => linkOf(seed) === link)!)

function commandOf(link: Link, processor: number, program: string, environment: Record<string, string>): string[] {
  // On one processor, so that what is sent arrives in the order of its sending (net/core/dev.c, enqueue_to_backlog).
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const node = [
    ...['taskset', '-c', String(processor), 'python3', path.resolve(LENDER), String(ADOPTABLE)],
    ...['env', ...variables, process.execPath, '--expose-gc', program],
  ]
  if (link === 'plain' && !canSetUp('plain')) return node
  const words = node.map((word) => `'${word}'`).join(' ')
  return [...unshare, 'sh', '-c', `${setUp(link, processor)} && exec ${words}`]
}

const failure = (seed: number, rule: 'crash' | 'hang', call: number, detail: string): Violation => ({
  ...{ rule, seed, call, detail },
  ...{ episode: -1, count: 1, kind: '' },
})

export async function run({
  seed,
  calls,
  episode,
  trace = false,
  without = [],
  program,
  environment = {},
  patience = PATIENCE,
  lane = 0,
}: Run): Promise<Result> {
  const link = canSetUp(linkOf(seed)) ? linkOf(seed) : 'plain'
  const cpu = processors[lane % processors.length]!
  const journal = path.join(os.tmpdir(), `fuzz-${process.pid}-${seed}-${Date.now()}`)
  const order: Order = { seed, calls, link, episode, trace, journal, workers: true, without }
  const [command, ...args] = commandOf(link, cpu, program, environment)
  const start = Date.now()
  const child = spawn(command!, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      FUZZ_ORDER: JSON.stringify(order),
    },
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => {
    if (trace) process.stderr.write(chunk)
    else errors += chunk.toString()
  })
  const callsOf = (): number => Number.parseInt(readJournal(journal).at(-1) ?? '0')
  let hung = false
  let before = -1
  let since = Date.now()
  const watchdog = setInterval(() => {
    const now = callsOf()
    if (now !== before) {
      before = now
      since = Date.now()
    } else if (Date.now() - since > patience) {
      hung = true
      child.kill('SIGKILL')
    }
  }, 1000)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearInterval(watchdog)
  const last = readJournal(journal)
  rmSync(journal, { force: true })
  const told = output.split('\n').filter((line) => line.startsWith('{'))
  const objects = told.map((line) => JSON.parse(line) as Violation | Summary)
  const ended = objects.find((each): each is Summary => 'violations' in each)
  const summary: Summary = ended ?? {
    ...{
      seed,
      calls: Number.parseInt(last.at(-1) ?? '0'),
      episodes: 0,
      accepted: 0,
      arrived: 0,
      waited: 0,
      workers: 0,
    },
    violations: objects.filter((each): each is Violation => 'rule' in each),
  }
  if (hung)
    summary.violations.push(failure(seed, 'hang', summary.calls, `no call for ${patience} ms\n${errors.slice(-1000)}`))
  else if (ended === undefined || code !== 0) {
    summary.violations.push(failure(seed, 'crash', summary.calls, `exit ${code ?? signal}\n${errors.slice(-3000)}`))
  }
  const milliseconds = Date.now() - start
  return { link, summary, last: ended === undefined || hung ? last.slice(-20) : [], milliseconds }
}
