// Slots of any content.
import t from 'tap'
import { createSocket } from 'sendmsg'
import { type Any, type SendSlotMember, initialized, LOOPBACK, openConnected, randomFrom } from './setup'

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
  const chunk = new ArrayBuffer(70_000)
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
        [chunk],
        random() % 80_000,
        [chunk],
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

t.test('chunks that are the shared memory itself', async (t) => {
  const { addon, memory } = initialized()
  const { sender, receiver } = openConnected(addon, (endpoint) => {
    endpoint.localAddress()
    return new DataView(memory[2]!).getUint16(addon.layout.receive.port, true)
  })
  const random = randomFrom(11)
  const data = new Uint8Array(9000)
  for (let at = 0; at < data.length; at++) data[at] = random()
  const buffers = [...memory, new ArrayBuffer(0), new ArrayBuffer(8192), new ArrayBuffer(65_536)]
  const anyList = (): ArrayBuffer[] => Array.from({ length: random() % 20 }, () => buffers[random() % buffers.length]!)
  const outcomes = { sent: 0, received: 0 }
  for (let round = 0; round < 3000; round++) {
    // Sizes that were seen before decide where messages are received.
    const size = random() % 3 === 0 ? random() % 512 : random() % 9000
    for (let count = random() % 8; count > 0; count--) {
      new Uint8Array(memory[0]!).fill(0)
      new DataView(memory[0]!).setUint32(addon.layout.send.bufferCount, 1, true)
      outcomes.sent += Number(
        addon.send(sender.number, 1, data.subarray(0, random() % 4 === 0 ? random() % 9000 : size)),
      )
    }
    const used = random() % 2 === 0 ? random() : random() % 66_000
    const received: number = addon.receive(receiver.number, 64, 65_535, 0, 0, anyList(), used, anyList(), used)
    if (received > 0) outcomes.received += received
  }
  t.equal(outcomes.received, outcomes.sent)
  t.ok(outcomes.sent > 5000)
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
