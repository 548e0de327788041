// Runs clang-format over all C++, and clang-tidy over the sources that binding.gyp names for this system, and for Windows
// where mingw's headers are there.
// With --fix it only formats, in place.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { addonOn } from './gyp.mjs'
import { inParallel } from './in-parallel.mjs'
import { nodeHeaders } from './node-headers.mjs'

const root = path.resolve(import.meta.dirname, '..')
const directories = ['src', 'src-posix', 'src-win']
const mingw = 'x86_64-w64-mingw32'

function fail(message) {
  console.error(`lint:cpp: ${message}`)
  process.exit(1)
}

function requireTools() {
  const missing = ['clang-format', 'clang-tidy'].filter((tool) => spawnSync(tool, ['--version']).error)
  if (missing.length > 0) {
    fail(`${missing.join(' and ')} not found; on Debian: apt-get install clang-format clang-tidy`)
  }
}

function files(extensions) {
  return directories
    .filter((directory) => existsSync(path.join(root, directory)))
    .flatMap((directory) => readdirSync(path.join(root, directory)).map((name) => path.join(directory, name)))
    .filter((name) => extensions.includes(path.extname(name)))
}

function format(how) {
  const all = files(['.cc', '.h'])
  if (all.length === 0) fail(`no C++ in ${directories.join(', ')}`)
  const { status } = spawnSync('clang-format', [...how, ...all], { cwd: root, stdio: 'inherit' })
  return status === 0
}

/** The directories where mingw's compiler looks for headers; undefined where it is not installed. */
function mingwHeaders() {
  const { stderr, status } = spawnSync(`${mingw}-g++-posix`, ['-E', '-x', 'c++', '-v', '-'], {
    input: '',
    encoding: 'utf8',
  })
  if (status !== 0) return undefined
  const [, list] = /<\.\.\.> search starts here:\n(.*?)End of search list/s.exec(stderr)
  return list
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
}

/** Runs clang-tidy over sources that are built for one platform, in `directories`. */
async function tidy(platform, directories, flags = []) {
  const { sources, include_dirs, defines } = addonOn(platform)
  const { include_dir } = createRequire(import.meta.url)('node-addon-api')
  const all = [
    ...flags,
    '-std=c++17',
    '-fno-exceptions',
    '-fno-rtti',
    '-Wall',
    '-Wextra',
    ...defines.map((name) => `-D${name}`),
    ...['.', ...include_dirs].flatMap((directory) => ['-I', path.resolve(root, directory)]),
    ...[path.resolve(root, include_dir), nodeHeaders()].flatMap((directory) => ['-isystem', directory]),
  ]
  const own = sources.filter((name) => name.endsWith('.cc') && directories.includes(path.dirname(name)))
  if (own.length === 0) fail(`binding.gyp names no sources for ${platform}`)
  let clean = true
  const check = async (name) => {
    const { status, output } = await run('clang-tidy', ['--quiet', name, '--', ...all])
    if (status === 0) return
    clean = false
    console.log(output.replace(/^\d+ warnings?.* generated\.\n/gm, '').trim())
  }
  await inParallel(own.map((name) => () => check(name)))
  return clean
}

/** What only Windows compiles, with mingw's headers. */
async function tidyWindows() {
  const headers = mingwHeaders()
  if (headers === undefined) {
    console.log(`lint:cpp: src-win is not checked with clang-tidy: ${mingw}-g++-posix not found`)
    return true
  }
  // Behind clang's own: the intrinsics of each compiler are for that compiler alone.
  const flags = [`--target=${mingw}`, '-nostdlibinc', ...headers.flatMap((directory) => ['-idirafter', directory])]
  return tidy('win32', ['src-win'], flags)
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, output }))
  })
}

requireTools()
if (process.argv.includes('--fix')) {
  process.exit(format(['-i']) ? 0 : 1)
} else {
  const formatted = format(['--dry-run', '-Werror'])
  const tidied = await tidy(process.platform, directories)
  const tidiedWindows = process.platform === 'win32' || (await tidyWindows())
  process.exit(formatted && tidied && tidiedWindows ? 0 : 1)
}
