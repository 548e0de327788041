// replyTo() and what it needs: what the kernel is asked for, and answers that are refused without harm to others.
import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import path from 'node:path'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  capabilities,
  createSocket,
  recvmsg,
  replyTo,
  SocketError,
  type Message,
  type OutgoingMessage,
  type ReceiveInfoName,
  type Socket,
} from 'sendmsg'
import { descriptorOf } from '../helpers/descriptors.cjs'
import { bound, isLocal, receive } from '../helpers/sockets'

const { receive: told } = capabilities()
const noDestination = told.destination.IPv4 === false && 'this kernel does not tell the destination'
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'
const noProc = process.platform !== 'linux' && 'reads /proc, which is Linux only'
const noNamespace =
  spawnSync('unshare', ['-n', 'ip', 'link']).status !== 0 && 'a network namespace needs root, and iproute2'

async function sendTo(test: Test, socket: Socket, address: string): Promise<Socket> {
  const sender = await bound(test, { type: address.includes(':') ? 'udp6' : 'udp4', pull: true }, address)
  await sender.sendmsg({ data: Buffer.from('x'), address, port: socket.address().port })
  return sender
}

const names = Object.keys(told) as ReceiveInfoName[]
const usual = ['destination', 'interface', 'cast', 'trafficClass', 'ecn', 'dscp'] as const

for (const { family, type, address, skip } of [
  { family: 'IPv4', type: 'udp4', address: '127.0.0.1', skip: false },
  { family: 'IPv6', type: 'udp6', address: '::1', skip: noIPv6 },
  { family: 'IPv4', type: 'udp6', address: '127.0.0.1', skip: noIPv6 },
] as const) {
  t.test(`receiveInfo adds to the default, ${family} on ${type}`, { skip }, async (t) => {
    const lists: (readonly ReceiveInfoName[])[] = [[], ...names.map((name) => [name]), names]
    for (const receiveInfo of lists) {
      if (receiveInfo.some((name) => told[name][family] === false)) continue
      const socket = await bound(t, { type, pull: true, receiveInfo })
      const sender = await sendTo(t, socket, address)
      const message = (await socket.recvmsg({ timeout: 10_000 })) as unknown as Record<string, unknown>
      for (const name of names) {
        const expected =
          (told[name][family] !== false && usual.some((each) => each === name)) || receiveInfo.includes(name)
        // A single datagram has no segment size.
        if (name !== 'segmentSize') t.equal(message[name] !== undefined, expected, `${receiveInfo.join()}: ${name}`)
      }
      await socket.sendmsg({ data: Buffer.from('answer'), ...replyTo(message as unknown as Message) })
      const answer = await sender.recvmsg({ timeout: 10_000 })
      t.same([answer.address, answer.port], [address, socket.address().port])
    }
  })

  t.test(`receiveInfo: false, ${family} on ${type}`, { skip }, async (t) => {
    const socket = await bound(t, { type, pull: true, receiveInfo: false })
    await sendTo(t, socket, address)
    const message = await socket.recvmsg({ timeout: 10_000, controlLength: 0 })
    for (const name of names) t.equal(message[name], undefined, name)
    t.equal(message.controlTruncated, false, 'the kernel gave nothing')
  })
}

t.test('replyTo() throws where the kernel could have told the destination', { skip: noDestination }, async (t) => {
  const unknown = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: /'info\.destination' is not known/ }
  const refuses = (info: object, what: string): void => {
    t.throws(() => replyTo(info as Message), unknown, what)
  }
  const quiet = await bound(t, { type: 'udp4', pull: true, receiveInfo: false })
  await sendTo(t, quiet, '127.0.0.1')
  refuses(await quiet.recvmsg({ timeout: 10_000 }), 'receiveInfo: false')

  const usualSocket = await bound(t, { type: 'udp4', pull: true })
  await sendTo(t, usualSocket, '127.0.0.1')
  refuses(await usualSocket.recvmsg({ timeout: 10_000, controlLength: 0 }), 'controlLength: 0')

  const plain = dgram.createSocket('udp4')
  t.teardown(() => plain.close())
  plain.bind(0, '127.0.0.1')
  await once(plain, 'listening')
  const heard = once(plain, 'message')
  const sender = await bound(t, { type: 'udp4' })
  await sender.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port: plain.address().port })
  const [, info] = (await heard) as [Buffer, object]
  refuses(info, "dgram's rinfo")
  refuses({ address: '::1', port: 9, family: 'IPv6', size: 1 }, 'of IPv6')

  if (noProc === false) {
    const owner = await bound(t, { type: 'udp4', pull: true, receiveInfo: false })
    await sendTo(t, owner, '127.0.0.1')
    refuses(await recvmsg(descriptorOf(owner.address().port), { timeout: 10_000 }), 'a borrowed descriptor')
  }

  for (const cast of ['multicast', 'broadcast'] as const) {
    t.same(
      replyTo({ address: '192.0.2.1', port: 9, destination: '192.0.2.255', interface: undefined, cast }),
      { address: '192.0.2.1', port: 9 },
      `a ${cast} has a destination that is no source`,
    )
  }
})

// --- port 0 -------------------------------------------------------------------------------------

/** A raw socket that forges source ports. */
function forger(): Socket | undefined {
  try {
    const socket = createSocket({ type: 'raw4', protocol: 17, pull: true })
    socket.bindSync({ address: '127.0.0.1' })
    return socket
  } catch {
    return undefined
  }
}

const raw = forger()
const noRaw = raw === undefined && 'raw sockets are not permitted here'
t.teardown(() => raw?.close())

async function forge(text: string, from: number, to: number): Promise<void> {
  const data = Buffer.alloc(8 + text.length)
  data.writeUInt16BE(from, 0)
  data.writeUInt16BE(to, 2)
  data.writeUInt16BE(data.length, 4) // no checksum (RFC 768)
  data.write(text, 8)
  await raw!.sendmsg({ data, address: '127.0.0.1' })
}

const refused = /^(EINVAL|EADDRNOTAVAIL)$/

for (const { title, serve } of [
  {
    title: "README's loop",
    serve: (socket: Socket) => {
      socket.on('message', (data, info) => {
        socket.send({ data, ...replyTo(info) })
      })
    },
  },
  {
    title: "README's loop over batches",
    serve: (socket: Socket) => {
      socket.on('messages', (messages) => {
        let answers = messages.map((message) => ({ data: message.data, ...replyTo(message) }))
        while (answers.length > 0) {
          let done = 1
          try {
            done = socket.trySendmmsg(answers)
            if (done === 0) break
          } catch (error) {
            if (!(error instanceof SocketError)) throw error
          }
          answers = answers.slice(done)
        }
      })
    },
  },
]) {
  t.test(`a datagram from port 0: ${title}`, { skip: noRaw }, async (t) => {
    const socket = await bound(t, { type: 'udp4' })
    const errors: unknown[] = []
    socket.on('error', (error) => errors.push(error))
    serve(socket)
    const { port } = socket.address()
    const client = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const wanted: string[] = []
    for (let count = 0; count < 30; count++) {
      await forge(`forged ${count}`, 0, port)
      const text = `good ${count}`
      await client.sendmsg({ data: Buffer.from(text), address: '127.0.0.1', port })
      wanted.push(text)
      await forge('forged again', 0, port)
    }
    const answers = await receive(client, 'recvmmsg', wanted.length)
    t.same(
      answers.map(({ data }) => String(data)),
      wanted,
      'all others are answered',
    )
    t.same(errors, [])
  })
}

t.test('a message to port 0 is refused by the kernel', { skip: noRaw }, async (t) => {
  const server = await bound(t, { type: 'udp4', pull: true })
  await forge('forged', 0, server.address().port)
  const forged = await server.recvmsg({ timeout: 10_000 })
  t.equal(forged.port, 0)
  const answer: OutgoingMessage = { data: Buffer.from('answer'), ...replyTo(forged) }
  t.equal(answer.port, 0)

  t.throws(() => server.trySendmsg(answer), { name: 'SocketError', code: refused, syscall: 'sendmsg' })
  await t.rejects(server.sendmsg(answer), { name: 'SocketError', code: refused })
  await t.rejects(server.sendmsg({ ...answer, data: Buffer.alloc(3000), segmentSize: 1000 }), { code: refused })
  server.send(answer)
  t.match(await new Promise((resolve) => server.send(answer, resolve)), { code: refused })

  const client = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
  const good: OutgoingMessage = { data: Buffer.from('good'), address: '127.0.0.1', port: client.address().port }
  t.equal(server.trySendmmsg([good, good, answer, good]), 2, 'a batch ends there')
  t.throws(() => server.trySendmmsg([answer, good]), { code: refused })
  await t.rejects(server.sendmmsg([good, answer, good]), { code: refused, sent: 1 })
  await timers.setTimeout(10)
  t.equal(client.tryRecvmmsg().length, 3)
  t.equal(server.offload.segmentation, capabilities().send.segmentSize.IPv4 === 'kernel', 'offload is as before')

  t.throws(() => server.send('x', 0, '127.0.0.1'), { code: 'ERR_SOCKET_BAD_PORT' }, "dgram's own form")
  t.throws(() => server.trySendmsg({ ...good, port: -1 }), { code: 'ERR_SOCKET_BAD_PORT' })
  t.throws(() => server.trySendmsg({ ...good, port: undefined }), { code: 'ERR_SOCKET_BAD_PORT' })
})

t.test('replyTo() on a raw socket', { skip: noRaw }, async (t) => {
  const receiver = await bound(t, { type: 'raw4', protocol: 253, pull: true }, '127.0.0.1')
  const sender = await bound(t, { type: 'raw4', protocol: 253 }, '127.0.0.1')
  await sender.sendmsg({ data: Buffer.from('asked'), address: '127.0.0.1' })
  const asked = await receiver.recvmsg({ timeout: 10_000 })
  t.equal(await receiver.sendmsg({ data: Buffer.from('answered'), ...replyTo(asked) }), 8)
  t.equal(String((await receiver.recvmsg({ timeout: 10_000 })).data), 'answered')
})

for (const [file, title] of [
  ['reply-interface.ts', 'the interface of an answer, in two network namespaces with two links between them'],
  ['scope-names.ts', 'the names of interfaces in a network namespace'],
] as const) {
  const inside = [process.execPath, ...process.execArgv, path.resolve('test/linux', file)]
  if (noNamespace === false) void t.spawn('unshare', ['-n', ...inside], title)
  else t.test(title, { skip: noNamespace }, async () => {})
}
