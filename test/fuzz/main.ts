// The process that is fuzzed: runs episodes until as many calls were made as are wanted, and prints a summary.
import { writeSync } from 'node:fs'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Journal } from './journal'
import { OwnError, codeOf } from './failures'
import { runEpisode } from './episode'
import { Random } from './random'
import { Report, type Summary } from './report'
import { runWorker, type WorkerOrder } from './threads'
import type { Habit, Link } from './circumstances'

export interface Order {
  readonly seed: number
  readonly calls: number
  readonly link: Link
  /** Only this episode. */
  readonly episode: number | undefined
  readonly trace: boolean
  readonly journal: string | undefined
  readonly workers: boolean
  readonly without: readonly Habit[]
}

/** Milliseconds after which a process with nothing left to do must have ended. */
const LINGER = 5000
const WORKERS = 1 / 60
const none = (): void => undefined

/** What is thrown where nobody catches it must be the fuzzer's own. */
function watchProcess(report: Report): void {
  process.on('uncaughtException', (error: unknown) => {
    if (!(error instanceof OwnError)) report.violate('uncaught', stackOf(error), placeOf(error))
  })
  process.on('unhandledRejection', (reason) => {
    report.violate('rejection', stackOf(reason), placeOf(reason))
  })
  process.on('warning', (warning) => {
    if (['ExperimentalWarning', 'DeprecationWarning'].includes(warning.name)) return
    // What a borrowed socket still had to send when it was closed.
    if (codeOf(warning) === 'ECANCELED' && 'syscall' in warning) return
    report.violate('warning', stackOf(warning))
  })
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? `${codeOf(error) ?? 'no code'} ${String(error.stack)}` : String(error)

/** Where it was thrown. */
const placeOf = (error: unknown): string => stackOf(error).split(/\n\s+at /)[1] ?? ''

const seedOf = (seed: number, episode: number): number => new Random(seed ^ Math.imul(episode + 1, 0x9e3779b1)).next()

async function fuzz(order: Order, report: Report, adoptable: number[], withPlain: boolean): Promise<Summary> {
  const { seed, calls, link, episode } = order
  const { summary } = report
  const run = new Random(seed ^ process.pid).next()
  const stopAt = (): boolean => summary.calls >= calls
  const first = episode ?? 0
  for (let number = first; !stopAt() && (episode === undefined || number === episode); number++) {
    report.episode = number
    const own = seedOf(seed, number)
    report.note(`episode ${number}`)
    if (order.workers && new Random(own).chance(WORKERS)) await runWorker(own, link, order.without, report)
    else await runEpisode(own, report, { link, run, withPlain, adoptable, without: order.without, stopAt })
  }
  return summary
}

async function main(): Promise<void> {
  const order = JSON.parse(process.env['FUZZ_ORDER'] ?? '{}') as Order
  const journal = order.journal === undefined ? undefined : new Journal(order.journal)
  const report = new Report(
    order.seed,
    (line) => {
      if (order.trace) writeSync(2, `${line}\n`)
      journal?.write(line)
    },
    (violation) => {
      writeSync(1, `${JSON.stringify(violation)}\n`)
    },
  )
  watchProcess(report)
  const adoptable = (process.env['SENDMSG_DESCRIPTORS'] ?? '').split(' ').filter(Boolean).map(Number)
  const summary = await fuzz(order, report, adoptable, true)
  const linger = setTimeout(() => {
    report.violate('exit', `still there: ${process.getActiveResourcesInfo().join(', ')}`)
    process.stdout.write(`${JSON.stringify(summary)}\n`, () => process.exit(0))
  }, LINGER)
  linger.unref()
  process.once('exit', () => {
    journal?.close()
  })
  process.once('beforeExit', () => {
    clearTimeout(linger)
    process.stdout.write(`${JSON.stringify(summary)}\n`)
  })
}

/** In a thread: as many calls, and then a summary; it may be terminated before. */
async function mainOfWorker({ seed, calls, link, withPlain, without, how }: WorkerOrder): Promise<void> {
  const report = new Report(seed, none, none)
  if (how !== 'throw') watchProcess(report)
  const order: Order = {
    seed,
    calls,
    link,
    episode: undefined,
    trace: false,
    journal: undefined,
    workers: false,
    without,
  }
  const summary = await fuzz(order, report, [], withPlain)
  parentPort!.postMessage(summary)
  if (how === 'exit') process.exit(3)
}

const failed = (error: unknown): void => {
  writeSync(2, `the fuzzer itself: ${stackOf(error)}\n`)
  process.exit(70)
}

if (isMainThread) main().catch(failed)
else mainOfWorker(workerData as WorkerOrder).catch(failed)
