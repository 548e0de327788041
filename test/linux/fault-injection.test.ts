// System calls that fail, one at a time, in everything that can be done with a socket: fault-scenarios.cjs.
// strace makes them fail; fault-rules.ts says with what, and what has to come of it.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { noPeer, Peer, type PeerSocket } from '../helpers/peer'
import { allocations, noAllocations } from '../helpers/allocations'
import { faults, rules, type Rule } from './fault-rules'
import scenarios from './fault-scenarios.cjs'
import { noStrace, traced, type TracedCall } from '../helpers/strace'

interface Step {
  times: number
  value?: unknown
  error?: string
  code?: string
  syscall?: string
  says?: string
}

interface Performed {
  steps: Record<string, Step>
  unsettled: string[]
  hung: boolean
}

interface Ran extends Performed {
  failedAllocations: number
}

interface Finished extends Performed {
  left: [number, string][]
  gone: number[]
  /** The lent descriptor was taken over, and closed. */
  taken: boolean
  /** How many there still are. */
  lent: number
  claimed: number
}

/** Descriptors that one runner is started with; a scenario that takes one over closes it. */
const LENT = Array.from({ length: 96 }, (_, at) => `lent ${at}`)
/** A scenario that hangs so often is not gone on with. */
const MOST_HUNG = 2

/** fault-runner.cjs. */
class Runner {
  private readonly child: ChildProcessWithoutNullStreams
  private readonly lines: AsyncIterator<string>
  private stderr = ''
  private readonly threads = new Map<string, number>()
  ended = false

  constructor(
    private readonly peer: PeerSocket,
    environment: NodeJS.ProcessEnv = {},
  ) {
    const lends = path.resolve('test/witness/lend_descriptors.py')
    const kinds = Object.fromEntries(LENT.map((name) => [name, 'udp4']))
    const argv = [lends, JSON.stringify(kinds), process.execPath, path.join(__dirname, 'fault-runner.cjs')]
    const env = { ...process.env, NODE_OPTIONS: '', ...environment }
    this.child = spawn('python3', argv, { env })
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.child.on('exit', () => (this.ended = true))
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  get pid(): number {
    return this.child.pid!
  }

  end(): void {
    this.child.stdin.end()
  }

  async ask(command: object): Promise<ReturnType<typeof JSON.parse>> {
    this.child.stdin.write(`${JSON.stringify(command)}\n`)
    for (;;) {
      const { value } = (await this.lines.next()) as { value: string | undefined }
      if (value === undefined) {
        this.ended = true
        throw new Error(`The process ended: ${this.stderr.slice(0, 2000)}`)
      }
      const answer = JSON.parse(value)
      if (answer.failure !== undefined) throw new Error(answer.failure)
      if (answer.incoming === undefined) return answer
      const { port, count } = answer.incoming as { port: number; count: number }
      const datagrams = Array.from({ length: count }, (_, at) => ({ data: `in ${at}`, address: '127.0.0.1', port }))
      await this.peer.send(...datagrams)
      this.child.stdin.write('{"incoming":"sent"}\n')
    }
  }

  /** The number of the thread that scenarios run in. */
  async thread(place: string): Promise<number> {
    let thread = this.threads.get(place)
    if (thread === undefined) {
      thread = (await this.ask({ place, step: 'thread' })).thread as number
      this.threads.set(place, thread)
    }
    return thread
  }
}

const peer = noPeer === false ? new Peer() : undefined
t.teardown(() => peer?.end())

const openPeer = async (): Promise<PeerSocket> => await peer!.open({ family: 4, address: '127.0.0.1' })

const calls = Object.keys(faults).join(',')
const places = (name: string): string[] =>
  /^(bind\(\)|bindSync\(\)|sendmsg|recvmsg|'message')/.test(name) && !/all options|dgram/.test(name)
    ? ['main', 'worker']
    : ['main']

/** What one system call of a scenario is made to fail with. */
interface Fault {
  call: string
  /** The how manieth of its name. */
  at: number
  line: string
  error: string
  rule: Rule | undefined
  /** In place of a system call: what allocations.c is to make fail. */
  allocations?: string
}

interface Outcome {
  prepared: Performed
  run: Ran
  again: Performed
  finished: Finished
  trace: TracedCall[]
  before?: Record<string, number>
  after?: Record<string, number>
  arrived: string[]
}

const problemsOf = (step: string, { steps, unsettled, hung }: Performed): string[] => [
  ...(hung ? [`${step} hangs`] : []),
  ...unsettled.map((name) => `${step}: ${name} was never settled`),
  ...Object.entries(steps).flatMap(([name, { code, says }]) =>
    code === undefined ? [] : [`${step}: ${name} failed with ${code}: ${says ?? ''}`],
  ),
]

/** In place of problems: the scenario makes fewer allocations. */
const NO_MORE = 'no more allocations'

/** Performs scenarios, one after the other, in one process as long as that lives. */
class Performer {
  private runner: Runner | undefined
  private tag = 0

  private constructor(
    private readonly sink: PeerSocket,
    private readonly outside: PeerSocket,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  static async start(test: Test, environment: NodeJS.ProcessEnv = {}): Promise<Performer> {
    const [sink, outside] = [await openPeer(), await openPeer()]
    const performer = new Performer(sink, outside, environment)
    test.teardown(() => performer.end())
    return performer
  }

  end(): void {
    this.runner?.end()
    this.runner = undefined
  }

  async perform(name: string, place: string, fault?: Fault): Promise<Outcome> {
    const { base, adopts = false, follows = false, fresh = false } = scenarios[name]!
    if (this.runner?.ended === true || fresh) this.end()
    this.runner ??= new Runner(this.outside, { ...this.environment, ...(fresh && { SENDMSG_NO_PROBE: '1' }) })
    const { runner: mine, sink } = this
    const thread = await mine.thread(place)
    const ask = async (step: string): Promise<Performed> => await mine.ask({ place, step })
    const tag = String(this.tag++)
    const prepared = await mine.ask({ place, step: 'prepare', name, sink: sink.port, tag })
    const inject = base === undefined ? [] : [base]
    const { lent } = prepared as { lent: number }
    const before = adopts ? await peer!.options(mine.pid, lent) : undefined
    const { allocations } = fault ?? {}
    if (fault !== undefined && allocations === undefined) {
      const { times = 1 } = fault.rule ?? {}
      const last = times === Infinity ? '+' : `..${fault.at + times - 1}`
      inject.push(`${fault.call}:error=${fault.error}:when=${fault.at}${last}`)
    }
    let run!: Ran
    const trace = await traced(thread, { calls, inject, follow: follows }, async () => {
      run = await mine.ask({ place, step: 'run', allocations })
    })
    const after = adopts && run.steps['bind']?.code !== undefined ? await peer!.options(mine.pid, lent) : undefined
    const again = await ask('again')
    const finished = (await ask('finish')) as Finished
    if (finished.lent === 0 || fresh) this.end()
    const arrived = (await sink.receive(0)).map(({ data }) => data.toString())
    return { prepared, run, again, finished, trace, arrived, ...(before && { before }), ...(after && { after }) }
  }

  /** What was wrong, and whether anything was made to fail. */
  async problems(name: string, place: string, fault: Fault, baseline: Outcome): Promise<string[]> {
    try {
      const outcome = await this.perform(name, place, fault)
      if (fault.allocations !== undefined && outcome.run.failedAllocations === 0) return [NO_MORE]
      return problemsWith(name, fault, baseline, outcome)
    } catch (error) {
      this.end()
      return [(error as Error).message]
    }
  }
}

t.test('system calls that fail', { skip: noStrace || noPeer }, async (t) => {
  const performer = await Performer.start(t)

  for (const name of Object.keys(scenarios)) {
    for (const place of places(name)) {
      const where = place === 'worker' ? ', in a worker thread' : ''
      t.test(`${name}${where}`, async (t) => {
        const baseline = await performer.perform(name, place)
        t.same(problemsOfAll(baseline), [], 'without failures')
        let hung = 0
        for (const fault of faultsOf(name, baseline.trace)) {
          if (hung === MOST_HUNG) break
          const problems = await performer.problems(name, place, fault, baseline)
          const title = `${fault.error} of ${fault.call} ${fault.at}: ${fault.line}`
          t.equal(problems.length, 0, title, problems.length > 0 ? { problems } : {})
          if (problems.some((problem) => problem.endsWith(' hangs'))) hung++
        }
      })
    }
  }
})

// What the addon asks for itself is the watcher of a socket. Memory of C++'s own and of V8 that cannot be had ends the
// process, as everywhere in Node; of ArrayBuffers it is a RangeError: test/native/allocations.test.ts.
t.test('the addon gets no memory', { skip: noStrace || noPeer || noAllocations }, async (t) => {
  const performer = await Performer.start(t, { LD_PRELOAD: allocations })
  for (const name of Object.keys(scenarios).filter((one) => !scenarios[one]!.fresh && !scenarios[one]!.follows)) {
    const baseline = await performer.perform(name, 'main')
    t.same(problemsOfAll(baseline), [], `${name}: without failures`)
    for (let at = 1; ; at++) {
      const fault: Fault = {
        call: 'allocation',
        at,
        line: '',
        error: 'ENOMEM',
        rule: undefined,
        allocations: `addon ${at} 1`,
      }
      const problems = await performer.problems(name, 'main', fault, baseline)
      if (problems[0] === NO_MORE) break
      t.equal(problems.length, 0, `${name}, allocation ${at}`, problems.length > 0 ? { problems } : {})
    }
  }
})

/** Each call that a scenario made, with each error that there is for it. */
function faultsOf(name: string, trace: TracedCall[]): Fault[] {
  const { base = '', only } = scenarios[name]!
  const counts = new Map<string, number>()
  return trace.flatMap(({ thread, name: call, line }) => {
    const key = `${thread} ${call}`
    const at = (counts.get(key) ?? 0) + 1
    counts.set(key, at)
    if (base.split(':')[0]!.split(',').includes(call)) return []
    if (only?.test(call) === false) return []
    return faults[call]!.flatMap((error) => {
      const rule = rules.find(
        (one) =>
          (one.scenario?.test(name) ?? true) &&
          (one.call?.test(call) ?? true) &&
          (one.line?.test(line) ?? true) &&
          (one.error?.test(error) ?? true),
      )
      return rule?.comes === 'skipped' ? [] : [{ call, at, line, error, rule }]
    })
  })
}

const problemsOfAll = ({ prepared, run, again, finished, arrived }: Outcome): string[] => [
  ...problemsOf('prepare', prepared),
  ...problemsOf('run', run),
  ...problemsOf('again', again),
  ...problemsOf('finish', finished),
  ...leftovers(finished, arrived),
]

function leftovers({ left, gone, taken, claimed }: Finished, arrived: string[], leaves?: RegExp): string[] {
  return [
    ...left
      .filter(([, target]) => leaves?.test(target) !== true)
      .map(([number, target]) => `descriptor ${number} is left: ${target}`),
    ...(gone.length > (taken ? 1 : 0) ? [`descriptors are gone: ${gone.join()}`] : []),
    ...(arrived.length === claimed ? [] : [`${claimed} datagrams sent, ${arrived.length} arrived`]),
    ...(new Set(arrived).size === arrived.length ? [] : [`some arrived twice: ${arrived.join()}`]),
  ]
}

/** What was received in `run`, and what was left of it. */
function received({ run, again }: Outcome): number | undefined {
  const left = again.steps['left']?.value
  if (left === undefined) return undefined
  const value = run.steps['receive']?.value
  return (left as number) + (Array.isArray(value) ? value.length : typeof value === 'string' ? 1 : 0)
}

function problemsWith(name: string, fault: Fault, baseline: Outcome, outcome: Outcome): string[] {
  const { run, prepared, again, finished, trace, arrived } = outcome
  const { tells: usual, tellsOpening = usual, tellsSending = usual } = scenarios[name]!
  const opens = !/^(connect|send|recv)/.test(fault.call)
  const { comes, code, says, leaves }: Omit<Rule, 'why'> = fault.rule ?? { comes: 'told' }
  const by = opens ? tellsOpening : fault.call.startsWith('send') ? tellsSending : usual
  const also = opens ? usual : undefined
  const codes = [...(Array.isArray(code) ? [fault.error, ...code] : [code ?? fault.error])] as string[]
  if (comes === 'either') codes.push(fault.error)
  const problems = [
    ...(run.failedAllocations > 0 || trace.some(({ line }) => line.includes('INJECTED'))
      ? []
      : ['nothing was made to fail']),
    ...problemsOf('prepare', prepared),
    ...problemsOf('again', again),
    ...problemsOf('finish', finished),
    ...leftovers(finished, arrived, leaves),
    ...(run.hung ? ['run hangs'] : []),
    ...run.unsettled.map((step) => `run: ${step} was never settled`),
  ]
  if (received(outcome) !== received(baseline)) problems.push('what came was lost, or came twice')
  const failed = Object.entries(run.steps).filter(([, step]) => step.code !== undefined)
  const tells = comes === 'told' || (comes === 'either' && failed.length > 0)
  if (outcome.before !== undefined && outcome.after !== undefined && tells) {
    for (const [option, value] of Object.entries(outcome.before)) {
      if (outcome.after[option] !== value) problems.push(`${option} was ${value}, is ${outcome.after[option]}`)
    }
  }
  for (const [step, { times, code: met, syscall, says: text = '', error, value }] of Object.entries(run.steps)) {
    const expected = baseline.run.steps[step]
    if (tells && step === by) {
      if (!codes.includes(met ?? ''))
        problems.push(`${step} tells ${met ?? 'no error'} in place of ${codes.join(' or ')}`)
      else if (met!.startsWith('ERR_')) continue
      else if (error !== 'SocketError') problems.push(`${step} tells a ${error}`)
      else if (typeof syscall !== 'string') problems.push(`${step} tells of no system call`)
      if (says !== undefined && !says.test(text)) problems.push(`${step} says ${text}`)
      if (times !== 1) problems.push(`${step} came ${times} times`)
      continue
    }
    if (tells && step === also && codes.includes(met ?? '')) continue
    if (met !== undefined) problems.push(`${step} fails with ${met}: ${text}`)
    if (times > (expected?.times ?? 0)) problems.push(`${step} came ${times} times`)
    if (tells || met !== undefined) continue
    const same = JSON.stringify(value) === JSON.stringify(expected?.value)
    const none = comes === 'tried' && name.startsWith('try') && (value === null || value === 0 || isEmpty(value))
    if (!same && !none) problems.push(`${step} gives ${JSON.stringify(value)}`)
  }
  const names = tells ? [by ?? ''] : Object.keys(baseline.run.steps)
  for (const step of names) {
    const wanted = tells ? 1 : baseline.run.steps[step]!.times
    if ((run.steps[step]?.times ?? 0) < wanted) problems.push(`${step} does not come`)
  }
  const [before, after] = [baseline, outcome].map(({ again: { steps } }) => steps['capabilities']?.value)
  if (before !== after) problems.push('capabilities() answers otherwise from then on')
  return problems
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0
