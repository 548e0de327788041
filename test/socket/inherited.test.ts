// What Object.prototype has is nothing that a program has asked for.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import t from 'tap'

t.test('a polluted Object.prototype', async (t) => {
  const child = path.join(__dirname, 'polluted.mjs')
  const { stdout, stderr, status } = spawnSync(process.execPath, [child], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  t.equal(status, 0, stderr)
  const { received, type, bound, errors, polluted, messages } = JSON.parse(stdout || '{}')
  t.same(received, [
    ['send, to an address', '127.0.0.1'],
    ['send, to a peer', '127.0.0.1'],
  ])
  t.same(type, 'udp4')
  t.same(bound, { address: '0.0.0.0', family: 'IPv4', sync: '0.0.0.0' })
  t.same(errors, {
    bind: ['EADDRINUSE', 'bind', '127.0.0.1', null],
    send: ['EMSGSIZE', 'send', '127.0.0.1', null],
    try: ['EMSGSIZE', 'sendmsg', '127.0.0.1', null],
  })
  t.ok(polluted > 20, 'names that were polluted')
  t.same(messages, ['tryRecvmsg', 'recvmsg', 'sendmsg with its source'], 'messages inherit, as documented')
})
