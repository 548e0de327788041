// Descriptors that are borrowed by number, and what their owners do meanwhile: close them, connect them, get others.
import { execFile, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createSocket, recvmmsg, recvmsg, tryRecvmsg } from 'sendmsg'
import { countSockets, descriptorOf } from '../helpers/descriptors.cjs'
import { isLocal, open } from '../helpers/sockets'

const run = promisify(execFile)
const helper = (name: string): string => path.join(__dirname, name)
const has = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

const noProc = process.platform === 'linux' ? false : 'reads /proc, which is Linux only'
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'
/** Some 20 Mbit/s, so that a send buffer fills. */
const SLOW = [
  '-n',
  'sh',
  '-c',
  'ip link set lo up && tc qdisc add dev lo root tbf rate 20mbit burst 10kb limit 10mb && exec "$@"',
  'sh',
]
const noSlow = noProc || (!has('unshare', ...SLOW, 'true') && 'no network namespace with a tbf queue can be made here')
const noCompiler =
  noProc ||
  noIPv6 ||
  (!has('cc', '--version') && 'there is no C compiler') ||
  (!existsSync(path.resolve('build/Release/sendmsg.node')) && 'a prebuilt addon asks for descriptors another way')

t.test('its owner closes it while something waits to be received', { skip: noProc }, async (t) => {
  const before = countSockets()
  // dgram reads by itself: what comes is its own.
  for (const owner of [open(t, { type: 'udp4', pull: true }), dgram.createSocket('udp4')]) {
    owner.bind(0, '127.0.0.1')
    await once(owner, 'listening')
    const { port } = owner.address()
    const number = descriptorOf(port)
    const [one, many] = [recvmsg(number), recvmmsg(number, { count: 8 })]
    const timed = recvmsg(number, { timeout: 60_000, signal: AbortSignal.timeout(60_000) })
    owner.close()
    const message = /the descriptor was closed/
    await t.rejects(one, { code: 'ECANCELED', name: 'SocketError', syscall: 'recvmsg', message })
    await t.rejects(many, { code: 'ECANCELED', syscall: 'recvmmsg', message })
    await t.rejects(timed, { code: 'ECANCELED' })
    t.equal(countSockets(), before, 'the duplicate is closed')
    const next = open(t, { type: 'udp4' })
    next.bindSync({ port, address: '127.0.0.1' })
    t.equal(next.address().port, port, 'the port is free')
    next.close()
    t.throws(() => tryRecvmsg(number), { code: /^EBADF|ENOTSOCK$/ }, 'and nobody has the number')
  }
})

t.test('something comes before that is noticed', { skip: noProc }, async (t) => {
  const sender = createSocket('udp4')
  t.teardown(() => sender.close())
  const owner = createSocket({ type: 'udp4', pull: true })
  const { port } = owner.bindSync({ address: '127.0.0.1' })
  const waiting = recvmsg(descriptorOf(port))
  owner.close()
  // The duplicate still has the port.
  t.equal(sender.trySendmsg({ data: Buffer.from('late'), address: '127.0.0.1', port }), 4)
  await t.rejects(waiting, { code: 'ECANCELED' })
})

t.test('while sends wait', { skip: noSlow }, async (t) => {
  const { stdout } = await run('unshare', [...SLOW, process.execPath, helper('borrowed-closing.mjs')])
  t.same(JSON.parse(stdout), {
    waits: true,
    received: ['recvmsg ECANCELED', 'recvmmsg ECANCELED'],
    sent: true,
    inOrder: true,
    left: 0,
    free: true,
  })
})

/** What every call sees on a number that two others get after its owner. */
const REUSED = {
  first: [true, true],
  closed: 'EBADF',
  number: true,
  tcp: ['ENOTSUP', 'ENOTSUP'],
  again: true,
  second: true,
  connected: 'while connected',
  third: true,
  ended: ['ECANCELED', 'recvmsg ECANCELED: the descriptor was closed'],
  own: 'to the third',
  free: true,
  left: 0,
}

t.test('others get its number', { skip: noProc || noIPv6 }, async (t) => {
  const { stdout } = await run(process.execPath, [helper('borrowed-reused.mjs')])
  t.same(JSON.parse(stdout), REUSED)
})

t.test('others get its number where the kernel numbers no sockets', { skip: noCompiler }, async (t) => {
  const library = path.join(t.testdir({}), 'unnumbered.so')
  await run('cc', ['-shared', '-fPIC', '-Wall', '-Werror', '-o', library, helper('unnumbered.c'), '-ldl'])
  const env = { ...process.env, LD_PRELOAD: library, NODE_OPTIONS: '' }
  const { stdout, stderr } = await run(process.execPath, [helper('borrowed-reused.mjs')], { env })
  t.same(JSON.parse(stdout), REUSED)
  t.ok(Number(/unnumbered (\d+)/.exec(stderr)?.[1]) > 4, 'the addon was told no number', { stderr })
})

t.test('a descriptor that this thread watches cannot be taken over', { skip: noProc }, async (t) => {
  const owner = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  t.teardown(() => owner.close())
  await once(owner, 'listening')
  const fd = descriptorOf(owner.address().port)
  const { EEXIST } = os.constants.errno
  t.throws(() => open(t, { type: 'udp4' }).bind({ fd }), {
    name: 'SocketError',
    code: 'EEXIST',
    errno: -EEXIST,
    syscall: 'open',
    nativeCode: EEXIST,
    nativeName: 'EEXIST',
  })
})
