import { availableParallelism } from 'node:os'

/** Runs functions that return promises, as many at a time as there are processors. */
export async function inParallel(jobs) {
  const waiting = [...jobs]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next()
  }
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker))
}
