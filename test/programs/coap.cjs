// Servers and agents of coap on loopback.

const { on, once } = require('node:events')
// Before coap, which makes sockets when it is loaded.
const { bound, called, dgram, given, outcome } = require('./outcome.cjs')
const coap = require('coap')

const local = '127.0.0.1'
const group = '224.0.1.187'
const large = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251))

// Nothing is sent again only because this machine is busy.
coap.updateTiming({ ackTimeout: 20 })

/** What the server was asked for. */
const handled = []
const things = new Map([
  ['/hello', Buffer.from('hello')],
  ['/large', large],
])

function handle(request, response) {
  const { method, url, payload, headers } = request
  handled.push(`${method} ${url} ${payload.length}`)
  if (headers.Observe === 0) {
    for (const text of ['one', 'two', 'three']) response.write(text)
  } else if (method === 'PUT') {
    things.set(url, payload)
    response.code = '2.04'
    response.end()
  } else {
    if (!things.has(url)) response.code = '4.04'
    response.end(things.get(url))
  }
}

/** Starts a server, and returns it with its port and what closes it. */
async function serve(handler, { port = 0, multicast = false } = {}) {
  const options = multicast ? { multicastAddress: group, multicastInterface: local } : {}
  const server = coap.createServer(options, handler)
  const address = multicast ? '0.0.0.0' : local
  if (!given) {
    await called((done) => server.listen(port, address, done))
    // It does not tell its port otherwise.
    return { port: server._sock.address().port, close: () => server.close() }
  }
  const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true })
  socket.bind(port, address)
  await once(socket, 'listening')
  if (multicast) socket.addMembership(group, local)
  server.listen(socket)
  const close = () => {
    server.close()
    socket.close()
  }
  return { port: socket.address().port, close }
}

/** Asks, and returns the response once it is there. */
function ask(agent, port, { payload, block1, ...options }) {
  const request = coap.request({ agent, hostname: local, port, ...options })
  if (block1 !== undefined) request.setOption('Block1', Buffer.of(block1))
  request.end(payload)
  return once(request, 'response').then(([response]) => response)
}

async function requests(agent, port) {
  const tell = async (options) => {
    const { code, payload, rsinfo } = await ask(agent, port, options)
    return { code, payload: payload.equals(large) ? 'large' : payload.toString(), from: rsinfo.address }
  }
  return {
    get: await tell({ pathname: '/hello' }),
    nonConfirmable: await tell({ pathname: '/hello', confirmable: false }),
    unknown: await tell({ pathname: '/nothing' }),
    put: await tell({ method: 'PUT', pathname: '/thing', payload: 'a thing' }),
    changed: await tell({ pathname: '/thing' }),
    getBlocks: await tell({ pathname: '/large' }),
    putBlocks: await tell({ method: 'PUT', pathname: '/blocks', payload: large, block1: 4 }),
    blocks: await tell({ pathname: '/blocks' }),
  }
}

async function observe(agent, port) {
  const response = await ask(agent, port, { pathname: '/ticks', observe: true })
  const seen = []
  for await (const [data] of on(response, 'data')) {
    if (seen.push(data.toString()) === 3) break
  }
  response.close()
  return seen
}

/** What coap's own agent does not do: a request that comes twice, and one that can't be. */
async function raw(port) {
  const socket = dgram.createSocket('udp4')
  const answers = []
  socket.on('message', (data) => {
    const token = data.subarray(4, 4 + (data[0] & 15))
    answers.push({
      code: `${data[1] >> 5}.${String(data[1] & 31).padStart(2, '0')}`,
      token: token.toString('hex'),
      payload: data.subarray(4 + token.length + 1).toString(),
    })
  })
  await bound(socket, local)
  const path = (text) => Buffer.concat([Buffer.of(0xb0 + text.length), Buffer.from(text)])
  const get = (id) => Buffer.concat([Buffer.of(0x41, 0x01, 0x12, id, id), path('hello')])
  // PUT with Observe.
  const wrong = Buffer.concat([Buffer.of(0x41, 0x03, 0x12, 0x99, 0xbb, 0x60, 0x55), Buffer.from('thing')])
  const before = handled.length
  for (const datagram of [get(1), get(1), wrong, get(2)]) socket.send(datagram, port, local)
  while (answers.at(-1)?.token !== '02') await once(socket, 'message')
  socket.close()
  return { answers, handled: handled.slice(before) }
}

async function multicast() {
  const socket = dgram.createSocket('udp4')
  await bound(socket, local)
  socket.setMulticastInterface(local)
  const agent = new coap.Agent({ socket })
  const one = await serve((_, response) => response.end('one'), { multicast: true })
  const two = await serve((_, response) => response.end('two'), { multicast: true, port: one.port })
  const request = coap.request({ agent, hostname: group, port: one.port, pathname: '/', multicast: true })
  const payloads = []
  const both = new Promise((resolve) => {
    request.on('response', ({ payload }) => {
      if (payloads.push(payload.toString()) === 2) resolve()
    })
  })
  request.end()
  await both
  clearTimeout(request.multicastTimer)
  request.sender.reset()
  for (const { close } of [one, two]) close()
  socket.close()
  return payloads.sort()
}

void outcome(async () => {
  const { port, close } = await serve(handle)
  const socket = given ? dgram.createSocket('udp4') : undefined
  const agent = new coap.Agent({ type: 'udp4', ...(given && { socket }) })
  const result = { requests: await requests(agent, port) }
  result.observed = await observe(agent, port)
  result.handled = [...handled]
  result.raw = await raw(port)
  result.multicast = await multicast()
  agent.close()
  socket?.close()
  close()
  for (const unused of [coap.globalAgent, coap.globalAgentIPv6]) unused.close()
  return result
})
