// Runs in a network namespace of its own: link-local peers, and an interface that is renamed.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import timers from 'node:timers/promises'
import t from 'tap'
import { replyTo, type Message } from 'sendmsg'
import { bound } from '../helpers/sockets'

const ip = (...args: string[]): void => {
  execFileSync('ip', args)
}
const x = Buffer.from('x')

const traced = process.argv[2] === 'traced'
if (!traced) {
  ip('link', 'set', 'lo', 'up')
  ip('link', 'add', 'name', 'ours', 'type', 'veth', 'peer', 'name', 'theirs')
  for (const link of ['ours', 'theirs']) {
    ip('link', 'set', link, 'addrgenmode', 'none')
    ip('link', 'set', link, 'up')
  }
  ip('address', 'add', 'fe80::1/64', 'dev', 'ours', 'nodad')
}

void t.test('a renamed interface is noticed, both ways', { skip: traced && 'traced' }, async (t) => {
  const socket = await bound(t, { type: 'udp6', pull: true })
  const { port } = socket.address()
  const exchange = async (name: string): Promise<Message> => {
    await socket.sendmsg({ data: x, address: `fe80::1%${name}`, port })
    return await socket.recvmsg({ timeout: 5000 })
  }
  for (const [before, name] of [
    ['', 'ours'],
    ['ours', 'renamed'],
    ['renamed', 'again'],
  ] as const) {
    if (before !== '') {
      ip('link', 'set', before, 'down')
      ip('link', 'set', before, 'name', name)
      ip('link', 'set', name, 'up')
      ip('address', 'replace', 'fe80::1/64', 'dev', name, 'nodad')
      // What was asked is remembered for a tenth of a second; wait for the name, not for the time.
      for (let round = 0; round < 200; round++) {
        if ((await exchange(name)).address === `fe80::1%${name}`) break
        await timers.setTimeout(10)
      }
    }
    t.equal((await exchange(name)).address, `fe80::1%${name}`, 'receiving')
    if (before === '') continue
    let refused: unknown
    for (let round = 0; round < 200 && refused === undefined; round++) {
      try {
        socket.trySendmsg({ data: x, address: `fe80::1%${before}`, port })
        await socket.recvmsg({ timeout: 5000 })
      } catch (error) {
        refused = error
      }
      await timers.setTimeout(10)
    }
    t.match(refused, { code: 'ERR_INVALID_ARG_VALUE' }, 'sending to the name that is gone')
  }
  ip('link', 'set', 'again', 'down')
  ip('link', 'set', 'again', 'name', 'ours')
  ip('link', 'set', 'ours', 'up')
  ip('address', 'replace', 'fe80::1/64', 'dev', 'ours', 'nodad')
})

const noStrace =
  spawnSync('strace', ['-o', os.devNull, 'true']).status !== 0 && 'strace is not installed, or must not trace'

const MESSAGES = 400
if (traced) {
  void t.test('traced', async (t) => {
    const socket = await bound(t, { type: 'udp6', pull: true })
    const { port } = socket.address()
    let heard = 0
    for (; heard < MESSAGES; heard++) {
      await socket.sendmsg({ data: x, address: 'fe80::1%ours', port })
      const message = await socket.recvmsg({ timeout: 5000 })
      await socket.sendmsg({ data: x, ...replyTo(message) })
      await socket.recvmsg({ timeout: 5000 })
    }
    t.equal(heard, MESSAGES)
  })
} else {
  void t.test('a link-local peer costs no system calls of its own', { skip: noStrace }, async (t) => {
    const file = path.join(os.tmpdir(), `sendmsg-scope-names-${process.pid}`)
    t.teardown(() => rmSync(file, { force: true }))
    const { status } = spawnSync(
      'strace',
      ['-f', '-e', 'trace=ioctl', '-o', file, process.execPath, ...process.execArgv, __filename, 'traced'],
      { stdio: 'ignore' },
    )
    t.equal(status, 0)
    const asked = readFileSync(file, 'utf8').match(/SIOCGIF(NAME|INDEX)/g) ?? []
    // By time, not by message: 1,600 messages asked more than 1,600 times.
    t.ok(asked.length > 0, 'the trace tells')
    t.ok(asked.length < MESSAGES / 2, 'interfaces are asked for now and then', { asked: asked.length })
  })
}
