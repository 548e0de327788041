import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'

/**
 * Writes to stdout, and waits while its reader is slower. A turn of the event loop lets signals be handled. An abort ends the
 * wait.
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
