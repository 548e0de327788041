// What the interface promises on every platform, over loopback: what we send is read by an outside witness from its
// own control messages, and what such a witness sends is what we report. What a kernel cannot do is skipped, by
// capabilities(), as far as helpers/floor.ts lets it lack that. What needs more than loopback is in test/linux/ and
// test/windows/.
import t from 'tap'
import { capabilities, type ReceiveInfoName, type SendField } from 'sendmsg'
import { mayLack } from '../helpers/floor'
import { known, noPeer, Peer, type PeerSocket } from '../helpers/peer'
import { isLocal, loopbackInterface } from '../helpers/sockets'

export interface Route {
  title: string
  type: 'udp4' | 'udp6'
  family: 'IPv4' | 'IPv6'
  /** What the witness is bound to, and sees us as. */
  loopback: string
  /** What we send to. */
  address: string
}

export const routes: readonly Route[] = [
  { title: 'IPv4', type: 'udp4', family: 'IPv4', loopback: '127.0.0.1', address: '127.0.0.1' },
  { title: 'IPv6', type: 'udp6', family: 'IPv6', loopback: '::1', address: '::1' },
  { title: 'IPv4 on a dual-stack socket', type: 'udp6', family: 'IPv4', loopback: '127.0.0.1', address: '127.0.0.1' },
  {
    title: 'IPv4-mapped on a dual-stack socket',
    type: 'udp6',
    family: 'IPv4',
    loopback: '127.0.0.1',
    address: '::ffff:127.0.0.1',
  },
]

export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at)
export const texts = (messages: readonly { data: Buffer }[]): string[] => messages.map(({ data }) => data.toString())
export const sizes = (messages: readonly { data: Buffer }[]): number[] => messages.map(({ data }) => data.length)
export const joined = (messages: readonly { data: Buffer }[]): Buffer => Buffer.concat(messages.map(({ data }) => data))

export const { platform } = process
export const wine = process.env['SENDMSG_WINE'] !== undefined
export const qemu = process.env['SENDMSG_QEMU'] !== undefined
export const can = capabilities()
export const x = Buffer.from('x')
export const noSend = (field: SendField, family: 'IPv4' | 'IPv6'): string | false =>
  can.send[field][family] === false &&
  mayLack('send', field, family) &&
  `${platform} cannot send ${field} over ${family}`
export const noReceive = (field: ReceiveInfoName, family: 'IPv4' | 'IPv6'): string | false =>
  can.receive[field][family] === false &&
  mayLack('receive', field, family) &&
  `${platform} does not tell ${field} of ${family}`

/** Winsock refuses to send the ECN value 3, congestion experienced; so do we, in advance. */
export const sendsCE = platform !== 'win32'
export const sendable = (trafficClass: number): boolean => sendsCE || (trafficClass & 3) !== 3

export const peer = noPeer === false ? new Peer() : undefined
t.teardown(() => peer?.end())
export const local = { '::1': isLocal('::1'), '127.0.0.2': isLocal('127.0.0.2') }
export const loopbackIndex = known.interfaces[loopbackInterface ?? '']!
export const without = (route: Route): string | false =>
  noPeer || (!local['::1'] && route.type === 'udp6' && 'there is no IPv6 here')
export const witness = async (route: Route): Promise<PeerSocket> =>
  await peer!.open({ family: route.family === 'IPv4' ? 4 : 6, address: route.loopback })
