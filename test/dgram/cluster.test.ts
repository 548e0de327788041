// In workers of node:cluster every socket binds on its own: dgram's ask the primary process for a handle that they share.
import cluster, { type Worker } from 'node:cluster'
import dgram from 'node:dgram'
import { once } from 'node:events'
import path from 'node:path'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { BindOptions, OutgoingMessage, SocketOptions } from 'sendmsg'
import { descriptorOf } from '../helpers/descriptors.cjs'
import { bound, open, receive, told } from '../helpers/sockets'

interface Failure {
  name: string
  code: string
  message: string
}

/** `result` is what the operation gives: cluster-worker.cjs. */
interface Answer {
  result?: ReturnType<typeof JSON.parse>
  error?: Failure
}

interface Command {
  op: 'bind' | 'bindSync' | 'received' | 'send' | 'close'
  options?: SocketOptions
  given?: BindOptions
  number?: number
  message?: Omit<OutgoingMessage, 'data'> & { data: string }
}

const noReusePort = process.platform !== 'linux' && 'SO_REUSEPORT spreads on Linux'
const noProc = process.platform !== 'linux' && 'looks for a descriptor in /proc, which is Linux only'
const SHARED = /cluster workers share no handle here; reusePort/

/** Starts a worker with descriptors of ours as its descriptors from 4 on. */
async function fork(test: Test, ...descriptors: number[]): Promise<Worker> {
  cluster.setupPrimary({
    exec: path.join(__dirname, 'cluster-worker.cjs'),
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors],
  })
  const worker = cluster.fork({ NODE_OPTIONS: '' })
  test.teardown(async () => {
    const ended = once(worker, 'exit')
    worker.disconnect()
    await ended
  })
  await once(worker, 'message') // it listens
  return worker
}

async function ask(worker: Worker, command: Command): Promise<Answer> {
  const answer = once(worker, 'message', { signal: AbortSignal.timeout(10_000) })
  worker.send(command)
  return (await answer)[0]
}

t.test('each binds on its own', async (t) => {
  const workers = [await fork(t), await fork(t)] as const
  const options: SocketOptions = { type: 'udp4' }
  const ports: number[] = []
  for (const worker of workers) {
    const { result } = await ask(worker, { op: 'bind', options, given: { port: 0, address: '127.0.0.1' } })
    ports.push(result.port)
  }
  t.not(ports[0], ports[1], "a free port is each worker's own") // dgram's would be the same
  const sender = await bound(t, { type: 'udp4', pull: true })
  for (const port of ports) await sender.sendmsg({ data: Buffer.from(`to ${port}`), address: '127.0.0.1', port })
  for (const [at, worker] of workers.entries()) {
    const message = { data: `from ${at}`, address: '127.0.0.1', port: sender.address().port }
    t.same(await ask(worker, { op: 'send', number: 0, message }), { result: 6 })
    told(t, await sender.recvmsg({ timeout: 10_000 }), { data: Buffer.from(`from ${at}`), port: ports[at] })
    t.same((await ask(worker, { op: 'received', number: 0 })).result, [`to ${ports[at]}`])
  }

  t.test('a port that another one has', async (t) => {
    const given = { port: ports[0]!, address: '127.0.0.1' }
    for (const op of ['bind', 'bindSync'] as const) {
      const { error } = await ask(workers[1], { op, options, given })
      told(t, error, { name: 'SocketError', code: 'EADDRINUSE' }, op)
      t.match(error!.message, `bind EADDRINUSE 127.0.0.1:${ports[0]}`)
      // dgram shares no bindSync() either.
      if (op === 'bind') t.match(error!.message, SHARED, 'says why')
    }
    for (const [options, given] of [
      [{ type: 'udp4' }, { exclusive: true }],
      [{ type: 'udp4', reusePort: true }, {}],
    ] as const) {
      if ('reusePort' in options && noReusePort !== false) continue
      const address = { port: ports[0]!, address: '127.0.0.1' }
      const { error } = await ask(workers[1], { op: 'bind', options, given: { ...address, ...given } })
      told(t, error, { code: 'EADDRINUSE' })
      t.notMatch(error!.message, SHARED, 'not to one who does not expect to share it')
    }
  })

  t.test('the primary process', async (t) => {
    const socket = open(t, { type: 'udp4' })
    const failed = once(socket, 'error')
    socket.bind(ports[0], '127.0.0.1')
    const [error] = await failed
    told(t, error, { code: 'EADDRINUSE', message: `bind EADDRINUSE 127.0.0.1:${ports[0]}` }, 'is no worker')
    const plain = dgram.createSocket('udp4')
    t.teardown(() => plain.close())
    plain.bind(0, '127.0.0.1')
    await once(plain, 'listening')
    const heard = receive(sender, 'recvmsg', 1)
    plain.send('from dgram', sender.address().port, '127.0.0.1')
    t.equal((await heard)[0]?.data.toString(), 'from dgram')
  })

  t.test('a port is free again when its worker has closed it', async (t) => {
    await ask(workers[0], { op: 'close', number: 0 })
    const given = { port: ports[0]!, address: '127.0.0.1' }
    t.match((await ask(workers[1], { op: 'bind', options, given })).result, { port: ports[0] })
  })
})

t.test('reusePort spreads what comes', { skip: noReusePort }, async (t) => {
  const workers = [await fork(t), await fork(t)] as const
  const options: SocketOptions = { type: 'udp4', reusePort: true }
  const first = await ask(workers[0], { op: 'bind', options, given: { port: 0, address: '127.0.0.1' } })
  const { port } = first.result
  const second = await ask(workers[1], { op: 'bind', options, given: { port, address: '127.0.0.1' } })
  t.same(second, { result: { number: 0, port } })
  const flows = 64
  for (let flow = 0; flow < flows; flow++) {
    const sender = await bound(t, { type: 'udp4' })
    for (let count = 0; count < 2; count++) {
      await sender.sendmsg({ data: Buffer.from(String(flow)), address: '127.0.0.1', port })
    }
  }
  let received: string[][] = []
  for (let round = 0; round < 200 && received.flat().length < flows * 2; round++) {
    received = []
    for (const worker of workers) received.push((await ask(worker, { op: 'received', number: 0 })).result)
    await timers.setTimeout(10)
  }
  t.equal(received.flat().length, flows * 2, 'nothing is lost')
  const [one, other] = received.map((texts) => new Set(texts)) as [Set<string>, Set<string>]
  t.ok(one.size > 0 && other.size > 0, `to both: ${one.size} and ${other.size} flows`)
  t.same(
    [...one].filter((flow) => other.has(flow)),
    [],
    'a flow stays with its worker',
  )
})

t.test('a descriptor', { skip: noProc }, async (t) => {
  const lent = await bound(t, { type: 'udp4', pull: true }, '127.0.0.1')
  const { port } = lent.address()
  const worker = await fork(t, descriptorOf(port))
  const options: SocketOptions = { type: 'udp4' }
  const { error } = await ask(worker, { op: 'bind', options, given: { fd: 4 } })
  told(t, error, { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  t.match(error!.message, /options\.fd.*needs options\.exclusive: cluster workers share no handle here/)

  const taken = await ask(worker, { op: 'bind', options, given: { fd: 4, exclusive: true } })
  t.match(taken, { result: { port } })
  const { number } = taken.result
  const sender = await bound(t, { type: 'udp4', pull: true })
  await sender.sendmsg({ data: Buffer.from('x'), address: '127.0.0.1', port })
  for (let round = 0, count = 0; round < 200 && count === 0; round++) {
    count = (await ask(worker, { op: 'received', number })).result.length
    await timers.setTimeout(10)
  }
  t.same((await ask(worker, { op: 'received', number })).result, ['x'], 'the worker receives')
  t.equal(lent.tryRecvmsg(), null)
  const message = { data: 'y', address: '127.0.0.1', port: sender.address().port }
  await ask(worker, { op: 'send', number, message })
  told(t, await sender.recvmsg({ timeout: 10_000 }), { data: Buffer.from('y'), port }, 'and sends')
  await ask(worker, { op: 'close', number })
  await sender.sendmsg({ data: Buffer.from('z'), address: '127.0.0.1', port })
  t.equal((await lent.recvmsg({ timeout: 10_000 })).data.toString(), 'z', 'the lender has it still')
})
