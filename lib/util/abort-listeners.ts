type Cancel = (reason: unknown) => void

interface AbortListener {
  readonly cancels: Set<Cancel>
  readonly listener: () => void
}

/**
 * One listener for each signal, for all calls that wait. Node warns of more than ten listeners as of a leak, and looks
 * through all of them to add one.
 */
const listeners = new WeakMap<AbortSignal, AbortListener>()

/**
 * Calls `cancel` with the reason when `signal` aborts. Returns a function that undoes that. The signal can be any object with
 * these methods: what removeEventListener throws is an uncaught exception, and disturbs no other call.
 * @throws what the signal's addEventListener throws
 */
export function onAbort(signal: AbortSignal, cancel: Cancel): () => void {
  const found = listeners.get(signal) ?? listen(signal)
  found.cancels.add(cancel)
  return () => {
    if (!found.cancels.delete(cancel) || found.cancels.size > 0) return
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
  const cancels = new Set<Cancel>()
  const listener = (): void => {
    const reason: unknown = signal.reason
    for (const cancel of cancels) cancel(reason)
  }
  const made = { cancels, listener }
  signal.addEventListener('abort', listener, { once: true })
  listeners.set(signal, made)
  return made
}
