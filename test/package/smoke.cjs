// What every version of Node must do: our sockets, plain dgram sockets, batches, trains, worker threads. Prints one line
// of JSON.

const dgram = require('node:dgram')
const { once } = require('node:events')
const { isMainThread, parentPort, Worker } = require('node:worker_threads')
const { createSocket, recvmsg, replyTo, sendmmsg, sendmsg, trySendmsg } = require('sendmsg')

const local = '127.0.0.1'
const listening = (socket) => once(socket, 'listening')

async function smoke() {
  const results = {}
  const receiver = createSocket({ type: 'udp4', pull: true }).bind(0, '0.0.0.0')
  const plain = dgram.createSocket('udp4').bind(0, local)
  const other = dgram.createSocket('udp6').bind(0, '::1')
  await Promise.all([receiver, plain, other].map(listening))
  const to = { address: local, port: receiver.address().port }
  const next = async () => {
    const { data, address, port, destination } = await recvmsg(receiver, { timeout: 10_000 })
    const name = port === plain.address().port ? 'plain' : 'own'
    return `${data.length < 20 ? data.toString() : data.length} ${name} ${address} ${destination}`
  }

  const held = () => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length
  other.unref()
  const before = held()
  await sendmsg(plain, { ...to, data: Buffer.from('borrowed'), source: '127.0.0.3' })
  await sendmsg(other, { data: Buffer.from('six'), address: '::1', port: other.address().port })
  results.held = held() === before
  results.borrowed = await next()
  const heard = once(plain, 'message')
  trySendmsg(receiver, { data: Buffer.from('heard'), address: local, port: plain.address().port, source: '127.0.0.5' })
  const [data, info] = await heard
  results.heard = `${data} ${info.address}`

  const own = createSocket('udp4')
  await sendmsg(own, { ...to, address: '127.0.0.9', data: [Buffer.from('o'), Buffer.from('wn')], source: '127.0.0.3' })
  results.own = await next()
  await sendmmsg(
    own,
    ['a', 'b', 'c'].map((letter) => ({ ...to, data: Buffer.from(letter) })),
  )
  results.batch = [await next(), await next(), await next()]
  await sendmsg(plain, { ...to, data: Buffer.alloc(2500), segmentSize: 1200 })
  results.train = [await next(), await next(), await next()]

  const responder = createSocket('udp4', (data, info) => responder.send({ data, ...replyTo(info) }))
  responder.bind(0, '0.0.0.0')
  await listening(responder)
  const asker = createSocket({ type: 'udp4', pull: true })
  await sendmsg(asker, { data: Buffer.from('?'), address: '127.0.0.2', port: responder.address().port })
  results.answer = (await recvmsg(asker, { timeout: 10_000 })).address
  plain.close()
  results.closed = await sendmsg(plain, { ...to, data: Buffer.from('x') }).catch((error) => error.code)
  for (const socket of [receiver, other, own, responder, asker]) socket.close()
  return results
}

async function main() {
  const main = await smoke()
  const thread = await once(new Worker(__filename), 'message')
  let ended = 0
  for (let round = 0; round < 6; round++) {
    const worker = new Worker(require.resolve('../helpers/worker-load.cjs'), { workerData: { how: 'terminate' } })
    if (round % 3 > 0) await once(worker, 'message')
    await worker.terminate()
    ended++
  }
  console.log(JSON.stringify({ version: process.versions.node, main, thread: thread[0], ended }))
}

if (isMainThread) void main()
else void smoke().then((results) => parentPort.postMessage(results))
