// How many datagrams the kernel dropped, beside its own count of them and what arrived.
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Message, Socket } from 'sendmsg'
import { bound, bytes } from '../helpers/sockets'
import { noReceive, routes, witness, without } from './setup'

/** What the kernel's table of sockets says of the one with this port. */
function dropsOf(type: string, port: number): number {
  const table = readFileSync(type === 'udp4' ? '/proc/net/udp' : '/proc/net/udp6', 'utf8')
  const rows = table.split('\n').map((row) => row.trim().split(/\s+/))
  const place = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return Number(rows.find(([, local]) => local?.endsWith(place))?.at(-1))
}

/** Whatever is there. */
function drain(socket: Socket): Message[] {
  const messages: Message[] = []
  for (let batch = socket.tryRecvmmsg(); batch.length > 0; batch = socket.tryRecvmmsg()) messages.push(...batch)
  return messages
}

t.test('dropped', { skip: noReceive('dropped', 'IPv4') }, async (t) => {
  for (const route of routes.filter(({ address, loopback }) => address === loopback)) {
    const { type, loopback, title } = route
    t.test(title, { skip: without(route) }, async (t) => {
      const source = await witness(route)
      t.teardown(async () => await source.close())
      const socket = await bound(t, { type, pull: true, recvBufferSize: 1, receiveInfo: ['dropped'] })
      const { port } = socket.address()
      let missing = 0
      const send = async (count: number): Promise<void> => {
        missing += count
        await source.send(...Array.from({ length: count }, () => ({ data: bytes(1000), address: loopback, port })))
      }
      const next = async (room = {}): Promise<Message> => {
        const message = await socket.recvmsg({ timeout: 10_000, ...room })
        missing--
        return message
      }
      await send(1)
      t.equal((await next()).dropped, 0, 'the kernel says nothing of it, and that is 0')
      for (const count of [100, 300]) {
        const before = missing
        await send(count)
        const kept = drain(socket)
        missing -= kept.length
        t.ok(kept.length > 0 && missing > before, `${kept.length} of ${count} found room`)
        t.equal(kept[0]?.dropped, before, 'the first one came before the others were dropped')
        t.equal(missing, dropsOf(type, port), 'as the kernel counts')
        await send(1)
        t.equal((await next()).dropped, missing)
      }
      await send(1)
      const cut = await next({ controlLength: 0 })
      t.equal(cut.controlTruncated, true)
      t.equal(cut.dropped, undefined, 'what has no room is not known')
      await send(1)
      t.equal((await next()).dropped, missing, 'and known again')
    })
  }
})
