// The life of a socket, from bind() to close(), and what its methods do.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import timers from 'node:timers/promises'
import t from 'tap'
import {
  createSocket,
  recvmmsg,
  recvmsg,
  sendmmsg,
  sendmsg,
  SocketError,
  tryRecvmmsg,
  tryRecvmsg,
  trySendmmsg,
  type OutgoingMessage,
  type SocketType,
} from 'sendmsg'
import { bound, bytes, open, receive, told } from '../helpers/sockets'
import { texts, wine, can, x, local } from './setup'

t.test('the life of a socket', async (t) => {
  for (const type of ['udp4', ...(local['::1'] ? (['udp6'] as const) : [])] as const) {
    const [wildcard, loopback, family] = type === 'udp4' ? ['0.0.0.0', '127.0.0.1', 'IPv4'] : ['::', '::1', 'IPv6']

    t.test(`${type}: bind, listening, address`, async (t) => {
      const socket = open(t, { type })
      let listening = 0
      socket.on('listening', () => listening++)
      t.equal(socket.bind(), socket, 'returns the socket')
      t.equal(listening, 0, 'events come later')
      t.throws(() => socket.bind(), { code: 'ERR_SOCKET_ALREADY_BOUND' })
      await once(socket, 'listening')
      told(t, socket.address(), { address: wildcard, family })
      t.ok(socket.address().port > 0)
      t.throws(() => socket.bind(0), { code: 'ERR_SOCKET_ALREADY_BOUND' })
      t.equal(listening, 1)

      const { port } = socket.address()
      const second = open(t, { type })
      second.bind(port)
      const [error] = (await once(second, 'error')) as [SocketError]
      t.ok(error instanceof SocketError)
      told(t, error, {
        code: 'EADDRINUSE',
        syscall: 'bind',
        port,
        address: wildcard,
        message: `bind EADDRINUSE ${wildcard}:${port}`,
      })
      t.type(error.errno, 'number')
      t.type(error.nativeCode, 'number')
      t.match(error.nativeName, /^(WSA)?EADDRINUSE$/)
      second.bind(0, loopback)
      await once(second, 'listening')
      told(t, second.address(), { address: loopback, family }, 'it can be bound after that')

      for (const form of [
        (s: typeof socket, done: () => void) => s.bind(done),
        (s: typeof socket, done: () => void) => s.bind(0, done),
        (s: typeof socket, done: () => void) => s.bind(0, loopback, done),
        (s: typeof socket, done: () => void) => s.bind({ port: 0, address: loopback }, done),
      ]) {
        const one = open(t, { type })
        await new Promise<void>((done) => form(one, done))
        t.ok(one.address().port > 0)
      }
    })

    const anyAddress = wine && 'Wine binds to addresses that are not there'
    t.test(`${type}: bind to an address of another host`, { skip: anyAddress }, async (t) => {
      const foreign = open(t, { type })
      foreign.bind(0, type === 'udp4' ? '192.0.2.77' : '2001:db8::77')
      told(t, (await once(foreign, 'error'))[0], { code: 'EADDRNOTAVAIL', syscall: 'bind' })
    })

    t.test(`${type}: connect, remoteAddress, disconnect`, async (t) => {
      const server = await bound(t, { type, pull: true }, loopback)
      const { port } = server.address()
      const socket = open(t, { type, pull: true })
      t.throws(() => socket.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      t.throws(() => socket.disconnect(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      await new Promise<void>((done, failed) => {
        socket.connect(port, loopback, (error) => (error === undefined ? done() : failed(error)))
      })
      t.same(socket.remoteAddress(), { address: loopback, family, port })
      t.equal(socket.address().address, loopback)
      t.throws(() => socket.connect(port, loopback), { code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' })

      const stranger = await bound(t, { type }, loopback)
      await stranger.sendmsg({ data: Buffer.from('stranger'), address: loopback, port: socket.address().port })
      await server.sendmsg({ data: Buffer.from('friend'), address: loopback, port: socket.address().port })
      t.equal((await socket.recvmsg()).data.toString(), 'friend', 'of the peer alone')

      socket.disconnect()
      t.throws(() => socket.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' })
      socket.connect(port, loopback)
      await once(socket, 'connect')
      t.equal(await socket.sendmsg({ data: Buffer.from('again') }), 5)
      t.equal((await server.recvmsg()).data.toString(), 'again')
    })

    t.test(`${type}: close`, async (t) => {
      const socket = await bound(t, { type, pull: true })
      const waits = t.rejects(socket.recvmsg(), { name: 'SocketError', code: 'ECANCELED' })
      const loop = (async () => {
        for await (const message of socket) t.fail(String(message.size))
        return 'over'
      })()
      let closed = false
      socket.once('close', () => (closed = true))
      const gone = once(socket, 'close')
      t.equal(socket.close(), socket)
      t.equal(closed, false, "'close' comes later")
      await waits
      t.equal(await loop, 'over')
      await gone
      for (const use of [
        () => socket.close(),
        () => socket.bind(),
        () => socket.address(),
        () => socket.connect(1),
        () => socket.remoteAddress(),
        () => socket.send({ data: Buffer.from('x'), address: loopback, port: 9 }),
        () => socket.trySendmsg({ data: Buffer.from('x'), address: loopback, port: 9 }),
        () => socket.trySendmmsg([{ data: Buffer.from('x'), address: loopback, port: 9 }]),
        () => socket.tryRecvmsg(),
        () => socket.tryRecvmmsg(),
        () => socket.getRecvBufferSize(),
        () => socket.setSendBufferSize(4096),
      ]) {
        t.throws(use, { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }, String(use))
      }
      const calls: (() => Promise<unknown>)[] = [
        () => sendmsg(socket, { data: Buffer.from('x'), address: loopback, port: 9 }),
        () => sendmmsg(socket, [{ data: Buffer.from('x'), address: loopback, port: 9 }]),
        () => recvmsg(socket),
        () => recvmmsg(socket),
      ]
      for (const use of calls) {
        await t.rejects(use(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }, String(use))
      }
      t.equal(socket.ref(), socket)
      t.equal(socket.unref(), socket)
      await socket[Symbol.asyncDispose]()
      t.same(socket.offload, { segmentation: false, coalescing: false })

      const unbound = createSocket(type)
      await new Promise<void>((done) => unbound.close(done))
      const leaving = await bound(t, { type, pull: true })
      await leaving.sendmsg({ data: Buffer.from('one'), address: loopback, port: leaving.address().port })
      const left = once(leaving, 'close')
      for await (const { data } of leaving) {
        t.equal(data.toString(), 'one')
        break
      }
      await left
      t.throws(() => leaving.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }, 'leaving the loop closes the socket')
    })

    t.test(`${type}: closed within its own events`, async (t) => {
      const socket = await bound(t, { type })
      const { port } = socket.address()
      const got: string[] = []
      socket.on('message', (data) => {
        got.push(data.toString())
        socket.close()
      })
      const gone = once(socket, 'close')
      t.equal(
        trySendmmsg(
          socket,
          ['1', '2', '3'].map((text) => ({ data: Buffer.from(text), address: loopback, port })),
        ),
        3,
      )
      await gone
      t.same(got, ['1'], 'nothing is told after it')
      const early = createSocket(type)
      early.bind()
      early.on('listening', () => t.fail("'listening' after close"))
      early.close()
      await once(early, 'close')
      await timers.setImmediate()
    })

    t.test(`${type}: AbortSignal`, async (t) => {
      const controller = new AbortController()
      const socket = await bound(t, { type, signal: controller.signal })
      const gone = once(socket, 'close')
      controller.abort()
      await gone
      t.throws(() => socket.address(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
      const never = createSocket({ type, signal: AbortSignal.abort() })
      await once(never, 'close')
      t.throws(() => never.bind(), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
      const kept = await bound(t, { type, pull: true })
      const aborted = new AbortController()
      const waits = kept.recvmsg({ signal: aborted.signal })
      aborted.abort()
      await t.rejects(waits, { name: 'AbortError', code: 'ABORT_ERR' })
      await t.rejects(kept.recvmsg({ signal: aborted.signal }), { name: 'AbortError' })
      await t.rejects(
        kept.sendmsg(
          { data: Buffer.from('x'), address: loopback, port: kept.address().port },
          { signal: aborted.signal },
        ),
        { name: 'AbortError' },
      )
      t.equal(kept.tryRecvmsg(), null, 'and was not sent')
    })

    t.test(`${type}: buffer sizes`, async (t) => {
      const socket = open(t, { type, recvBufferSize: 50_000, sendBufferSize: 60_000 })
      t.ok(socket.getRecvBufferSize() >= 50_000)
      t.ok(socket.getSendBufferSize() >= 60_000)
      socket.setRecvBufferSize(80_000)
      socket.setSendBufferSize(90_000)
      t.ok(socket.getRecvBufferSize() >= 80_000)
      t.ok(socket.getSendBufferSize() >= 90_000)
      t.equal(socket.getSendQueueCount(), 0)
      t.equal(socket.getSendQueueSize(), 0)
    })

    t.test(`${type}: the two receiving modes do not mix`, async (t) => {
      const listens = await bound(t, { type })
      t.throws(() => listens.tryRecvmsg(), { code: 'ERR_INVALID_STATE' })
      t.throws(() => tryRecvmmsg(listens), { code: 'ERR_INVALID_STATE' })
      await t.rejects(recvmsg(listens), { code: 'ERR_INVALID_STATE' })
      await t.rejects(recvmmsg(listens), { code: 'ERR_INVALID_STATE' })
      await t.rejects(
        async () => {
          for await (const message of listens) t.fail(String(message.size))
        },
        { code: 'ERR_INVALID_STATE' },
      )
      const pulled = await bound(t, { type, pull: true })
      for (const event of ['message', 'messages'] as const) {
        t.throws(() => pulled.on(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.once(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.addListener(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.prependListener(event, () => {}), { code: 'ERR_INVALID_STATE' })
        t.throws(() => pulled.prependOnceListener(event, () => {}), { code: 'ERR_INVALID_STATE' })
      }
      t.throws(() => createSocket({ type, pull: true }, () => {}), { code: 'ERR_INVALID_STATE' })
      t.equal(tryRecvmsg(pulled), null)
      t.same(tryRecvmmsg(pulled), [])
      const both = await bound(t, { type })
      const seen: string[] = []
      both.on('messages', (batch) => seen.push(`batch of ${batch.length}`))
      both.on('message', (data) => seen.push(data.toString()))
      const { port } = both.address()
      trySendmmsg(
        both,
        ['a', 'b'].map((text) => ({ data: Buffer.from(text), address: loopback, port })),
      )
      while (seen.filter((text) => text.length === 1).length < 2) await once(both, 'message')
      t.same(
        seen.filter((text) => text.length === 1),
        ['a', 'b'],
        'both fire if both have listeners',
      )
      t.ok(seen.includes('batch of 2') || seen.filter((text) => text === 'batch of 1').length === 2)
    })

    t.test(`${type}: wrong families and types`, async (t) => {
      const socket = open(t, { type, ...(type === 'udp6' && { ipv6Only: true }) })
      const other = type === 'udp4' ? '::1' : '127.0.0.1'
      t.throws(() => socket.trySendmsg({ data: Buffer.from('x'), address: other, port: 9 }), {
        code: 'ERR_INVALID_ARG_VALUE',
      })
      const cases: [OutgoingMessage, string][] = [
        [{ data: Buffer.from('x'), address: 'localhost', port: 9 }, 'ERR_INVALID_ARG_VALUE'],
        [{ data: Buffer.from('x'), address: loopback, port: 70000 }, 'ERR_SOCKET_BAD_PORT'],
        [{ data: Buffer.from('x'), address: loopback }, 'ERR_SOCKET_BAD_PORT'],
        [{ data: Buffer.from('x'), port: 9 }, 'ERR_INVALID_ARG_TYPE'],
        [{ data: 'x' as never, address: loopback, port: 9 }, 'ERR_INVALID_ARG_TYPE'],
        [{ data: Buffer.from('x'), address: loopback, port: 9, hopLimit: 0 }, 'ERR_OUT_OF_RANGE'],
        [{ data: Buffer.from('x'), address: loopback, port: 9, trafficClass: 1, ecn: 1 }, 'ERR_INVALID_ARG_VALUE'],
      ]
      for (const [message, code] of cases) {
        t.throws(() => socket.trySendmsg(message), { code })
        await t.rejects(socket.sendmsg(message), { code })
      }
      socket.bind(0, other)
      t.match((await once(socket, 'error'))[0], {
        code: /^(ERR_INVALID_ARG_VALUE|EINVAL|EAFNOSUPPORT|ENOTFOUND|EADDRNOTAVAIL)$/,
      })
    })
  }

  t.throws(() => createSocket('udp5' as SocketType), { code: 'ERR_SOCKET_BAD_TYPE' })
  t.throws(() => createSocket({ type: 'raw4' }), { code: 'ERR_INVALID_ARG_TYPE' }, 'a raw socket has a protocol')

  t.test('send with a message throws what is wrong with it, and tells what the system says', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const socket = await bound(t, { type: 'udp4' })
    const { port } = receiver.address()
    const at = { address: '127.0.0.1', port }
    const wrong = (message: object): (() => void) => {
      return () => {
        socket.send(message as OutgoingMessage)
      }
    }
    t.throws(wrong({ data: 'text', ...at }), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(wrong({ data: x, adress: '127.0.0.1', port }), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(wrong({ data: x, ...at, hopLimit: 0 }), { code: 'ERR_OUT_OF_RANGE' })
    if (!can.flags.oob) t.throws(wrong({ data: x, ...at, flags: { oob: true } }), { code: 'ENOTSUP' })
    const tooLong = { data: bytes(70_000), ...at }
    socket.send(tooLong)
    t.match(await new Promise((done) => socket.send(tooLong, done)), { code: 'EMSGSIZE', syscall: 'sendmsg' })
    socket.send({ data: x, ...at })
    t.same((await receiver.recvmsg()).data, x, 'and nothing else came')
    t.equal(receiver.tryRecvmsg(), null)
  })

  t.test('what is sent while bind looks up a name goes out afterwards', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const { port } = receiver.address()
    const socket = open(t, {
      type: 'udp4',
      lookup: (_host, _options, done) => setImmediate(done, null, '127.0.0.1', 4),
    })
    socket.bind(0, 'a.name')
    socket.send({ data: Buffer.from('message'), address: '127.0.0.1', port })
    socket.send('buffer', port, '127.0.0.1')
    const wrong = new Promise((done) => {
      socket.send({ data: x, address: '127.0.0.1', port: 70000 }, done)
    })
    t.match(await wrong, { code: 'ERR_SOCKET_BAD_PORT' })
    t.same(
      (await receive(receiver, 'recvmsg', 2)).map(({ data }) => data.toString()),
      ['message', 'buffer'],
    )
  })

  t.test('recvmmsg takes as many as it is asked for', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const sender = await bound(t, { type: 'udp4' })
    const { port } = receiver.address()
    const numbered = Array.from({ length: 150 }, (_, index) => Buffer.from(String(index)))
    await sender.sendmmsg(numbered.map((data) => ({ data, address: '127.0.0.1', port })))
    const messages = receiver.tryRecvmmsg({ count: 130 })
    t.same(
      messages.map(({ data }) => data),
      numbered.slice(0, 130),
    )
    t.equal(receiver.tryRecvmmsg({ count: 1024 }).length, 20)
    t.same(receiver.tryRecvmmsg({ count: 1024 }), [])
  })

  t.test('setTTL holds for datagrams that give no hop limit', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true, receiveInfo: ['hopLimit'] }, '127.0.0.1')
    const socket = await bound(t, { type: 'udp4' })
    const at = { data: x, address: '127.0.0.1', port: receiver.address().port }
    t.equal(socket.setTTL(7), 7)
    await socket.sendmsg(at)
    await socket.sendmsg({ ...at, hopLimit: 9 })
    t.same(
      (await receive(receiver, 'recvmsg', 2)).map(({ hopLimit }) => hopLimit),
      [7, 9],
    )
    t.throws(() => socket.setTTL(0), { code: 'EINVAL', syscall: 'setTTL' })
    t.throws(() => socket.setRecvBufferSize(-1), { code: 'ERR_SOCKET_BAD_BUFFER_SIZE' })
  })

  t.test('a message is sent in the tick of the call', async (t) => {
    const receiver = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
    const sender = open(t, { type: 'udp4' })
    const to = { address: '127.0.0.1', port: receiver.address().port }
    const data = Buffer.from('now')
    const sent = sender.sendmsg({ data, ...to })
    data.fill('?')
    t.equal(await sent, 3)
    t.equal((await receiver.recvmsg()).data.toString(), 'now', 'it was not copied, and had gone already')
    const results: string[] = []
    await Promise.all([
      sender.sendmsg({ data: Buffer.from('1'), ...to }).then(() => results.push('1')),
      sender.sendmmsg([{ data: Buffer.from('2'), ...to }]).then(() => results.push('2')),
      Promise.resolve(sender.trySendmsg({ data: Buffer.from('3'), ...to })).then(() => results.push('3')),
    ])
    t.same(texts(await receive(receiver, 'recvmsg', 3)), ['1', '2', '3'], 'in call order')
    t.equal(results.length, 3)
  })

  t.test('ref and unref', async (t) => {
    const run = (source: string): { status: number | null; stdout: string } => {
      const { status, stdout } = spawnSync(process.execPath, ['-e', source], {
        cwd: __dirname,
        encoding: 'utf8',
        timeout: 60_000,
        env: { ...process.env, NODE_OPTIONS: '' },
      })
      return { status, stdout }
    }
    const head = "const { createSocket } = require('sendmsg'); process.on('exit', () => console.log('end'));"
    t.same(run(`${head} createSocket('udp4').bind().unref()`), { status: 0, stdout: 'end\n' })
    t.same(run(`${head} createSocket('udp4').unref().bind()`), { status: 0, stdout: 'end\n' })
    t.same(run(`${head} createSocket('udp4')`), { status: 0, stdout: 'end\n' }, 'not bound, it holds nothing')
    t.same(
      run(`${head} const s = createSocket({ type: 'udp4', pull: true }); s.recvmsg().catch(() => {}); s.unref()`),
      { status: 0, stdout: 'end\n' },
    )
    t.same(
      run(`${head} const s = createSocket('udp4').bind(); s.unref(); s.ref();
           s.on('close', () => console.log('close')); setTimeout(() => s.close(), 50).unref()`),
      { status: 0, stdout: 'close\nend\n' },
      'bound and held, it keeps the loop alive until it is closed',
    )
  })
})
