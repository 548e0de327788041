import { onAbort } from './abort-listeners'
import { abortError, timedOut } from '../errors/socket-error'
import type { WaitOptions } from '../types'

/** Ends the wait of a call by its time-out or its signal. */
export class Deadline {
  private timer: NodeJS.Timeout | undefined
  private release: (() => void) | undefined
  private ended = false

  /**
   * Calls `cancel` with the error when time is up or the signal aborts. Listening to the signal can run code of the program,
   * which can settle the call. What that code throws cancels the call, too.
   */
  start({ signal, timeout }: WaitOptions, syscall: string, cancel: (error: Error) => void): void {
    if (this.ended) return
    if (timeout !== undefined) {
      this.timer = setTimeout(() => {
        cancel(timedOut(syscall))
      }, timeout)
      // The socket decides whether the event loop stays alive.
      this.timer.unref()
    }
    if (signal === undefined) return
    try {
      const release = onAbort(signal, (reason) => {
        cancel(abortError(reason))
      })
      if (this.ended) release()
      else this.release = release
      if (signal.aborted) cancel(abortError(signal.reason))
    } catch (error) {
      cancel(error as Error)
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
