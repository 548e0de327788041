// Builds the addon for Windows and runs the tests in Windows' Node under Wine.
//
//   node scripts/test-windows.mjs [--node VERSION] [NAME…]
//
// NAME is a test file without `.test.ts`; without any it runs the conformance suite and what is Windows' own. With the hook
// (test/windows/) control data reaches the network; without it only `windows` runs, and shows that it does not.
//
// On Debian: apt-get install --no-install-recommends wine wine64 g++-mingw-w64-x86-64-posix gcc libc6-dev

import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { spawnSync } from 'node:child_process'
import { build } from 'esbuild'
import { buildWindows } from './build-windows.mjs'
import { checkResponder } from './windows/responder.mjs'
import { buildHook } from './windows/tools.mjs'
import { fetchNode, preparePrefix, run, windowsPath } from './windows/wine.mjs'
import { serveWitness } from './windows/witness.mjs'

const root = path.resolve(import.meta.dirname, '..')
const work = path.join(root, '.cache', 'windows')
const home = path.join(work, 'package')
const versions = JSON.parse(readFileSync(path.join(import.meta.dirname, 'windows', 'node-versions.json'), 'utf8'))

/** The package as it would be installed on Windows, and the tests beside it, which import it by its name. */
async function stage(names) {
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  await buildWindows(path.join(home, 'prebuilds', 'win32-x64', 'sendmsg.node'))
  cpSync(path.join(root, 'dist'), path.join(home, 'dist'), { recursive: true })
  cpSync(path.join(root, 'package.json'), path.join(home, 'package.json'))
  await build({
    entryPoints: [
      ...names.map((name) => path.join(root, 'test', `${name}.test.ts`)),
      path.join(root, 'test', 'windows', 'responder.ts'),
    ],
    outbase: path.join(root, 'test'),
    outdir: path.join(home, 'test'),
    outExtension: { '.js': '.cjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
  })
}

/** Prints what count-results.mjs finds in a report, and gives whether all of it went well. */
function count(report) {
  const script = path.join(import.meta.dirname, 'count-results.mjs')
  const { stdout, status } = spawnSync(process.execPath, [script, report], { encoding: 'utf8' })
  process.stdout.write(stdout)
  return status === 0
}

/** What runs without the hook, too: they tell what is missing then. */
const controls = new Set(['windows', 'responder'])

async function runOne(name, version, hooked, { hook, preload, witness }) {
  console.log(`\n== ${name}, Node ${version} for Windows, ${hooked ? 'with' : 'without'} the hook`)
  const node = fetchNode(version)
  const base = path.join(work, `${name}-${version}-${hooked ? 'with' : 'without'}`)
  const report = `${base}.tap`
  const env = { ...witness.environment, TAP_TIMEOUT: '240', SENDMSG_HOOK: hooked ? windowsPath(hook) : '' }
  if (hooked) env.LD_PRELOAD = preload
  const program = (file) => [...(hooked ? ['--require', windowsPath(hook)] : []), windowsPath(path.join(home, file))]
  if (name === 'responder') {
    await checkResponder(node, program('test/windows/responder.cjs'), env, `${base}.txt`, report, hooked)
    return count(report)
  }
  const status = await run(node, program(`test/${name}.test.cjs`), report, { env })
  if (status !== 0) console.log(`exit status ${status}`)
  return count(report) && status === 0
}

async function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { node: { type: 'string' } } })
  const names = positionals.length > 0 ? positionals : ['conformance', 'windows', 'responder']
  await stage(names.filter((name) => name !== 'responder'))
  const tools = await buildHook(path.join(work, 'hook'))
  preparePrefix()
  const witness = await serveWitness()
  let well = true
  try {
    for (const version of values.node === undefined ? versions : [values.node]) {
      for (const name of names) {
        for (const hooked of controls.has(name) ? [true, false] : [true]) {
          well = (await runOne(name, version, hooked, { ...tools, witness })) && well
        }
      }
    }
  } finally {
    witness.close()
  }
  return well
}

process.exitCode = (await main()) ? 0 : 1
