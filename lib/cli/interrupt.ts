/** Aborts at SIGINT or SIGTERM, which then do not end the process. `release` restores the default. */
export interface Interrupt {
  signal: AbortSignal
  /** The exit code that shells use for the signal, after it came. */
  exitCode: () => number | undefined
  release: () => void
}

export function interrupt(): Interrupt {
  const controller = new AbortController()
  let code: number | undefined
  const stop = (_name: NodeJS.Signals, number: number): void => {
    code = 128 + number
    controller.abort()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  return {
    signal: controller.signal,
    exitCode: () => code,
    release: () => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
