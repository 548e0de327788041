// What a runtime without tap can be asked: node-tap does not load in Deno and Bun. Prints TAP.
//
//   runtime.cjs PART…     those of `parts` below

const assert = require('node:assert')
const { once } = require('node:events')
const { Worker } = require('node:worker_threads')
const { capabilities, createSocket, replyTo, SocketError } = require('sendmsg')

const LOOPBACK = '127.0.0.1'
const OTHER = '127.0.0.3'

let number = 0
let failed = false

function report(name, problem) {
  number++
  console.log(`${problem === undefined ? 'ok' : 'not ok'} ${number} - ${name}`)
  if (problem === undefined) return
  failed = true
  console.log(String(problem).replace(/^/gm, '# '))
}

async function check(name, run) {
  try {
    await run()
    report(name)
  } catch (error) {
    report(name, error.stack ?? error)
  }
}

function bound(address = LOOPBACK, options = {}) {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', pull: true, ...options })
  socket.bindSync({ address })
  return socket
}

const text = ({ data }) => data.toString()

async function fromAnAddress(wildcard, to, source, fields) {
  await check(`${wildcard}: sent from ${source}, and told where to`, () => {
    const [receiver, sender] = [bound(wildcard), bound(wildcard)]
    const { port } = receiver.address()
    const message = { data: Buffer.from('x'), address: to, port, source, ...fields }
    assert.strictEqual(sender.trySendmsg(message), 1)
    const { address: from, destination, ...told } = receiver.tryRecvmsg()
    assert.deepStrictEqual({ from, destination }, { from: source, destination: to })
    for (const [name, value] of Object.entries(fields)) assert.strictEqual(told[name], value)
    assert.strictEqual(receiver.tryRecvmsg(), null)
    const peer = { address: from, port: sender.address().port, destination }
    assert.strictEqual(receiver.trySendmsg({ ...replyTo(peer), data: Buffer.from('y') }), 1)
    assert.strictEqual(sender.tryRecvmsg().address, to)
    receiver.close()
    sender.close()
  })
}

const parts = {
  async fields() {
    await check('the fields that are there', () => {
      assert.strictEqual(capabilities().send.source.IPv4, 'kernel')
    })
    await fromAnAddress('0.0.0.0', LOOPBACK, OTHER, { ecn: 1 })
    await fromAnAddress('::', '::1', '::1', { ecn: 1 })
  },

  /** No numbers in control messages. */
  addresses: () => fromAnAddress('0.0.0.0', LOOPBACK, OTHER, {}),

  async trains() {
    await check('a train', () => {
      const [receiver, sender] = [bound(), bound()]
      const to = { address: LOOPBACK, port: receiver.address().port }
      assert.strictEqual(sender.trySendmsg({ ...to, data: Buffer.alloc(2500), segmentSize: 1200 }), 2500)
      assert.deepStrictEqual(
        receiver.tryRecvmmsg().map(({ size }) => size),
        [1200, 1200, 100],
      )
      receiver.close()
      sender.close()
    })
  },

  async batches() {
    await check('a batch', () => {
      const [receiver, sender] = [bound(), bound()]
      const to = { address: LOOPBACK, port: receiver.address().port }
      assert.strictEqual(sender.trySendmmsg(['a', 'b', 'c'].map((letter) => ({ ...to, data: Buffer.from(letter) }))), 3)
      assert.deepStrictEqual(receiver.tryRecvmmsg().map(text), ['a', 'b', 'c'])
      receiver.close()
      sender.close()
    })
  },

  async errors() {
    await check('errors', () => {
      const sender = bound()
      const message = { data: Buffer.alloc(65_508), address: LOOPBACK, port: 9 }
      assert.throws(() => sender.trySendmsg(message), (error) => error instanceof SocketError && error.code === 'EMSGSIZE')
      assert.throws(() => sender.trySendmsg({ ...message, port: 70_000 }), { name: 'RangeError', code: 'ERR_SOCKET_BAD_PORT' })
      sender.close()
      assert.throws(() => sender.trySendmsg(message), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    })
  },

  async waiting() {
    await check("'message' and 'messages', answered from the destination", async () => {
      const server = createSocket('udp4', (data, info) => server.send({ data, ...replyTo(info) }))
      const batches = once(server, 'messages')
      server.bind(0, '0.0.0.0')
      await once(server, 'listening')
      const client = bound()
      const answer = client.recvmsg({ timeout: 10_000 })
      assert.strictEqual(await client.sendmsg({ data: Buffer.from('?'), address: OTHER, port: server.address().port }), 1)
      assert.strictEqual((await answer).address, OTHER)
      assert.deepStrictEqual((await batches)[0].map(text), ['?'])
      const closed = once(server, 'close')
      server.close()
      await closed
      client.close()
    })
    await check('what waits is settled once: time-out, abort, close', async () => {
      const socket = bound()
      const controller = new AbortController()
      const waits = [
        socket.recvmsg({ timeout: 20 }),
        socket.recvmsg({ signal: controller.signal }),
        socket.recvmsg(),
      ].map((promise) => promise.catch(({ code, name }) => code ?? name))
      controller.abort()
      await waits[0]
      socket.close()
      assert.deepStrictEqual(await Promise.all(waits), ['ETIMEDOUT', 'ABORT_ERR', 'ECANCELED'])
    })
    await check('for await', async () => {
      const [receiver, sender] = [bound(), bound()]
      const to = { address: LOOPBACK, port: receiver.address().port }
      await sender.sendmmsg(['a', 'b'].map((letter) => ({ ...to, data: Buffer.from(letter) })))
      const heard = []
      for await (const message of receiver) if (heard.push(text(message)) === 2) break
      assert.deepStrictEqual(heard, ['a', 'b'])
      sender.close()
    })
    await check('a thread of its own, and its end while it waits', async () => {
      const program = `const { createSocket } = require('sendmsg')
        const socket = createSocket('udp4').bind(0, '127.0.0.1')
        socket.on('listening', () => require('node:worker_threads').parentPort.postMessage(socket.address().port))`
      const worker = new Worker(program, { eval: true })
      const [port] = await once(worker, 'message')
      assert.ok(port > 0)
      await worker.terminate()
    })
  },

  async refused() {
    await check('what needs an event loop of libuv is refused', async () => {
      const socket = bound()
      await assert.rejects(() => socket.recvmsg(), { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' })
      socket.close()
    })
  },
}

async function main() {
  console.log('TAP version 14')
  for (const part of process.argv.slice(2)) await parts[part]()
  console.log(`1..${number}`)
  process.exitCode = failed ? 1 : 0
}

main()
