// Descriptors that are adopted, and multicast groups.
import { randomInt } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { addonFile, freshAddon, sizesOf, LOOPBACK, ANY, LOOPBACK6, bytes, kit } from './setup'

t.test('adopting a descriptor', async (t) => {
  const { addon, open, portOf } = kit()
  const { readiness } = addon.layout.enums
  const refusesToBorrow = (descriptor: number): boolean => new addon.Endpoint().borrow(descriptor) < 0
  const endpoint = open(4, LOOPBACK)
  const other = open(4, LOOPBACK)
  const before: number = endpoint.descriptor()
  const port = portOf(other)
  t.throws(() => endpoint.adopt(before), { code: 'ERR_INVALID_STATE' })
  const file = openSync(__filename, 'r')
  for (const refused of [-1, 2 ** 40, 2 ** 53, undefined, 'text', file]) {
    t.ok(endpoint.adopt(refused) < 0)
    t.equal(endpoint.descriptor(), before, 'it is as it was')
  }
  closeSync(file)
  t.not(portOf(endpoint), port)
  t.equal(endpoint.watch(readiness.readable), 0)

  const taken: number = other.descriptor()
  t.throws(() => endpoint.endAdoption(1), { code: 'ERR_INVALID_STATE' }, 'nothing to decide on')
  const { broadcast, dontFragment } = addon.layout.enums.option
  const former = other.getOption(dontFragment)
  t.equal(endpoint.adopt(taken), 0)
  t.throws(() => endpoint.adopt(taken), { code: 'ERR_INVALID_STATE' })
  t.throws(() => endpoint.adopt(1), { code: 'ERR_INVALID_STATE' })
  t.equal(endpoint.descriptor(), taken)
  t.equal(endpoint.setOption(broadcast, 1), 0)
  t.equal(endpoint.setOption(dontFragment, 1), 0)
  t.equal(other.getOption(broadcast), 1)
  t.equal(endpoint.endAdoption(0), 0)
  t.equal(other.getOption(broadcast), 0, 'put back')
  t.equal(other.getOption(dontFragment), former, 'put back')
  t.equal(endpoint.descriptor(), before)
  t.not(portOf(endpoint), port)

  t.equal(endpoint.adopt(taken), 0)
  t.equal(endpoint.setOption(broadcast, 1), 0)
  t.equal(endpoint.endAdoption(1), 0)
  t.equal(endpoint.getOption(broadcast), 1)
  t.equal(endpoint.descriptor(), taken)
  t.equal(portOf(endpoint), port)
  t.ok(refusesToBorrow(before), 'what it had is closed')
  t.equal(endpoint.watch(readiness.readable), 0)
  t.equal(endpoint.watch(0), 0)
  t.equal(endpoint.close(), 0)
  t.ok(refusesToBorrow(taken), 'it was its own')
  t.ok(other.close() < 0)
  const unopened = new addon.Endpoint()
  t.ok(unopened.adopt(taken) < 0)
  t.equal(unopened.open(4, 0, 0), 0)
  t.equal(unopened.close(), 0)
})

t.test(
  'an adopted descriptor is non-blocking',
  { skip: process.platform !== 'linux' && '/proc tells it' },
  async (t) => {
    const script = `
      const addon = require(${JSON.stringify(addonFile)})
      const memory = ${JSON.stringify(sizesOf(freshAddon()))}.map((size) => new ArrayBuffer(size))
      const { createEndpoint } = addon.create(...memory, () => {}, () => {})
      const { lent } = JSON.parse(process.env.DESCRIPTORS)
      const flags = () => {
        const told = require('node:fs').readFileSync('/proc/self/fdinfo/' + lent.fd, 'utf8')
        return parseInt(/flags:\\s+(\\d+)/.exec(told)[1], 8)
      }
      const before = flags()
      const endpoint = createEndpoint()
      const status = endpoint.adopt(lent.fd)
      const meanwhile = flags()
      console.log(JSON.stringify([before, status, meanwhile, endpoint.endAdoption(1), flags()].map((value) => value & 0o4000)))`
    const witness = path.resolve('test/witness/lend_descriptors.py')
    const { stdout, stderr } = spawnSync(
      'python3',
      [witness, JSON.stringify({ lent: 'udp4' }), process.execPath, '-e', script],
      {
        encoding: 'utf8',
      },
    )
    t.same(JSON.parse(stdout || '[]'), [0, 0, 0, 0, 0o4000], stderr)
  },
)

const wine = process.env['SENDMSG_WINE'] !== undefined
/** Of ip_mreq_source, whose members stand in another order on Unix. */
const mixesUp = wine && "Wine hands Windows' ip_mreq_source to Unix as it is"

t.test('groups', async (t) => {
  const { addon, open, portOf, sendTo, receiveAll, close } = kit()
  t.teardown(close)
  const { option } = addon.layout.enums
  // Of this process alone: sockets that joined no group get what comes to one that any other socket here has joined (ip(7)).
  const group = bytes(239, 255, 1 + randomInt(254), 1 + randomInt(254))
  const ssm = bytes(232, 17, 3, 5)
  const word = new Uint8Array(3)
  for (const family of [4, 6]) {
    const receiver = open(family)
    if (family === 6) t.equal(receiver.setOption(option.ipv6Only, 0), 0, 'dual-stack')
    t.equal(receiver.bind(family, ANY, 0, 0), 0)
    const port = portOf(receiver)
    const sender = open(4, LOOPBACK)
    t.equal(sender.setMulticastInterface(4, LOOPBACK, 0), 0)
    const arrives = (to: Uint8Array): number => {
      t.equal(sendTo(sender, 4, to, port, word), 1)
      return receiveAll(receiver)
    }
    t.equal(arrives(group), 0)
    t.equal(receiver.setMembership(1, 4, group, LOOPBACK, 0), 0)
    t.equal(arrives(group), 1)
    t.ok(receiver.setMembership(1, 4, group, LOOPBACK, 0) < 0, 'joined before')
    t.equal(receiver.setMembership(0, 4, group, LOOPBACK, 0), 0)
    t.equal(arrives(group), 0)
    t.ok(receiver.setMembership(0, 4, group, LOOPBACK, 0) < 0, 'left before')

    await t.test(`one source, family ${family}`, { skip: mixesUp }, async (t) => {
      t.equal(receiver.setMembership(1, 4, ssm, LOOPBACK, 0, bytes(127, 0, 0, 9)), 0)
      t.equal(arrives(ssm), 0, 'from another source')
      t.equal(receiver.setMembership(1, 4, ssm, LOOPBACK, 0, LOOPBACK), 0)
      t.equal(arrives(ssm), 1)
      t.equal(receiver.setMembership(0, 4, ssm, LOOPBACK, 0, LOOPBACK), 0)
      t.equal(arrives(ssm), 0)
    })

    t.ok(receiver.setMembership(1, 4, LOOPBACK, ANY, 0) < 0, 'no group')
    t.ok(receiver.setMembership(1, 4, group, bytes(192, 0, 2, 1), 0) < 0, 'no interface')
    t.ok(sender.setMulticastInterface(4, bytes(192, 0, 2, 1), 0) < 0)
    for (const [number, value] of [
      [option.multicastHopLimit, 7],
      [option.multicastLoopback, 0],
    ]) {
      t.equal(receiver.setOption(number, value), 0)
      t.equal(receiver.getOption(number), value)
    }
  }

  const group6 = bytes(0xff, 0x02, ...new Array<number>(12).fill(0), 0x17, 0x35)
  const socket = open(6, ANY)
  const loopback = Math.max(addon.interfaceIndex('lo'), addon.interfaceIndex('lo0'))
  // Wine has no MCAST_JOIN_SOURCE_GROUP.
  for (const source of wine ? [undefined] : [undefined, LOOPBACK6]) {
    t.equal(socket.setMembership(1, 6, group6, ANY, loopback, source), 0)
    t.ok(socket.setMembership(1, 6, group6, ANY, loopback, source) < 0)
    t.equal(socket.setMembership(0, 6, group6, ANY, loopback, source), 0)
    t.ok(socket.setMembership(0, 6, group6, ANY, loopback, source) < 0)
  }
  t.equal(socket.setMulticastInterface(6, ANY, loopback), 0)
  t.ok(socket.setMulticastInterface(6, ANY, 99_999) < 0)
  t.ok(open(4).setMembership(1, 6, group6, ANY, loopback) < 0, 'an IPv6 group of an IPv4 socket')
  t.ok(open(4).setMulticastInterface(6, ANY, loopback) < 0)

  socket.close()
  t.ok(socket.setMembership(1, 6, group6, ANY, 0) < 0)
  t.ok(socket.setMembership(0, 4, group, ANY, 0, LOOPBACK) < 0)
  t.ok(socket.setMulticastInterface(4, ANY, 0) < 0)
  const code = { code: 'ERR_INVALID_ARG_TYPE' }
  for (const wrong of [undefined, null, 'text', new Uint8Array(15), new DataView(new ArrayBuffer(16))]) {
    t.throws(() => socket.setMembership(1, 4, wrong, ANY, 0), code)
    t.throws(() => socket.setMembership(1, 4, group, wrong, 0), code)
    if (wrong !== undefined) t.throws(() => socket.setMembership(1, 4, group, ANY, 0, wrong), code)
    t.throws(() => socket.setMulticastInterface(4, wrong, 0), code)
  }
})
