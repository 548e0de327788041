// strace(1) on one thread of another process, for as long as a step takes.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** A process that is nobody's child of strace's, as those of the tests: /proc/sys/kernel/yama/ptrace_scope. */
const attach = 'sleep 60 >/dev/null 2>&1 & p=$!; strace -o /dev/null -p $p 2>&1 | { head -n 1; kill $p; }'

function cannotTrace(): string | false {
  if (process.platform !== 'linux') return 'this is about Linux'
  if (spawnSync('strace', ['-V']).status !== 0) return 'strace is not here'
  const said = spawnSync('sh', ['-c', attach], { encoding: 'utf8' }).stdout
  return !said.includes('attached') && `strace may not attach to a process: ${said.trim()}`
}

/** Why nothing can be traced here; false where it can. */
export const noStrace: string | false = cannotTrace()

const directory = mkdtempSync(path.join(tmpdir(), 'sendmsg-strace-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
let traces = 0

export interface TraceOptions {
  /** Names of system calls, as `-e trace=` takes them. */
  calls: string
  /** Rules as `-e inject=` takes them: `socket:error=EMFILE:when=1`. strace counts calls from when it is attached. */
  inject?: readonly string[]
  /** The threads that it starts, too. */
  follow?: boolean
}

/** A system call as strace prints it. */
export interface TracedCall {
  /** Of the thread; 0 where only one is traced. */
  thread: number
  name: string
  /** The whole line. */
  line: string
}

/** Traces a thread by its number while `body` runs; the system calls that it made, in order. */
export async function traced(thread: number, options: TraceOptions, body: () => Promise<void>): Promise<TracedCall[]> {
  const { calls, inject = [], follow = false } = options
  const log = path.join(directory, String(traces++))
  const rules = [`trace=${calls}`, ...inject.map((rule) => `inject=${rule}`)].flatMap((rule) => ['-e', rule])
  const strace = spawn('strace', [...(follow ? ['-f'] : []), '-s', '0', '-o', log, ...rules, '-p', String(thread)])
  let stderr = ''
  strace.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(strace, 'close')
  while (!stderr.includes('attached')) {
    if (strace.exitCode !== null) throw new Error(`strace: ${stderr}`)
    await Promise.race([once(strace.stderr, 'data'), ended])
  }
  try {
    await body()
  } finally {
    strace.kill('SIGINT') // it detaches
    await ended
  }
  const text = readFileSync(log, 'utf8')
  rmSync(log)
  return text.split('\n').flatMap((line) => {
    const [, number = '0', rest = '', name] = /^(?:(\d+) +)?((\w+)\(.*)$/.exec(line) ?? []
    return name === undefined ? [] : [{ thread: Number(number), name, line: rest }]
  })
}
