// Getters that run while a call reads its arguments, and memory that a program takes away.
import dgram from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'

import { createSocket, recvmmsg, recvmsg, sendmmsg, sendmsg, trySendmmsg, trySendmsg, type Socket } from 'sendmsg'
import { notRunning, wrongType } from './expect-error'
import { detach } from '../helpers/memory'
import { type Any, aControl, anotherControl, good, neverToArrive, arrives, wrong, ours, testNothingElse } from './setup'

/** An object whose properties count how often they are read. */
function counted(values: object, counts: Record<string, number>, prefix = ''): Any {
  return Object.defineProperties(
    {},
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        {
          enumerable: true,
          get() {
            counts[prefix + name] = (counts[prefix + name] ?? 0) + 1
            return value
          },
        },
      ]),
    ),
  )
}

t.test('every property is read once', async (t) => {
  const counts: Record<string, number> = {}
  const flags = counted({ dontRoute: false, confirm: false, partial: false, oob: false }, counts, 'flags.')
  const control = [counted(aControl, counts, 'control.')]
  const fields = {
    ...good('counted'),
    to: undefined,
    source: '127.0.0.1',
    interface: undefined,
    trafficClass: undefined,
    ecn: 1,
    dscp: 2,
    hopLimit: 3,
    dontFragment: undefined,
    segmentSize: 1000,
    sendTime: undefined,
    mark: undefined,
    flags,
    control,
  }
  const once = (): void => {
    t.same(
      Object.entries(counts).filter(([, count]) => count !== 1),
      [],
    )
    for (const name of Object.keys(counts)) Reflect.deleteProperty(counts, name)
  }
  arrives(() => trySendmsg(ours, counted(fields, counts)), 'counted')
  t.equal(Object.keys(counts).length, Object.keys(fields).length + 7)
  once()
  arrives(() => trySendmmsg(ours, [counted(fields, counts)]), 'counted')
  once()
  const options = counted({ signal: new AbortController().signal, timeout: 5000 }, counts)
  await arrives(() => sendmsg(ours, good('counted'), options), 'counted')
  once()
  await arrives(() => sendmmsg(ours, [good('counted')], options), 'counted')
  once()
  const pull = createSocket(counted({ type: 'udp4', pull: true, receiveInfo: ['ecn'] }, counts))
  t.teardown(() => pull.close())
  once()
  const room = counted({ signal: undefined, timeout: 20, length: 10, controlLength: 10, count: 2 }, counts)
  await t.rejects(recvmmsg(pull, room), { code: 'ETIMEDOUT' })
  once()
  await t.rejects(recvmsg(pull, room), { code: 'ETIMEDOUT' })
  delete counts['count']
  once()
})

t.test('getters that act', async (t) => {
  // One that sends: both messages are whole.
  const nested = {
    ...good('outer'),
    control: [aControl],
    get hopLimit() {
      trySendmsg(ours, { ...good('inner'), trafficClass: 4, control: [anotherControl] })
      trySendmmsg(ours, [good('inner, first'), good('inner, second')])
      return 9
    },
  }
  arrives(() => trySendmsg(ours, nested), 'inner', 'inner, first', 'inner, second', 'outer')
  arrives(
    () => trySendmmsg(ours, [good('before'), nested, good('after')]),
    'inner',
    'inner, first',
    'inner, second',
    'before',
    'outer',
    'after',
  )

  // One that changes what it stands beside: what was read first counts.
  const mutable: Any = { ...good('mutable') }
  Object.defineProperty(mutable, 'segmentSize', {
    enumerable: true,
    get() {
      mutable.address = 'wrong'
      mutable.port = -1
      mutable.data = undefined
      return undefined
    },
  })
  arrives(() => trySendmsg(ours, mutable), 'mutable')

  // One that lengthens, or empties, the array it stands in.
  const views: Uint8Array[] = [Buffer.from('a'), Buffer.from('b')]
  const longer = new Proxy(views, {
    get(target, key) {
      if (key === '0') views.push(Buffer.from('c'))
      return Reflect.get(target, key)
    },
  })
  arrives(() => trySendmsg(ours, { ...good(''), data: longer }), 'ab')
  const shorter = new Proxy([Buffer.from('a'), Buffer.from('b')], {
    get(target, key) {
      if (key === '0') target.length = 1
      return Reflect.get(target, key) ?? Buffer.from('a')
    },
  })
  await wrong(
    'views that vanish while they are read',
    {
      throwing: {
        trySendmsg: () => {
          const list = [Buffer.from('a'), Buffer.from('b')]
          const emptying = new Proxy(list, {
            get(target, key) {
              const value: unknown = Reflect.get(target, key)
              if (key === '0') target.length = 0
              return value
            },
          })
          return trySendmsg(ours, { ...neverToArrive(), data: emptying })
        },
      },
    },
    wrongType('message.data[1]', 'Received undefined'),
  )
  t.equal(shorter.length, 2)

  // One that closes the socket in the middle.
  const closing = createSocket('udp4')
  closing.bind(0, '127.0.0.1')
  await wrong(
    'a getter closes the socket',
    {
      throwing: {
        trySendmsg: () =>
          trySendmsg(closing, {
            ...neverToArrive(),
            get hopLimit() {
              closing.close()
              return 1
            },
          }),
      },
    },
    notRunning,
  )
  const closingToo = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(closingToo, 'listening')
  arrives(() => trySendmsg(closingToo, good('still open')), 'still open')
  const taken: Socket[] = []
  await wrong(
    'a getter closes the dgram.Socket, and its descriptor is given to another one',
    {
      throwing: {
        trySendmsg: () =>
          trySendmsg(closingToo, {
            ...neverToArrive(),
            get trafficClass() {
              closingToo.close()
              for (let count = 0; count < 20; count++) taken.push(createSocket('udp4'))
              return 1
            },
          }),
      },
    },
    notRunning,
  )
  for (const socket of taken) socket.close()
  const pulled = createSocket({ type: 'udp4', pull: true })
  await wrong(
    'a getter of the options closes the socket',
    {
      rejecting: {
        recvmsg: () =>
          recvmsg(pulled, {
            get timeout() {
              pulled.close()
              return 5000
            },
          }),
      },
    },
    notRunning,
  )

  // One that calls itself: the stack ends first.
  const endless: Any = {
    ...neverToArrive(),
    get hopLimit() {
      return trySendmsg(ours, endless)
    },
  }
  await wrong(
    'a getter without end',
    { throwing: { trySendmsg: () => trySendmsg(ours, endless) } },
    { name: 'RangeError', code: undefined, says: /Maximum call stack size exceeded/ },
  )
})

t.test('a program takes away the memory of what it received', async (t) => {
  const socket = createSocket({ type: 'udp4', pull: true })
  t.teardown(() => socket.close())
  socket.bind(0, '127.0.0.1')
  const to = { address: '127.0.0.1', port: socket.address().port }
  for (const data of ['', 'small', '', 'l'.repeat(600), '', 'small again', 'l'.repeat(60_000), '']) {
    trySendmsg(ours, { data: Buffer.from(data), ...to })
    const message = await recvmsg(socket, { timeout: 10_000 })
    t.equal(message.data.toString(), data)
    if (message.data.buffer.byteLength > 0) detach(message.data)
  }
})

testNothingElse(4)
