// Segmented messages that the kernel takes in part: what becomes of their rest, and of the memory of their call.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { execFileSync } from 'node:child_process'
import {
  createSocket,
  sendmmsg,
  sendmsg,
  trySendmmsg,
  trySendmsg,
  type OutgoingMessage,
  type SendingSocket,
  type Socket,
} from 'sendmsg'
import { messageTo, resources, sender, settled, train, Witness, type Settled } from './witness'

const COUNT = 250
const SIZE = 1200

/** Segmented messages by every call whose memory is the program's again before all of it is sent. */
export async function overwritten(): Promise<unknown> {
  const witness = await Witness.start()
  const results: Record<string, unknown> = {}
  let next = 0
  const message = (count = COUNT): { data: Buffer; segmentSize: number; address: string; port: number } => {
    const data = train(next, count, SIZE)
    next += count
    return { data, segmentSize: SIZE, ...witness.to }
  }
  const drained = async (socket: SendingSocket): Promise<void> => {
    await sendmsg(socket, messageTo(witness, next++))
  }
  const form = async (name: string, act: (socket: Socket) => unknown): Promise<void> => {
    const socket = sender()
    results[name] = await act(socket)
    await drained(socket)
    socket.close()
  }
  const spoil = (...messages: { data: Buffer }[]): void => {
    for (const { data } of messages) data.fill(0xee)
  }
  await form('trySendmsg', (socket) => {
    const sent = message()
    const taken = trySendmsg(socket, sent)
    spoil(sent)
    return [taken, socket.getSendQueueCount()]
  })
  await form('trySendmsg of many views', (socket) => {
    const { data, ...rest } = message()
    const views = [data.subarray(0, 100_000), data.subarray(100_000, 100_000), data.subarray(100_000)]
    const taken = trySendmsg(socket, { data: views, ...rest })
    data.fill(0xee)
    return [taken, socket.getSendQueueCount()]
  })
  await form('trySendmmsg', (socket) => {
    const messages = [message(1), message(), message(5)]
    const taken = trySendmmsg(socket, messages)
    spoil(...messages)
    next -= 5
    return [taken, socket.getSendQueueCount()]
  })
  await form('sendmsg, aborted', async (socket) => {
    const sent = message()
    const controller = new AbortController()
    const result = settled(sendmsg(socket, sent, { signal: controller.signal }))
    controller.abort()
    const { value } = await result
    spoil(sent)
    return [value, socket.getSendQueueCount()]
  })
  await form('sendmsg, out of time', async (socket) => {
    const sent = message()
    const { value } = await settled(sendmsg(socket, sent, { timeout: 1 }))
    spoil(sent)
    return [value, socket.getSendQueueCount()]
  })
  await form('sendmmsg, aborted', async (socket) => {
    const messages = [message(), message(5)]
    const controller = new AbortController()
    const result = settled(sendmmsg(socket, messages, { signal: controller.signal }))
    controller.abort()
    const { name, sent } = await result
    spoil(...messages)
    next -= 5
    return [name, sent, socket.getSendQueueCount()]
  })
  const plain = dgram.createSocket('udp4')
  plain.bind(0, '127.0.0.1')
  await once(plain, 'listening')
  const borrowed = message()
  results['a dgram.Socket'] = trySendmsg(plain, borrowed)
  spoil(borrowed)
  await drained(plain)
  plain.close()
  return { results, next, arrived: await witness.finish() }
}

/** A socket that is closed while segmented messages are sent: how much went. */
export async function closedMidway(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const results: Settled[] = []
  const background: Settled[] = []
  for (const form of ['sendmsg', 'sendmmsg', 'trySendmsg'] as const) {
    const socket = sender()
    socket.on('error', (error: Error & Settled) => {
      background.push({ code: error.code, bytes: error.bytes })
    })
    const message = { data: train(0, COUNT, SIZE), segmentSize: SIZE, ...witness.to }
    const sent = form === 'sendmsg' ? sendmsg(socket, message) : form === 'sendmmsg' ? sendmmsg(socket, [message]) : 0
    if (sent === 0) trySendmsg(socket, message)
    const closed = new Promise<void>((done) => socket.close(done))
    if (sent !== 0) results.push(await settled(sent))
    await closed
  }
  return { results, background, before, after: await resources(), arrived: await witness.finish() }
}

/** A segmented message that is refused midway, by each call; strace injects the error into every second sendmmsg(2). */
export async function refusedMidway(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  // More than goes in one system call.
  const data = train(0, 4000, SIZE)
  const message = (): OutgoingMessage => ({ data, segmentSize: SIZE, ...witness.to })
  const thrown = (call: () => unknown): Settled => {
    try {
      return { value: Number(call()) }
    } catch (error) {
      const { code, sent, bytes } = error as Error & Settled
      return { code, sent, bytes }
    }
  }
  const results = [
    await settled(sendmsg(socket, message())),
    await settled(sendmmsg(socket, [messageTo(witness, 0), message(), messageTo(witness, 1)])),
    thrown(() => trySendmsg(socket, message())),
    thrown(() => trySendmmsg(socket, [messageTo(witness, 0), message()])),
  ]
  socket.close()
  await witness.finish()
  return { results }
}

/** The rest of a segmented message fails when no call is there to report it. */
export async function refusedInBackground(): Promise<unknown> {
  const witness = await Witness.start()
  const heard: unknown[] = []
  process.removeAllListeners('warning') // it would be printed
  process.on('warning', (error: Error & Settled) => {
    heard.push(['warning', error.code, (error.bytes ?? 0) > 0])
  })
  const message = { data: train(0, COUNT, SIZE), segmentSize: SIZE, ...witness.to }
  const socket = createSocket('udp4')
  socket.on('error', (error: Error & Settled) => {
    heard.push(['error', error.code, (error.bytes ?? 0) > 0])
  })
  const plain = dgram.createSocket('udp4')
  plain.bind(0, '127.0.0.1')
  await once(plain, 'listening')
  const taken = [trySendmsg(socket, message), trySendmsg(plain, message)]
  execFileSync('ip', 'route del table local local 127.0.0.1 dev lo'.split(' '))
  execFileSync('ip', 'route add table local prohibit 127.0.0.1/32'.split(' '))
  for (let turn = 0; turn < 1000 && heard.length < 2; turn++) await new Promise((next) => setTimeout(next, 5))
  execFileSync('ip', 'route del table local prohibit 127.0.0.1/32'.split(' '))
  socket.close()
  plain.close()
  await witness.finish()
  return { taken, heard }
}
