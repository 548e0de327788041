// UDP_SEND_MSG_SIZE, and what is done where it fails: design rule 3. The faults are the hook's (test/windows/), in Windows'
// Node under Wine.
import t, { type Test } from 'tap'
import { capabilities, sendmmsg, sendmsg, trySendmsg, type OutgoingMessage, type Socket } from 'sendmsg'
import { bound, bytes, cut } from '../helpers/sockets'
import { heal, hook, Place, unhooked } from './hook'

const LOOPBACK = '127.0.0.1'
const WSAEWOULDBLOCK = 10035
const [WSAEINVAL, WSAEMSGSIZE, WSAENOPROTOOPT, WSAEOPNOTSUPP, WSAENETUNREACH] = [10022, 10040, 10042, 10045, 10051]
const SIZE = 1200
/** Four calls with offload: 54 datagrams of 1200 bytes fit in one. */
const train = bytes(200_000)
const parts = cut(train, SIZE)
const END = Buffer.from('the end of what arrived')

async function arrived(sender: Socket, sink: Socket): Promise<Buffer[]> {
  await sendmsg(sender, { data: END, address: LOOPBACK, port: sink.address().port })
  const datagrams: Buffer[] = []
  for (;;) {
    for (const { data } of await sink.recvmmsg({ timeout: 10_000 })) {
      if (data.equals(END)) return datagrams
      datagrams.push(data)
    }
  }
}

t.test('trains whose offload fails', { skip: unhooked }, async (t) => {
  capabilities()
  t.afterEach(heal)
  const sink = await bound(t, { type: 'udp4', pull: true, recvBufferSize: 1 << 22 }, '0.0.0.0')
  let hosts = 0
  let to = { address: LOOPBACK, port: sink.address().port }
  let message = { data: train, segmentSize: SIZE, ...to }
  /** A destination of which nothing is remembered. */
  const elsewhere = (): void => {
    hosts++
    to = { address: `127.1.${hosts >> 7}.${1 + (hosts & 127)}`, port: sink.address().port }
    message = { data: train, segmentSize: SIZE, ...to }
  }
  const whole = async (test: Test, sender: Socket, expected: Buffer[], what: string): Promise<void> => {
    heal()
    const datagrams = await arrived(sender, sink)
    test.equal(datagrams.length, expected.length, `${what}: as many`)
    test.ok(Buffer.concat(datagrams).equals(Buffer.concat(expected)), `${what}: once each, in order`)
  }
  /** Calls of WSASendMsg with UDP_SEND_MSG_SIZE. */
  const offloaded = async (what: () => unknown): Promise<number> => {
    const before = hook!.counts().trains
    await what()
    return hook!.counts().trains - before
  }

  const places = {
    'at once': { place: Place.withoutOverlapped, noRoom: 0, pending: 0 },
    'as it starts': { place: Place.withOverlapped, noRoom: 100, pending: 50 },
    'as it completes': { place: Place.atCompletion, noRoom: 100, pending: 0 },
  }
  for (const [where, { place, noRoom, pending }] of Object.entries(places)) {
    const errors = [WSAEINVAL, WSAEOPNOTSUPP, WSAEMSGSIZE, ...(place === Place.atCompletion ? [] : [WSAENOPROTOOPT])]
    t.test(where, async (t) => {
      for (const error of errors) {
        for (const unit of [0, 2]) {
          const title = `${error} of call ${unit + 1}`
          elsewhere()
          const socket = await bound(t, { type: 'udp4' }, '0.0.0.0')
          t.equal(socket.offload.segmentation, true)
          hook!.injectAtRandom(noRoom, pending, 5)
          // Behind other calls of a batch it is met again, or it has passed.
          const met = place === Place.withoutOverlapped && unit > 0 ? 2 : 1
          hook!.inject(error, met, unit, place)
          const before = hook!.counts().refused
          // The call that fails as it completes was made.
          const calls = await offloaded(async () => {
            t.equal(await sendmsg(socket, message), train.length, title)
          })
          t.equal(calls, place === Place.atCompletion ? unit + 1 : unit, 'with offload up to there')
          if (place !== Place.atCompletion) t.equal(hook!.counts().refused - before, met)
          await whole(t, socket, parts, title)
          const next = await offloaded(async () => await sendmsg(socket, message))
          t.equal(next, 0, 'the next one to that destination')
          await whole(t, socket, parts, 'the next one')
          elsewhere()
          t.equal(await offloaded(async () => await sendmsg(socket, message)), 4, 'to another destination')
          await whole(t, socket, parts, 'to another destination')
        }
      }
    })
  }

  t.test('in every call', async (t) => {
    const batch = (): OutgoingMessage[] => [
      message,
      { data: Buffer.from('between'), ...to },
      { ...message, segmentSize: 1000 },
    ]
    const expected = [...parts, Buffer.from('between'), ...cut(train, 1000)]
    for (const error of [WSAEINVAL, WSAEMSGSIZE]) {
      for (const unit of [0, 2]) {
        const met = unit > 0 ? 2 : 1
        elsewhere()
        const socket = await bound(t, { type: 'udp4' }, '0.0.0.0')
        hook!.inject(error, met, unit)
        t.equal(await sendmmsg(socket, batch()), 3)
        await whole(t, socket, expected, `sendmmsg, ${error} of call ${unit + 1}`)
        elsewhere()
        const immediate = await bound(t, { type: 'udp4' }, '0.0.0.0')
        hook!.inject(error, met, unit)
        t.equal(trySendmsg(immediate, message), train.length)
        await whole(t, immediate, parts, `trySendmsg, ${error} of call ${unit + 1}`)
      }
    }
  })

  t.test('an error that passes', async (t) => {
    elsewhere()
    const socket = await bound(t, { type: 'udp4' }, '0.0.0.0')
    hook!.inject(WSAEINVAL, 1, 2)
    t.equal(await offloaded(async () => await sendmsg(socket, message)), 4)
    t.equal(socket.offload.segmentation, true)
    await whole(t, socket, parts, 'once behind others')
  })

  t.test('no room in the midst of it', async (t) => {
    elsewhere()
    const socket = await bound(t, { type: 'udp4' }, '0.0.0.0')
    hook!.injectAtRandom(100, 50, 5)
    hook!.inject(WSAEWOULDBLOCK, 3, 1, Place.withOverlapped)
    t.equal(await sendmsg(socket, message), train.length)
    await whole(t, socket, parts, 'too many operations')
  })

  t.test('what offload is not to blame for', async (t) => {
    for (const [where, { place, noRoom }] of Object.entries(places)) {
      for (const [error, code, nativeName] of [
        [WSAEINVAL, 'EINVAL', 'WSAEINVAL'],
        [WSAEMSGSIZE, 'EMSGSIZE', 'WSAEMSGSIZE'],
        [WSAENETUNREACH, 'ENETUNREACH', 'WSAENETUNREACH'],
      ] as const) {
        elsewhere()
        const socket = await bound(t, { type: 'udp4' }, '0.0.0.0')
        hook!.injectAtRandom(noRoom, 0, 5)
        hook!.inject(error, 1000, 0, place)
        await t.rejects(sendmsg(socket, message), { code, nativeName, nativeCode: error }, `${error} ${where}`)
        t.equal(socket.offload.segmentation, true)
        await whole(t, socket, [], 'nothing of it')
        await sendmsg(socket, message)
        await whole(t, socket, parts, 'afterwards')
      }
    }
  })
})
