// Programs on libraries from npm, once on node:dgram and once on this package in its place: the same comes of both.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { cases, digWithReplyTo, type Case } from './cases'

const run = promisify(execFile)
const file = (name: string): string => path.join(__dirname, name)

const pinned = JSON.parse(readFileSync('scripts/node-versions.json', 'utf8')) as string[]
const others = pinned.map((version) => ({ version, binary: path.resolve('.cache/node', version, 'bin/node') }))

interface Outcome {
  /** How many sockets were made. */
  sockets: { dgram: number; sendmsg: number }
  result: object
}

type Program = Pick<Case, 'program' | 'parameters'>

const PATCH = ['--require', file('in-place-of-dgram.cjs')]
/** Milliseconds; each takes a fraction of a second, most of it to start. */
const PATIENCE = 30_000

/** Runs the program to its own end: a socket that still holds it would be an error. */
async function outcome(node: string, options: string[], dgram: string, { program, parameters }: Program) {
  const args = [...options, file(`${program}.cjs`), dgram, ...parameters]
  const { stdout, stderr } = await run(node, args, { timeout: PATIENCE })
  if (stderr !== '' || stdout === '') throw new Error(stderr || 'it ended before it was through')
  return JSON.parse(stdout) as Outcome
}

const onDgram = (node: string, program: Program) => outcome(node, [], 'node:dgram', program)
const onOurs = (node: string, { way, ...program }: Case) =>
  way === 'given sockets of ours' ? outcome(node, [], 'sendmsg', program) : outcome(node, PATCH, 'node:dgram', program)

function lacks({ linux, needs }: Case): string | false {
  if (linux !== undefined && process.platform !== 'linux') return linux
  if (needs !== undefined && spawnSync(needs, ['-h']).error !== undefined) return `${needs} is not installed`
  return false
}

const nameOf = ({ program, way, parameters }: Case): string =>
  way.includes('patched') && parameters.includes('given') ? `${program}, given sockets, ${way}` : `${program}, ${way}`

for (const one of cases) {
  t.test(nameOf(one), { skip: lacks(one) }, async (t) => {
    const dgram = await onDgram(process.execPath, one)
    t.same(dgram.result, one.result, 'on dgram')
    t.ok(dgram.sockets.dgram > 0 && dgram.sockets.sendmsg === 0, 'by its sockets')

    const ours = await onOurs(process.execPath, one)
    t.same(ours.result, { ...one.result, ...one.differences }, 'on ours')
    t.equal(ours.sockets.sendmsg, dgram.sockets.dgram - (one.others ?? 0), 'as many sockets')
    t.equal(ours.sockets.dgram, one.others ?? 0, "and none of dgram's in use")
  })
}

const asked = cases.find(({ program }) => program === 'dns2-dig')!

t.test('dns2 answers from the address that was asked, with replyTo', { skip: lacks(asked) }, async (t) => {
  const { result } = await onOurs(process.execPath, { ...asked, parameters: ['reply-to'] })
  t.same(result, digWithReplyTo)
})

// What a monkey-patched import gets hold of depends on the loader of each version.
for (const { version, binary } of others) {
  const missing = existsSync(binary) ? false : `${version} is not there: node scripts/fetch-node.mjs`
  t.test(`the import patched in Node ${version}`, { skip: missing }, async (t) => {
    for (const one of cases.filter(({ way, needs }) => way.includes('patched') && needs === undefined)) {
      t.test(nameOf(one), { skip: lacks(one) }, async (t) => {
        const { result, sockets } = await onOurs(binary, one)
        t.same(result, one.result)
        t.ok(sockets.sendmsg > 0 && sockets.dgram === 0, 'by our sockets')
      })
    }
  })
}
