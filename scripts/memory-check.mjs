// Runs the tests that attack the library, and those that work it most, with the addon under AddressSanitizer and
// UndefinedBehaviorSanitizer, and makes a million calls at random there (test/fuzz/); sends, receives, opens and closes until
// a leak would show; and measures what received messages hold.
//
//     node scripts/memory-check.mjs [NAME…]     as of test-files.mjs
//
// The addon is built for it into .cache/asan/package, a copy of this package, so that build/ stays as it is. Linux with
// g++ and its libasan. Ends with a line that says passed or failed.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { nodeHeaders } from './node-headers.mjs'
import { testFiles } from './test-files.mjs'

const root = path.resolve(import.meta.dirname, '..')
const home = path.join(root, '.cache', 'asan')
const copy = path.join(home, 'package')
const logs = path.join(home, 'reports')
const wanted = process.argv.slice(2)
const names = wanted.length > 0 ? wanted : ['addon', 'bad-input', 'conformance', 'waiting', 'borrowed']
const files = names.flatMap(testFiles)
const unknown = names.filter((name) => testFiles(name).length === 0)
if (unknown.length > 0) {
  console.error(`memory-check: no test ${unknown.join(', ')}`)
  process.exit(2)
}
const LIMIT = 300_000

function compileAddon() {
  const script = path.join(root, 'scripts', 'gyp-sources.py')
  const target = execFileSync('python3', [script, path.join(root, 'binding.gyp'), 'sendmsg', 'linux'])
  const { sources, include_dirs: directories, defines } = JSON.parse(target)
  const { include_dir: napi } = createRequire(import.meta.url)('node-addon-api')
  const output = path.join(copy, 'build', 'Release')
  mkdirSync(output, { recursive: true })
  const flags = [
    ...['-std=c++17', '-fno-exceptions', '-fPIC', '-shared', '-g', '-O1', '-fno-omit-frame-pointer'],
    ...['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
    // node-addon-api's classes have no type information to look at.
    ...['-fno-sanitize=vptr'],
    ...['NODE_GYP_MODULE_NAME=sendmsg', ...defines].map((name) => `-D${name}`),
    ...[...directories, path.resolve(root, napi), nodeHeaders()].flatMap((directory) => ['-I', directory]),
  ]
  execFileSync('g++', [...flags, ...sources, '-o', path.join(output, 'sendmsg.node')], { cwd: root, stdio: 'inherit' })
}

async function copyPackage() {
  rmSync(home, { recursive: true, force: true })
  mkdirSync(logs, { recursive: true })
  for (const name of ['package.json', 'dist', 'test', 'scripts']) {
    if (existsSync(path.join(root, name))) cpSync(path.join(root, name), path.join(copy, name), { recursive: true })
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
  const compiled = readdirSync(path.join(copy, 'test'), { recursive: true })
    .filter((name) => /(?<!\.d)\.ts$/.test(name))
    .map((name) => path.join(copy, 'test', name))
  await build({
    entryPoints: compiled,
    outdir: path.join(copy, 'test'),
    outbase: path.join(copy, 'test'),
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
  })
}

const library = (name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()

/** What a process runs with whose addon is watched. */
function watched(leaks) {
  return {
    LD_PRELOAD: `${library('libasan.so')}:${library('libubsan.so')}`,
    // Node itself frees little at its end: of leaks only those count that the addon allocated.
    ASAN_OPTIONS: `detect_leaks=${leaks}:exitcode=${leaks === 1 ? 0 : 1}:log_path=${path.join(logs, 'address')}:handle_segv=1:allocator_may_return_null=1`,
    UBSAN_OPTIONS: `print_stacktrace=1:log_path=${path.join(logs, 'undefined')}`,
  }
}

/** Runs a script of the copy; tells its exit code and what it wrote. */
function run(script, args = [], leaks = 0) {
  const env = { ...process.env, ...watched(leaks), TAP_TIMEOUT: String(LIMIT / 1000) }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--expose-gc', script, ...args], { cwd: copy, env })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code: code ?? signal, output })
    })
  })
}

/** A million calls at random; the processes that make them are watched, and not the one that starts them. */
function fuzz() {
  const args = ['--seeds', '40', '--calls', '25000', '--processes', String(os.availableParallelism())]
  const env = { ...process.env, FUZZ_ENVIRONMENT: JSON.stringify(watched(0)), FUZZ_PATIENCE: '120000' }
  const script = path.join('test', 'fuzz', 'run.js')
  return spawnSync(process.execPath, [script, ...args], { cwd: copy, env, encoding: 'utf8' })
}

/** Reports of the sanitizers that involve the addon; a child's, too. */
function reports() {
  return readdirSync(logs)
    .map((name) => readFileSync(path.join(logs, name), 'utf8'))
    .filter((text) => /sendmsg\.node|runtime error/.test(text))
}

const problems = []
await copyPackage()
compileAddon()
for (const name of files) {
  const { code, output } = await run(path.join(copy, 'test', `${name}.js`))
  const count = (pattern) => output.match(pattern)?.length ?? 0
  console.log(`${name}: exit ${code}, ${count(/^ *ok /gm)} ok, ${count(/^ *not ok /gm)} not ok`)
  if (code !== 0)
    problems.push(
      `${name}: exit ${code}\n${(output.match(/^ *not ok .*$/gm) ?? []).slice(0, 10).join('\n')}\n${output.slice(-2000)}`,
    )
}
if (wanted.length === 0) {
  const { status, stdout, stderr } = fuzz()
  process.stdout.write(stdout)
  if (status !== 0) problems.push(`fuzz: exit ${status}\n${stderr.slice(-2000)}`)
}
// Blocks that nothing points to at the end, and then, with the addon as it is built for use, the growth of it all.
const growth = path.join('scripts', 'memory-growth.cjs')
const leaks = await run(path.join(copy, growth), ['--once'], 1)
if (leaks.code !== 0) problems.push(`leaks: exit ${leaks.code}\n${leaks.output.slice(-2000)}`)
const plain = spawnSync(process.execPath, ['--expose-gc', growth], { cwd: root, encoding: 'utf8' })
process.stdout.write(plain.stdout)
if (plain.status !== 0) problems.push(`growth: exit ${plain.status}\n${plain.stderr}`)
const messages = path.join('scripts', 'memory-messages.cjs')
const received = spawnSync(process.execPath, ['--expose-gc', messages], { cwd: root, encoding: 'utf8' })
process.stdout.write(received.stdout)
if (received.status !== 0) problems.push(`received messages: exit ${received.status}\n${received.stderr}`)
problems.push(...reports())

for (const problem of problems) console.log(`\n${problem}`)
console.log(
  `memory check ${problems.length === 0 ? 'passed' : 'failed'}: ${reports().length} reports of the sanitizers`,
)
process.exit(problems.length === 0 ? 0 : 1)
