// Builds the prebuilt binaries, all of them on one Linux machine. Names and places are prebuildify's.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { SingleBar } from 'cli-progress'
import Table from 'cli-table3'
import { Command } from 'commander'
import prebuildify from 'prebuildify'
import { keep, takeKept } from './cache.mjs'
import { TARGETS } from './targets.mjs'
import { cache, openToolchain, root } from './toolchain.mjs'

const SUMS = path.join('prebuilds', 'SHA256SUMS')
/** What node-gyp would get headers for; the builder has its own. */
const NODE = '20.20.2'

const command = new Command('npm run prebuild --')
  .description('prebuilt binaries for every platform, in prebuilds/')
  .argument('[target...]', 'only these, by name')
  .option('--list', 'print the names of the targets')
  .option('--json', 'with --list: all that is known of them')
  .option('--fresh', 'build also what was built before')
  .option('--out <directory>', 'where prebuilds/ goes; without it here, or with --verify into .cache/')
  .option('--record', `write ${SUMS}: for a release, of all targets`)
  .option('--verify', `build afresh, and compare with ${SUMS}`)
  .parse()
const options = command.opts()

function chosen() {
  const unknown = command.args.find((name) => !TARGETS.some((target) => target.name === name))
  if (unknown !== undefined) command.error(`There is no target ${unknown}; --list has them.`)
  if (options.record && command.args.length > 0) command.error('--record takes all targets.')
  return command.args.length === 0 ? TARGETS : TARGETS.filter(({ name }) => command.args.includes(name))
}

/** Builds one, or takes what was built before. What is in the summary. */
async function make(target, out, fresh) {
  const start = performance.now()
  const file = path.join(out, 'prebuilds', target.file)
  const cached = !fresh && takeKept(target, file)
  if (!cached) {
    const { platform, arch, libc } = target
    const stage = path.join(cache, 'prebuild', 'stage', target.name)
    rmSync(stage, { recursive: true, force: true })
    mkdirSync(stage, { recursive: true })
    await promisify(prebuildify)({
      ...{ platform, arch, napi: true, targets: [NODE], name: 'sendmsg', cwd: stage, out, strip: false },
      nodeGyp: path.join(import.meta.dirname, 'cross-gyp.mjs'),
      ...(libc !== undefined && { libc, tagLibc: true }),
      ...(arch === 'arm' && { armv: '7', tagArmv: true }),
    })
    keep(target, file)
  }
  return { file: target.file, cached, milliseconds: performance.now() - start, ...describe(file) }
}

function describe(file) {
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
  return { size: statSync(file).size, hash }
}

async function makeAll(targets, out, fresh) {
  const interactive = process.stderr.isTTY
  const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', stream: process.stderr })
  const made = []
  if (interactive) bar.start(targets.length, 0, { name: '' })
  try {
    for (const target of targets) {
      if (interactive) bar.update(made.length, { name: target.name })
      else process.stderr.write(`${String(made.length + 1)}/${String(targets.length)} ${target.name}\n`)
      made.push(await make(target, out, fresh))
    }
  } finally {
    if (interactive) bar.stop()
  }
  return made
}

function summary(made) {
  const table = new Table({
    head: ['in prebuilds/', 'bytes', 'seconds', 'SHA-256'],
    colAligns: ['left', 'right', 'right', 'left'],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  })
  for (const { file, size, cached, milliseconds, hash } of made) {
    table.push([file, size, cached ? 'kept' : (milliseconds / 1000).toFixed(1), `${hash.slice(0, 16)}…`])
  }
  return table.toString()
}

/** In the format of sha256sum(1). */
const sumsOf = (made) =>
  made
    .map(({ hash, file }) => `${hash}  ${file}\n`)
    .sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1))
    .join('')

/** Files whose sum is another than the recorded one; when all were made, also what is recorded of no target. */
function differing(made) {
  const recorded = new Map(
    readFileSync(path.join(root, SUMS), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  )
  const wrong = made.filter(({ file, hash }) => recorded.get(file) !== hash).map(({ file }) => file)
  if (made.length < TARGETS.length) return wrong
  return [...wrong, ...[...recorded.keys()].filter((name) => !TARGETS.some(({ file }) => file === name))]
}

function outputDirectory() {
  if (options.out !== undefined) return path.resolve(options.out)
  if (!options.verify) return root
  const out = path.join(cache, 'prebuild', 'verify')
  rmSync(out, { recursive: true, force: true })
  return out
}

async function main() {
  const targets = chosen()
  if (options.list) {
    if (options.json) console.log(JSON.stringify(targets))
    else for (const { name, file } of targets) console.log(`${name.padEnd(20)}${file}`)
    return
  }
  if (options.verify && !existsSync(path.join(root, SUMS))) {
    throw new Error(`there is no ${SUMS} to compare with: it is committed with a release`)
  }
  openToolchain()
  const out = outputDirectory()
  const made = await makeAll(targets, out, options.fresh || options.verify)
  console.log(summary(made))
  if (options.record) writeFileSync(path.join(out, SUMS), sumsOf(made))
  if (!options.verify) return
  const wrong = differing(made)
  if (wrong.length > 0) throw new Error(`not what ${SUMS} has: ${wrong.join(', ')}`)
  console.log(`All ${String(made.length)} are what ${SUMS} has.`)
}

try {
  await main()
} catch (error) {
  console.error(`prebuild: ${error.message}`)
  process.exitCode = 1
}
