import path from 'node:path'
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

const SEGMENT_BIT = 1 << 5
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
  | 'destinationScope'
  | 'hopLimit'
  | 'interfaceIndex'
  | 'source'
const sizesOf = ({ layout }: Any): number[] => [
  layout.slotCount * layout.send.slotSize,
  layout.sendControlArena,
  layout.slotCount * layout.receive.slotSize,
  layout.slotCount * layout.receiveStride,
  layout.slotCount * layout.recordStride,
  layout.report.slotSize,
]
const memoryOf = (addon: Any): ArrayBuffer[] => sizesOf(addon).map((size) => new ArrayBuffer(size))
const nothing = (): void => undefined

function initialized(): { addon: Any; memory: ArrayBuffer[] } {
  const addon = freshAddon()
  const memory = memoryOf(addon)
  addon.initialize(...memory, nothing, nothing)
  return { addon, memory }
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
  'close',
  'bind',
  'connect',
  'disconnect',
  'localAddress',
  'remoteAddress',
  'getOption',
  'setOption',
  'enableReceive',
  'waitReadable',
  'send',
  'startSend',
  'cancelSend',
  'receive',
  'pack',
  'watch',
  'setHold',
  'family',
  'raw',
  'descriptor',
  'segmentation',
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
  const names = Object.getOwnPropertyNames(addon.Endpoint.prototype).filter((name) => name !== 'constructor')
  t.same(names.sort(), [...methods].sort())
})

t.test('methods of what is no endpoint', async (t) => {
  const { addon } = initialized()
  const other = initialized().addon
  const { Endpoint } = addon
  class Sub extends Endpoint {}
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
      Object.create(new Endpoint()),
      new Proxy(new Endpoint(), {}),
      Endpoint,
      Endpoint.prototype,
      new other.Endpoint(),
    ]) {
      t.throws(() => Reflect.apply(Endpoint.prototype[name], receiver, []), TypeError, name)
    }
  }
  t.throws(() => Endpoint(), TypeError)
  t.throws(() => Endpoint.call(new Endpoint()), TypeError)
  t.equal(Reflect.construct(Endpoint, [], Map) instanceof Map, true)
  t.equal(new (Sub as Any)().open(4, 0, 0), 0)
})

t.test('before initialize(), and with what it refuses', async (t) => {
  const addon = freshAddon()
  const endpoint = new addon.Endpoint()
  for (const name of methods) {
    try {
      endpoint[name]()
    } catch (error) {
      t.equal((error as Any).code, 'ERR_INVALID_STATE', name)
    }
  }
  const memory = memoryOf(addon)
  const code = { code: 'ERR_INVALID_ARG_VALUE' }
  t.throws(() => addon.initialize(), code)
  t.throws(() => addon.initialize(...memory), code)
  t.throws(() => addon.initialize(...memory, nothing, {}), code)
  t.throws(() => addon.initialize(...memory, nothing, nothing, 1), code)
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
      t.throws(() => addon.initialize(...memory.with(index, wrong as Any), nothing, nothing), code)
    }
    const gone = new ArrayBuffer(size)
    detach(new Uint8Array(gone))
    t.throws(() => addon.initialize(...memory.with(index, gone), nothing, nothing), code)
  }
  t.throws(() => addon.initialize(...new Array(6).fill(new ArrayBuffer(2 ** 23)), nothing, nothing), code)
  addon.initialize(...memory, nothing, nothing)
  t.throws(() => addon.initialize(...memoryOf(addon), nothing, nothing), code)
  t.equal(endpoint.open(4, 0, 0), 0)
  t.throws(() => endpoint.open(4, 0, 0), { code: 'ERR_INVALID_STATE' })
  t.throws(() => endpoint.borrow(0), { code: 'ERR_INVALID_STATE' })
  t.equal(endpoint.close(), 0)
})

t.test('memory that was taken away', async (t) => {
  const where = { code: 'ERR_INVALID_STATE', message: /detached or resized/ }
  for (const shrink of [false, true]) {
    for (let index = 0; index < 6; index++) {
      const addon = freshAddon()
      const memory = sizesOf(addon).map((size) => new (ArrayBuffer as Any)(size, { maxByteLength: size }))
      addon.initialize(...memory, nothing, nothing)
      const { sender, receiver } = openConnected(addon, () => 9)
      const chunk = new Uint8Array(1024)
      if (shrink) memory[index].resize(0)
      else detach(new Uint8Array(memory[index]))
      if ([0, 1, 5].includes(index)) t.throws(() => sender.send(1, chunk), where)
      if ([2, 3, 4, 5].includes(index)) {
        t.throws(() => receiver.receive(1, 9, 0, 0, chunk, 0, chunk, 0), where)
        t.throws(() => receiver.pack(0, 1, chunk, 0, chunk, 0), where)
        t.throws(() => receiver.localAddress(), where)
        t.throws(() => receiver.getOption(0), where)
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
    addon.identity(value)
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
      if (random() % 2 !== 0) view.setUint32(slot + fields, random() & (SEGMENT_BIT | 0b1001100), true)
      if (random() % 8 !== 0) view.setUint32(slot + controlOffset, (random() % 512) * 8, true)
      if (random() % 8 !== 0) view.setUint32(slot + controlLength, random() % 3 === 0 ? (random() % 64) * 8 : 0, true)
      if (tame) {
        const own = random() % (left + 1)
        left -= own
        view.setUint32(slot + bufferCount, own, true)
        view.setUint32(slot + progress, 0, true)
        view.setUint32(slot + segmentSize, 1 + (random() % 700), true)
        view.setUint32(slot + fields, random() & (SEGMENT_BIT | 0b1100), true)
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
      if (taken < count && status === 0 && report.getInt32(layout.report.wait, true) === 0) {
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
