// Binaries that were built before of the same sources by the same tools.
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { cache, machoLinker, root, TOOLS } from './toolchain.mjs'

const kept = path.join(cache, 'prebuild', 'kept')

/** Everything that compiles, or says how. */
const INPUTS = [
  'binding.gyp',
  'src',
  'src-posix',
  'src-win',
  'scripts/gyp-sources.py',
  'scripts/gyp.mjs',
  'scripts/prebuild',
]
const WINDOWS_INPUTS = ['scripts/windows/host-jumps.mjs', 'scripts/windows/host_symbols.c']

function filesOf(name) {
  const file = path.join(root, name)
  if (statSync(file).isFile()) return [name]
  return readdirSync(file)
    .sort()
    .flatMap((inner) => filesOf(path.posix.join(name, inner)))
}

function keyOf(target) {
  const hash = createHash('sha256')
  const addonApi = createRequire(import.meta.url)('node-addon-api/package.json').version
  const linker = target.platform === 'darwin' ? machoLinker().version : ''
  hash.update(JSON.stringify([target, TOOLS, addonApi, linker]))
  const inputs = target.platform === 'win32' ? [...INPUTS, ...WINDOWS_INPUTS] : INPUTS
  for (const name of inputs.flatMap(filesOf)) {
    const content = readFileSync(path.join(root, name))
    hash.update(`\n${name} ${String(content.length)}\n`).update(content)
  }
  return hash.digest('hex')
}

const placeOf = (target) => path.join(kept, `${target.name}-${keyOf(target)}.node`)

/** Copies what was built before to `file`. Whether there was any. */
export function takeKept(target, file) {
  const place = placeOf(target)
  if (!existsSync(place)) return false
  mkdirSync(path.dirname(file), { recursive: true })
  copyFileSync(place, file)
  return true
}

export function keep(target, file) {
  const place = placeOf(target)
  mkdirSync(kept, { recursive: true })
  // Never half of one, whatever happens meanwhile.
  copyFileSync(file, `${place}.new`)
  renameSync(`${place}.new`, place)
}
