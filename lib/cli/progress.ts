import { SingleBar } from 'cli-progress'

/** A progress bar on stderr, after the first second. There is none where stderr is no terminal. */
export class Progress {
  readonly #bar: SingleBar | undefined
  readonly #timer: NodeJS.Timeout | undefined
  #sent = 0

  constructor(total: number) {
    if (total <= 1 || !process.stderr.isTTY) return
    const bar = new SingleBar({
      format: 'sending [{bar}] {percentage}% | {value} of {total} | {eta_formatted} left',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    })
    this.#bar = bar
    this.#timer = setTimeout(() => bar.start(total, this.#sent), 1000).unref()
  }

  update(sent: number): void {
    this.#sent = sent
    if (this.#bar?.isActive) this.#bar.update(sent)
  }

  stop(): void {
    clearTimeout(this.#timer)
    if (this.#bar?.isActive) this.#bar.stop()
  }
}
