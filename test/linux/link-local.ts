// Runs in a network namespace whose loopback has the address fe80::1.
import { BlockList } from 'node:net'
import t from 'tap'
import { bound, receive, told } from '../helpers/sockets'

void t.test('a blocked sender whose address has a scope', async (t) => {
  const list = new BlockList()
  list.addAddress('fe80::1', 'ipv6')
  const socket = await bound(t, { type: 'udp6', pull: true, receiveBlockList: list })
  const { port } = socket.address()
  const blocked = await bound(t, { type: 'udp6' }, 'fe80::1%lo')
  const sender = await bound(t, { type: 'udp6' }, '::1')
  for (let count = 0; count < 3; count++) {
    await blocked.sendmsg({ data: Buffer.from('blocked'), address: 'fe80::1%lo', port })
  }
  await sender.sendmsg({ data: Buffer.from('x'), address: '::1', port })
  told(t, await receive(socket, 'recvmsg', 1), [{ address: '::1', data: Buffer.from('x') }])
  t.equal(socket.tryRecvmsg(), null)

  const open = await bound(t, { type: 'udp6', pull: true })
  await blocked.sendmsg({ data: Buffer.from('x'), address: 'fe80::1%lo', port: open.address().port })
  told(t, await receive(open, 'recvmsg', 1), [{ address: 'fe80::1%lo' }], 'without the list it is heard')
})
