// A Windows that knows the ECN half of the traffic class alone (IP_ECN, IP_RECVECN), as some versions do: the hook
// (test/windows/) is told so by SENDMSG_HOOK_ECN=1.
import t from 'tap'
import { capabilities, createSocket, sendmsg, trySendmsg, type OutgoingMessage, type SocketOptions } from 'sendmsg'
import { bound, told } from '../helpers/sockets'
import { noPeer, Peer } from '../helpers/peer'
import { heal, hook, unhooked } from './hook'

const skip = unhooked || noPeer || (process.env['SENDMSG_HOOK_ECN'] === undefined && 'the hook models a newer Windows')

t.test('ECN alone', { skip }, async (t) => {
  const peer = new Peer()
  t.teardown(() => peer.end())
  const can = capabilities()
  const data = Buffer.from('x')

  t.test('is what capabilities() says', async (t) => {
    for (const direction of [can.send, can.receive]) {
      told(t, direction, {
        ecn: { IPv4: 'kernel', IPv6: 'kernel' },
        dscp: { IPv4: false, IPv6: false },
        trafficClass: { IPv4: false, IPv6: false },
      })
    }
  })

  const cases: [title: string, SocketOptions['type'], address: string, family: 4 | 6, at: string][] = [
    ['IPv4', 'udp4', '127.0.0.1', 4, '127.0.0.1'],
    ['IPv6', 'udp6', '::1', 6, '::1'],
    ['IPv4 on a dual-stack socket', 'udp6', '127.0.0.1', 4, '127.0.0.1'],
    ['IPv4-mapped', 'udp6', '::ffff:127.0.0.1', 4, '127.0.0.1'],
  ]
  for (const [title, type, address, family, at] of cases) {
    t.test(title, async (t) => {
      t.teardown(heal)
      const sink = await peer.open({ family, address: at })
      const socket = await bound(t, { type })
      const to = { address, port: sink.port }
      for (const overlapped of [false, true]) {
        hook!.injectAtRandom(overlapped ? 100 : 0, 50, 9)
        for (const ecn of [0, 1, 2]) {
          t.equal(await sendmsg(socket, { data, ecn, ...to }), 1)
          told(t, await sink.receive(1), [{ trafficClass: ecn, data }], `ecn ${ecn} on the wire`)
        }
      }
      heal()
      await sendmsg(socket, { data, ...to, ecn: 1, ...(family === 4 && { source: '127.0.0.4' }) })
      told(t, await sink.receive(1), [{ trafficClass: 1, address: family === 4 ? '127.0.0.4' : '::1' }], 'and a source')

      const refused: [Partial<OutgoingMessage>, RegExp][] = [
        [{ ecn: 3 }, /ENOTSUP.*\becn\b/],
        [{ dscp: 46 }, /ENOTSUP.*\bdscp\b/],
        [{ dscp: 0 }, /ENOTSUP.*\bdscp\b/],
        [{ dscp: 0, ecn: 1 }, /ENOTSUP.*\bdscp\b/],
        [{ trafficClass: 2 }, /ENOTSUP.*\btrafficClass\b/],
        [{ trafficClass: 0xb9 }, /ENOTSUP.*\btrafficClass\b/],
      ]
      const { calls } = hook!.counts()
      for (const [fields, words] of refused) {
        const expected = { name: 'SocketError', code: 'ENOTSUP', message: words }
        await t.rejects(sendmsg(socket, { data, ...to, ...fields }), expected)
        t.throws(() => trySendmsg(socket, { data, ...to, ...fields }), expected)
      }
      t.equal(hook!.counts().calls, calls, 'before the system is called')
      const lenient = createSocket({ type, unsupported: 'ignore' })
      t.teardown(() => lenient.close())
      await sendmsg(lenient, { data, ...to, dscp: 46 })
      told(t, await sink.receive(1), [{ trafficClass: 0 }], 'left out, when that is asked for')
      await sink.close()
    })
  }

  t.test('received', async (t) => {
    for (const [type, family, destination] of [
      ['udp4', 4, '127.0.0.1'],
      ['udp6', 6, '::1'],
      ['udp6', 4, '127.0.0.1'],
    ] as const) {
      const source = await peer.open({ family, address: destination })
      const socket = await bound(t, { type, pull: true })
      for (const octet of [0, 1, 2, 3, 0xb9, 0xfe]) {
        await source.send({ data, address: destination, port: socket.address().port, trafficClass: octet })
        const message = await socket.recvmsg({ timeout: 5000 })
        told(t, message, { ecn: octet & 3, trafficClass: undefined, dscp: undefined, destination }, `${type}, ${octet}`)
      }
      await source.close()
    }
  })
})
