// Runs in a network namespace of its own, whose loopback is down: what the first typed field does where the kernel cannot
// be tried, and afterwards where it can. Prints what it saw.
'use strict'

const { execFileSync } = require('node:child_process')
const { existsSync, openSync, closeSync } = require('node:fs')
const { once } = require('node:events')
const timers = require('node:timers/promises')
const { capabilities, createSocket } = require('sendmsg')

const how = process.argv[2]
const ip = (...args) => execFileSync('ip', args)
const up = () => ip('link', 'set', 'lo', 'up')
const drop = (change) => execFileSync('iptables', [change, 'INPUT', '-i', 'lo', '-p', 'udp', '-j', 'DROP'])
const tc = (change, ...what) => execFileSync('tc', ['qdisc', change, 'dev', 'lo', 'root', ...what])
/** For those who trace the system calls. */
const mark = (name) => existsSync(`/mark-${name}`)
const told = (call) => {
  try {
    return call()
  } catch (error) {
    return `${error.code} ${error.syscall ?? ''}`
  }
}

/** Everything that is tried, in one message. */
const message = (port) => ({
  data: Buffer.from('x'),
  address: '127.0.0.1',
  port,
  source: '127.0.0.2',
  trafficClass: 0x2a,
  hopLimit: 77,
  sendTime: process.hrtime.bigint(),
})

const kernel = { IPv4: 'kernel', IPv6: 'kernel' }
const isAll = ({ send }) =>
  ['source', 'trafficClass', 'hopLimit', 'segmentSize', 'sendTime'].every((field) => send[field].IPv4 === kernel.IPv4)

async function concluded() {
  for (let turn = 0; turn < 1000; turn++) {
    if (capabilities() === capabilities()) return true
    await timers.setTimeout(10)
  }
  return false
}

async function main() {
  if (how !== 'down') up()
  if (how === 'late') tc('add', 'tbf', 'rate', '40kbit', 'burst', '100b', 'limit', '100kb')
  if (how === 'mangled') {
    execFileSync('iptables', ['-t', 'mangle', '-A', 'OUTPUT', '-p', 'udp', '-j', 'TTL', '--ttl-set', '9'])
  }
  const receiver = createSocket({ type: 'udp4', pull: true, receiveInfo: ['trafficClass', 'hopLimit'] }).bind(0)
  const sender = createSocket({ type: 'udp4', sendTime: true }).bind(0)
  if (how === 'silent') drop('-A')
  const files = []
  if (how === 'full') {
    try {
      for (;;) files.push(openSync('/dev/null'))
    } catch (error) {
      if (error.code !== 'EMFILE') throw error
    }
  }
  mark('first')
  const first = told(() => sender.trySendmsg(message(receiver.address().port)))
  mark('then')
  const then = new Set()
  for (let round = 0; round < 50; round++) then.add(told(() => sender.trySendmsg(message(receiver.address().port))))
  const early = capabilities()
  const names = how === 'full' ? interfaces(sender) : undefined
  const names6 = how === 'full' ? await bindEvent() : undefined
  mark('end')
  for (const file of files) closeSync(file)
  if (how === 'down') up()
  if (how === 'silent') drop('-D')
  if (how === 'late') tc('del')
  while (receiver.tryRecvmsg() !== null);
  const later = told(() => sender.trySendmsg({ ...message(receiver.address().port), interface: 'lo' }))
  let arrived = null
  if (later === 1) {
    const { address, trafficClass, hopLimit } = await receiver.recvmsg({ timeout: 10_000 })
    arrived = { address, trafficClass, hopLimit }
  }
  const end = await concluded()
  console.log(
    JSON.stringify({
      ...{ first, then: [...then], early: isAll(early), frozen: Object.isFrozen(early), names, names6 },
      ...{ later, arrived, concluded: end, all: isAll(capabilities()) },
      hopLimit: capabilities().send.hopLimit,
    }),
  )
  for (const socket of [receiver, sender]) socket.close()
}

/** What the look-up of an interface's name says where no descriptor is left. */
function interfaces(sender) {
  const data = Buffer.from('x')
  const to = { data, address: '127.0.0.1', port: 9 }
  return [
    told(() => sender.trySendmsg({ ...to, interface: 'lo' })),
    told(() => sender.trySendmsg({ ...to, address: 'fe80::1%lo' })),
    told(() => sender.setMulticastInterface('::%lo')),
    told(() => sender.addMembership('ff02::77', '::%lo')),
    told(() => sender.trySendmsg({ ...to, interface: 'l\0o' })),
  ]
}

/** By its name, and by the name that a look-up gives. */
async function bindEvent() {
  const sockets = [waiting[0], waiting[1]]
  return Promise.all(
    sockets.map(async (socket, index) => {
      const failed = once(socket, 'error')
      socket.bind(0, index === 0 ? 'fe80::1%lo' : 'a.name')
      const [error] = await failed
      socket.close()
      return `${error.code} ${error.syscall}`
    }),
  )
}

// Made before no descriptor is left.
const lookup = (_name, _family, callback) => callback(null, 'fe80::1%lo', 6)
const waiting = how === 'full' ? [createSocket('udp6'), createSocket({ type: 'udp6', lookup })] : []

void main()
