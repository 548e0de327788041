import { execFile, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import vm from 'node:vm'
import t, { type Test } from 'tap'
import * as library from 'sendmsg'

const run = promisify(execFile)
/** Without tap's hooks, which it gives to every child: what they read in a thread that is terminated Node leaves open. */
const plainNode = ['env', '-u', 'NODE_OPTIONS', process.execPath]
const helper = (name: string): string => path.join(__dirname, name)

/** A loopback of its own that is slow, so that it fills a send buffer. */
const slow = (rate: string): string[] => [
  '-n',
  'sh',
  '-c',
  `ip link set lo up && tc qdisc add dev lo root tbf rate ${rate} burst 10kb limit 10mb && exec "$@"`,
  'sh',
]
const noProc = process.platform === 'linux' ? false : 'counts descriptors in /proc, which is Linux only'
const noSlow =
  spawnSync('unshare', [...slow('2mbit'), 'true']).status === 0
    ? false
    : 'no network namespace with a tbf queue can be made here'

interface Rounds {
  ends: Record<string, number>
  busy: number
  waiting: number
  before: object
  after: object
}

t.test('several threads at once', async (t) => {
  const { stdout } = await run(process.execPath, [helper('worker-peers.cjs')])
  t.same(JSON.parse(stdout), [[], [], [], [], []], 'each gets its own, from the addresses it asked for')
})

t.test('a thread that ends in the middle of sending and receiving', { skip: noProc }, async (t) => {
  const check = (t: Test, stdout: string, rounds: number): Rounds => {
    const result = JSON.parse(stdout) as Rounds
    const { ends, busy, before, after } = result
    const ways = Object.entries(ends).map(([end, count]) => ({ end, count }))
    const total = ways.reduce((sum, { count }) => sum + count, 0)
    t.equal(total, rounds + 1, 'every round ended')
    const expected = /^(terminate 1|late 1|early [01]|exit 3|end 0|throw 1 thrown by a listener)$/
    t.same(
      ways.filter(({ end }) => !expected.test(end)),
      [],
      'each as it should',
    )
    t.ok(busy >= total - (ends['early 0'] ?? 0) - (ends['early 1'] ?? 0), 'all others were busy')
    t.same(after, before, 'no descriptor is left')
    return result
  }

  await t.test('a hundred rounds', async (t) => {
    const { stdout } = await run(plainNode[0]!, [...plainNode.slice(1), helper('worker-rounds.mjs'), '100'])
    check(t, stdout, 100)
  })

  await t.test('while sends wait for room', { skip: noSlow }, async (t) => {
    const { stdout } = await run('unshare', [...slow('20mbit'), ...plainNode, helper('worker-rounds.mjs'), '16'])
    t.ok(check(t, stdout, 16).waiting > 0, 'sends waited')
  })
})

t.test('process.exit in the middle', async (t) => {
  const command = noSlow ? [process.execPath] : ['unshare', ...slow('2mbit'), process.execPath]
  const { status, signal, stdout, stderr } = spawnSync(command[0]!, [...command.slice(1), helper('exit-waiting.mjs')], {
    encoding: 'utf8',
  })
  t.same({ status, signal, stderr }, { status: 7, signal: null, stderr: '' })
  t.test('while sends wait', { skip: noSlow }, async (t) => {
    t.ok(Number(stdout) > 0)
  })
})

t.test('a listener that throws', async (t) => {
  const all = Array.from({ length: 100 }, (_, index) => index)
  for (const which of ['message', 'messages']) {
    await t.test(which, async (t) => {
      const { stdout } = await run(process.execPath, [helper('thrown.mjs'), which])
      const { heard, batches, uncaught } = JSON.parse(stdout) as Record<string, unknown[]>
      t.same(heard, all, 'every message is heard once, in order')
      t.same(batches, all, 'in the batches too')
      if (which === 'message') {
        const thrown = all.filter((number) => number % 7 < 2).map((number) => `message ${String(number)}`)
        t.same(uncaught, thrown, 'the process is told of each')
      } else {
        t.ok(uncaught!.length > 0 && uncaught![0] === 'messages from 0', 'the process is told')
      }
    })
  }
})

t.test('loaded twice in one thread', async (t) => {
  const require = createRequire(path.join(__dirname, 'none.cjs'))
  const first = require('sendmsg') as typeof library
  const loaded = Object.keys(require.cache).filter((name) => /[\\/](dist|build|prebuilds)[\\/]/.test(name))
  t.ok(loaded.some((name) => name.endsWith('.node')))
  for (const name of loaded) Reflect.deleteProperty(require.cache, name)
  const second = require('sendmsg') as typeof library
  t.not(second.sendmsg, first.sendmsg, 'they are two')

  const plain = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(plain, 'listening')
  const receivers = [first, second].map(({ createSocket }) => createSocket({ type: 'udp4', pull: true }))
  t.teardown(() => {
    for (const socket of [plain, ...receivers]) socket.close()
  })
  for (const receiver of receivers) receiver.bind(0, '127.0.0.1')
  for (let round = 0; round < 20; round++) {
    for (const [index, { sendmsg }] of [first, second].entries()) {
      const to = receivers[1 - index]!
      const pulled = to.recvmsg({ timeout: 10_000 })
      const data = Buffer.from(`${String(round)} ${String(index)}`)
      await sendmsg(plain, { data, address: '127.0.0.1', port: to.address().port, source: '127.0.0.3' })
      const { data: got, address, port } = await pulled
      t.same({ got, address, port }, { got: data, address: '127.0.0.3', port: plain.address().port })
    }
  }
  const message = { data: Buffer.from('x'), address: '127.0.0.1', port: 9 }
  const another = { code: 'ERR_INVALID_ARG_VALUE', message: /another copy of sendmsg/ }
  t.throws(() => second.trySendmsg(receivers[0] as never, message), another)
  await t.rejects(second.sendmmsg(receivers[0] as never, [message]), another)
  t.throws(() => second.tryRecvmsg(receivers[0] as never), another)
  await t.rejects(second.recvmsg(receivers[0] as never), another)
})

t.test('values of another context', async (t) => {
  const receiver = library.createSocket({ type: 'udp4', pull: true }).bind(0, '127.0.0.1')
  const sender = library.createSocket('udp4')
  t.teardown(() => {
    receiver.close()
    sender.close()
  })
  const { port } = receiver.address()
  const code = `[
    { data: new Uint8Array([65, 66]), address: '127.0.0.1', port },
    { data: [new Uint8Array([67]), new Uint8Array([68])], address: '127.0.0.1', port, source: '127.0.0.3' },
  ]`
  const messages = vm.runInNewContext(code, { port }) as library.OutgoingMessage[]
  t.equal(await sender.sendmmsg(messages), 2)
  t.match(await receiver.recvmsg({ timeout: 10_000 }), { data: Buffer.from('AB') })
  t.match(await receiver.recvmsg({ timeout: 10_000 }), { data: Buffer.from('CD'), address: '127.0.0.3' })
  const send = vm.runInNewContext('(sendmsg, socket, message) => sendmsg(socket, message)', {}) as (
    ...args: unknown[]
  ) => Promise<number>
  t.equal(await send(library.sendmsg, sender, messages[0]), 2)
})
