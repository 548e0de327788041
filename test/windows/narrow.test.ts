// Windows' sends where there really is no room: scripts/test-windows.mjs runs this in a network namespace whose loopback is
// narrow, without the hook. WSAEWOULDBLOCK, WSA_IO_PENDING and WSA_OPERATION_ABORTED are Wine's own here.
import { once } from 'node:events'
import dgram from 'node:dgram'
import timers from 'node:timers/promises'
import t from 'tap'
import {
  createSocket,
  sendmmsg,
  sendmsg,
  trySendmmsg,
  trySendmsg,
  type Message,
  type Socket,
  type SocketError,
} from 'sendmsg'

const SIZE = 1000
/** More than a socket may have under way, so that messages wait. */
const MANY = 600
const LAST = 0xffff_ffff
const skip =
  (process.platform !== 'win32' && 'it is about Windows') ||
  (process.env['SENDMSG_NARROW'] === undefined && 'loopback is not narrow')

const numbered = (at: number): Buffer => {
  const data = Buffer.alloc(SIZE)
  data.writeUInt32LE(at)
  return data
}

async function pair(): Promise<{ socket: Socket; receiver: Socket; to: { address: string; port: number } }> {
  const receiver = createSocket({ type: 'udp4', pull: true, recvBufferSize: 1 << 24 })
  receiver.bind(0, '127.0.0.1')
  await once(receiver, 'listening')
  t.teardown(() => receiver.close())
  return { receiver, socket: createSocket('udp4'), to: { address: '127.0.0.1', port: receiver.address().port } }
}

/** The numbers that arrive, until the last one does. */
async function arrivals(receiver: Socket): Promise<number[]> {
  const numbers: number[] = []
  for (;;) {
    const messages: Message[] = await receiver.recvmmsg({ timeout: 20_000 })
    for (const { data } of messages) {
      const at = data.readUInt32LE()
      if (at === LAST) return numbers
      numbers.push(at)
    }
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

/** Sends until there is no room; returns how many went. */
function fill(socket: Socket | dgram.Socket, to: { address: string; port: number }): number {
  let sent = 0
  while (sent < MANY && trySendmsg(socket, { data: numbered(sent), ...to }) !== null) sent++
  return sent
}

t.test('sends wait, and settle once, in order', { skip }, async (t) => {
  const { socket, receiver, to } = await pair()
  const arriving = arrivals(receiver)
  const settled: number[] = []
  const sends = upTo(MANY).map(async (at) => {
    const bytes = await sendmsg(socket, { data: numbered(at), ...to })
    settled.push(at)
    return bytes
  })
  t.ok(socket.getSendQueueCount() > 100, `${String(socket.getSendQueueCount())} wait`)
  t.equal(trySendmsg(socket, { data: numbered(0), ...to }), null, 'nothing goes before them')
  t.equal(trySendmmsg(socket, [{ data: numbered(0), ...to }]), 0)
  t.same(new Set(await Promise.all(sends)), new Set([SIZE]))
  t.equal(await sendmmsg(socket, [{ data: numbered(LAST), ...to }]), 1)
  t.same(settled, upTo(MANY), 'settled once each, in order')
  t.same(await arriving, upTo(MANY), 'arrived once each, in order')
  t.equal(socket.getSendQueueCount(), 0)
  socket.close()
})

t.test('a batch and a train wait', { skip }, async (t) => {
  const { socket, receiver, to } = await pair()
  const arriving = arrivals(receiver)
  const went = fill(socket, to)
  t.ok(went < MANY, `no room after ${String(went)}`)
  const batch = sendmmsg(
    socket,
    upTo(300).map((at) => ({ data: numbered(went + at), ...to })),
  )
  const train = Buffer.concat(upTo(20).map((at) => numbered(went + 300 + at)))
  const sent = sendmsg(socket, { data: train, segmentSize: SIZE, ...to })
  const last = sendmsg(socket, { data: numbered(LAST), ...to })
  t.equal(await batch, 300)
  t.equal(await sent, 20 * SIZE)
  await last
  t.same(await arriving, upTo(went + 320))
  socket.close()
})

t.test('what the kernel has is cancelled by abort, time-out and close', { skip }, async (t) => {
  const { socket, receiver, to } = await pair()
  const arriving = arrivals(receiver)
  const expected = upTo(fill(socket, to))
  t.ok(expected.length < MANY, `no room after ${String(expected.length)}`)
  let next = expected.length
  const outcomes: { at: number; code: string }[] = []
  /** What was said of it decides whether it arrives. */
  const watch = async (how: object): Promise<void> => {
    const at = next++
    try {
      await sendmsg(socket, { data: numbered(at), ...to }, how)
      expected.push(at)
      outcomes.push({ at, code: 'sent' })
    } catch (error) {
      outcomes.push({ at, code: (error as SocketError).code })
    }
  }
  const controller = new AbortController()
  const sends = [{}, {}, {}, { signal: controller.signal }, { timeout: 0 }, {}].flatMap((how) =>
    [1, 2, 3, 4].map(async () => await watch(how)),
  )
  controller.abort()
  await timers.setTimeout(1)
  socket.close()
  await Promise.all(sends)
  const told = new Set(outcomes.map(({ code }) => code))
  for (const code of ['ABORT_ERR', 'ETIMEDOUT', 'ECANCELED']) t.ok(told.has(code), `${code} was told`)
  t.equal(outcomes.length, sends.length)
  const closed = outcomes.filter(({ code }) => code === 'ECANCELED').map(({ at }) => at)
  t.same(
    closed,
    closed.toSorted((one, other) => one - other),
    'what the close cancelled was settled in order',
  )
  const other = createSocket('udp4')
  await sendmsg(other, { data: numbered(LAST), ...to })
  t.same(await arriving, expected, 'what was told as sent arrived, and nothing else')
  other.close()
})

t.test('a plain dgram socket waits, too', { skip }, async (t) => {
  const { socket, receiver, to } = await pair()
  socket.close()
  const arriving = arrivals(receiver)
  const plain = dgram.createSocket('udp4')
  plain.bind(0, '127.0.0.1')
  await once(plain, 'listening')
  const went = fill(plain, to)
  t.ok(went < MANY, `no room after ${String(went)}`)
  const sends = upTo(100).map((at) => sendmsg(plain, { data: numbered(went + at), ...to }))
  sends.push(sendmsg(plain, { data: numbered(LAST), ...to }))
  t.same(new Set(await Promise.all(sends)), new Set([SIZE]))
  t.same(await arriving, upTo(went + 100))
  plain.close()
})
