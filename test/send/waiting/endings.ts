// What waits can be given up: by its signal, its time, or with its socket.
import { getEventListeners } from 'node:events'
import { sendmmsg, sendmsg, trySendmsg, type Socket } from 'sendmsg'
import { fill, messageTo, numbersTo, resources, sender, settled, tally, train, Witness, type Settled } from './witness'

const LENGTH = 1000

/** Every second message has a signal, and a batch has it; it aborts once 300 have gone. */
export async function abort(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = sender()
  const controller = new AbortController()
  const { signal } = controller
  const quiet = new AbortController()
  let done = 0
  const sends = numbersTo(1200).map((number) => {
    const options = number % 2 === 0 ? { signal } : { signal: quiet.signal }
    const sent = settled(sendmsg(socket, messageTo(witness, number, LENGTH), options))
    void sent.then(() => {
      if (++done === 300) controller.abort(new Error('enough'))
    })
    return sent
  })
  const listening = getEventListeners(signal, 'abort').length
  const batch = settled(
    sendmmsg(
      socket,
      numbersTo(500, 1200).map((number) => messageTo(witness, number, LENGTH)),
      { signal },
    ),
  )
  const last = settled(sendmsg(socket, messageTo(witness, 1700, LENGTH)))
  const results = await Promise.all(sends)
  const ends = [await batch, await last]
  const listeners = [getEventListeners(signal, 'abort').length, getEventListeners(quiet.signal, 'abort').length]
  const late = await settled(sendmsg(socket, messageTo(witness, 1701, LENGTH), { signal }))
  const left = [socket.getSendQueueCount(), socket.getSendQueueSize()]
  socket.close()
  return {
    listening,
    listeners,
    results,
    ends,
    late,
    left,
    before,
    after: await resources(),
    arrived: await witness.finish(),
  }
}

/** A batch that is given up in its middle says how far it came. */
export async function abortBatch(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const controller = new AbortController()
  const { signal } = controller
  const batch = settled(
    sendmmsg(
      socket,
      numbersTo(3000).map((number) => messageTo(witness, number, LENGTH)),
      { signal },
    ),
  )
  const last = settled(sendmsg(socket, messageTo(witness, 3000, LENGTH)))
  const queued = socket.getSendQueueCount()
  // Some of it goes while it waits.
  while (socket.getSendQueueCount() > queued - 200) await new Promise((next) => setTimeout(next, 1))
  controller.abort()
  const results = [await batch, await last]
  socket.close()
  return { queued, results, arrived: await witness.finish() }
}

export async function timeout(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = sender()
  const sends = numbersTo(2000).map((number) =>
    settled(sendmsg(socket, messageTo(witness, number, LENGTH), number % 2 === 0 ? { timeout: 150 } : {})),
  )
  const batch = settled(
    sendmmsg(
      socket,
      numbersTo(500, 2000).map((number) => messageTo(witness, number, LENGTH)),
      { timeout: 150 },
    ),
  )
  const results = await Promise.all(sends)
  const end = await batch
  socket.close()
  return { results, end, before, after: await resources(), arrived: await witness.finish() }
}

export async function close(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket = sender()
  const { signal } = new AbortController()
  let done = 0
  const sends = numbersTo(1500).map((number) => {
    const sent = settled(sendmsg(socket, messageTo(witness, number, LENGTH), { signal, timeout: 60_000 }))
    void sent.then(() => {
      if (++done === 400) socket.close()
    })
    return sent
  })
  const batch = settled(
    sendmmsg(
      socket,
      numbersTo(500, 1500).map((number) => messageTo(witness, number, LENGTH)),
    ),
  )
  const results = await Promise.all(sends)
  const end = await batch
  const listeners = getEventListeners(signal, 'abort').length
  const late = await settled(sendmsg(socket, messageTo(witness, 2000, LENGTH)))
  return { results, end, listeners, late, before, after: await resources(), arrived: await witness.finish() }
}

/** A batch whose socket closes in its middle. */
export async function closeBatch(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const batch = settled(
    sendmmsg(
      socket,
      numbersTo(3000).map((number) => messageTo(witness, number, LENGTH)),
    ),
  )
  const queued = socket.getSendQueueCount()
  while (socket.getSendQueueCount() > queued - 200) await new Promise((next) => setTimeout(next, 1))
  socket.close()
  return { results: [await batch], arrived: await witness.finish() }
}

/** A train whose start was taken, of each call: it is finished when the call is given up, and reported as taken. */
export async function abortTrain(): Promise<unknown> {
  const witness = await Witness.start()
  let next = 0
  const results: Settled[] = []
  const starts: number[] = []
  for (const form of ['one', 'time', 'last of many', 'first of many'] as const) {
    const socket = sender()
    const controller = new AbortController()
    const { signal } = controller
    const parts = form === 'last of many' ? [1, 250] : form === 'first of many' ? [250, 5] : [250]
    const messages = parts.map((count) => {
      const data = train(next, count, 1200)
      next += count
      return { data, segmentSize: 1200, ...witness.to }
    })
    const sent =
      form === 'one'
        ? sendmsg(socket, messages[0]!, { signal })
        : form === 'time'
          ? sendmsg(socket, messages[0]!, { timeout: 1 })
          : sendmmsg(socket, messages, { signal })
    starts.push(socket.getSendQueueCount())
    controller.abort()
    const result = await settled(sent)
    results.push(result)
    // Those behind the train were never sent.
    if (form === 'first of many') next -= 5
    await sendmsg(socket, messageTo(witness, next++))
    socket.close()
  }
  return { starts, results, next, arrived: await witness.finish() }
}

/** A train of the immediate form whose socket closes before it is finished: 'error' tells. */
export async function closeTrain(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const socket: Socket = sender()
  const errors: (string | undefined)[] = []
  socket.on('error', (error: Error & { code?: string }) => {
    errors.push(error.code)
  })
  const data = train(0, 250, 1200)
  const taken = trySendmsg(socket, { data, segmentSize: 1200, ...witness.to })
  const queued = socket.getSendQueueCount()
  await new Promise<void>((closed) => {
    socket.close(closed)
  })
  const after = await resources()
  return { taken, queued, errors, before, after, arrived: await witness.finish() }
}

/** Rounds of all endings; what they leave behind. */
export async function memory(): Promise<unknown> {
  const witness = await Witness.start()
  const before = await resources()
  const { gc } = globalThis as { gc?: () => void }
  const used: number[] = []
  const quiet = new AbortController()
  const counts: Record<string, number> = {}
  for (let round = 0; round < 10; round++) {
    for (const ending of ['abort', 'timeout', 'close', 'sent'] as const) {
      // A small one, so that closing it leaves little on its way.
      const socket = sender(10_000)
      const controller = new AbortController()
      const filled = fill(socket, witness.to, 0)
      const options =
        ending === 'abort'
          ? { signal: controller.signal }
          : ending === 'timeout'
            ? { timeout: 5 }
            : { signal: quiet.signal, timeout: 60_000 }
      const count = ending === 'sent' ? 100 : 1000
      const sends = numbersTo(count, filled).map((number) =>
        settled(sendmsg(socket, messageTo(witness, number), options)),
      )
      const batch = settled(
        sendmmsg(
          socket,
          numbersTo(count, filled).map((number) => messageTo(witness, number)),
          options,
        ),
      )
      if (ending === 'abort') setImmediate(() => controller.abort())
      if (ending === 'close') setImmediate(() => socket.close())
      for (const [key, value] of Object.entries(tally(await Promise.all([...sends, batch])))) {
        counts[key] = (counts[key] ?? 0) + value
      }
      if (ending !== 'close') socket.close()
    }
    await resources()
    gc?.()
    gc?.()
    const { heapUsed, external } = process.memoryUsage()
    used.push(heapUsed + external)
  }
  const after = await resources()
  await witness.finish()
  return {
    collected: gc !== undefined,
    used,
    counts,
    listeners: getEventListeners(quiet.signal, 'abort').length,
    before,
    after,
  }
}

/** A socket without room for long, whose sends all run out of time: what was given up leaves no place behind. */
export async function neverRoom(): Promise<unknown> {
  const { gc } = globalThis as { gc?: () => void }
  const socket = sender()
  const to = { address: '127.0.0.1', port: 9 }
  const messages = numbersTo(2000).map(() => ({ data: Buffer.alloc(100), ...to }))
  const used: number[] = []
  let refused = 0
  for (let round = 0; round < 14; round++) {
    for (let index = 0; index < 10; index++) {
      const own = new AbortController()
      const sent = settled(sendmmsg(socket, messages, { signal: own.signal }))
      own.abort()
      if ((await sent).name === 'AbortError') refused++
    }
    await resources()
    gc?.()
    await resources()
    gc?.()
    used.push(process.memoryUsage().heapUsed + process.memoryUsage().external)
  }
  const left = socket.getSendQueueCount()
  socket.close()
  return { refused, used, left }
}
