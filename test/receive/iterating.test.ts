// for await over a socket, and its iterator by hand.
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { createSocket, type Message, type Socket } from 'sendmsg'
import { closedPort, open } from '../helpers/sockets'

const LOOPBACK = '127.0.0.1'
const DONE = { done: true, value: undefined }

function pulling(test: Test): Socket {
  const socket = open(test, { type: 'udp4', pull: true })
  socket.bindSync({ address: LOOPBACK })
  return socket
}

async function send(test: Test, to: Socket, ...texts: string[]): Promise<void> {
  const sender = open(test, { type: 'udp4' })
  const { port } = to.address()
  await sender.sendmmsg(texts.map((text) => ({ data: Buffer.from(text), address: LOOPBACK, port })))
}

const text = ({ value }: IteratorResult<Message, void>): string => String((value as Message).data)

/** That a promise is settled before anything else can happen. */
async function atOnce<T>(promise: Promise<T>): Promise<T> {
  const late = new Promise<never>((_resolve, reject) => {
    setImmediate(() => reject(new Error('not settled at once')))
  })
  return await Promise.race([promise, late])
}

t.test('return() while next() waits settles both, and closes the socket', async (t) => {
  const socket = pulling(t)
  const iterator = socket[Symbol.asyncIterator]()
  const gone = once(socket, 'close')
  const waiting = [iterator.next(), iterator.next()]
  t.same(await atOnce(iterator.return()), DONE)
  for (const next of waiting) t.same(await atOnce(next), DONE)
  await gone
  t.same(await iterator.next(), DONE)
  t.same(await iterator.return(), DONE)
})

t.test('return() while bind() looks up', async (t) => {
  const socket = createSocket({ type: 'udp4', pull: true })
  const gone = once(socket, 'close')
  const iterator = socket[Symbol.asyncIterator]()
  socket.bind(0, 'localhost')
  const next = iterator.next()
  socket.send('x', 9, LOOPBACK) // close() waits for this
  t.same(await atOnce(iterator.return()), DONE)
  t.same(await atOnce(next), DONE)
  await gone
})

t.test('throw() while next() waits', async (t) => {
  const socket = pulling(t)
  const iterator = socket[Symbol.asyncIterator]()
  const gone = once(socket, 'close')
  const next = iterator.next()
  await t.rejects(atOnce(iterator.throw(new Error('thrown in'))), { message: 'thrown in' })
  t.same(await atOnce(next), DONE)
  await gone
  t.same(await iterator.next(), DONE)
})

t.test('calls of next() are served in their order', async (t) => {
  const socket = pulling(t)
  const iterator = socket[Symbol.asyncIterator]()
  const early = [iterator.next(), iterator.next(), iterator.next()]
  await send(t, socket, '1', '2', '3', '4', '5')
  t.same((await Promise.all(early)).map(text), ['1', '2', '3'])
  t.same((await Promise.all([iterator.next(), iterator.next()])).map(text), ['4', '5'])
  const waiting = [iterator.next(), iterator.next()]
  socket.close()
  t.same(await Promise.all(waiting), [DONE, DONE])
  t.same(await iterator.next(), DONE)
})

t.test('two iterators of one socket', async (t) => {
  const socket = pulling(t)
  const [one, other] = [socket[Symbol.asyncIterator](), socket[Symbol.asyncIterator]()]
  t.equal(one[Symbol.asyncIterator](), one)
  const nexts = [one.next(), other.next()]
  await send(t, socket, '1', '2')
  t.same((await Promise.all(nexts)).map(text), ['1', '2'])
  const last = other.next()
  await one.return()
  t.same(await last, DONE)
})

t.test('an error ends it, and closes the socket', async (t) => {
  const socket = open(t, { type: 'udp4', pull: true })
  socket.connectSync(await closedPort('udp4'))
  const gone = once(socket, 'close')
  const iterator = socket[Symbol.asyncIterator]()
  const [first, second] = [iterator.next(), iterator.next()]
  await socket.sendmsg({ data: Buffer.from('to nobody') })
  await t.rejects(first, { code: 'ECONNREFUSED' })
  t.same(await second, DONE)
  await gone
  t.same(await iterator.next(), DONE)
})

t.test('a socket that is not there to be pulled from', async (t) => {
  const hears = open(t, { type: 'udp4' })
  const iterator = hears[Symbol.asyncIterator]()
  await t.rejects(iterator.next(), { code: 'ERR_INVALID_STATE' })
  t.same(await iterator.next(), DONE)
  hears.bindSync({ address: LOOPBACK })
  const closed = createSocket({ type: 'udp4', pull: true })
  closed.close()
  const late = closed[Symbol.asyncIterator]()
  await t.rejects(late.next(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
  t.same(await late.next(), DONE)
})

t.test('for await', async (t) => {
  const socket = pulling(t)
  const gone = once(socket, 'close')
  await send(t, socket, '1', '2', '3')
  const heard: string[] = []
  for await (const { data } of socket) {
    heard.push(String(data))
    if (heard.length === 2) break
  }
  t.same(heard, ['1', '2'])
  await gone
  const other = pulling(t)
  await send(t, other, '1', '2')
  for await (const { data } of other) {
    heard.push(String(data))
    if (heard.length === 4) other.close()
  }
  t.same(heard, ['1', '2', '1', '2'])
})

t.test('disposal', { skip: Symbol.asyncDispose === undefined && 'this Node has no Symbol.asyncDispose' }, async (t) => {
  const socket = pulling(t)
  const gone = once(socket, 'close')
  const iterator = socket[Symbol.asyncIterator]()
  const next = iterator.next()
  await (iterator as unknown as AsyncDisposable)[Symbol.asyncDispose]()
  t.same(await next, DONE)
  await gone
})
