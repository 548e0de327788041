// Runs the tests with the prebuilt binaries, in every runtime that there is for them here (prebuild/runtimes.mjs).
//
//   node scripts/test-prebuilds.mjs [NAME…]     those whose name has one of these in it, as `arm64` or `Deno`
//
// The binaries are those in prebuilds/ (npm run prebuild). The reports are .cache/prebuilds/reports/*.tap.
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import path from 'node:path'
import { build } from 'esbuild'
import { RUNTIMES } from './prebuild/runtimes.mjs'
import { TARGETS } from './prebuild/targets.mjs'
import { countResults, describe } from './tap-counts.mjs'
import { joinReports } from './tap-join.mjs'
import { testFiles, tests } from './test-files.mjs'

const root = path.resolve(import.meta.dirname, '..')
const work = path.join(root, '.cache', 'prebuilds')
const reports = path.join(work, 'reports')
/** An emulator takes ten times as long. */
const LONGEST = 300_000

/** The package as it would be installed, with one binary, and the tests beside it, which import it by its name. */
async function stage({ name, target, command }, file) {
  const home = path.join(work, 'runs', name.replace(/[^\w.-]+/g, '-'))
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  cpSync(path.join(root, 'prebuilds', file), path.join(home, 'prebuilds', file))
  for (const part of ['dist', 'package.json']) cpSync(path.join(root, part), path.join(home, part), { recursive: true })
  cpSync(path.join(tests, 'witness'), path.join(home, 'test', 'witness'), { recursive: true })
  cpSync(path.join(tests, 'package', 'prebuilds', 'runtime.cjs'), path.join(home, 'test', 'runtime.cjs'))
  // What the tests start by process.execPath must be started the same way.
  const again = path.join(home, 'node')
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  writeFileSync(again, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`)
  chmodSync(again, 0o755)
  await build({
    entryPoints: testFiles('conformance').map((name) => path.join(tests, `${name}.ts`)),
    outbase: tests,
    outdir: path.join(home, 'test'),
    outExtension: { '.js': '.cjs' },
    bundle: true,
    define: { 'process.execPath': JSON.stringify(again) },
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
  })
  if (!existsSync(path.join(home, 'prebuilds', file))) throw new Error(`${target} was not staged`)
  return home
}

/** Runs one file of the tests, and gives what it reported. */
async function runFile(home, command, [name, ...args], environment) {
  const child = spawn(command[0], [...command.slice(1), path.join('test', `${name}.cjs`), ...args], {
    cwd: home,
    env: { ...process.env, PREBUILDS_ONLY: '1', TAP_TIMEOUT: String(LONGEST / 1000), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LONGEST,
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part))
  const [code, signal] = await once(child, 'close')
  return { name, text, status: code ?? signal }
}

/** Runs a suite: `conformance`, or `runtime` with its parts. */
async function runSuite(home, command, suite, environment) {
  if (suite !== 'conformance') return [await runFile(home, command, suite.split(' '), environment)]
  const parts = []
  for (const name of testFiles(suite)) parts.push(await runFile(home, command, [name], environment))
  return parts
}

/** Prints what came of it, and gives whether all went well. */
async function runIn(runtime) {
  console.log(`\n== ${runtime.name}`)
  const { file } = TARGETS.find(({ name }) => name === runtime.target)
  const hint = runtime.missing?.()
  const binary = existsSync(path.join(root, 'prebuilds', file))
  if (hint !== undefined || !binary) {
    console.log(`skipped: ${hint ?? `npm run prebuild -- ${runtime.target}`}`)
    return true
  }
  const command = runtime.command()
  const home = await stage({ ...runtime, command }, file)
  let right = true
  for (const suite of runtime.suites) {
    const report = path.join(reports, `${runtime.name}, ${suite}.tap`)
    const parts = await runSuite(home, command, suite, runtime.environment)
    const text = joinReports(parts)
    writeFileSync(report, text)
    const counts = await countResults(text)
    console.log(`${suite}\n${describe(counts)}`)
    for (const { name, status } of parts) if (status !== 0) console.log(`${name}: exit status ${status}`)
    right &&= parts.every(({ status }) => status === 0) && counts.failed === 0 && counts.passed > 0
  }
  return right
}

async function main(names) {
  const chosen = RUNTIMES.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)))
  if (chosen.length === 0) {
    throw new Error(`no runtime ${names.join(', ')}: there are\n${RUNTIMES.map(({ name }) => name).join('\n')}`)
  }
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports, { recursive: true })
  const results = []
  for (const runtime of chosen) results.push(await runIn(runtime))
  return results.every(Boolean)
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
} catch (error) {
  console.error(`test-prebuilds: ${error.stderr ? String(error.stderr).trim() : error.message}`)
  process.exitCode = 1
}
