// What waiting does to the event loop, and errors that come while it waits.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { createSocket, recvmsg, sendmsg, type WaitOptions } from 'sendmsg'
import { fill, messageTo, numbersTo, resources, sender, settled, tally, Witness, type Settled } from './witness'

const nowhere = { address: '127.0.0.1', port: 9 }

/** Nothing but a waiting send is there; when the process ends it tells how many were settled. */
function untilTheEnd(change: (socket: ReturnType<typeof sender>) => void, options?: WaitOptions): void {
  const socket = sender()
  const filled = fill(socket, nowhere, 0)
  let done = 0
  for (let index = 0; index < 300; index++) {
    void sendmsg(socket, { data: Buffer.alloc(1000), ...nowhere }, options).finally(() => done++)
  }
  const queued = socket.getSendQueueCount()
  change(socket)
  process.once('exit', () => {
    writeSync(1, JSON.stringify({ filled, queued, done }))
  })
}

export function unref(): void {
  untilTheEnd((socket) => socket.unref())
}

export function unrefTimeout(): void {
  untilTheEnd((socket) => socket.unref(), { timeout: 1_000_000, signal: new AbortController().signal })
}

export function held(): void {
  untilTheEnd(() => undefined)
}

export function heldTimeout(): void {
  untilTheEnd(() => undefined, { timeout: 1_000_000 })
}

export function refAgain(): void {
  untilTheEnd((socket) => {
    socket.unref()
    setImmediate(() => socket.ref())
  })
}

/** Sends to a peer that is not there, from a socket that is connected to it. */
export async function refused(): Promise<unknown> {
  const before = await resources()
  const peer = createSocket({ type: 'udp4', pull: true })
  peer.bind(0, '127.0.0.1')
  await once(peer, 'listening')
  const socket = sender()
  socket.connect(peer.address().port, '127.0.0.1')
  await once(socket, 'connect')
  let done = 0
  const order: number[] = []
  const sends = numbersTo(2000).map((number) => {
    const sent = settled(sendmsg(socket, { data: Buffer.alloc(1000) }))
    void sent.then(() => {
      order.push(number)
      if (++done === 250) peer.close()
    })
    return sent
  })
  const queued = socket.getSendQueueCount()
  const results = await Promise.all(sends)
  const left = socket.getSendQueueCount()
  socket.close()
  return { queued, left, order, results: tally(results), before, after: await resources() }
}

/** A waiting receiver hears of the peer's absence while sends wait, too. */
export async function refusedReceiver(): Promise<unknown> {
  const socket = sender()
  socket.connect(9, '127.0.0.1')
  await once(socket, 'connect')
  const sends = numbersTo(600).map(() => settled(sendmsg(socket, { data: Buffer.alloc(1000) })))
  const received = recvmsg(socket, { timeout: 20_000 }).then(
    () => 'a message',
    (error: unknown) => (error as NodeJS.ErrnoException).code,
  )
  const results = await Promise.all(sends)
  // Should the sends have fetched all errors, one more datagram brings one.
  await settled(sendmsg(socket, { data: Buffer.alloc(10) }))
  const heard = await received
  socket.close()
  return { results: tally(results), heard }
}

/** An error of the kernel that is injected: ENOBUFS. */
export async function injected(count: number): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const results: Settled[] = []
  const took: number[] = []
  for (const number of numbersTo(count)) {
    const result = await settled(sendmsg(socket, messageTo(witness, number)))
    results.push(result)
    if (result.value !== undefined) took.push(number)
  }
  socket.close()
  return { results, took, arrived: await witness.finish() }
}

/** More control data than the kernel takes, of messages that it passes over. The limit is the namespace's own. */
export async function muchControl(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  execFileSync('sysctl', ['-qw', 'net.core.optmem_max=10240'])
  const control = [{ level: 0x7fff, type: 1, data: Buffer.alloc(12_000) }]
  const first = await settled(sendmsg(socket, { ...messageTo(witness, 0), control }))
  execFileSync('sysctl', ['-qw', 'net.core.optmem_max=131072'])
  const second = await settled(sendmsg(socket, { ...messageTo(witness, 1), control }))
  socket.close()
  return { first, second, arrived: await witness.finish() }
}
