// A socket that the event loop cannot watch: the error comes where errors of bind() come, and the socket can be tried again.
import t from 'tap'
import { noInjection, Steps } from '../helpers/steps'

/** What all steps share. */
const common = `
  const { createSocket } = require('sendmsg')
  const { countSockets } = require(${JSON.stringify(require.resolve('../helpers/descriptors.cjs'))})
  const told = (error) => error && { code: error.code, syscall: error.syscall, name: error.name }
  const settled = (call) => new Promise((resolve) => {
    const done = (error, bytes) => resolve(error ? told(error) : { done: bytes ?? true })
    try {
      const result = call(done)
      if (result?.then) result.then((value) => done(null, value), done)
      else if (result !== undefined && result !== 'later') done(null)
    } catch (error) { resolve({ thrown: told(error) }) }
  })
  const message = { data: Buffer.from('x'), address: '127.0.0.1', port: state.port }
`

/** Each calls back with the error, returns a promise, or throws. */
const calls: Record<string, string> = {
  bind: "(done) => { socket.once('error', done); socket.once('listening', () => done(null)); socket.bind(0, '127.0.0.1'); return 'later' }",
  bindSync: '() => socket.bindSync()',
  connect: "(done) => { socket.connect(state.port, '127.0.0.1', done); return 'later' }",
  connectSync: "() => { socket.connectSync(state.port, '127.0.0.1'); return true }",
  sendmsg: '() => socket.sendmsg(message)',
  trySendmsg: '() => socket.trySendmsg(message)',
  sendmmsg: '() => socket.sendmmsg([message])',
  recvmsg: "() => socket.recvmsg({ timeout: 1 }).catch((error) => { if (error.code !== 'ETIMEDOUT') throw error })",
  tryRecvmmsg: '() => socket.tryRecvmmsg()',
  'send with a message': "(done) => { socket.send(message, done); return 'later' }",
  'send of dgram': "(done) => { socket.send('x', state.port, '127.0.0.1', done); return 'later' }",
}

t.test('the first call of a socket, and its watcher fails', { skip: noInjection }, async (t) => {
  const process = new Steps(t)
  await process.run(`
    ${common}
    require('sendmsg').capabilities()
    state.peer = createSocket({ type: 'udp4', pull: true })
    state.port = state.peer.bindSync({ address: '127.0.0.1' }).port
    // Whatever the event loop watches, it watches now.
    await new Promise((resolve) => setTimeout(resolve, 10))`)
  for (const [name, call] of Object.entries(calls)) {
    for (const pull of name.includes('ecv') ? [true] : [false, true]) {
      const code = ['ENOSPC', 'ENOMEM', 'EMFILE'][name.length % 3]!
      const title = `${name}${pull ? ', to be pulled from' : ''}: ${code}`
      const before = await process.run(`
        ${common}
        const before = countSockets()
        state.events = []
        const socket = state.socket = createSocket({ type: 'udp4', pull: ${pull} })
        for (const event of ['listening', 'connect', 'error', 'close']) {
          socket.on(event, (error) => state.events.push(error ? [event, error.code] : [event]))
        }
        return before`)
      const first = await process.failing(
        `epoll_ctl:error=${code}:when=1`,
        `${common} const { socket } = state; return await settled(${call})`,
      )
      const throws = ['bindSync', 'connectSync', 'trySendmsg', 'tryRecvmmsg'].includes(name)
      const error = { code, syscall: 'poll', name: 'SocketError' }
      t.same(first, throws ? { thrown: error } : error, title)
      const queued = ['bind', 'connect', 'send of dgram'].includes(name)
      t.same(await process.run('return state.events.splice(0)'), queued ? [['error', code]] : [], `${title}: events`)
      const again = await process.run(`${common} const { socket } = state; return await settled(${call})`)
      t.ok('done' in again, `${title}: again`, again)
      const heard = await process.run(`
        ${common}
        const { socket, peer } = state
        peer.tryRecvmmsg()
        const { port } = socket.address()
        let heard
        if (${pull}) heard = socket.recvmsg({ timeout: 10_000 }).then(({ data }) => String(data))
        else heard = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))))
        await peer.sendmsg({ data: Buffer.from('heard'), address: '127.0.0.1', port })
        return await heard`)
      t.equal(heard, 'heard', `${title}: and then it receives`)
      const after = await process.run(`
        ${common}
        const { socket } = state
        await new Promise((resolve) => socket.close(resolve))
        return countSockets()`)
      t.equal(after, before, `${title}: no descriptor is left`)
    }
  }
})

t.test('what waits for such a bind(), close() included', { skip: noInjection }, async (t) => {
  const process = new Steps(t)
  const before = await process.run(`${common} return countSockets()`)
  const events = await process.failing(
    'epoll_ctl:error=ENOSPC:when=1',
    `${common}
    const events = []
    const socket = createSocket('udp4')
    const note = (name) => (error) => events.push([name, error?.code])
    socket.on('error', note('error'))
    socket.bind(0, '127.0.0.1', note('bound'))
    socket.send('x', 9, '127.0.0.1', note('send'))
    socket.connect(9, '127.0.0.1', note('connect'))
    await new Promise((resolve) => socket.close(() => { note('close')(); resolve() }))
    return events`,
  )
  t.same(events.sort(), [
    ['close', null],
    ['connect', 'ENOSPC'],
    ['error', 'ENOSPC'],
    ['send', 'ENOSPC'],
  ])
  t.equal(await process.run(`${common} return countSockets()`), before)
})

t.test('options that the kernel refuses when the socket is opened', { skip: noInjection }, async (t) => {
  const process = new Steps(t)
  await process.run("require('sendmsg').capabilities()")
  const options = {
    coalesce: '{ coalesce: true }',
    segmentSize: "{ receiveInfo: ['segmentSize'] }",
    hopLimit: "{ receiveInfo: ['hopLimit'] }",
    receiveErrors: '{ receiveErrors: true }',
    dontFragment: '{ dontFragment: true }',
    sendTime: '{ sendTime: true }',
  }
  for (const [name, given] of Object.entries(options)) {
    const refused = await process.failing(
      'setsockopt:error=ENOPROTOOPT',
      `${common}
      const socket = state.socket = createSocket({ type: 'udp4', receiveInfo: false, ...${given} })
      const events = []
      socket.on('error', ({ code, message }) => events.push({ code, message }))
      socket.bind(0, '127.0.0.1')
      await new Promise((resolve) => setImmediate(resolve))
      return { events, offload: socket.offload.coalescing }`,
    )
    t.match(refused.events, [{ code: 'ENOTSUP', message: new RegExp(`: ${name} is not supported on linux`) }], name)
    const again = await process.run(`
      const { socket } = state
      const bound = socket.bindSync({ address: '127.0.0.1' }).port > 0
      const { coalescing } = socket.offload
      socket.close()
      return [bound, coalescing]`)
    t.same(again, [true, name === 'coalesce' || name === 'segmentSize'], `${name}: again`)
    const ignored = await process.failing(
      'setsockopt:error=ENOPROTOOPT',
      `${common}
      const socket = createSocket({ type: 'udp4', receiveInfo: false, ...${given}, unsupported: 'ignore' })
      socket.bindSync({ address: '127.0.0.1' })
      const { coalescing } = socket.offload
      socket.close()
      return coalescing`,
    )
    t.equal(ignored, false, `${name}: left out, and offload says so`)
  }
  const reuse = await process.failing(
    'setsockopt:error=EPERM:when=1',
    `${common}
    const socket = createSocket({ type: 'udp4', receiveInfo: false, reuseAddr: true })
    try { return socket.bindSync({ address: '127.0.0.1' }) } catch (error) { return told(error) } finally { socket.close() }`,
  )
  t.match(reuse, { code: 'EPERM', syscall: 'bind' }, 'reuseAddr')
})
