/** A call that waits until the socket is bound. */
export interface BindWaiter {
  proceed(): void
  /** bind() has failed. */
  failed(error: Error): void
  /** A call that waited before this one has closed the socket. */
  closed(): void
}

/** Runs code that may be the program's. An error of it becomes an uncaught exception, and the other calls go on. */
export function isolate(call: () => void): void {
  try {
    call()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}

/** The calls that wait until the socket is bound, in order. */
export class BindWaiters {
  private waiters: BindWaiter[] = []

  get any(): boolean {
    return this.waiters.length > 0
  }

  push(waiter: BindWaiter): void {
    this.waiters.push(waiter)
  }

  /** The socket is bound. */
  proceed(isClosed: () => boolean): void {
    for (const waiter of this.take()) {
      isolate(() => {
        if (isClosed()) waiter.closed()
        else waiter.proceed()
      })
    }
  }

  fail(error: Error): void {
    for (const waiter of this.take()) {
      isolate(() => {
        waiter.failed(error)
      })
    }
  }

  private take(): BindWaiter[] {
    const { waiters } = this
    this.waiters = []
    return waiters
  }
}
