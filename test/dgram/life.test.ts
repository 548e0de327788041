// What user code can do in the midst of a socket's life: look-ups that throw or answer oddly, listeners that throw, getters
// that act, descriptors that are somebody else's.
import dgram from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { createSocket, type Socket, type SocketOptions } from 'sendmsg'

type Any = ReturnType<typeof JSON.parse>
type Lookup = NonNullable<SocketOptions['lookup']>

const LOOPBACK = '127.0.0.1'

async function receiver(test: Test): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', pull: true })
  test.teardown(() => socket.close())
  socket.bindSync({ address: LOOPBACK })
  return socket
}

const closed = async (socket: Socket): Promise<void> => {
  const gone = once(socket, 'close')
  socket.close()
  await gone
}

t.test('a look-up that answers with undefined for no error', async (t) => {
  const sink = await receiver(t)
  const lookup = ((_name: string, _family: number, done: (...answer: Any[]) => void) => {
    done(undefined, LOOPBACK, 4)
  }) as unknown as Lookup
  const socket = createSocket({ type: 'udp4', lookup })
  const sent = new Promise((done) => {
    socket.send('found', sink.address().port, 'a.name', (...result) => {
      done(result)
    })
  })
  t.same(await sent, [null, 5])
  t.equal((await sink.recvmsg({ timeout: 10_000 })).data.toString(), 'found')
  await closed(socket)
})

t.test('a look-up that throws', async (t) => {
  const lookup = (() => {
    throw new Error('thrown by the look-up')
  }) as Lookup
  const socket = createSocket({ type: 'udp4', lookup })
  for (let attempt = 0; attempt < 2; attempt++) {
    socket.bind(0, 'a.name')
    t.match(await once(socket, 'error'), [{ message: 'thrown by the look-up' }])
  }
  socket.bindSync()
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await new Promise((done) => {
      socket.connect(9, 'a.name', done)
    })
    t.match(error, { message: 'thrown by the look-up' })
  }
  await closed(socket)
})

t.test('a look-up that fails at once', async (t) => {
  const lookup = ((_name: string, _family: number, done: (error: Error) => void) => {
    done(new Error('not found'))
  }) as unknown as Lookup
  const socket = createSocket({ type: 'udp4', lookup })
  const errors: unknown[] = []
  socket.on('error', (error) => errors.push(error.message))
  socket.send('x', 9, 'a.name')
  socket.connect(9, 'a.name')
  socket.connect(9, 'a.name')
  await closed(socket)
  t.same(errors, ['not found', 'not found', 'not found'])
})

t.test("a listener of 'listening' that throws", async (t) => {
  const sink = await receiver(t)
  const socket = createSocket('udp4')
  socket.once('listening', () => {
    throw new Error('thrown by the listener')
  })
  socket.send('all the same', sink.address().port, LOOPBACK)
  const [error] = await new Promise<unknown[]>((done) => {
    process.once('uncaughtException', (...thrown) => {
      done(thrown)
    })
  })
  t.match(error, { message: 'thrown by the listener' })
  t.equal((await sink.recvmsg({ timeout: 10_000 })).data.toString(), 'all the same')
  await closed(socket)
})

t.test('block lists that are none', async (t) => {
  const sink = await receiver(t)
  const socket = createSocket({ type: 'udp4', sendBlockList: false, receiveBlockList: null } as Any)
  socket.connectSync(sink.address().port)
  socket.send('x')
  const { port } = await sink.recvmsg({ timeout: 10_000 })
  const heard = once(socket, 'message')
  await sink.sendmsg({ data: Buffer.from('back'), address: LOOPBACK, port })
  t.equal(String((await heard)[0]), 'back')
  await closed(socket)
})

t.test('getters that act', async (t) => {
  const socket = createSocket('udp4')
  const code = { code: 'ERR_SOCKET_ALREADY_BOUND' }
  const bindsItself = {
    get port() {
      socket.bindSync({ address: LOOPBACK })
      return 0
    },
  }
  t.throws(() => socket.bind(bindsItself), code)
  const { port } = socket.address()
  await once(socket, 'listening')
  t.equal(socket.address().port, port)
  await closed(socket)
  const other = createSocket('udp4')
  const closesIt = {
    get address() {
      other.close()
      return LOOPBACK
    },
  }
  t.throws(() => other.bindSync(closesIt), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
})

t.test(
  'a descriptor that somebody in this thread watches',
  { skip: process.platform !== 'linux' && 'descriptors of dgram sockets are numbers on Linux' },
  async (t) => {
    const theirs = dgram.createSocket('udp4')
    t.teardown(() => theirs.close())
    theirs.bind(0, LOOPBACK)
    await once(theirs, 'listening')
    const { fd } = (theirs as Any)[
      Object.getOwnPropertySymbols(theirs).find((one) => one.description === 'state symbol')!
    ].handle
    const ours = createSocket('udp4')
    t.throws(() => ours.bind({ fd }), { code: 'EEXIST', syscall: 'open' })
    ours.bindSync({ address: LOOPBACK })
    await closed(ours)
    const heard = once(theirs, 'message')
    const sender = createSocket('udp4')
    await sender.sendmsg({ data: Buffer.from('still theirs'), address: LOOPBACK, port: theirs.address().port })
    t.equal(String((await heard)[0]), 'still theirs')
    await closed(sender)
  },
)
