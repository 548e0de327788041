// Sockets of somebody else: they are polled through a duplicate, and stay as they were.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { recvmsg, sendmsg, trySendmsg, type OutgoingMessage } from 'sendmsg'
import {
  datagram,
  fill,
  flagsOf,
  messageTo,
  numbersTo,
  resources,
  settled,
  tally,
  train,
  Witness,
  type Settled,
} from './witness'

const O_NONBLOCK = 0o4000
const { lent }: { lent?: { fd: number } } = JSON.parse(process.env['DESCRIPTORS'] ?? '{}')
const descriptor = lent?.fd ?? NaN

async function plain(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

const send = (socket: dgram.Socket, number: number, port: number): Promise<void> =>
  new Promise((sent, failed) => {
    socket.send(datagram(number, 100), port, '127.0.0.1', (error) => {
      if (error) failed(error)
      else sent()
    })
  })

/** A plain dgram.Socket runs out of room while it is receiving. */
export async function receiving(count: number): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = await plain()
  const peer = await plain()
  let received = 0
  socket.on('message', () => received++)
  const quiet = await resources()
  const filled = fill(socket, witness.to, 0)
  const sends = numbersTo(count, filled).map((number) => settled(sendmsg(socket, messageTo(witness, number))))
  const refused = trySendmsg(socket, messageTo(witness, 1_000_000))
  const during = await resources()
  // What it receives and sends by itself meanwhile.
  const echoes = (async () => {
    for (let index = 0; index < 200; index++) {
      await send(peer, index, socket.address().port)
      if (index % 20 === 0) await new Promise((next) => setTimeout(next, 1))
    }
  })()
  const own = send(socket, filled + count, witness.port)
  const results = await Promise.all(sends)
  await echoes
  await own
  for (let turn = 0; turn < 5000 && received < 200; turn++) await new Promise((next) => setTimeout(next, 1))
  const drained = await resources()
  peer.close()
  socket.close()
  await once(socket, 'close')
  return {
    filled,
    refused,
    results: tally(results),
    received,
    before,
    quiet,
    during,
    drained,
    after: await resources(),
    arrived: await witness.finish(),
  }
}

/** A plain dgram.Socket that does not hold the process does not after waiting either. */
export async function unreferenced(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = await plain()
  socket.unref()
  const quiet = await resources()
  const filled = fill(socket, witness.to, 0)
  const results = await Promise.all(
    numbersTo(3000, filled).map((number) => settled(sendmsg(socket, messageTo(witness, number)))),
  )
  const drained = await resources()
  // It stays open: this process ends because nothing holds it.
  return { filled, results: tally(results), quiet, drained, arrived: await witness.finish() }
}

/** The owner of a dgram.Socket closes it. */
export async function closing(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = await plain()
  const events: string[] = []
  socket.on('close', () => events.push('close'))
  const filled = fill(socket, witness.to, 0)
  let done = 0
  const results = await Promise.all(
    numbersTo(2000, filled).map((number) => {
      const sent = settled(sendmsg(socket, messageTo(witness, number)))
      void sent.then(({ code }) => {
        if (++done === 500) socket.close()
        if (code !== undefined && events.at(-1) !== code) events.push(code)
      })
      return sent
    }),
  )
  const late = await settled(sendmsg(socket, messageTo(witness, 1_000_000)))
  return { filled, results, events, late, before, after: await resources(), arrived: await witness.finish() }
}

/** A descriptor whose owner left O_NONBLOCK off. */
export async function blocking(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const flags = [flagsOf(descriptor)]
  const filled = fill(descriptor, witness.to, 0)
  const sends = numbersTo(5000, filled).map((number) => settled(sendmsg(descriptor, messageTo(witness, number))))
  flags.push(flagsOf(descriptor))
  const refused = trySendmsg(descriptor, messageTo(witness, 1_000_000))
  const during = await resources()
  const early = await sends[1000]
  flags.push(flagsOf(descriptor))
  const results = await Promise.all(sends)
  flags.push(flagsOf(descriptor))
  return {
    filled,
    flags: flags.map((bits) => (bits & O_NONBLOCK) !== 0),
    refused,
    early,
    results: tally(results),
    before,
    during,
    after: await resources(),
    arrived: await witness.finish(),
  }
}

/** The owner closes its descriptor, and the number becomes something else's. */
export async function reused(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const filled = fill(descriptor, witness.to, 0)
  const sends = numbersTo(2000, filled).map((number) => settled(sendmsg(descriptor, messageTo(witness, number))))
  const during = await resources()
  closeSync(descriptor)
  const again = openSync('/dev/null', 'r')
  const foreign = await settled(sendmsg(descriptor, messageTo(witness, 1_000_000)))
  const results = await Promise.all(sends)
  closeSync(again)
  const closed = await settled(sendmsg(descriptor, messageTo(witness, 1_000_001)))
  return {
    filled,
    descriptor,
    again,
    foreign,
    closed,
    results: tally(results),
    before,
    during,
    after: await resources(),
    arrived: await witness.finish(),
  }
}

/** No descriptor is left for the duplicate: the call that must wait says so, and later calls work. */
export async function noDescriptors(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = await plain()
  let next = 0
  trySendmsg(socket, messageTo(witness, next++))
  const opened: number[] = []
  try {
    while (opened.length < 100_000) opened.push(openSync('/dev/null', 'r'))
  } catch {
    // EMFILE is what is wanted
  }
  const results: Settled[] = []
  while (next < 5000) {
    const result = await settled(sendmsg(socket, messageTo(witness, next, 8000)))
    results.push(result)
    if (result.code !== undefined) break
    next++
  }
  for (const number of opened) closeSync(number)
  const later = await Promise.all(
    numbersTo(1000, next).map((number) => settled(sendmsg(socket, messageTo(witness, number)))),
  )
  socket.close()
  return { opened: opened.length, next, failed: results.at(-1), later: tally(later), arrived: await witness.finish() }
}

/** The owner asked for IP_RECVERR and never reads the error queue: the descriptor has an error for good. */
export async function errorQueue(): Promise<unknown> {
  const before = await resources()
  const message: OutgoingMessage = { data: Buffer.alloc(4000), address: '127.0.0.1', port: 9 }
  const sends = numbersTo(600).map(() => settled(sendmsg(descriptor, message)))
  const refused = trySendmsg(descriptor, message)
  const results = await Promise.all(sends)
  return { refused, results: tally(results), before, after: await resources() }
}

/** The same for one who receives. */
export async function errorQueueReceiver(): Promise<unknown> {
  const before = await resources()
  const heard: (string | undefined)[] = []
  await recvmsg(descriptor, { timeout: 300 }).catch((error: unknown) =>
    heard.push((error as NodeJS.ErrnoException).code),
  )
  const peer = await plain()
  const received = recvmsg(descriptor, { timeout: 20_000 })
  await sendmsg(descriptor, { data: Buffer.from('who are you?'), address: '127.0.0.1', port: peer.address().port })
  const [, info] = (await once(peer, 'message')) as [Buffer, { port: number }]
  peer.send('hello', info.port, '127.0.0.1')
  heard.push((await received).data.toString())
  peer.close()
  return { heard, before, after: await resources() }
}

/** A connected descriptor, and one train: it fails by an error that comes while its rest waits. */
export async function refusedTrain(): Promise<unknown> {
  const before = await resources()
  const result = await settled(sendmsg(descriptor, { data: train(0, 300, 1200), segmentSize: 1200 }))
  return { result, before, after: await resources() }
}
