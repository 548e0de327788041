// Builds the addon for Windows on x64, with mingw, as binding.gyp describes it for Windows.
//
//   node scripts/build-windows.mjs [OUTPUT]     default: .cache/windows/sendmsg.node
//
// On Debian: apt-get install --no-install-recommends g++-mingw-w64-x86-64-posix

import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { addonOn } from './gyp.mjs'
import { inParallel } from './in-parallel.mjs'
import { nodeHeaders } from './node-headers.mjs'
import { hostJumps, hostSymbols } from './windows/host-jumps.mjs'

const root = path.resolve(import.meta.dirname, '..')
const work = path.join(root, '.cache', 'windows', 'objects')
const target = 'x86_64-w64-mingw32'
const compiler = `${target}-g++-posix`
// -Wpedantic: MSVC knows no GNU extensions.
const warnings = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-Wno-cast-function-type']
const small = ['-O2', '-ffunction-sections', '-fdata-sections', `-ffile-prefix-map=${root}=.`]
const linking = ['-shared', '-static', '-static-libgcc', '-static-libstdc++', '-Wl,--gc-sections', '-s']

const run = promisify(execFile)
const require = createRequire(import.meta.url)

/** What binding.gyp says of the addon on Windows. */
export const addonTarget = () => addonOn('win32')

export function compilerFlags({ include_dirs, defines }) {
  return [
    ...['-std=c++17', '-fno-exceptions', '-fno-rtti', ...small, ...warnings],
    // Functions of the host are called through the jumps below, not through an import table.
    ...['NODE_GYP_MODULE_NAME=sendmsg', 'BUILDING_NODE_EXTENSION', 'NAPI_EXTERN=', ...defines].map(
      (name) => `-D${name}`,
    ),
    ...include_dirs.flatMap((directory) => ['-I', path.join(root, directory)]),
    ...[path.resolve(root, require('node-addon-api').include_dir), nodeHeaders()].flatMap((directory) => [
      '-isystem',
      directory,
    ]),
  ]
}

/** The symbols that the objects want of the program that loads them. */
function wantedOfHost(objects) {
  const listing = execFileSync(`${target}-nm`, ['--undefined-only', '--format=posix', ...objects], { encoding: 'utf8' })
  return hostSymbols(listing.split('\n').map((line) => line.split(' ')[0]))
}

/** Links objects into an addon that any program can load. */
export async function linkAddon(objects, output, libraries, directory = work) {
  const stubs = path.join(directory, 'host_jumps.s')
  writeFileSync(stubs, hostJumps(wantedOfHost(objects), 'x64'))
  const resolver = path.join(import.meta.dirname, 'windows', 'host_symbols.c')
  const [jumpObject, resolverObject] = [path.join(directory, 'host_jumps.o'), path.join(directory, 'host_symbols.o')]
  await run(`${target}-gcc-posix`, ['-c', stubs, '-o', jumpObject])
  await run(`${target}-gcc-posix`, ['-c', '-std=c11', '-O2', '-Wall', '-Wextra', resolver, '-o', resolverObject])
  mkdirSync(path.dirname(output), { recursive: true })
  await run(compiler, [...linking, ...objects, jumpObject, resolverObject, '-o', output, ...libraries])
}

/** Where buildWindows() leaves what a source was compiled to. */
export const objectOf = (source) => path.join(work, `${path.basename(source, '.cc')}.o`)

export async function compile(source, object, flags) {
  await run(compiler, [...flags, '-c', source, '-o', object], { cwd: root })
}

export async function buildWindows(output) {
  const addon = addonTarget()
  const flags = compilerFlags(addon)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  await inParallel(addon.sources.map((source) => () => compile(source, objectOf(source), flags)))
  await linkAddon(addon.sources.map(objectOf), output, addon.libraries)
  return addon.sources.length
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const output = path.resolve(process.argv[2] ?? path.join(root, '.cache', 'windows', 'sendmsg.node'))
  try {
    const count = await buildWindows(output)
    console.log(`win32-x64: ${count} sources, ${statSync(output).size} bytes`)
  } catch (error) {
    console.error(`build-windows: ${error.stderr ? String(error.stderr).trim() : error.message}`)
    process.exitCode = 1
  }
}
