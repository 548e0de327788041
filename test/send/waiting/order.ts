// What waits goes out in the order of the calls, all of it, once.
import { getEventListeners } from 'node:events'
import { createSocket, sendmmsg, sendmsg, trySendmmsg, trySendmsg, type OutgoingMessage } from 'sendmsg'
import {
  datagram,
  fill,
  messageTo,
  numbersTo,
  resources,
  sender,
  settled,
  tally,
  train,
  Witness,
  type Settled,
} from './witness'

/** `count` calls of sendmsg, and a timer beside them. */
export async function single(count: number): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = sender()
  const filled = fill(socket, witness.to, 0)
  const order: number[] = []
  let ticks = 0
  const timer = setInterval(() => ticks++, 10)
  const sends = numbersTo(count, filled).map((number) => {
    const sent = settled(sendmsg(socket, messageTo(witness, number)))
    void sent.then(() => order.push(number))
    return sent
  })
  const queued = socket.getSendQueueCount()
  const size = socket.getSendQueueSize()
  const whileWaiting = [
    trySendmsg(socket, messageTo(witness, 1_000_000)),
    trySendmmsg(socket, [messageTo(witness, 1_000_001), messageTo(witness, 1_000_002)]),
  ]
  const results = await Promise.all(sends)
  clearInterval(timer)
  const left = [socket.getSendQueueCount(), socket.getSendQueueSize()]
  let afterwards: number | null = null
  // The drain may have ended on the last byte of room.
  for (let turn = 0; turn < 1000 && afterwards === null; turn++) {
    afterwards = trySendmsg(socket, messageTo(witness, filled + count))
    if (afterwards === null) await new Promise((next) => setTimeout(next, 1))
  }
  socket.close()
  const after = await resources()
  const arrived = await witness.finish()
  return {
    filled,
    queued,
    size,
    whileWaiting,
    left,
    afterwards,
    ticks,
    order,
    results: tally(results),
    bytes: results.every(({ value }) => value === 100),
    arrived,
    before,
    after,
  }
}

/** One sendmmsg of `count` messages, and a second one behind it. */
export async function batch(count: number): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const filled = fill(socket, witness.to, 0)
  const { signal } = new AbortController()
  const order: string[] = []
  const of = (first: number, length: number): OutgoingMessage[] =>
    numbersTo(length, first).map((number) => messageTo(witness, number))
  const first = sendmmsg(socket, of(filled, count), { signal, timeout: 60_000 })
  void first.then(() => order.push('first'))
  const queued = socket.getSendQueueCount()
  const listening = getEventListeners(signal, 'abort').length
  const second = sendmmsg(socket, of(filled + count, 200))
  void second.then(() => order.push('second'))
  const results = await Promise.all([first, second])
  const listeningAfter = getEventListeners(signal, 'abort').length
  socket.close()
  return { filled, queued, listening, listeningAfter, order, results, arrived: await witness.finish() }
}

/** Trains, by the calls that wait and by those that don't. */
export async function trains(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const started: { taken: number | null; queued: number; whileWaiting: number | null }[] = []
  let next = 0
  // Long trains do not fit into what room there is: their start is taken, and the queue finishes them.
  for (let round = 0; round < 5; round++) {
    const data = train(next, 250, 1200, 400)
    let taken = trySendmsg(socket, { data, segmentSize: 1200, ...witness.to })
    for (let turn = 0; taken === null && turn < 5000; turn++) {
      await new Promise((soon) => setTimeout(soon, 1))
      taken = trySendmsg(socket, { data, segmentSize: 1200, ...witness.to })
    }
    if (taken !== null) next += 250
    const queued = socket.getSendQueueCount()
    started.push({ taken, queued, whileWaiting: queued > 0 ? trySendmsg(socket, messageTo(witness, 1_000_000)) : null })
  }
  const waiting: Promise<Settled>[] = []
  for (let round = 0; round < 30; round++) {
    const data = train(next, 9, 1200, 400)
    next += 9
    // In three views that are cut where no segment ends.
    const views = [data.subarray(0, 1000), data.subarray(1000, 7001), data.subarray(7001)]
    waiting.push(settled(sendmsg(socket, { data: views, segmentSize: 1200, ...witness.to })))
  }
  const many = [250, 9, 250, 1].map((count) => {
    const data = train(next, count, 1200, 400)
    next += count
    return { data, segmentSize: 1200, ...witness.to }
  })
  const batched = sendmmsg(socket, many)
  const results = await Promise.all(waiting)
  const taken = await batched
  // The same by the immediate form: what it reports as taken arrives whole, what it does not not at all.
  const offered = [250, 250, 250].map((count) => {
    const data = train(next, count, 1200, 400)
    next += count
    return { data, segmentSize: 1200, ...witness.to }
  })
  next -= 750
  let tried = 0
  for (let turn = 0; tried === 0 && turn < 5000; turn++) {
    tried = trySendmmsg(socket, offered)
    if (tried === 0) await new Promise((soon) => setTimeout(soon, 1))
  }
  next += 250 * tried
  const last = await sendmsg(socket, messageTo(witness, next++))
  const { segmentation } = socket.offload
  socket.close()
  const arrived = await witness.finish()
  return {
    started,
    results: tally(results),
    bytes: results.every(({ value }) => value === 10_000),
    taken,
    tried,
    last,
    next,
    segmentation,
    arrived,
  }
}

/** All forms of sending mixed, with pauses; what a try form did not take is offered again under another number. */
export async function mixed(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  let next = fill(socket, witness.to, 0)
  let refused = 0
  let partly = 0
  let accepted = 0
  const sends: Promise<number>[] = []
  let random = 12345
  const choose = (count: number): number => {
    random = (random * 1103515245 + 12345) & 0x7fffffff
    return (random >> 8) % count
  }
  for (let step = 0; step < 3000; step++) {
    const count = 1 + choose(80)
    const offered = (length: number): OutgoingMessage[] =>
      numbersTo(length, next).map((number) => messageTo(witness, number))
    const form = choose(4)
    if (form === 0) sends.push(sendmsg(socket, messageTo(witness, next++)))
    else if (form === 1 && step % 5 === 0) {
      sends.push(sendmmsg(socket, offered(count)))
      next += count
    } else if (form === 2) {
      if (trySendmsg(socket, messageTo(witness, next)) === null) refused++
      else {
        accepted++
        next++
      }
    } else {
      const taken = trySendmmsg(socket, offered(count))
      if (taken < count) partly++
      if (taken > 0) accepted++
      next += taken
    }
    if (choose(40) === 0) await Promise.all(sends)
    else if (choose(10) === 0) await new Promise((soon) => setImmediate(soon))
  }
  await Promise.all(sends)
  socket.close()
  return { next, refused, partly, accepted, arrived: await witness.finish() }
}

/** What waits is sent from memory that is looked at again. */
export async function changed(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const filled = fill(socket, witness.to, 0)
  const resizes = 'resize' in ArrayBuffer.prototype
  const sends: Promise<Settled>[] = []
  const kinds: string[] = []
  let next = filled
  for (let round = 0; round < 300; round++) {
    const kind = ['plain', 'detached', 'shrunk', 'tracking', 'part', 'overwritten'][round % 6]!
    const memory = new (ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer)(1000, {
      maxByteLength: 2000,
    })
    const data = kind === 'shrunk' || kind === 'part' ? new Uint8Array(memory, 0, 1000) : new Uint8Array(memory)
    data.set(datagram(next++, 1000))
    // In one view or, every other time, as the second of two.
    const views = round % 2 === 0 || kind === 'plain' ? data : [data.subarray(0, 500), data]
    sends.push(settled(sendmsg(socket, { data: views, ...witness.to })))
    kinds.push(kind)
    if (kind === 'detached') structuredClone(memory, { transfer: [memory] })
    else if (kind === 'overwritten') data.fill(0xff, 4)
    else if (resizes && kind !== 'plain') (memory as ArrayBuffer & { resize(length: number): void }).resize(10)
  }
  // Of a batch those before it are sent, those behind it are not.
  const middle = datagram(next + 10, 1000)
  const list = numbersTo(20, next).map((number) => messageTo(witness, number, 1000))
  list[10] = { data: middle, ...witness.to }
  const own = new Uint8Array(new ArrayBuffer(1000))
  own.set(middle)
  list[10] = { data: own, ...witness.to }
  const broken = settled(sendmmsg(socket, list))
  structuredClone(own.buffer, { transfer: [own.buffer] })
  next += 20
  const last = settled(sendmsg(socket, messageTo(witness, next)))
  const results = await Promise.all(sends)
  const ends = [await broken, await last]
  socket.close()
  const arrived = await witness.finish()
  return { resizes, filled, kinds, results, ends, next, arrived }
}

/** Options and messages whose getters send themselves. */
export async function reentrant(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const filled = fill(socket, witness.to, 0)
  const sends: Promise<number>[] = []
  let next = filled
  for (let round = 0; round < 20; round++) {
    const inner = (): void => {
      sends.push(sendmsg(socket, messageTo(witness, next++, 200)))
    }
    const hooked = {
      get signal() {
        inner()
        return undefined
      },
      get timeout() {
        inner()
        return undefined
      },
    }
    const data = datagram(100_000 + round, 300)
    const message = {
      ...witness.to,
      get data() {
        inner()
        return data
      },
      get flags() {
        inner()
        return undefined
      },
    }
    sends.push(round % 2 === 0 ? sendmsg(socket, message, hooked) : sendmmsg(socket, [message, message], hooked))
  }
  await Promise.all(sends)
  socket.close()
  return { filled, next, arrived: await witness.finish() }
}

/** Don't-fragment of one IPv4 datagram is emulated by a socket option here; the interface's MTU is 1500. */
export async function dontFragment(): Promise<unknown> {
  const witness = await Witness.start()
  const normal = sender()
  const never = createSocket({ type: 'udp4', pull: true, dontFragment: true })
  let next = 0
  const rounds = []
  for (const [socket, whole] of [
    [normal, undefined],
    [never, false],
  ] as const) {
    const first = next
    next += fill(socket, witness.to, next)
    const filled = next - first
    const sends: Promise<Settled>[] = []
    for (let round = 0; round < 60; round++) {
      // A datagram that fits, with the opposite of what the socket has; one that does not, as the socket has it or not.
      sends.push(settled(sendmsg(socket, { ...messageTo(witness, next++, 1000), dontFragment: whole !== false })))
      sends.push(settled(sendmsg(socket, { ...messageTo(witness, next++, 3000), dontFragment: whole })))
      sends.push(settled(sendmsg(socket, { ...messageTo(witness, next++, 3000), dontFragment: true })))
    }
    const waited = socket.getSendQueueCount()
    const results = await Promise.all(sends)
    // As the socket was made: large ones are fragmented, or refused.
    const after = await settled(sendmsg(socket, messageTo(witness, next++, 3000)))
    rounds.push({ first, filled, waited, results, after })
    socket.close()
  }
  return { rounds, arrived: await witness.finish() }
}
