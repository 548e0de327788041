// Runs the tests in those Node versions for Windows that want a newer Wine than Debian 12 has: in Debian 13's, in a folder.
//
//   node scripts/test-windows-newer.mjs [--mirror URL] [NAME…]     NAME as for test-windows.mjs
//
// The folder, .cache/windows/trixie, is made by debootstrap when it is not there; MIRROR is that of this machine's apt.
// Needs root, and what test-windows.mjs needs to build.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { prepareDebian, runBeside } from './windows/debian.mjs'

const home = path.resolve(import.meta.dirname, '..', '.cache', 'windows', 'trixie')
const versionsIn = (...file) => JSON.parse(readFileSync(path.join(import.meta.dirname, ...file), 'utf8'))

function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { mirror: { type: 'string' } } })
  prepareDebian(home, 'trixie', ['wine', 'wine64'], values.mirror)
  const older = versionsIn('windows', 'node-versions.json')
  const newer = versionsIn('node-versions.json').filter((version) => !older.includes(version))
  const options = ['--chroot', home, ...newer.flatMap((version) => ['--node', version])]
  const script = path.join(import.meta.dirname, 'test-windows.mjs')
  return runBeside(home, process.execPath, [script, ...options, ...positionals])
}

try {
  process.exitCode = main() === 0 ? 0 : 1
} catch (error) {
  console.error(`test-windows-newer: ${error.message}`)
  process.exitCode = 1
}
