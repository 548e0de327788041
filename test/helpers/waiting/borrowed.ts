// Sockets of somebody else: they are polled through a duplicate, and stay as they were.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { sendmsg, trySendmsg, type OutgoingMessage } from 'sendmsg'
import { flagsOf, messageTo, numbersTo, resources, settled, tally, Witness, type Settled } from './witness'

const O_NONBLOCK = 0o4000
const descriptor = Number(process.env['DESCRIPTOR'])

async function plain(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

const send = (socket: dgram.Socket, number: number, port: number): Promise<unknown> =>
  new Promise((sent, failed) => {
    socket.send(messageTo0(number), port, '127.0.0.1', (error, bytes) => {
      if (error) failed(error)
      else sent(bytes)
    })
  })

const messageTo0 = (number: number): Buffer => {
  const data = Buffer.alloc(100, number & 0xff)
  data.writeUInt32BE(number)
  return data
}

/** A plain dgram.Socket runs out of room while it is receiving. */
export async function receiving(count: number): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = await plain()
  const peer = await plain()
  let received = 0
  socket.on('message', () => received++)
  const quiet = await resources()
  const sends = numbersTo(count).map((number) => settled(sendmsg(socket, messageTo(witness, number))))
  const refused = trySendmsg(socket, messageTo(witness, count + 1))
  const during = await resources()
  // What it receives and sends by itself meanwhile.
  const echoes = (async () => {
    for (let index = 0; index < 200; index++) {
      await send(peer, index, socket.address().port)
      if (index % 20 === 0) await new Promise((next) => setTimeout(next, 1))
    }
  })()
  const own = send(socket, count, witness.port)
  const results = await Promise.all(sends)
  await echoes
  await own
  for (let turn = 0; turn < 5000 && received < 200; turn++) await new Promise((next) => setTimeout(next, 1))
  const drained = await resources()
  peer.close()
  socket.close()
  await once(socket, 'close')
  return {
    refused,
    results: tally(results),
    received,
    arrived: await witness.finish(),
    before,
    quiet,
    during,
    drained,
    after: await resources(),
  }
}

/** A plain dgram.Socket that does not hold the process does not after waiting either. */
export async function unreferenced(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = await plain()
  socket.unref()
  const quiet = await resources()
  const results = await Promise.all(numbersTo(3000).map((number) => settled(sendmsg(socket, messageTo(witness, number)))))
  const drained = await resources()
  // It stays open: this process ends because nothing holds it.
  return { results: tally(results), quiet, drained, arrived: await witness.finish() }
}

/** The owner of a dgram.Socket closes it. */
export async function closing(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = await plain()
  const events: string[] = []
  socket.on('close', () => events.push('close'))
  let done = 0
  const results = await Promise.all(
    numbersTo(2000).map((number) => {
      const sent = settled(sendmsg(socket, messageTo(witness, number)))
      void sent.then(({ code }) => {
        if (++done === 500) socket.close()
        if (code !== undefined && events.at(-1) !== code) events.push(code)
      })
      return sent
    }),
  )
  const late = await settled(sendmsg(socket, messageTo(witness, 2000)))
  return { results, events, late, arrived: await witness.finish(), before, after: await resources() }
}

/** A descriptor whose owner left O_NONBLOCK off. */
export async function blocking(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const flags = [flagsOf(descriptor)]
  const sends = numbersTo(5000).map((number) => settled(sendmsg(descriptor, messageTo(witness, number))))
  flags.push(flagsOf(descriptor))
  const refused = trySendmsg(descriptor, messageTo(witness, 5001))
  const during = await resources()
  const early = await sends[1000]
  flags.push(flagsOf(descriptor))
  const results = await Promise.all(sends)
  flags.push(flagsOf(descriptor))
  return {
    flags: flags.map((bits) => (bits & O_NONBLOCK) !== 0),
    refused,
    early,
    results: tally(results),
    arrived: await witness.finish(),
    before,
    during,
    after: await resources(),
  }
}

/** The owner closes its descriptor, and the number becomes something else's. */
export async function reused(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const sends = numbersTo(2000).map((number) => settled(sendmsg(descriptor, messageTo(witness, number))))
  const during = await resources()
  closeSync(descriptor)
  const again = openSync('/dev/null', 'r')
  const foreign = await settled(sendmsg(descriptor, messageTo(witness, 3000)))
  const results = await Promise.all(sends)
  closeSync(again)
  const closed = await settled(sendmsg(descriptor, messageTo(witness, 3001)))
  return {
    descriptor,
    again,
    foreign,
    closed,
    results: tally(results),
    arrived: await witness.finish(),
    before,
    during,
    after: await resources(),
  }
}

/** No descriptor is left for the duplicate: the call that must wait says so, and later calls work. */
export async function noDescriptors(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = await plain()
  trySendmsg(socket, messageTo(witness, 0))
  const opened: number[] = []
  try {
    while (opened.length < 100_000) opened.push(openSync('/dev/null', 'r'))
  } catch {
    // EMFILE is what is wanted
  }
  const results: Settled[] = []
  let next = 1
  while (next < 5000) {
    const result = await settled(sendmsg(socket, messageTo(witness, next)))
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
  const message: OutgoingMessage = { data: Buffer.alloc(100), address: '127.0.0.1', port: 9 }
  const results = await Promise.all(numbersTo(2000).map(() => settled(sendmsg(descriptor, message))))
  return { results: tally(results), before, after: await resources() }
}
