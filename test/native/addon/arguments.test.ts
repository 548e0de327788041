// Arguments of wrong types, and memory that is taken away.
import t from 'tap'
import { createSocket } from 'sendmsg'
import { detach } from '../../helpers/memory'
import {
  type Any,
  freshAddon,
  sizesOf,
  memoryOf,
  nothing,
  created,
  initialized,
  openConnected,
  methods,
  oddities,
  randomFrom,
} from './setup'

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
  const chunk = new ArrayBuffer(70_000)
  const data = new Uint8Array(100).fill(7)
  const nowhere = { code: 'ERR_INVALID_ARG_VALUE' }
  t.equal(addon.send(sender.number, 1, data), 1)
  t.ok(receiver.waitReadable(5000))
  t.equal(addon.receive(receiver.number, 8, 100, 0, 0, [chunk], 0, [], 0), 1)
  t.same(new Uint8Array(chunk, 0, 101), new Uint8Array([...data, 0]))
  for (const odd of oddities) {
    for (const given of [[odd], [sender.number, odd], [sender.number, 1, odd], [odd, odd, odd]]) {
      t.throws(() => addon.send(...given), `send ${typeof odd}`)
    }
    const chunks = { code: 'ERR_INVALID_ARG_TYPE', message: /chunks/ }
    for (const lists of [
      [odd, 0, [chunk], 0],
      [[chunk], 0, odd, 0],
      [[chunk], 0, new Proxy([chunk], {}), 0],
    ]) {
      // An empty list is none that is wrong.
      if (lists.some((list) => Array.isArray(list) && list.length === 0)) continue
      t.throws(() => addon.receive(receiver.number, 64, 65_535, 0, 0, ...lists), chunks)
    }
    if (!(odd instanceof ArrayBuffer)) {
      t.throws(() => addon.receive(receiver.number, 64, 65_535, 0, 0, [chunk], 0, [odd, odd], 0), chunks)
    }
    addon.receive(receiver.number, 64, 65_535, 0, 0, [chunk], odd, [chunk], odd)
  }
  t.throws(() => addon.send(4711, 1, data), nowhere)
  t.throws(() => addon.receive(4711, 1, 9, 0, 0, [chunk], 0, [chunk], 0), nowhere)
  t.throws(() => addon.send(sender.number, 1, ...new Array(65).fill(data)), nowhere, 'more views than slots')
  t.throws(() => {
    sender.number = receiver.number
  }, TypeError)
  for (const endpoint of [sender, receiver]) endpoint.close()
  t.ok(addon.receive(receiver.number, 1, 9, 0, 0, [chunk], 0, [chunk], 0) < 0, 'closed')
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
        t.throws(() => receiver.receive(1, 9, 0, 0, [chunk.buffer], 0, [chunk.buffer], 0), where)
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
