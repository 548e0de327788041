import type { Test } from 'tap'

/** Notes what nobody catches, in place of tap, until the test ends. */
export function uncaught(test: Test): Error[] {
  const errors: Error[] = []
  const note = (error: Error): unknown => errors.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', note)
  test.teardown(() => {
    process.off('uncaughtException', note)
    for (const other of others) process.on('uncaughtException', other)
  })
  return errors
}
