import { onAbort } from './abort-listeners'
import { abortError, timedOut } from '../errors/socket-error'
import type { WaitOptions } from '../types'

/** What ends the wait of a call: its time-out and its signal. */
export class Deadline {
  private timer: NodeJS.Timeout | undefined
  private release: (() => void) | undefined
  private ended = false

  /**
   * Calls `stop` with the error when time is up or the signal aborts. To listen to a signal can run code of the program:
   * the call must be able to be settled already. What that code throws stops the call, too.
   */
  start({ signal, timeout }: WaitOptions, syscall: string, stop: (error: Error) => void): void {
    if (this.ended) return
    if (timeout !== undefined) {
      this.timer = setTimeout(() => {
        stop(timedOut(syscall))
      }, timeout)
      // What waits holds the event loop as its socket does.
      this.timer.unref()
    }
    if (signal === undefined) return
    try {
      const release = onAbort(signal, (reason) => {
        stop(abortError(reason))
      })
      if (this.ended) release()
      else this.release = release
      if (signal.aborted) stop(abortError(signal.reason))
    } catch (error) {
      stop(error as Error)
    }
  }

  /** The call is settled. */
  end(): void {
    if (this.ended) return
    this.ended = true
    clearTimeout(this.timer)
    this.release?.()
  }
}
