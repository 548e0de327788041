// Threads that make calls of their own, and end in the midst of them.
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { descriptors } from '../helpers/descriptors.cjs'
import { Random } from './random'
import type { Report, Summary } from './report'
import type { Habit, Link } from './circumstances'

export interface WorkerOrder {
  readonly seed: number
  readonly calls: number
  readonly link: Link
  readonly withPlain: boolean
  readonly without: readonly Habit[]
  /** `end`: when all is done. `terminate`: from outside, at any time. */
  readonly how: 'end' | 'exit' | 'terminate' | 'throw'
}

/** Milliseconds. */
const PATIENCE = 3000

const sockets = (): Map<number, string> =>
  new Map([...descriptors()].filter(([, target]) => target.startsWith('socket:')))

export async function runWorker(seed: number, link: Link, without: readonly Habit[], report: Report): Promise<void> {
  const random = new Random(seed).fork()
  const how = random.weighted([
    [2, 'end'],
    [1, 'exit'],
    [4, 'terminate'],
  ] as const)
  const order: WorkerOrder = {
    ...{ seed: random.next(), link, how, without },
    calls: how === 'terminate' ? 1_000_000 : random.between(200, 1500),
    // Node aborts where a thread is terminated while its own dgram receives (AddressToJS in udp_wrap.cc).
    withPlain: how === 'end',
  }
  report.call(`a worker, seed ${order.seed}, ${how}`)
  report.summary.workers++
  const before = sockets()
  const worker = new Worker(process.argv[1]!, { workerData: order })
  worker.on('message', (summary: Summary) => {
    report.summary.calls += summary.calls
    report.summary.accepted += summary.accepted
    report.summary.arrived += summary.arrived
    for (const { rule, detail } of summary.violations) report.violate(rule, `worker of seed ${order.seed}: ${detail}`)
  })
  worker.on('error', (error) => {
    report.violate('uncaught', `worker of seed ${order.seed}: ${String(error.stack)}`)
  })
  const exit = once(worker, 'exit')
  if (how === 'terminate') {
    await Promise.race([pause(random.between(20, 150)), exit])
    await worker.terminate()
  }
  await exit
  for (let waited = 0; waited < PATIENCE; waited += 10) {
    if ([...sockets()].every(([number, target]) => before.get(number) === target)) return
    await pause(10)
  }
  const left = [...sockets()].filter(([number, target]) => before.get(number) !== target)
  report.violate(
    'descriptors',
    `open after a worker (${how}): ${left.map(([number, target]) => `${number}: ${target}`).join(', ')}`,
  )
}
