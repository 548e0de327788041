// Runs in a network namespace of its own; the witness is in another one. Both links have the same networks, so that
// the routing table alone always chooses the first.
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { replyTo, type Message } from 'sendmsg'
import { Peer } from '../helpers/peer'
import { bound, receive, told } from '../helpers/sockets'

const ip = (...args: string[]): void => {
  execFileSync('ip', args)
}

const peer = new Peer(['unshare', '-n'])
t.teardown(() => peer.end())

async function setUp(): Promise<number[]> {
  const loose = ['-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0']
  execFileSync('sysctl', loose)
  await peer.run('sysctl', ...loose)
  for (const link of [0, 1]) {
    const [ours, theirs] = [`va${link}`, `vb${link}`]
    ip('link', 'add', 'name', ours, 'type', 'veth', 'peer', 'name', theirs)
    ip('link', 'set', theirs, 'netns', String(peer.pid))
    ip('link', 'set', ours, 'up')
    await peer.run('ip', 'link', 'set', theirs, 'up')
    for (const network of ['169.254.0', '10.9.0']) {
      ip('address', 'add', `${network}.1${link}/24`, 'broadcast', '+', 'dev', ours)
      await peer.run('ip', 'address', 'add', `${network}.2${link}/24`, 'broadcast', '+', 'dev', theirs)
    }
  }
  const { interfaces } = (await peer.ask({ op: 'numbers' })) as { interfaces: Record<string, number> }
  return [0, 1].map((link) => interfaces[`vb${link}`]!)
}

void t.test('set up', async (t) => {
  const theirs = await setUp()
  const server = await bound(t, { type: 'udp4', pull: true })
  const dual = await bound(t, { type: 'udp6', pull: true })

  for (const socket of [server, dual]) {
    const { port } = socket.address()
    /** The witness sends to `to` by `link`; the answer and what it was made from. */
    const ask = async (to: string, link: number, source: string): Promise<Message> => {
      const witness = await peer.open({ family: 4 })
      await witness.send({ data: 'asked', address: to, port, source, interface: `vb${link}` })
      const [message] = await receive(socket, 'recvmsg', 1)
      await socket.sendmsg({ data: Buffer.from('answered'), ...replyTo(message!) })
      told(
        t,
        await witness.receive(1),
        [{ data: Buffer.from('answered'), port, interface: theirs[link] }],
        `by vb${link}`,
      )
      await witness.close()
      return message!
    }
    for (const link of [0, 1]) {
      t.test(`${server === socket ? 'udp4' : 'udp6'}, link ${link}`, async (t) => {
        const peerAddress = `169.254.0.2${link}`
        told(t, await ask(`169.254.0.1${link}`, link, peerAddress), { address: peerAddress, cast: 'unicast' })
        for (const network of ['169.254.0', '10.9.0']) {
          const source = `${network}.2${link}`
          for (const to of [`${network}.255`, '255.255.255.255']) {
            told(t, await ask(to, link, source), { address: source, cast: 'broadcast', destination: to })
          }
        }
      })
    }
  }

  t.test('other peers are answered by the routing table', async (t) => {
    const info = { port: 9, destination: '10.9.0.10', interface: 7, cast: 'unicast' } as const
    for (const address of ['10.9.0.20', '169.25.0.1', '16.9.254.1', 'fd00::1', 'ff02::1']) {
      t.equal(replyTo({ ...info, address }).interface, undefined, address)
    }
    for (const address of ['169.254.0.1', '169.254.255.254', 'fe80::1', 'FEBF::1']) {
      t.equal(replyTo({ ...info, address }).interface, 7, address)
    }
    t.same(replyTo({ ...info, address: '10.9.0.20', cast: 'broadcast' }), {
      address: '10.9.0.20',
      port: 9,
      interface: 7,
    })
    t.same(replyTo({ ...info, address: '10.9.0.20', cast: 'multicast' }), { address: '10.9.0.20', port: 9 })
  })
})
