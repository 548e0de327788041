type Stop = (reason: unknown) => void

interface Waiting {
  readonly stops: Set<Stop>
  readonly listener: () => void
}

/**
 * Calls that wait, by their signal. It has one listener for all of them: of more than ten Node warns as of a leak, and it
 * looks through them all to add one.
 */
const waiting = new WeakMap<AbortSignal, Waiting>()

/** Calls `stop` when `signal` aborts. Returns what undoes that. */
export function onAbort(signal: AbortSignal, stop: Stop): () => void {
  const found = waiting.get(signal) ?? listen(signal)
  found.stops.add(stop)
  return () => {
    if (!found.stops.delete(stop) || found.stops.size > 0) return
    signal.removeEventListener('abort', found.listener)
    waiting.delete(signal)
  }
}

function listen(signal: AbortSignal): Waiting {
  const stops = new Set<Stop>()
  const listener = (): void => {
    for (const stop of stops) stop(signal.reason)
  }
  signal.addEventListener('abort', listener, { once: true })
  const made = { stops, listener }
  waiting.set(signal, made)
  return made
}
