// Builds one target of each family again, in another directory, and compares with what is in prebuilds/.
//
//   node scripts/prebuild/reproduce.mjs [TARGET…]
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TARGETS } from './targets.mjs'
import { cache, root } from './toolchain.mjs'

const FAMILIES = ['linux-x64-glibc', 'linux-arm64-musl', 'darwin-arm64', 'win32-x64']
const SOURCES = ['binding.gyp', 'package.json', 'scripts', 'src', 'src-posix', 'src-win']
const TOOLS = ['zig', 'node-headers']

function main(asked) {
  const names = asked.length > 0 ? asked : FAMILIES
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'a-directory-of-another-name-'))
  try {
    for (const name of SOURCES) cpSync(path.join(root, name), path.join(elsewhere, name), { recursive: true })
    symlinkSync(path.join(root, 'node_modules'), path.join(elsewhere, 'node_modules'))
    mkdirSync(path.join(elsewhere, '.cache'))
    for (const name of TOOLS) symlinkSync(path.join(cache, name), path.join(elsewhere, '.cache', name))
    execFileSync(process.execPath, [path.join(elsewhere, 'scripts', 'prebuild', 'main.mjs'), ...names], {
      cwd: elsewhere,
    })
    let same = true
    for (const { name, file } of TARGETS.filter((target) => names.includes(target.name))) {
      const [here, there] = [root, elsewhere].map((directory) => readFileSync(path.join(directory, 'prebuilds', file)))
      const equal = here.equals(there)
      same &&= equal
      console.log(`${name}: ${equal ? 'the same bytes' : 'other bytes'}`)
    }
    return same
  } finally {
    rmSync(elsewhere, { recursive: true, force: true })
  }
}

try {
  process.exitCode = main(process.argv.slice(2)) ? 0 : 1
} catch (error) {
  console.error(`reproduce: ${error.message}`)
  process.exitCode = 1
}
