// The queue of errors of earlier datagrams.
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { type Any, LOOPBACK, ANY, LOOPBACK6, kit } from './setup'

type ErrorSlotMember =
  | 'slotSize'
  | 'status'
  | 'info'
  | 'size'
  | 'offset'
  | 'port'
  | 'family'
  | 'offenderFamily'
  | 'origin'
  | 'type'
  | 'code'
  | 'address'
  | 'offender'

interface TransmitError {
  status: number
  origin: string | undefined
  type: number
  code: number
  info: number
  to: [family: number, address: Uint8Array, port: number]
  offender: [family: number, address: Uint8Array]
  data: string
}

function readErrors({ layout }: Any, endpoint: Any, room = 64): TransmitError[] {
  const at = layout.error as Record<ErrorSlotMember, number>
  const { errorOrigin } = layout.enums
  const { slotSize } = at
  // Neither aligned nor at the start of its memory.
  const slots = new Uint8Array(3 + room * slotSize).subarray(3)
  const data = Buffer.alloc(room * 64)
  const count: number = endpoint.receiveErrors(slots, data)
  if (count < 0) throw new Error(String(count))
  return Array.from({ length: count }, (_, index) => {
    const slot = slots.slice(index * slotSize, (index + 1) * slotSize)
    const view = new DataView(slot.buffer)
    const start = view.getUint32(at.offset, true)
    return {
      status: view.getInt32(at.status, true),
      info: view.getUint32(at.info, true),
      origin: Object.keys(errorOrigin).find((name) => errorOrigin[name] === slot[at.origin]),
      type: slot[at.type]!,
      code: slot[at.code]!,
      to: [slot[at.family]!, slot.slice(at.address, at.address + 16), view.getUint16(at.port, true)],
      offender: [slot[at.offenderFamily]!, slot.slice(at.offender, at.offender + 16)],
      data: data.subarray(start, start + view.getUint32(at.size, true)).toString(),
    }
  })
}

t.test('what receiveErrors() refuses', async (t) => {
  const { addon, open } = kit()
  const endpoint = open(4, LOOPBACK)
  const { slotSize } = addon.layout.error
  const slots = new Uint8Array(slotSize)
  for (const wrong of [undefined, null, 1, [], new ArrayBuffer(slotSize), new Float64Array(slotSize)]) {
    t.throws(() => endpoint.receiveErrors(wrong, slots), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(() => endpoint.receiveErrors(slots, wrong), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  const range = { code: 'ERR_OUT_OF_RANGE' }
  t.throws(() => endpoint.receiveErrors(new Uint8Array(0), slots), range)
  t.throws(() => endpoint.receiveErrors(new Uint8Array(slotSize - 1), slots), range)
  t.throws(() => endpoint.receiveErrors(new Uint8Array(65 * slotSize), slots), range)
  t.throws(() => endpoint.receiveErrors(slots, new Uint8Array(65_536)), range)
  endpoint.close()
  t.ok(endpoint.receiveErrors(slots, slots) < 0)
})

const ECONNREFUSED = 111

t.test('ICMP errors', { skip: process.platform !== 'linux' && 'only Linux has an error queue' }, async (t) => {
  for (const { title, type, family, loopback, icmp } of [
    { title: 'IPv4', type: 4, family: 4, loopback: LOOPBACK, icmp: { origin: 'icmp', type: 3, code: 3 } },
    { title: 'IPv6', type: 6, family: 6, loopback: LOOPBACK6, icmp: { origin: 'icmp6', type: 1, code: 4 } },
    { title: 'dual-stack', type: 6, family: 4, loopback: LOOPBACK, icmp: { origin: 'icmp', type: 3, code: 3 } },
  ]) {
    await t.test(title, async (t) => {
      const { addon, open, portOf, sendTo, receiveAll, status, close } = kit()
      const { option } = addon.layout.enums
      t.teardown(close)
      const gone = open(family, loopback)
      const nobody = portOf(gone)
      const peer = open(family, loopback)
      const somebody = portOf(peer)
      const sender = open(type)
      if (type === 6) sender.setOption(option.ipv6Only, 0)
      gone.close()
      t.equal(sender.setOption(option.receiveErrors, 1), 0)
      t.equal(sender.getOption(option.receiveErrors), 1)
      t.same(readErrors(addon, sender), [])

      t.equal(sendTo(sender, family, loopback, nobody, Buffer.from('to nobody')), 1)
      t.equal(sendTo(sender, family, loopback, somebody, Buffer.from('to somebody')), 1, 'the next one does not suffer')
      t.equal(receiveAll(peer), 1)
      t.same(readErrors(addon, sender), [
        {
          status: -ECONNREFUSED,
          info: 0,
          ...icmp,
          to: [family, loopback, nobody],
          offender: [family, loopback],
          data: 'to nobody',
        },
      ])
      t.same(readErrors(addon, sender), [])

      t.equal(sendTo(sender, family, loopback, nobody, Buffer.from('in a batch'), 64), 64)
      t.equal(receiveAll(sender), 0, 'receiving does not suffer either')
      t.equal(readErrors(addon, sender, 3).length, 3, 'as many as there is room for')
      t.equal(readErrors(addon, sender).length, 61)

      t.equal(sendTo(sender, family, loopback, nobody, Buffer.alloc(2000)), 1)
      t.equal(readErrors(addon, sender, 1)[0]?.data.length, 64, 'the start of a long one')

      const mtu = sender.getOption(option.pathMtu)
      t.same([mtu, status()], [0, -107], 'no path MTU while it is not connected')
      sender.connect(family, loopback, nobody, 0)
      t.ok(sender.getOption(option.pathMtu) >= 65_535)
      t.equal(status(), 0)
      const sendConnected = (data: Uint8Array): number => sendTo(sender, 0, ANY, 0, data)
      t.equal(sendConnected(Buffer.from('x')), 1)
      t.equal(sendConnected(Buffer.from('x')), 1, 'nor does a connected one')
      t.equal(readErrors(addon, sender).length, 2)

      t.equal(sender.setOption(option.receiveErrors, 0), 0)
      t.equal(sendConnected(Buffer.from('x')), 1)
      t.equal(sendConnected(Buffer.from('x')), 0)
      t.equal(status(), -ECONNREFUSED, 'as it is without')
    })
  }
})

t.test(
  'a socket whose errors were read is quiet again',
  { skip: process.platform !== 'linux' && 'only Linux has an error queue' },
  async (t) => {
    const told: boolean[] = []
    const { addon, open, portOf, sendTo, close } = kit((endpoint, status) => {
      const error = status < 0
      told.push(error)
      while (error && readErrors(addon, endpoint, 2).length > 0);
      endpoint.watch(error && told.length < 9 ? addon.layout.enums.readiness.readable : 0)
    })
    const { option, readiness } = addon.layout.enums
    t.teardown(close)
    const gone = open(4, LOOPBACK)
    const nobody = portOf(gone)
    gone.close()
    const sender = open(4, LOOPBACK)
    t.equal(sender.setOption(option.receiveErrors, 1), 0)
    const hear = async (): Promise<boolean[]> => {
      t.equal(sender.watch(readiness.readable), 0)
      for (let turn = 0; turn < 500 && told.length === 0; turn++) await setTimeout(10)
      await setTimeout(50)
      return told.splice(0)
    }
    t.equal(sendTo(sender, 4, LOOPBACK, nobody, Buffer.alloc(500), 50), 50)
    t.same(await hear(), [true])

    // What is received and the errors share their room: with none left an error is pending, and nothing is in the queue.
    t.equal(sender.setOption(option.receiveBuffer, 1), 0)
    t.equal(sendTo(sender, 4, LOOPBACK, portOf(sender), Buffer.alloc(500), 50), 50)
    t.equal(sendTo(sender, 4, LOOPBACK, nobody, Buffer.alloc(500)), 1)
    t.same(await hear(), [true, false], 'an error, and what is to be received')
  },
)
