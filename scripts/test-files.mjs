// Which files of test/ a name stands for, where suites run outside of tap: under Wine, in other runtimes, under sanitizers.

import { readdirSync } from 'node:fs'
import path from 'node:path'

export const tests = path.resolve(import.meta.dirname, '..', 'test')

const all = readdirSync(tests, { recursive: true })
  .filter((file) => file.endsWith('.test.ts'))
  .sort()

/**
 * Paths relative to test/, without their extension: `conformance` is every test of a folder, `send/waiting` one file. The last
 * part of a path is enough: `addon`, `waiting`. Empty if there is none.
 */
export function testFiles(name) {
  const places = (is) => all.filter((file) => is(file.slice(0, -'.test.ts'.length)) || is(path.dirname(file)))
  const found = places((place) => place === name)
  return (found.length > 0 ? found : places((place) => path.basename(place) === name)).map((file) =>
    file.slice(0, -'.ts'.length),
  )
}
