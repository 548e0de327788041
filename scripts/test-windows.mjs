// Builds the addon for Windows and runs the tests in Windows' Node under Wine.
//
//   node scripts/test-windows.mjs [--addon FILE] [--node VERSION]… [--chroot DIRECTORY] [NAME…]
//
// FILE is the addon to test, as prebuilds/win32-x64/sendmsg.node; without it that is what mingw makes of the sources here.
// NAME is one of the suites below. Without any the first VERSION runs them all, and the others what is called `everywhere`.
// With the hook (test/windows/) control data reaches the network; without it the tests show that it does not. DIRECTORY
// holds a Debian with the Wine to use (test-windows-newer.mjs). The reports are .cache/windows/reports/*.tap.
//
// On Debian: apt-get install --no-install-recommends wine wine64 g++-mingw-w64-x86-64-posix gcc libc6-dev dnsutils

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { buildWindows } from './build-windows.mjs'
import { countResults, describe } from './tap-counts.mjs'
import { joinReports } from './tap-join.mjs'
import { testFiles, tests } from './test-files.mjs'
import { buildContract } from './windows/contract.mjs'
import { checkResponder } from './windows/responder.mjs'
import { buildHook } from './windows/tools.mjs'
import { cpus, fetchNode, openWine, whyNotNarrow, windowsPath } from './windows/wine.mjs'
import { serveWitness } from './windows/witness.mjs'

const root = path.resolve(import.meta.dirname, '..')
const work = path.join(root, '.cache', 'windows')
const home = path.join(work, 'package')
const reports = path.join(work, 'reports')
const versions = JSON.parse(readFileSync(path.join(import.meta.dirname, 'windows', 'node-versions.json'), 'utf8'))

const WITH = { title: 'with the hook', hooked: true }
const WITHOUT = { title: 'without the hook' }
/** A Windows that knows the ECN half of the traffic class alone. */
const ECN = { title: 'with the hook, ECN alone', hooked: true, env: { SENDMSG_HOOK_ECN: '1' } }
const NARROW = { title: 'on a narrow loopback', narrow: true, env: { SENDMSG_NARROW: '1' } }

/** What runs in every version of Node; the others, which ask little of Node, run in the first. */
const everywhere = ['conformance', 'windows', 'responder']

/** The suites: where their tests are in test/, and how they run. `responder` is no test: dig asks it. */
const suites = {
  conformance: { tests: 'conformance', ways: [WITH] },
  'bad-input': { tests: 'bad-input', ways: [WITH] },
  errors: { tests: 'errors', ways: [WITH] },
  'internal/errors': { tests: 'internal/errors', ways: [WITH] },
  addon: { tests: 'native/addon', ways: [WITH] },
  windows: { tests: 'windows/sending', ways: [WITH, WITHOUT] },
  'windows-receiving': { tests: 'windows/receiving', ways: [WITH] },
  'windows-overlapped': { tests: 'windows/overlapped', ways: [WITH] },
  'windows-trains': { tests: 'windows/segmented', ways: [WITH] },
  'windows-ecn': { tests: 'windows/ecn', ways: [ECN] },
  'windows-contract': { tests: 'windows/contract', ways: [WITH, WITHOUT] },
  'windows-narrow': { tests: 'windows/narrow', ways: [NARROW] },
  responder: { ways: [WITH, WITHOUT] },
}
const filesOf = (name) => (name === 'responder' ? ['windows/responder'] : testFiles(suites[name].tests))

/** The package as it would be installed on Windows, and the tests beside it, which import it by its name. */
async function stage(names, addon) {
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  const place = path.join(home, 'prebuilds', 'win32-x64', 'sendmsg.node')
  // Also where another is tested: the test of the contract is linked with its objects.
  await buildWindows(place)
  if (addon !== undefined) cpSync(addon, place)
  cpSync(path.join(root, 'dist'), path.join(home, 'dist'), { recursive: true })
  cpSync(path.join(root, 'package.json'), path.join(home, 'package.json'))
  await build({
    entryPoints: names.flatMap(filesOf).map((file) => path.join(tests, `${file}.ts`)),
    outbase: tests,
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

/** Runs a suite in one way, prints what came of it, and gives whether all went well. */
async function runOne({ name, version, how, cpu }, { wine, hook, preload, contract, witness }) {
  const base = path.join(reports, `${name.replace('/', ' ')}, Node ${version}, ${how.title}`)
  const report = `${base}.tap`
  const env = {
    ...witness.environment,
    ...how.env,
    SENDMSG_CONTRACT: windowsPath(contract),
    TAP_TIMEOUT: '240',
  }
  if (how.hooked) Object.assign(env, { SENDMSG_HOOK: windowsPath(hook), LD_PRELOAD: preload })
  const program = (file) => [
    ...(how.hooked ? ['--require', windowsPath(hook)] : []),
    windowsPath(path.join(home, 'test', `${file}.cjs`)),
  ]
  const options = { env, cpu, narrow: how.narrow }
  const node = fetchNode(version)
  const files = filesOf(name)
  let status = 0
  if (name === 'responder') {
    status = await checkResponder(wine, node, program(files[0]), `${base}.txt`, report, options)
  } else {
    const parts = []
    for (const file of files) {
      const output = `${base}, ${path.basename(file)}.txt`
      const ended = await wine.run(node, program(file), output, options)
      parts.push({ name: file, text: readFileSync(output, 'utf8'), status: ended })
      if (ended !== 0) status = ended
    }
    writeFileSync(report, joinReports(parts))
  }
  const counts = await countResults(readFileSync(report, 'utf8'))
  console.log(`\n== ${name}, Node ${version} for Windows, ${how.title}`)
  console.log(describe(counts))
  if (status !== 0) console.log(`exit status ${status}`)
  return status === 0 && counts.failed === 0 && counts.passed > 0
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { addon: { type: 'string' }, node: { type: 'string', multiple: true }, chroot: { type: 'string' } },
  })
  const names = positionals.length > 0 ? positionals : Object.keys(suites)
  const unknown = names.filter((name) => suites[name] === undefined)
  if (unknown.length > 0) throw new Error(`no suite ${unknown.join(', ')}: there are ${Object.keys(suites).join(', ')}`)
  const nodes = values.node ?? versions
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports, { recursive: true })
  await stage(names, values.addon)
  const hook = await buildHook(path.join(work, 'hook'))
  const contract = await buildContract(path.join(work, 'contract'))
  const wine = openWine(values.chroot)
  const witness = await serveWitness()
  const allowed = cpus()
  const results = []
  const runAll = async (jobs) => {
    for (const job of jobs) results.push(await runOne(job, { wine, ...hook, contract, witness }))
  }
  try {
    const jobs = nodes.map((version, index) =>
      names
        .filter((name) => index === 0 || everywhere.includes(name))
        .flatMap((name) =>
          suites[name].ways.map((how) => ({ name, version, how, cpu: allowed[index % allowed.length] })),
        ),
    )
    // The versions side by side, each on a CPU of its own.
    await Promise.all(jobs.map((own) => runAll(own.filter(({ how }) => !how.narrow))))
    const narrow = jobs.flat().filter(({ how }) => how.narrow)
    const reason = narrow.length > 0 && whyNotNarrow()
    if (reason) console.log(`\nskipped: what needs a narrow loopback: ${reason}`)
    else await runAll(narrow)
  } finally {
    witness.close()
  }
  return results.every(Boolean)
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error(`test-windows: ${error.stderr ? String(error.stderr).trim() : error.message}`)
  process.exitCode = 1
}
