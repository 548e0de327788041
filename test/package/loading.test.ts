// The JavaScript loaded more often than the addon: jest's module registry, a bundle twice, `delete require.cache[…]`.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { buildSync } from 'esbuild'
import * as library from 'sendmsg'

const run = promisify(execFile)
const plainNode = ['-u', 'NODE_OPTIONS', process.execPath]
const helper = (name: string): string => path.join(__dirname, name)
const noProc = process.platform === 'linux' ? false : 'counts descriptors in /proc, which is Linux only'

interface Loads {
  left: number
  memory: number[]
  sockets: number
}

for (const how of ['require', 'context']) {
  t.test(`a hundred times in one thread (${how})`, { skip: noProc }, async (t) => {
    const { stdout } = await run('env', [...plainNode, '--expose-gc', helper('loads.cjs'), '100', how])
    const { left, memory, sockets } = JSON.parse(stdout) as Loads
    t.ok(left <= 3, 'what nobody uses any more is collected', { left })
    // Each shares some 4.5 MB with the addon.
    t.ok(memory[3]! - memory[0]! < 10e6, 'and its memory with it', { memory })
    t.equal(sockets, 0)
  })
}

t.test('threads that end with several of them at work', { skip: noProc }, async (t) => {
  const { stdout } = await run('env', [...plainNode, helper('loads-worker.cjs'), '12'])
  const { ends, before, after } = JSON.parse(stdout) as { ends: string[]; before: number; after: number }
  t.same(
    ends,
    Array.from({ length: 12 }, (_, round) => (round % 2 === 0 ? 'terminated 1' : 'ended 3')),
  )
  t.equal(after, before, 'no descriptor is left')
})

/** A program that is bundled twice into one thread, each bundle beside the addon's directory. */
function bundle(test: Test): string[] {
  const directory = test.testdir({ 'entry.cjs': `module.exports = require('sendmsg')` })
  const root = path.dirname(require.resolve('sendmsg/package.json'))
  const files = ['one.cjs', 'two.cjs'].map((name) => path.join(directory, name))
  mkdirSync(path.join(directory, 'node_modules'))
  symlinkSync(root, path.join(directory, 'node_modules', 'sendmsg'))
  const [first = '', second = ''] = files
  buildSync({
    entryPoints: [path.join(directory, 'entry.cjs')],
    outfile: first,
    bundle: true,
    platform: 'node',
    // Where the bundle lies is not where the addon is.
    define: { __dirname: JSON.stringify(path.join(root, 'dist')) },
    logLevel: 'error',
  })
  writeFileSync(second, readFileSync(first))
  return files
}

t.test('two bundles and the package', async (t) => {
  const copies = [...bundle(t).map((file) => createRequire(file)(file) as typeof library), library]
  t.equal(new Set(copies.map(({ sendmsg }) => sendmsg)).size, 3)
  const receivers = copies.map(({ createSocket }) => createSocket({ type: 'udp4', pull: true }).bind(0, '127.0.0.1'))
  const senders = copies.map(({ createSocket }) => createSocket('udp4'))
  t.teardown(() => {
    for (const socket of [...receivers, ...senders]) socket.close()
  })
  // While one writes a message down the others send.
  for (let round = 0; round < 20; round++) {
    const pulled = receivers.map((receiver) => receiver.recvmsg({ timeout: 10_000 }))
    const send = (index: number): number | null => {
      if (index === copies.length) return 0
      const message = {
        data: Buffer.from(`${String(round)} ${String(index)}`),
        address: '127.0.0.1',
        port: receivers[index]!.address().port,
        source: `127.0.0.${String(3 + index)}`,
        get trafficClass() {
          send(index + 1)
          return 4 * index
        },
      }
      return copies[index]!.trySendmsg(senders[index]!, message)
    }
    send(0)
    for (const [index, message] of (await Promise.all(pulled)).entries()) {
      t.match(message, {
        data: Buffer.from(`${String(round)} ${String(index)}`),
        address: `127.0.0.${String(3 + index)}`,
        port: senders[index]!.address().port,
        trafficClass: 4 * index,
      })
    }
  }
})

t.test('an ES module beside CommonJS', async (t) => {
  const { createSocket } = (await import('sendmsg')) as typeof library
  const socket = createSocket('udp4')
  t.equal(library.trySendmsg(socket, { data: Buffer.from('x'), address: '127.0.0.1', port: 9 }), 1, 'they are one')
  socket.close()
  await once(socket, 'close')
})
