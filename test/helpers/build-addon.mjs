// Builds the addon of the sources in a directory, which has src/ and src-posix/, with g++ into its build/Release:
//
//     node build-addon.mjs DIRECTORY [SOURCE…]
//
// Objects stand beside their sources. With SOURCEs only these are compiled again. Without a directory: says what is missing
// here to build at all.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { addonOn } from '../../scripts/gyp.mjs'
import { inParallel } from '../../scripts/in-parallel.mjs'
import { nodeHeaders } from '../../scripts/node-headers.mjs'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '..', '..')

function whatIsMissing() {
  for (const tool of ['g++', 'python3']) {
    if (spawnSync(tool, ['--version']).status !== 0) return `there is no ${tool}`
  }
  try {
    nodeHeaders()
    return ''
  } catch (error) {
    return error.message
  }
}

async function build(directory, changed) {
  const { sources, include_dirs: directories, defines } = addonOn('linux')
  const { include_dir: napi } = createRequire(import.meta.url)('node-addon-api')
  const flags = [
    ...['-std=c++17', '-fno-exceptions', '-fPIC', '-O0'],
    ...['NODE_GYP_MODULE_NAME=sendmsg', ...defines].map((name) => `-D${name}`),
    ...[...directories, path.resolve(root, napi), nodeHeaders()].flatMap((include) => ['-I', include]),
  ]
  const objectOf = (source) => source.replace(/\.cc$/, '.o')
  const jobs = (changed.length > 0 ? changed : sources).map(
    (source) => () => run('g++', [...flags, '-c', source, '-o', objectOf(source)], { cwd: directory }),
  )
  await inParallel(jobs)
  const output = path.join(directory, 'build', 'Release')
  mkdirSync(output, { recursive: true })
  execFileSync('g++', ['-shared', ...sources.map(objectOf), '-o', path.join(output, 'sendmsg.node')], {
    cwd: directory,
    stdio: 'inherit',
  })
}

const [directory, ...changed] = process.argv.slice(2)
if (directory === undefined) console.log(whatIsMissing())
else await build(directory, changed)
