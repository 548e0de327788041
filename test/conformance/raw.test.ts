// Raw sockets: ICMP, and protocols of our own.
import t from 'tap'
import type { SocketError } from 'sendmsg'
import { createSocket, type Message } from 'sendmsg'
import { noPeer } from '../helpers/peer'
import { bound, bytes, told } from '../helpers/sockets'
import { wine, noSend, noReceive, peer, local, loopbackIndex } from './setup'

for (const [title, options] of [
  ['raw4', { type: 'raw4', loopback: '127.0.0.1', protocol: 1, request: 8, reply: 0, family: 4 }],
  ['raw6', { type: 'raw6', loopback: '::1', protocol: 58, request: 128, reply: 129, family: 6 }],
] as const) {
  const { type, loopback, protocol, request, reply } = options
  const family = options.family === 4 ? 'IPv4' : 'IPv6'
  const refused = ((): string | false => {
    if (options.family === 6 && !local['::1']) return 'there is no IPv6 here'
    const socket = createSocket({ type, protocol })
    try {
      socket.bindSync({ address: loopback })
      return false
    } catch (error) {
      const { code } = error as SocketError
      if (code === 'EPROTONOSUPPORT' && wine) return `no raw sockets of protocol ${protocol} under Wine`
      if (code !== 'EPERM' && code !== 'EACCES') throw error
      return `raw sockets are not for everybody: ${code}`
    } finally {
      socket.close()
    }
  })()

  const noExperiment = wine && 'Wine knows raw sockets of ICMP alone'

  t.test(`${title}: an echo`, { skip: refused }, async (t) => {
    const receiveInfo = (['destination', 'interface', 'hopLimit'] as const).filter(
      (name) => noReceive(name, family) === false,
    )
    const socket = await bound(t, { type, protocol, pull: true, receiveInfo })
    const sources = [loopback, ...(options.family === 4 && local['127.0.0.2'] ? ['127.0.0.2'] : [])]
    for (const [sequence, source] of sources.entries()) {
      const identifier = process.pid & 0xffff
      const payload = Buffer.from(`echo ${sequence}`)
      const echo = Buffer.concat([
        Buffer.from([request, 0, 0, 0, identifier >> 8, identifier & 0xff, 0, sequence]),
        payload,
      ])
      if (options.family === 4) echo.writeUInt16BE(internetChecksum(echo), 2) // raw(7): the kernel does it for ICMPv6 alone
      const fields = {
        ...(noSend('source', family) === false && { source }),
        ...(noSend('hopLimit', family) === false && { hopLimit: 33 }),
      }
      t.equal(await socket.sendmsg({ data: echo, address: loopback, ...fields }), echo.length)
      let answer: Message
      do {
        answer = await socket.recvmsg({ timeout: 10_000 })
        if (answer.data[0] === request && answer.data.subarray(8).equals(payload)) {
          // Over loopback our own request comes by, too.
          if ('hopLimit' in fields && receiveInfo.includes('hopLimit')) t.equal(answer.hopLimit, 33)
          if ('source' in fields) t.equal(answer.address, source)
        }
      } while (answer.data[0] !== reply || answer.data.readUInt16BE(4) !== identifier)
      t.ok(answer.data.subarray(4).equals(echo.subarray(4)), 'the answer starts with the ICMP header')
      t.equal(answer.size, echo.length)
      told(t, answer, { address: loopback, family, port: 0 })
      if (receiveInfo.includes('destination')) t.equal(answer.destination, 'source' in fields ? source : loopback)
      if (receiveInfo.includes('interface')) t.equal(answer.interface, loopbackIndex)
      if (receiveInfo.includes('hopLimit')) t.ok(answer.hopLimit! > 0)
    }
    await t.rejects(socket.sendmsg({ data: Buffer.from('x'), address: loopback, port: 7 }), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  t.test(`${title}: data without the IP header, both ways`, { skip: refused || noPeer || noExperiment }, async (t) => {
    const EXPERIMENT = 253 // RFC 3692
    const socket = await bound(t, { type, protocol: EXPERIMENT, pull: true, receiveInfo: ['hopLimit', 'trafficClass'] })
    const other = await peer!.open({ family: options.family, protocol: EXPERIMENT, address: loopback })
    t.teardown(async () => await other.close())
    const header = options.family === 4 ? 20 : 0 // raw(7): with the header on IPv4
    for (const data of [Buffer.from('hello'), bytes(1000), Buffer.alloc(0)]) {
      t.equal(await socket.sendmsg({ data, address: loopback, hopLimit: 21, trafficClass: 0x2e }), data.length)
      const [seen] = await other.receive(1)
      told(t, seen, { hopLimit: 21, trafficClass: 0x2e, address: loopback })
      t.ok(seen?.data.subarray(header).equals(data))
      const own = await socket.recvmsg() // over loopback it comes by here, too
      t.ok(own.data.equals(data))
      told(t, own, { size: data.length, hopLimit: 21, trafficClass: 0x2e, truncated: false })
      await other.send({ data, address: loopback, port: 0, hopLimit: 22 })
      const back = await socket.recvmsg()
      t.ok(back.data.equals(data))
      told(t, back, { size: data.length, hopLimit: 22, address: loopback })
      await other.receive(1)
    }
    await other.send({ data: '0123456789', address: loopback, port: 0 })
    told(t, await socket.recvmsg({ length: 4 }), { data: Buffer.from('0123'), truncated: true, size: 4 })
  })
}

/** RFC 1071. */
function internetChecksum(data: Buffer): number {
  let sum = 0
  for (let at = 0; at < data.length; at += 2) sum += data.readUInt8(at) * 256 + (data[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
