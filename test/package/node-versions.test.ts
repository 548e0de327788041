import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const helper = (name: string): string => path.join(__dirname, name)

const pinned = JSON.parse(readFileSync('scripts/node-versions.json', 'utf8')) as string[]
const versions = [
  { version: process.versions.node, binary: process.execPath },
  ...pinned.map((version) => ({ version, binary: path.resolve('.cache/node', version, 'bin/node') })),
]

const results = {
  held: true,
  borrowed: 'borrowed plain 127.0.0.3 127.0.0.1',
  heard: 'heard 127.0.0.5',
  own: 'own own 127.0.0.3 127.0.0.9',
  batch: ['a', 'b', 'c'].map((letter) => `${letter} own 127.0.0.1 127.0.0.1`),
  train: ['1200', '1200', '100'].map((size) => `${size} plain 127.0.0.1 127.0.0.1`),
  answer: '127.0.0.2',
  closed: 'ERR_SOCKET_DGRAM_NOT_RUNNING',
}

const NAMES = [
  'DatagramError',
  'Socket',
  'SocketError',
  'capabilities',
  'createSocket',
  'recvmmsg',
  'recvmsg',
  'replyTo',
  'sendmmsg',
  'sendmsg',
  'toPosix',
  'toWinsock',
  'tryRecvmmsg',
  'tryRecvmsg',
  'trySendmmsg',
  'trySendmsg',
]

for (const { version, binary } of versions) {
  const missing = existsSync(binary) ? false : `${version} is not there: node scripts/fetch-node.mjs`
  t.test(`Node ${version}`, { skip: missing }, async (t) => {
    await t.test('sockets, dgram sockets, threads', async (t) => {
      const { stdout } = await run(binary, [helper('smoke.cjs')])
      t.same(JSON.parse(stdout), { version, main: results, thread: results, ended: 6 })
    })
    await t.test('what is dropped or closed is collected, also where its async context holds it', async (t) => {
      const { stdout } = await run(binary, ['--expose-gc', helper('collected.mjs')])
      const { of, dropped, closed, heard } = JSON.parse(stdout) as Record<'of' | 'dropped' | 'closed' | 'heard', number>
      t.equal(heard, of)
      // The last of each may still stand on the stack.
      t.ok(dropped >= of - 1 && closed >= of - 1, stdout)
    })
    await t.test('names', async (t) => {
      const { stdout } = await run(binary, [helper('names.mjs')])
      t.same(JSON.parse(stdout), { named: NAMES, required: NAMES, byDefault: NAMES, same: true, direct: true })
    })
  })
}
