// A socket that is bound to one of several addresses sends from it, also through an interface of the message's choice.
import t from 'tap'
import { createSocket, sendmmsg, sendmsg, trySendmsg } from 'sendmsg'
import { isLocal } from '../helpers/sockets'

const skip = process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8'
const loopback = (): number => {
  const socket = createSocket({ type: 'udp4', pull: true })
  const { port } = socket.bindSync({ address: '127.0.0.1' })
  socket.trySendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port })
  const index = socket.tryRecvmsg()?.interface
  socket.close()
  return index ?? 1
}

t.test('a bound socket sends from its address through any interface', { skip }, async (t) => {
  for (const type of isLocal('::1') ? (['udp4', 'udp6'] as const) : (['udp4'] as const)) {
    const receiver = createSocket({ type: 'udp4', pull: true })
    const { port } = receiver.bindSync({ address: '127.0.0.1' })
    const sender = createSocket({ type, pull: true })
    sender.bindSync({ address: type === 'udp4' ? '127.0.0.5' : '::ffff:127.0.0.5' })
    const message = { data: Buffer.from('x'), address: '127.0.0.1', port, interface: loopback() }
    const ways = [
      () => sendmsg(sender, message),
      () => trySendmsg(sender, message),
      () => sendmmsg(sender, [message]),
      () => sendmsg(sender, { ...message, source: '127.0.0.6' }),
    ]
    for (const [index, way] of ways.entries()) {
      await way()
      const { address } = await receiver.recvmsg({ timeout: 10_000 })
      t.equal(address, index === 3 ? '127.0.0.6' : '127.0.0.5', `${type}, way ${index}`)
    }
    sender.connectSync(port, type === 'udp4' ? '127.0.0.1' : '::ffff:127.0.0.1')
    await sender.sendmsg({ data: Buffer.from('x'), interface: loopback() })
    t.equal((await receiver.recvmsg({ timeout: 10_000 })).address, '127.0.0.5', `${type}, connected`)
    sender.close()
    receiver.close()
  }
})
