import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import load from 'node-gyp-build'
import t from 'tap'
import { createSocket } from 'sendmsg'
import { detach } from './helpers/wrong-messages'

// The addon itself, as a program can get hold of it: whatever it is given, it refuses or fails, and never crashes.

type Any = ReturnType<typeof JSON.parse>

const root = path.dirname(require.resolve('sendmsg/package.json'))
const addonFile: string = (load as Any).path?.(root) ?? (load as Any).resolve(root)

/** An addon of its own: not the one whose memory the library has. */
function freshAddon(): Any {
  const { cache } = require
  const known = cache[addonFile]
  Reflect.deleteProperty(cache, addonFile)
  const addon: unknown = load(root)
  if (known !== undefined) cache[addonFile] = known
  return addon
}

type SendSlotMember =
  | 'slotSize'
  | 'fields'
  | 'bufferCount'
  | 'progress'
  | 'segmentSize'
  | 'controlOffset'
  | 'controlLength'
  | 'destinationFamily'
  | 'destination'
  | 'destinationPort'
  | 'controlFamily'
  | 'destinationScope'
  | 'hopLimit'
  | 'interfaceIndex'
  | 'source'
const sizesOf = ({ layout: { sizes, send, receive, report } }: Any): number[] => [
  sizes.slotCount * send.slotSize,
  sizes.sendControlArena,
  sizes.slotCount * receive.slotSize,
  sizes.slotCount * sizes.receiveStride,
  sizes.slotCount * sizes.recordStride,
  report.slotSize,
]
const memoryOf = (addon: Any): ArrayBuffer[] => sizesOf(addon).map((size) => new ArrayBuffer(size))
const nothing = (): void => undefined

/** What the addon has, and an instance of it, whose endpoints are made by `new`. */
function created(addon: Any, memory: ArrayBuffer[], dispatch: Any = nothing): Any {
  const instance = addon.create(...memory, dispatch, nothing)
  function Endpoint(): Any {
    return instance.createEndpoint()
  }
  return { ...addon, ...instance, Endpoint }
}

function initialized(dispatch: Any = nothing): { addon: Any; memory: ArrayBuffer[] } {
  const addon = freshAddon()
  const memory = memoryOf(addon)
  return { addon: created(addon, memory, dispatch), memory }
}

const LOOPBACK = new Uint8Array(16)
LOOPBACK.set([127, 0, 0, 1])

/** Bound to loopback and connected to `peer`: what it sends without an address goes there. */
function openConnected(addon: Any, receivePort: (endpoint: Any) => number): { sender: Any; receiver: Any } {
  const sender = new addon.Endpoint()
  const receiver = new addon.Endpoint()
  for (const endpoint of [sender, receiver]) {
    if (endpoint.open(4, 0, 0) !== 0 || endpoint.bind(4, LOOPBACK, 0, 0) !== 0) throw new Error('loopback is not there')
  }
  receiver.localAddress()
  sender.connect(4, LOOPBACK, receivePort(receiver), 0)
  return { sender, receiver }
}

const methods = [
  'open',
  'borrow',
  'adopt',
  'endAdoption',
  'close',
  'bind',
  'connect',
  'disconnect',
  'localAddress',
  'remoteAddress',
  'getOption',
  'setOption',
  'setMembership',
  'setMulticastInterface',
  'enableReceive',
  'waitReadable',
  'send',
  'startSend',
  'cancelSend',
  'receive',
  'pack',
  'receiveErrors',
  'makeWatcher',
  'watch',
  'setHold',
  'setContext',
  'family',
  'raw',
  'descriptor',
  'segmentation',
  'unchanged',
]

// Of these every method takes the wrong type for something.
const oddities: unknown[] = [
  undefined,
  null,
  NaN,
  -1,
  2 ** 31,
  2 ** 32 + 1,
  2 ** 53,
  Infinity,
  1n,
  'text',
  Symbol('odd'),
  {},
  [],
  new Array(2 ** 32 - 1),
  new Array(70_000).fill(new Uint8Array(1)),
  new ArrayBuffer(8),
  new Uint8Array(1),
  new Uint8Array(new SharedArrayBuffer(16)),
  new DataView(new ArrayBuffer(16)),
  new Float64Array(16),
  nothing,
]

t.test('the addon has these methods', async (t) => {
  const { addon } = initialized()
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(addon.createEndpoint())).filter(
    (name) => name !== 'constructor',
  )
  t.same(names.sort(), [...methods].sort())
})

t.test('methods of what is no endpoint', async (t) => {
  const { addon } = initialized()
  const other = initialized().addon
  const Endpoint = addon.createEndpoint().constructor
  for (const name of methods) {
    for (const receiver of [
      undefined,
      null,
      5,
      {},
      [],
      new Map(),
      createSocket,
      Object.create(Endpoint.prototype),
      Object.create(addon.createEndpoint()),
      new Proxy(addon.createEndpoint(), {}),
      Endpoint,
      Endpoint.prototype,
      other.createEndpoint(),
    ]) {
      t.throws(() => Reflect.apply(Endpoint.prototype[name], receiver, []), TypeError, name)
    }
  }
  t.throws(() => Endpoint(), TypeError)
  t.throws(() => Endpoint.call(addon.createEndpoint()), TypeError)
  const illegal = { name: 'TypeError', code: 'ERR_ILLEGAL_CONSTRUCTOR' }
  t.throws(() => new Endpoint(), illegal)
  t.throws(() => Reflect.construct(Endpoint, [], Map), illegal)
})

t.test('send and receive by number', async (t) => {
  const { addon, memory } = initialized()
  const { sender, receiver } = openConnected(addon, (endpoint) => {
    endpoint.localAddress()
    return new DataView(memory[2]!).getUint16(addon.layout.receive.port, true)
  })
  new DataView(memory[0]!).setUint32(addon.layout.send.bufferCount, 1, true)
  const chunk = new Uint8Array(70_000)
  const data = new Uint8Array(100).fill(7)
  const nowhere = { code: 'ERR_INVALID_ARG_VALUE' }
  t.equal(addon.send(sender.number, 1, data), 1)
  t.ok(receiver.waitReadable(5000))
  t.equal(addon.receive(receiver.number, 8, 100, 0, 0, chunk, 0, new Uint8Array(0), 0, []), 1)
  t.same(chunk.subarray(0, 101), new Uint8Array([...data, 0]))
  for (const odd of oddities) {
    for (const given of [[odd], [sender.number, odd], [sender.number, 1, odd], [odd, odd, odd]]) {
      t.throws(() => addon.send(...given), `send ${typeof odd}`)
    }
    const spares = [odd, [odd, odd], new Proxy([chunk], {})]
    for (const spare of spares) addon.receive(receiver.number, 64, 65_535, 0, 0, chunk, 0, chunk, 0, spare)
  }
  t.throws(() => addon.send(4711, 1, data), nowhere)
  t.throws(() => addon.receive(4711, 1, 9, 0, 0, chunk, 0, chunk, 0), nowhere)
  t.throws(() => addon.send(sender.number, 1, ...new Array(65).fill(data)), nowhere, 'more views than slots')
  t.throws(() => {
    sender.number = receiver.number
  }, TypeError)
  for (const endpoint of [sender, receiver]) endpoint.close()
  t.ok(addon.receive(receiver.number, 1, 9, 0, 0, chunk, 0, chunk, 0) < 0, 'closed')
})

t.test('what create() refuses', async (t) => {
  const addon = freshAddon()
  const memory = memoryOf(addon)
  const code = { code: 'ERR_INVALID_ARG_VALUE' }
  t.throws(() => addon.create(), code)
  t.throws(() => addon.create(...memory), code)
  t.throws(() => addon.create(...memory, nothing, {}), code)
  t.throws(() => addon.create(...memory, nothing, nothing, 1), code)
  for (let index = 0; index < memory.length; index++) {
    const size = memory[index]!.byteLength
    for (const wrong of [
      undefined,
      null,
      size,
      new Uint8Array(size),
      new SharedArrayBuffer(size),
      new ArrayBuffer(size - 1),
      new ArrayBuffer(0),
    ]) {
      t.throws(() => addon.create(...memory.with(index, wrong as Any), nothing, nothing), code)
    }
    const gone = new ArrayBuffer(size)
    detach(new Uint8Array(gone))
    t.throws(() => addon.create(...memory.with(index, gone), nothing, nothing), code)
  }
  t.throws(() => addon.create(...new Array(6).fill(new ArrayBuffer(2 ** 23)), nothing, nothing), code)
  const endpoint = addon.create(...memory, nothing, nothing).createEndpoint()
  t.equal(endpoint.open(4, 0, 0), 0)
  t.throws(() => endpoint.open(4, 0, 0), { code: 'ERR_INVALID_STATE' })
  t.throws(() => endpoint.borrow(0), { code: 'ERR_INVALID_STATE' })
  t.equal(endpoint.close(), 0)
})

t.test('memory that was taken away', async (t) => {
  const where = { code: 'ERR_INVALID_STATE', message: /detached or resized/ }
  for (const shrink of [false, true]) {
    for (let index = 0; index < 6; index++) {
      const fresh = freshAddon()
      const memory = sizesOf(fresh).map((size) => new (ArrayBuffer as Any)(size, { maxByteLength: size }))
      const addon = created(fresh, memory)
      const { sender, receiver } = openConnected(addon, () => 9)
      const chunk = new Uint8Array(1024)
      if (shrink) memory[index].resize(0)
      else detach(new Uint8Array(memory[index]))
      if ([0, 1, 5].includes(index)) t.throws(() => sender.send(1, chunk), where)
      if ([2, 3, 4, 5].includes(index)) {
        t.throws(() => receiver.receive(1, 9, 0, 0, chunk, 0, chunk, 0), where)
        t.throws(() => receiver.pack(0, 1, chunk, 0, chunk, 0), where)
        t.throws(() => receiver.localAddress(), where)
        t.throws(() => receiver.getOption(addon.layout.enums.option.receiveBuffer), where)
      }
      sender.close()
      receiver.close()
    }
  }
  // In the middle of a call, too.
  const { addon, memory } = initialized()
  const { sender } = openConnected(addon, () => 9)
  const views = [new Uint8Array(8)]
  Object.defineProperty(views, 1, {
    get() {
      detach(new Uint8Array(memory[0]!))
      return new Uint8Array(1)
    },
  })
  t.throws(() => sender.send(1, views), where)
})

t.test('views that take each other away', async (t) => {
  const { addon, memory } = initialized()
  const { sender } = openConnected(addon, () => 9)
  const { bufferCount } = addon.layout.send
  const slot = new DataView(memory[0]!)
  for (let round = 0; round < 50; round++) {
    const first = new Uint8Array(100_000).fill(1)
    const views: Any[] = [first]
    Object.defineProperty(views, 1, {
      get() {
        detach(first)
        sender.send(1, new Uint8Array(10))
        return new Uint8Array(1)
      },
    })
    slot.setUint32(bufferCount, 2, true)
    // What was detached is empty: the other view alone is sent, or the inner call is refused.
    try {
      sender.send(1, views)
    } catch (error) {
      t.equal((error as Any).code, 'ERR_OUT_OF_RANGE')
    }
  }
  t.pass('no crash')
})

t.test('arguments of wrong types', async (t) => {
  const { addon, memory } = initialized()
  const random = randomFrom(7)
  let refused = 0
  for (const name of methods) {
    // A wait that is asked for is a wait.
    if (name === 'waitReadable') continue
    for (let round = 0; round < 200; round++) {
      const { sender, receiver } = openConnected(addon, () => 9)
      new Uint8Array(memory[0]!).fill(0)
      const args = Array.from({ length: 1 + (random() % 8) }, () => oddities[random() % oddities.length])
      if (round % 3 === 0) args[0] = 1
      try {
        sender[name](...args)
      } catch (error) {
        refused++
        t.match((error as Any).code, /^ERR_(INVALID_ARG_TYPE|INVALID_STATE|OUT_OF_RANGE)$/, name)
      }
      if (name === 'watch') sender.watch(0)
      sender.close()
      receiver.close()
    }
  }
  t.ok(refused > 100)
  for (const value of oddities) {
    addon.setMaxSegments(value)
    addon.interfaceIndex(value)
    addon.interfaceId(value)
    addon.findHandle(value, value)
    new addon.Endpoint().waitReadable(typeof value === 'number' && value > 9 ? 0 : value)
  }
  t.equal(addon.interfaceIndex('l'.repeat(100_000)), 0)
  t.throws(() =>
    addon.findHandle(() => {
      throw new RangeError('from ref')
    }, nothing),
  )
})

/** xorshift32: the same numbers in each run. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

t.test('slots of random bytes', async (t) => {
  const { addon, memory } = initialized()
  const { layout } = addon
  const send = layout.send as Record<SendSlotMember, number>
  const slots = new Uint8Array(memory[0]!)
  const view = new DataView(memory[0]!)
  const records = new DataView(memory[1]!)
  const received = new DataView(memory[2]!)
  const report = new DataView(memory[5]!)
  const random = randomFrom(20_261_122)
  const portOf = (): number => received.getUint16(layout.receive.port, true)
  const { sender, receiver } = openConnected(addon, portOf)
  const unbound = new addon.Endpoint()
  unbound.open(4, 0, 0)
  const six = new addon.Endpoint()
  const loopback6 = new Uint8Array(16).fill(1, 15)
  if (six.open(6, 0, 0) === 0 && six.bind(6, loopback6, 0, 0) === 0) {
    six.localAddress()
    six.connect(6, loopback6, portOf(), 0)
  }
  const closed = new addon.Endpoint()
  closed.open(4, 0, 0)
  closed.close()
  const endpoints = [sender, six, unbound, closed]
  const chunk = new Uint8Array(70_000)
  const { fields, bufferCount, progress, segmentSize, controlOffset, controlLength, destinationFamily } = send
  const { destination, destinationScope, hopLimit, interfaceIndex, source } = send
  const { field } = layout.enums as { field: Record<'segmentSize' | 'trafficClass' | 'hopLimit' | 'sendTime', number> }
  const tameFields = field.segmentSize | field.trafficClass | field.hopLimit
  const outcomes = { taken: 0, failed: 0, refused: 0 }
  for (let round = 0; round < 3000; round++) {
    const count = 1 + (random() % (round % 7 === 0 ? 64 : 3))
    const views = Array.from(
      { length: random() % 6 },
      () => new Uint8Array(random() % (random() % 9 === 0 ? 70_000 : 900)),
    )
    for (let at = 0; at < slots.length; at++) slots[at] = random() % 3 === 0 ? 0 : random()
    for (let at = 0; at < 4096; at += 4) records.setUint32(at, random() % (random() % 2 === 0 ? 64 : 2 ** 32), true)
    const tame = random() % 2 === 0
    let left = views.length
    for (let index = 0; index < count; index++) {
      const slot = index * send.slotSize
      // Most garbage would be refused at once: some of it is made plausible, so that it gets further.
      if (random() % 8 !== 0) view.setUint32(slot + bufferCount, random() % 4, true)
      if (random() % 8 !== 0) view.setUint32(slot + progress, random() % 4 === 0 ? random() % 900 : 0, true)
      if (random() % 4 !== 0) view.setUint32(slot + segmentSize, random() % 700, true)
      if (random() % 2 !== 0) view.setUint32(slot + fields, random() & (tameFields | field.sendTime), true)
      if (random() % 8 !== 0) view.setUint32(slot + controlOffset, (random() % 512) * 8, true)
      if (random() % 8 !== 0) view.setUint32(slot + controlLength, random() % 3 === 0 ? (random() % 64) * 8 : 0, true)
      if (tame) {
        const own = random() % (left + 1)
        left -= own
        view.setUint32(slot + bufferCount, own, true)
        view.setUint32(slot + progress, 0, true)
        view.setUint32(slot + segmentSize, 1 + (random() % 700), true)
        view.setUint32(slot + fields, random() & tameFields, true)
        view.setUint32(slot + controlLength, 0, true)
        slots[slot + hopLimit]! |= 1
      }
      // Whatever is sent stays on loopback.
      slots[slot + destinationFamily] = random() % 2 === 0 ? 0 : [4, 6, 7][random() % 3]!
      if (slots[slot + destinationFamily] !== 4) slots.set(loopback6, slot + destination)
      else slots.set(LOOPBACK, slot + destination)
      slots.fill(0, slot + source, slot + source + 16)
      view.setUint32(slot + destinationScope, 0, true)
      view.setUint32(slot + interfaceIndex, random() % 3, true)
    }
    const endpoint = endpoints[random() % 16 < 12 ? 0 : random() % endpoints.length]
    try {
      const taken: number = endpoint.send(count, views.length === 1 && round % 2 === 0 ? views[0] : views)
      if (taken < 0 || taken > count) t.fail('impossible', { taken, count })
      const status = report.getInt32(layout.report.status, true)
      if (taken < count && status === 0 && report.getInt32(layout.report.wait, true) === layout.enums.wait.none) {
        t.fail('a message was not taken, and there is no reason', { round, taken, count })
      }
      outcomes[taken > 0 ? 'taken' : 'failed']++
    } catch (error) {
      outcomes.refused++
      if ((error as Any).code !== 'ERR_OUT_OF_RANGE') t.fail('refused otherwise', { error })
    }
    for (const own of [receiver, six]) {
      const room = random() % 2 === 0 ? 65_535 : random() % 700
      own.receive(
        1 + (random() % 64),
        room,
        random() % 1025,
        random() % 2,
        chunk,
        random() % 80_000,
        chunk,
        random() % 80_000,
      )
    }
  }
  t.comment(JSON.stringify(outcomes))
  t.ok(outcomes.taken > 100)
  t.ok(outcomes.failed > 100)
  t.ok(outcomes.refused > 100)
  for (const endpoint of [sender, receiver, six, unbound]) endpoint.close()
})

t.test('receive slots of random bytes', async (t) => {
  const { addon, memory } = initialized()
  const { sender, receiver } = openConnected(addon, () => 9)
  const slots = new Uint8Array(memory[2]!)
  const random = randomFrom(11)
  const chunks = [new Uint8Array(0), new Uint8Array(8192), new Uint8Array(65_536)]
  for (let round = 0; round < 3000; round++) {
    for (let at = 0; at < slots.length; at++) slots[at] = random() % 2 === 0 ? 0 : random()
    const first = random() % 66
    const last = random() % 66
    const small = chunks[random() % 3]
    const large = chunks[random() % 3]
    try {
      receiver.pack(first, last, small, random() % 9000, large, random() % 2 === 0 ? random() : random() % 66_000)
    } catch (error) {
      if ((error as Any).code !== 'ERR_OUT_OF_RANGE') t.fail('refused otherwise', { error })
    }
  }
  t.pass('no crash')
  sender.close()
  receiver.close()
})

t.test('a message that does not fit goes with the next call', async (t) => {
  // Trains of 1,000 views: two of them need more pieces than one call has.
  const socket = createSocket({ type: 'udp4', pull: true, recvBufferSize: 1 << 22 })
  const sender = createSocket('udp4')
  t.teardown(() => {
    socket.close()
    sender.close()
  })
  socket.bind(0, '127.0.0.1')
  const to = { address: '127.0.0.1', port: socket.address().port }
  const train = (letter: string): Any => ({
    data: new Array<Uint8Array>(1000).fill(Buffer.from(letter)),
    segmentSize: 400,
    ...to,
  })
  t.equal(sender.trySendmmsg([train('a'), train('b'), { data: Buffer.from('end'), ...to }, train('c')]), 4)
  const arrived: string[] = []
  for (let count = 0; count < 10; count++) arrived.push((await socket.recvmsg({ timeout: 10_000 })).data.toString())
  const parts = (letter: string): string[] => [400, 400, 200].map((length) => letter.repeat(length))
  t.same(arrived, [...parts('a'), ...parts('b'), 'end', ...parts('c')])
  t.equal(socket.tryRecvmsg(), null)
})

const ANY = new Uint8Array(16)
const LOOPBACK6 = new Uint8Array(16).fill(1, 15)
const bytes = (...start: number[]): Uint8Array => Uint8Array.from({ length: 16 }, (_, index) => start[index] ?? 0)

/** An addon with what the tests below do with it. */
function kit(dispatch: (endpoint: Any, status: number) => void = nothing) {
  const { addon, memory } = initialized(dispatch)
  const { receive, report } = addon.layout
  const send = addon.layout.send as Record<SendSlotMember, number>
  const slots = new DataView(memory[0]!)
  const opened: Any[] = []
  const open = (family: number, address?: Uint8Array): Any => {
    const endpoint = new addon.Endpoint()
    opened.push(endpoint)
    if (endpoint.open(family, 0, 0) !== 0) throw new Error('no socket')
    if (address !== undefined && endpoint.bind(family, address, 0, 0) !== 0) throw new Error('not bound')
    return endpoint
  }
  const portOf = (endpoint: Any): number => {
    endpoint.localAddress()
    return new DataView(memory[2]!).getUint16(receive.port, true)
  }
  /** Sends `count` datagrams in one call; how many were taken. Of family 0: to where it is connected. */
  const sendTo = (
    endpoint: Any,
    family: number,
    address: Uint8Array,
    port: number,
    data: Uint8Array,
    count = 1,
  ): number => {
    new Uint8Array(memory[0]!).fill(0)
    for (let at = 0; at < count * send.slotSize; at += send.slotSize) {
      slots.setUint32(at + send.bufferCount, 1, true)
      slots.setUint16(at + send.destinationPort, port, true)
      slots.setUint8(at + send.destinationFamily, family)
      slots.setUint8(at + send.controlFamily, family)
      new Uint8Array(memory[0]!).set(address, at + send.destination)
    }
    return endpoint.send(count, new Array(count).fill(data))
  }
  /** How many datagrams are there, or a negative status. */
  const receiveAll = (endpoint: Any): number =>
    endpoint.receive(64, 100, 0, 0, new Uint8Array(100_000), 0, new Uint8Array(0), 0)
  const status = (): number => new DataView(memory[5]!).getInt32(report.status, true)
  const close = (): void => {
    for (const endpoint of opened) endpoint.close()
  }
  return { addon, open, portOf, sendTo, receiveAll, status, close }
}

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
      const flags = () => {
        const told = require('node:fs').readFileSync('/proc/self/fdinfo/' + process.env.DESCRIPTOR, 'utf8')
        return parseInt(/flags:\\s+(\\d+)/.exec(told)[1], 8)
      }
      const before = flags()
      const endpoint = createEndpoint()
      const status = endpoint.adopt(Number(process.env.DESCRIPTOR))
      const meanwhile = flags()
      console.log(JSON.stringify([before, status, meanwhile, endpoint.endAdoption(1), flags()].map((value) => value & 0o4000)))`
    const witness = path.join(__dirname, 'witness', 'with_descriptor.py')
    const { stdout, stderr } = spawnSync('python3', [witness, 'blocking', process.execPath, '-e', script], {
      encoding: 'utf8',
    })
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
  const group = bytes(239, 255, 17, 3)
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
