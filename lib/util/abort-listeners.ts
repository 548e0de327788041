type Stop = (reason: unknown) => void

interface AbortListener {
  readonly stops: Set<Stop>
  readonly listener: () => void
}

/**
 * Calls that wait, by their signal. Each signal has one listener for all of them: Node warns of more than ten as of a
 * leak, and it looks through all of them to add one.
 */
const listeners = new WeakMap<AbortSignal, AbortListener>()

/**
 * Calls `stop` with the reason when `signal` aborts. Returns what undoes that. The signal can be any object with its
 * methods, so what they throw is reported as an uncaught exception and disturbs no other call.
 * @throws what the signal's addEventListener throws
 */
export function onAbort(signal: AbortSignal, stop: Stop): () => void {
  const found = listeners.get(signal) ?? listen(signal)
  found.stops.add(stop)
  return () => {
    if (!found.stops.delete(stop) || found.stops.size > 0) return
    if (listeners.get(signal) === found) listeners.delete(signal)
    try {
      signal.removeEventListener('abort', found.listener)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }
}

function listen(signal: AbortSignal): AbortListener {
  const stops = new Set<Stop>()
  const listener = (): void => {
    const reason: unknown = signal.reason
    for (const stop of stops) stop(reason)
  }
  const made = { stops, listener }
  signal.addEventListener('abort', listener, { once: true })
  listeners.set(signal, made)
  return made
}
