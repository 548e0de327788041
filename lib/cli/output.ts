import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'

/**
 * Writes to stdout, waits while its reader is slower than we are, and lets signals have their turn. An abort ends the
 * waiting.
 */
export async function print(text: string, signal: AbortSignal): Promise<void> {
  try {
    if (process.stdout.write(text)) await setImmediate(undefined, { signal })
    else await once(process.stdout, 'drain', { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
