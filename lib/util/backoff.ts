/** A timer for retries where no event tells when to retry. Each delay is twice the one before, up to a maximum. */
export class Backoff {
  private timer: NodeJS.Timeout | undefined
  private delay: number
  private refed = true

  /** Delays are in milliseconds. */
  constructor(
    private readonly retry: () => void,
    private readonly firstDelay: number,
    private readonly maxDelay = firstDelay,
  ) {
    this.delay = firstDelay
  }

  get active(): boolean {
    return this.timer !== undefined
  }

  start(): void {
    if (this.timer !== undefined) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.retry()
    }, this.delay)
    if (!this.refed) this.timer.unref()
    this.delay = Math.min(this.delay * 2, this.maxDelay)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  /** The next delay is the first one again. */
  reset(): void {
    this.delay = this.firstDelay
  }

  /** Whether the timer keeps the event loop alive. */
  setRef(on: boolean): void {
    this.refed = on
    if (on) this.timer?.ref()
    else this.timer?.unref()
  }
}
