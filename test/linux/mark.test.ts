// The mark of a datagram, which is seen on this host only: a Python witness reads it (SO_RCVMARK).
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { capabilities, createSocket, sendmsg, sendmmsg } from 'sendmsg'
import { noPeer, Peer } from '../helpers/peer'

const linux = process.platform === 'linux'
const root = linux && process.getuid?.() === 0

/** Why nothing can be seen here. */
function whyNot(): string | false {
  if (!linux) return 'marks are of Linux'
  if (!root) return 'marks need CAP_NET_ADMIN'
  if (noPeer !== false) return noPeer
  const code = 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).setsockopt(1, 75, 1)'
  return spawnSync('python3', ['-c', code]).status !== 0 && 'this kernel has no SO_RCVMARK'
}

const skip = whyNot()

t.test('mark', { skip }, async (t) => {
  t.match(capabilities().send.mark, { IPv4: 'kernel', IPv6: 'kernel' })
  const peer = new Peer()
  t.teardown(() => peer.end())
  for (const [type, family, address] of [
    ['udp4', 4, '127.0.0.1'],
    ['udp6', 6, '::1'],
    ['udp6', 4, '127.0.0.1'],
  ] as const) {
    const sink = await peer.open({ family, address, mark: true })
    const socket = createSocket(type)
    t.teardown(() => socket.close())
    const to = { address, port: sink.port }
    const marksOf = async (count: number): Promise<(number | undefined)[]> =>
      (await sink.receive(count)).map(({ mark }) => mark)
    const title = `${type} to ${address}`

    for (const mark of [0, 1, 0x1234, 0xffffffff]) {
      t.equal(await sendmsg(socket, { data: Buffer.from('x'), ...to, mark }), 1)
      t.same(await marksOf(1), [mark], `${title}: ${mark}`)
    }
    await sendmsg(socket, { data: Buffer.from('x'), ...to })
    t.same(await marksOf(1), [0], `${title}: without`)

    const marks = Array.from({ length: 100 }, (_, at) => at % 7)
    await sendmmsg(
      socket,
      marks.map((mark) => ({ data: Buffer.from('x'), ...to, mark })),
    )
    t.same(await marksOf(100), marks, `${title}: a batch`)

    await sendmsg(socket, { data: Buffer.alloc(3000), ...to, mark: 9, segmentSize: 1000, hopLimit: 5 })
    const segments = await sink.receive(3)
    t.same(
      segments.map(({ mark, hopLimit, data }) => [mark, hopLimit, data.length]),
      Array.from({ length: 3 }, () => [9, 5, 1000]),
      `${title}: a segmented message`,
    )
  }
})

t.test('a mark without the capability', { skip: !root && 'marks need CAP_NET_ADMIN' }, async (t) => {
  const program = `
    const { createSocket } = require('sendmsg')
    const socket = createSocket('udp4')
    process.setgid(65534)
    process.setuid(65534)
    const send = (mark) => socket.trySendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port: 9, mark })
    send(undefined)
    try {
      send(1)
    } catch (error) {
      console.log(error.code, error.syscall)
    }
    socket.close()`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
  t.equal(stdout, 'EPERM sendmsg\n', stderr)
})
