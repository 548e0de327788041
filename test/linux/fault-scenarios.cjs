// What can be done with a socket, in four steps. System calls are made to fail in `run` alone; `again` does the same on
// the same socket, or another one where it was closed; `finish` closes all there is.
'use strict'
const { once } = require('node:events')
const dgram = require('node:dgram')
const { Worker } = require('node:worker_threads')
const { capabilities, createSocket, recvmmsg, recvmsg, sendmmsg, sendmsg } = require('sendmsg')
const { tryRecvmmsg, tryRecvmsg, trySendmmsg, trySendmsg } = require('sendmsg')
const { descriptorOf } = require('../helpers/descriptors.cjs')

const LOOPBACK = '127.0.0.1'
const everything = {
  reuseAddr: true,
  reusePort: true,
  recvBufferSize: 100_000,
  sendBufferSize: 100_000,
  dontFragment: true,
  sendTime: true,
  receiveErrors: true,
  coalesce: true,
  receiveInfo: ['destination', 'interface', 'cast', 'trafficClass', 'hopLimit', 'timestamp', 'dropped', 'control'],
}

/** A socket of ours, whose events are noted. */
function make(c, o, options) {
  const socket = o.call('createSocket', () => createSocket(options))
  if (socket === undefined) return undefined
  c.socket = socket
  listen(c, o)
  return socket
}

/** From now on events are of this step. */
function listen(c, o) {
  for (const event of ['error', 'listening', 'connect', 'message', 'datagramError', 'close']) {
    c.socket.removeAllListeners(event)
  }
  o.listen(c.socket, 'error')
  o.listen(c.socket, 'listening')
  o.listen(c.socket, 'connect')
}

const eventually = (socket, ...events) =>
  Promise.race(events.map((event) => new Promise((resolve) => socket.once(event, resolve))))

/** Data with a number of its own, so that it is seen when one comes twice, or not at all. */
const data = (c) => Buffer.from(`${c.tag}:${c.sent++}`)
const to = (c) => ({ address: LOOPBACK, port: c.sink })
const message = (c) => ({ data: data(c), ...to(c) })

/** It sends, and unless it is connected it receives. */
async function exchange(c, o) {
  const { socket } = c
  await o.wait('still sends', async () => {
    one(c, await socket.sendmsg(c.connected ? { data: data(c) } : message(c)))
  })
  if (c.connected) return
  const came = eventually(socket, 'message')
  await c.incoming(socket.address().port, 1)
  await o.wait('still receives', () => came)
}

/** Closes; `'close'` comes, once. */
async function close(c, o, socket = c.socket) {
  if (socket === undefined) return
  const closed = eventually(socket, 'close')
  o.call('close', () => void socket.close())
  await o.wait("'close'", () => closed)
}

const finish = (c, o) => close(c, o)

// --- binding and connecting -----------------------------------------------------------------------

const ways = {
  'bind()': async (c, o) => {
    const { socket } = c
    const settled = eventually(socket, 'listening', 'error')
    o.call('bind', () => void socket.bind(0, c.address))
    await settled
  },
  'bindSync()': async (c, o) => {
    o.call('bindSync', () => void c.socket.bindSync({ address: c.address }))
  },
  'connect()': async (c, o) => {
    const told = o.callback('callback')
    const settled = eventually(c.socket, 'error')
    await Promise.race([
      settled,
      new Promise((resolve) => {
        c.socket.connect(c.sink, LOOPBACK, (error) => resolve(told(error)))
      }),
    ])
    if (o.steps.error !== undefined) o.open.delete('callback') // as in dgram, whose bind() failed
  },
  'connectSync()': async (c, o) => {
    o.call('connectSync', () => c.socket.connectSync(c.sink, LOOPBACK))
  },
}

const opening = (way, options) => {
  const address = options.type === 'udp6' ? '::' : LOOPBACK
  const start = async (c, o) => {
    c.address = address
    if (c.socket === undefined) make(c, o, options)
    else listen(c, o)
    if (c.socket === undefined || c.done) return
    await ways[way](c, o)
    c.done = Object.values(o.steps).every(({ code }) => code === undefined)
  }
  return {
    tellsOpening: way === 'connect()' ? 'error' : undefined,
    tells: { 'bind()': 'error', 'bindSync()': 'bindSync', 'connect()': 'callback', 'connectSync()': 'connectSync' }[
      way
    ],
    run: start,
    again: async (c, o) => {
      await start(c, o)
      if (c.socket === undefined) return
      c.connected = way.startsWith('connect')
      await exchange(c, o)
    },
    finish,
  }
}

// --- sending --------------------------------------------------------------------------------------

/** Counts what a call says that it sent. */
const one = (c, bytes) => {
  if (bytes !== null) c.claimed++
  return bytes
}
const many = (c, count) => {
  c.claimed += count
  return count
}

/** Each way to send two datagrams, or one. */
const forms = {
  sendmsg: (c, o, socket) => o.wait('send', async () => one(c, await sendmsg(socket, message(c)))),
  trySendmsg: async (c, o, socket) => o.call('send', () => one(c, trySendmsg(socket, message(c)))),
  sendmmsg: (c, o, socket) => o.wait('send', async () => many(c, await sendmmsg(socket, [message(c), message(c)]))),
  trySendmmsg: async (c, o, socket) => o.call('send', () => many(c, trySendmmsg(socket, [message(c), message(c)]))),
  'send(message)': async (c, o, socket) => {
    const told = o.callback('send')
    await new Promise((resolve) => {
      socket.send(message(c), (error, bytes) => {
        if (!error) c.claimed++
        resolve(told(error, bytes))
      })
    })
  },
  'send(data, port, address)': async (c, o, socket) => {
    const told = o.callback('send')
    const failed = eventually(socket, 'error')
    const sent = new Promise((resolve) => {
      socket.send(data(c), c.sink, LOOPBACK, (error, bytes) => {
        if (!error) c.claimed++
        resolve(told(error, bytes))
      })
    })
    await Promise.race([failed, sent])
    if (o.steps.error !== undefined) o.open.delete('send') // as in dgram, whose bind() failed
  },
}

const oursOnly = ['send(message)', 'send(data, port, address)']

/** The sockets to send on, as `prepare` has them ready; each gives what the functions take. */
const senders = {
  'an unbound socket': { open: async (c, o) => make(c, o, { type: 'udp4' }) },
  'a bound socket': {
    open: async (c, o) => {
      make(c, o, { type: 'udp4' })
      c.socket.bindSync({ address: LOOPBACK })
      return c.socket
    },
  },
  'a socket to pull from': {
    open: async (c, o) => {
      make(c, o, { type: 'udp4', pull: true })
      c.socket.bindSync({ address: LOOPBACK })
      return c.socket
    },
  },
  'a socket with receiveErrors': {
    open: async (c, o) => {
      make(c, o, { type: 'udp4', receiveErrors: true })
      c.socket.bindSync({ address: LOOPBACK })
      return c.socket
    },
  },
  'a borrowed descriptor': {
    borrowed: true,
    open: async (c) => {
      c.owner = createSocket({ type: 'udp4', pull: true })
      return descriptorOf(c.owner.bindSync({ address: LOOPBACK }).port)
    },
  },
  'a borrowed descriptor with receiveErrors': {
    borrowed: true,
    open: async (c) => {
      c.owner = createSocket({ type: 'udp4', pull: true, receiveErrors: true })
      return descriptorOf(c.owner.bindSync({ address: LOOPBACK }).port)
    },
  },
  'a borrowed dgram.Socket': {
    borrowed: true,
    open: async (c) => {
      c.owner = dgram.createSocket('udp4').bind(0, LOOPBACK)
      await once(c.owner, 'listening')
      return c.owner
    },
  },
}

const sending = (sender, form, base) => ({
  tells: 'send',
  tellsOpening: form === 'send(data, port, address)' && sender === 'an unbound socket' ? 'error' : undefined,
  base,
  prepare: async (c, o) => {
    c.target = await senders[sender].open(c, o)
    if (c.socket !== undefined) await new Promise((resolve) => setImmediate(resolve)) // 'listening'
  },
  run: async (c, o) => {
    if (c.target === undefined) return
    if (c.socket !== undefined) listen(c, o)
    await forms[form](c, o, c.target)
  },
  again: async (c, o) => {
    if (c.target === undefined) c.target = await senders[sender].open(c, o)
    if (c.socket !== undefined) listen(c, o)
    await forms[form](c, o, c.target)
  },
  finish: async (c, o) => {
    await close(c, o, c.owner ?? c.socket)
  },
})

/** So much control data that ENOBUFS can be its fault: net.core.optmem_max. */
const loaded = {
  tells: 'send',
  prepare: async (c, o) => {
    make(c, o, { type: 'udp4' })
    c.socket.bindSync({ address: LOOPBACK })
  },
  run: async (c, o) => {
    const [IPPROTO_IP, IP_TTL] = [0, 2]
    const hops = { level: IPPROTO_IP, type: IP_TTL, data: new Uint8Array(Int32Array.of(9).buffer) }
    const control = Array(600).fill(hops) // 14,400 bytes
    await o.wait('send', async () => one(c, await c.socket.sendmsg({ ...message(c), control })))
  },
  again: async (c, o) => {
    listen(c, o)
    await exchange(c, o)
  },
  finish,
}

// --- receiving ------------------------------------------------------------------------------------

const READY = 2

const receivers = {
  'recvmsg that waits': async (c, o, socket) => {
    const received = o.wait('receive', () => recvmsg(socket))
    await c.incoming(c.port, 1)
    await received
  },
  'recvmmsg that waits': async (c, o, socket) => {
    const received = o.wait('receive', () => recvmmsg(socket))
    await c.incoming(c.port, 1)
    await received
  },
  recvmsg: (c, o, socket) => o.wait('receive', () => recvmsg(socket)),
  tryRecvmsg: async (c, o, socket) => o.call('receive', () => tryRecvmsg(socket)),
  recvmmsg: (c, o, socket) => o.wait('receive', () => recvmmsg(socket)),
  tryRecvmmsg: async (c, o, socket) => o.call('receive', () => tryRecvmmsg(socket)),
}

const pulling = (borrowed, form) => {
  const waits = form.endsWith('waits')
  return {
    tells: 'receive',
    prepare: async (c, o) => {
      c.target = make(c, o, { type: 'udp4', pull: true })
      c.port = c.socket.bindSync({ address: LOOPBACK }).port
      if (borrowed) c.target = descriptorOf(c.port)
      if (!waits) await c.incoming(c.port, READY)
    },
    run: (c, o) => receivers[form](c, o, c.target),
    again: async (c, o) => {
      // All that came is still there, and nothing else.
      let left = 0
      while (tryRecvmsg(c.target) !== null) left++
      o.note('left', null, left)
      if (!waits) await c.incoming(c.port, READY)
      await receivers[form](c, o, c.target)
    },
    finish,
  }
}

/** All at once, so that the same calls are made each time. */
const toItself = (c, count) => {
  const message = { data: Buffer.from('x'), address: LOOPBACK, port: c.port }
  c.socket.trySendmmsg(Array(count).fill(message))
}

const iterating = {
  tells: 'loop',
  prepare: async (c, o) => {
    make(c, o, { type: 'udp4', pull: true })
    c.port = c.socket.bindSync({ address: LOOPBACK }).port
  },
  only: /^(recv|epoll)/,
  run: async (c, o) => {
    const closed = eventually(c.socket, 'close')
    const loop = o.wait('loop', async () => {
      const got = []
      for await (const { data } of c.socket) {
        got.push(data)
        if (got.length === READY) break
      }
      return got.length
    })
    toItself(c, READY)
    await loop
    await o.wait("'close'", () => closed) // leaving the loop closes the socket, however it is left
  },
}

const listening = (options) => ({
  tells: 'error',
  only: /^recv/,
  prepare: async (c, o) => {
    make(c, o, { type: 'udp4', ...options })
    c.port = c.socket.bindSync({ address: LOOPBACK }).port
  },
  run: async (c, o) => {
    listen(c, o)
    o.listen(c.socket, 'message')
    toItself(c, 3)
    // Nothing is lost, whatever was told before.
    while ((o.steps.message?.times ?? 0) < 3) await eventually(c.socket, 'message')
  },
  again: async (c, o) => {
    listen(c, o)
    await exchange(c, o)
  },
  finish,
})

/** What sending to a port where nobody is comes to, by `'datagramError'`, and to no call. */
const hearing = {
  tells: 'error',
  tellsSending: 'send',
  prepare: async (c, o) => {
    make(c, o, { type: 'udp4', receiveErrors: true })
    c.port = c.socket.bindSync({ address: LOOPBACK }).port
    const nobody = dgram.createSocket('udp4').bind(0, LOOPBACK)
    await once(nobody, 'listening')
    c.dead = nobody.address().port
    nobody.close()
    await once(nobody, 'close')
  },
  run: async (c, o) => {
    listen(c, o)
    const heard = eventually(c.socket, 'datagramError')
    o.listen(c.socket, 'datagramError')
    await o.wait('send', () => c.socket.sendmsg({ data: Buffer.from('x'), address: LOOPBACK, port: c.dead }))
    if (o.steps.send.code === undefined) await heard
  },
  again: async (c, o) => {
    listen(c, o)
    await exchange(c, o)
  },
  finish,
}

// --- others' descriptors --------------------------------------------------------------------------

const adopting = (options) => ({
  tells: 'bind',
  adopts: true,
  prepare: async (c, o) => {
    make(c, o, { type: 'udp4', ...options })
  },
  run: async (c, o) => {
    if (c.socket === undefined) return
    listen(c, o)
    const settled = eventually(c.socket, 'listening', 'error')
    o.call('bind', () => void c.socket.bind({ fd: c.lent }))
    if (o.steps.bind.code === undefined) await settled
  },
  again: async (c, o) => {
    listen(c, o)
    const settled = eventually(c.socket, 'listening', 'error')
    try {
      c.socket.address()
    } catch {
      o.call('bind', () => void c.socket.bind({ fd: c.lent }))
      await settled
    }
    await exchange(c, o)
  },
  finish,
})

// --- threads, and what is asked first -------------------------------------------------------------

const PROGRAM = `
const { createSocket } = require('sendmsg')
const { parentPort, workerData } = require('node:worker_threads')
const socket = createSocket('udp4')
socket.send({ data: Buffer.from(workerData.data), address: '127.0.0.1', port: workerData.port }, (error) => {
  socket.close()
  parentPort.postMessage(error === null)
})`

async function thread(c, o) {
  const worker = new Worker(PROGRAM, { eval: true, workerData: { data: data(c).toString(), port: c.sink } })
  await o.wait('worker', async () => {
    const [sent] = await once(worker, 'message')
    await once(worker, 'exit')
    if (sent) c.claimed++
    return sent
  })
}

const probing = {
  tells: undefined,
  fresh: true,
  prepare: async () => {},
  run: async (c, o) => {
    o.call('capabilities', () => void capabilities())
  },
  again: async (c, o) => {
    o.call('capabilities', () => JSON.stringify(capabilities()))
  },
}

// --- options and names ----------------------------------------------------------------------------

const methods = {
  'address()': (socket) => socket.address().address,
  'setTTL()': (socket) => socket.setTTL(9),
  'setBroadcast()': (socket) => socket.setBroadcast(true),
  'setMulticastTTL()': (socket) => socket.setMulticastTTL(3),
  'setMulticastLoopback()': (socket) => socket.setMulticastLoopback(true),
  'setMulticastInterface()': (socket) => socket.setMulticastInterface(LOOPBACK),
  'setDontFragment()': (socket) => socket.setDontFragment(true),
  'setRecvBufferSize()': (socket) => socket.setRecvBufferSize(50_000),
  'setSendBufferSize()': (socket) => socket.setSendBufferSize(50_000),
  'addMembership() and dropMembership()': (socket) => {
    socket.addMembership('239.1.2.3', LOOPBACK)
    socket.dropMembership('239.1.2.3', LOOPBACK)
  },
}

const asking = (method) => ({
  tells: 'call',
  prepare: async (c, o) => {
    make(c, o, { type: 'udp4' })
    c.socket.bindSync({ address: LOOPBACK })
  },
  run: async (c, o) => o.call('call', () => methods[method](c.socket)),
  again: async (c, o) => {
    if (method.startsWith('addMembership')) {
      try {
        c.socket.dropMembership('239.1.2.3', LOOPBACK)
      } catch (error) {
        if (error.code !== 'EADDRNOTAVAIL') throw error
      }
    }
    o.call('call', () => methods[method](c.socket))
    listen(c, o)
    await exchange(c, o)
  },
  finish,
})

// --- all ------------------------------------------------------------------------------------------

const scenarios = {}
for (const way of Object.keys(ways)) {
  scenarios[`${way} of udp4`] = opening(way, { type: 'udp4' })
  scenarios[`${way} of udp6 with all options`] = opening(way, { type: 'udp6', ...everything })
}
for (const sender of Object.keys(senders)) {
  for (const form of Object.keys(forms)) {
    if (senders[sender].borrowed && oursOnly.includes(form)) continue
    scenarios[`${form} on ${sender}`] = sending(sender, form)
    if (form.startsWith('try') || sender === 'an unbound socket') continue
    scenarios[`${form} that waits on ${sender}`] = sending(sender, form, 'sendmsg,sendmmsg:error=EAGAIN:when=1')
  }
}
scenarios['sendmsg with 14 kB of control data'] = loaded
for (const form of Object.keys(receivers)) {
  scenarios[`${form} on a socket to pull from`] = pulling(false, form)
  scenarios[`${form} on a borrowed descriptor`] = pulling(true, form)
}
scenarios['for await'] = iterating
scenarios["'message'"] = listening({})
scenarios["'message' with coalesce"] = listening({ coalesce: true })
scenarios["'datagramError'"] = hearing
scenarios['bind({ fd })'] = adopting({})
scenarios['bind({ fd }) with options'] = adopting({ receiveErrors: true, coalesce: true, dontFragment: true })
scenarios['a thread that starts'] = { tells: 'worker', follows: true, run: thread, again: thread }
scenarios['the first capabilities()'] = probing
for (const method of Object.keys(methods)) scenarios[method] = asking(method)

module.exports = scenarios
