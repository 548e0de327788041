// What becomes of a socket when nobody listens where it sends to.
import { once } from 'node:events'
import t from 'tap'
import { replyTo, SocketError } from 'sendmsg'
import { bound, closedPort, open, receive, told } from '../helpers/sockets'
import { texts, platform, wine, local } from './setup'

for (const type of ['udp4', 'udp6'] as const) {
  const loopback = type === 'udp4' ? '127.0.0.1' : '::1'
  const skip = type === 'udp6' && !local['::1'] && 'there is no IPv6 here'

  t.test(`ICMP unreachable, ${type}: an unconnected socket goes on`, { skip }, async (t) => {
    const nobody = await closedPort(type)
    const receiver = await bound(t, { type, pull: true }, loopback)
    for (const pull of [true, false]) {
      const socket = await bound(t, { type, pull })
      const errors: Error[] = []
      socket.on('error', (error) => errors.push(error))
      const { port } = socket.address()
      for (let round = 0; round < 20; round++) {
        t.equal(await socket.sendmsg({ data: Buffer.from('lost'), address: loopback, port: nobody }), 4)
        t.equal(socket.trySendmsg({ data: Buffer.from('kept'), address: loopback, port: receiver.address().port }), 4)
        t.equal((await receiver.recvmsg({ timeout: 10_000 })).data.toString(), 'kept')
      }
      const received = receive(socket, pull ? 'recvmsg' : 'message', 1)
      await receiver.sendmsg({ data: Buffer.from('heard'), address: loopback, port })
      t.same(texts(await received), ['heard'])
      t.same(errors, [])
    }
  })

  const untold = wine && 'Wine fetches the error of a datagram socket, and tells nobody'
  t.test(`ICMP unreachable, ${type}: a connected socket is told, once`, { skip: skip || untold }, async (t) => {
    const nobody = await closedPort(type)
    const pulling = open(t, { type, pull: true })
    pulling.connect(nobody, loopback)
    await once(pulling, 'connect')
    t.equal(await pulling.sendmsg({ data: Buffer.from('lost') }), 4)
    await t.rejects(pulling.recvmsg({ timeout: 10_000 }), {
      name: 'SocketError',
      code: 'ECONNREFUSED',
      syscall: 'recvmsg',
      nativeName: platform === 'win32' ? 'WSAECONNRESET' : 'ECONNREFUSED',
    })
    t.equal(pulling.tryRecvmsg(), null, 'once')

    const waiting = t.rejects(pulling.recvmsg({ timeout: 10_000 }), { code: 'ECONNREFUSED' })
    t.equal(await pulling.sendmsg({ data: Buffer.from('lost') }), 4)
    await waiting

    const service = await bound(t, { type }, loopback, nobody)
    service.on('message', (data, info) => {
      service.send({ data, ...replyTo(info) })
    })
    t.equal(await pulling.sendmsg({ data: Buffer.from('found') }), 5)
    t.equal((await pulling.recvmsg({ timeout: 10_000 })).data.toString(), 'found', 'and then it works')
    await service[Symbol.asyncDispose]()

    const listening = open(t, { type })
    listening.connect(nobody, loopback)
    await once(listening, 'connect')
    const failed = once(listening, 'error')
    t.equal(await listening.sendmsg({ data: Buffer.from('lost') }), 4)
    const [error] = (await failed) as [SocketError]
    t.ok(error instanceof SocketError)
    told(t, error, { code: 'ECONNREFUSED', syscall: 'recvmsg' }, "'error' of a socket that listens")
    const back = await bound(t, { type }, loopback, nobody)
    const heard = receive(back, 'message', 1)
    t.equal(await listening.sendmsg({ data: Buffer.from('found') }), 5)
    t.same(texts(await heard), ['found'])
  })
}
