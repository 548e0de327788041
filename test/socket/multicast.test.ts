// Multicast groups: who hears what, and by which way it leaves. With more than loopback in test/linux/multicast-links.ts.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { noPeer } from '../helpers/peer'
import { bound, isLocal, loopbackInterface, open, receive, told } from '../helpers/sockets'

// Not every system lets loopback take part in multicast, or find a group there.
const elsewhere = process.platform !== 'linux' && 'tried on Linux'
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'
const noNamespace =
  elsewhere ||
  noPeer ||
  (spawnSync('unshare', ['-n', 'ip', 'link']).status !== 0 && 'a network namespace needs root, and iproute2')

// Nobody else's, also where several of these tests run.
const [high, low] = [(process.pid >> 8) & 0xff, process.pid & 0xff]
const word = process.pid.toString(16).slice(-4)
const byIPv4 = {
  through: '127.0.0.1',
  groups: [`239.192.${high}.${low}`, `239.193.${high}.${low}`],
  wrong: 'ff15::77',
} as const
const byIPv6 = {
  through: `::%${loopbackInterface}`,
  groups: [`ff11::1:${word}`, `ff11::2:${word}`],
  wrong: '127.0.0.1',
} as const
const routes = [
  { title: 'IPv4', type: 'udp4', ...byIPv4 },
  { title: 'IPv6', type: 'udp6', ...byIPv6 },
  { title: 'IPv4 on a dual-stack socket', type: 'udp6', ...byIPv4 },
] as const

/** Whether anybody on this host has joined a group (/proc/net/igmp, /proc/net/igmp6). */
function isJoined(group: string): boolean {
  if (group.includes(':')) {
    const [, start, end] = /^ff11::(.):(.*)$/.exec(group)!
    return readFileSync('/proc/net/igmp6', 'utf8').includes(`ff11${start!.padStart(24, '0')}${end!.padStart(4, '0')}`)
  }
  const bytes = Buffer.from(group.split('.').map(Number))
  const word = os.endianness() === 'LE' ? bytes.readUInt32LE() : bytes.readUInt32BE()
  return readFileSync('/proc/net/igmp', 'utf8').includes(word.toString(16).padStart(8, '0').toUpperCase())
}

for (const { title, type, through, groups, wrong } of routes) {
  // IPv6 has no route for groups on loopback.
  const noRoute =
    elsewhere || (through !== '127.0.0.1' && 'sent between namespaces alone') || (type === 'udp6' && noIPv6)
  t.test(`${title}: groups on loopback`, { skip: noRoute }, async (t) => {
    const [group, other] = groups
    const members = [
      await bound(t, { type, reuseAddr: true }),
      await bound(t, { type, reuseAddr: true, pull: true }),
    ] as const
    const { port } = members[0].address()
    const sender = await bound(t, { type })
    sender.setMulticastInterface(through)

    for (const member of members) member.addMembership(group, through)
    const [heard] = await Promise.all([
      receive(members[0], 'message', 1),
      sender.sendmsg({ data: Buffer.from('to the group'), address: group, port }),
    ])
    told(t, heard, [{ cast: 'multicast', destination: group, data: Buffer.from('to the group') }])
    const second = await bound(t, { type, reuseAddr: true, pull: true }, undefined, port)
    second.addMembership(group, through)
    const [again] = await Promise.all([
      receive(members[0], 'message', 1),
      receive(second, 'recvmsg', 1),
      sender.sendmsg({ data: Buffer.from('to both'), address: group, port }),
    ])
    told(t, again.slice(-1), [{ cast: 'multicast', destination: group, data: Buffer.from('to both') }], 'each has it')

    second.dropMembership(group, through)
    second.addMembership(other, through)
    await sender.sendmsg({ data: Buffer.from('to the other'), address: other, port })
    told(t, await second.recvmsg({ timeout: 10_000 }), { destination: other, data: Buffer.from('to the other') })
  })

  t.test(`${title}: what is refused`, { skip: elsewhere || (type === 'udp6' && noIPv6) }, async (t) => {
    const [group] = groups
    const socket = await bound(t, { type })
    socket.addMembership(group, through)
    t.throws(() => socket.addMembership(group, through), { code: 'EADDRINUSE', syscall: 'addMembership' })
    socket.dropMembership(group, through)
    t.throws(() => socket.dropMembership(group, through), { code: 'EADDRNOTAVAIL', syscall: 'dropMembership' })
    t.throws(() => socket.addMembership(group, wrong), { code: 'EINVAL' }, 'an interface of the other family')
    t.throws(() => socket.addSourceSpecificMembership(wrong, group, through), { code: 'EINVAL' })
    t.throws(() => socket.addMembership('192.0.2.1', undefined), { name: 'SocketError' }, 'not a group')
  })

  t.test(
    `${title}: memberships end with their socket`,
    { skip: elsewhere || (type === 'udp6' && noIPv6) },
    async (t) => {
      for (const group of groups) {
        const socket = open(t, { type })
        t.equal(isJoined(group), false)
        socket.addMembership(group, through) // before it is bound
        t.equal(isJoined(group), true)
        await socket[Symbol.asyncDispose]()
        t.equal(isJoined(group), false)
      }
    },
  )
}

const inside = [process.execPath, ...process.execArgv, path.resolve('test/linux/multicast-links.ts')]
const namespaces = 'two network namespaces with two links between them'
if (noNamespace === false) void t.spawn('unshare', ['-n', ...inside], namespaces)
else t.test(namespaces, { skip: noNamespace }, async () => {})
