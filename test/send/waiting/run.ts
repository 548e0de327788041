// Runs scenarios of sends that wait, each as a process of its own, on a narrow loopback or under strace.
import { build } from 'esbuild'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Test } from 'tap'
import { onOneCpu } from '../../helpers/one-cpu'
import type { Arrived, Resources } from './witness'

const LENDER = path.resolve('test/witness/lend_descriptors.py')

/** MTU, program and arguments follow. 20 Mbit/s: what a socket may have under way takes a tenth of a second. */
const NARROW = `
ip link set lo mtu "$0" up && tc qdisc add dev lo root tbf rate 20mbit burst 10kb limit 10mb && exec "$@"
`
const MTU = 65536
/** Scenarios that run at a time: most of their time they wait. */
export const JOBS = 3

const narrow = (mtu: number, command: string[]): string[] => [
  'unshare',
  '-n',
  'sh',
  '-c',
  NARROW,
  String(mtu),
  ...command,
]

/** Why a program that the tests need does not run here; false if it does. */
function missing(what: string, [program = '', ...args]: string[]): string | false {
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return false
  return `${what}: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${String(status)}`}`
}

const noLinux = process.platform !== 'linux' && 'network namespaces and strace are Linux'
const noPython = noLinux || missing('no Python to count what arrives', ['python3', '-c', 'import socket'])
export const noNarrow =
  noPython || missing('no network namespace with a token bucket can be made', narrow(MTU, ['true']))
export const noStrace =
  noPython ||
  missing('no strace', ['strace', '-f', '-e', 'inject=sendmsg:error=EAGAIN:when=1', '-o', '/dev/null', 'true'])

let program = ''

/** Bundles the scenarios into one program. */
export async function buildScenarios(directory: string): Promise<void> {
  if (noPython) return
  program = path.join(directory, 'waiting.cjs')
  await build({
    entryPoints: [path.join(__dirname, 'main.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    packages: 'external',
    logLevel: 'warning',
  })
}

export interface Run {
  count?: number
  /** Whether `lo` is narrow. */
  narrow?: boolean
  mtu?: number
  /** Arguments of strace. */
  strace?: string[]
  /** A kind of test/witness/lend_descriptors.py: the program is lent such a descriptor. */
  descriptor?: string
}

export type Json = ReturnType<typeof JSON.parse>

export interface Ran {
  result: Json
  stderr: string
}

/** Runs a scenario to its end, which it must reach by itself. */
export async function run(test: Test, name: string, options: Run = {}): Promise<Ran> {
  let command = [process.execPath, '--expose-gc', program, name, String(options.count ?? 0)]
  if (options.descriptor !== undefined) {
    command = ['python3', LENDER, JSON.stringify({ lent: options.descriptor }), ...command]
  }
  if (options.strace !== undefined) command = ['strace', '-f', '-qq', ...options.strace, ...command]
  if (options.narrow !== false) command = narrow(options.mtu ?? MTU, command)
  command = onOneCpu(command)
  const [first = '', ...rest] = command
  const child = spawn(first, rest, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  let late = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const timer = setTimeout(() => {
    late = true
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, 60_000)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  test.same({ code, signal, late }, { code: 0, signal: null, late: false }, `${name} ends by itself: ${stderr}`)
  if (options.strace === undefined) test.equal(stderr, '', 'it prints no warning')
  return { result: stdout === '' ? {} : JSON.parse(stdout), stderr }
}

export const numbers = (count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, index) => first + index)

/** Whether exactly these datagrams arrived, in order, each once and whole. */
export function arrivedAre(test: Test, arrived: Arrived, expected: number[], length?: number): void {
  test.same(arrived.spoilt, [], 'no datagram arrives with other bytes')
  let at = 0
  while (at < expected.length && arrived.numbers[at] === expected[at]) at++
  test.same(
    { count: arrived.numbers.length, differ: arrived.numbers.slice(at, at + 5), from: expected.slice(at, at + 5) },
    { count: expected.length, differ: [], from: [] },
    `what was promised arrives, in order, once: ${expected.length} datagrams`,
  )
  if (length !== undefined)
    test.ok(
      arrived.lengths.every((found) => found === length),
      `each has ${length} bytes`,
    )
}

/** `closed` is how many descriptors the scenario closed that it did not open. */
export function sameResources(test: Test, before: Resources, after: Resources, closed = 0): void {
  test.equal(after.descriptors, before.descriptors - closed, 'no descriptor is left open')
  test.same(after.handles, before.handles, 'what holds the event loop is as before')
}

/** Arguments of strace that inject errors into sendmsg(2) and sendmmsg(2). */
export const inject = (...rules: string[]): string[] => [
  '-o',
  '/dev/null',
  '-e',
  'trace=sendmsg,sendmmsg',
  ...rules.flatMap((rule) => ['-e', `inject=${rule}`]),
]
