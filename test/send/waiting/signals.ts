// Signals that are no AbortSignal: their methods are code of the program, which runs when a call is settled.
import { sendmsg, trySendmsg } from 'sendmsg'
import { fill, messageTo, numbersTo, resources, sender, settled, tally, Witness } from './witness'

type Duck = Pick<AbortSignal, 'aborted' | 'addEventListener' | 'removeEventListener'>

const duck = (given: Partial<Duck>): AbortSignal =>
  ({
    aborted: false,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    ...given,
  }) as unknown as AbortSignal

/** To let go of a signal sends, closes another socket and throws, while many other sends are settled. */
export async function letGo(count: number): Promise<unknown> {
  const witness = await Witness.start()
  const other = await Witness.start()
  const before = await resources()
  const socket = sender()
  const second = sender()
  const uncaught: unknown[] = []
  process.on('uncaughtException', (error) => uncaught.push(error.message))
  const filled = fill(socket, witness.to, 0)
  let released = 0
  let elsewhere = 0
  const sends = numbersTo(count, filled).map((number) => {
    const signal = duck({
      removeEventListener: () => {
        released++
        if (trySendmsg(second, messageTo(other, elsewhere)) !== null) elsewhere++
        if (released % 50 === 0) throw new Error('released')
      },
    })
    return settled(sendmsg(socket, messageTo(witness, number), { signal }))
  })
  const results = tally(await Promise.all(sends))
  socket.close()
  second.close()
  const after = await resources()
  return {
    results,
    released,
    uncaught: uncaught.length,
    elsewhere,
    next: filled + count,
    before,
    after,
    arrived: await witness.finish(),
    other: await other.finish(),
  }
}

/** A signal that cannot be listened to. */
export async function unheard(): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  const filled = fill(socket, witness.to, 0)
  const signal = duck({
    addEventListener: () => {
      throw new Error('no listeners')
    },
  })
  let message = ''
  const failed = sendmsg(socket, messageTo(witness, 1_000_000), { signal }).catch((error: unknown) => {
    message = (error as Error).message
  })
  const next = await settled(sendmsg(socket, messageTo(witness, filled)))
  await failed
  socket.close()
  return { message, next, filled, arrived: await witness.finish() }
}

/** Each send has a signal of its own, and they abort from the first to the last. */
export async function manyGivenUp(count: number): Promise<unknown> {
  const witness = await Witness.start()
  const socket = sender()
  void fill(socket, witness.to, 0)
  const controllers = numbersTo(count).map(() => new AbortController())
  const sends = controllers.map(({ signal }, number) =>
    settled(sendmsg(socket, messageTo(witness, number), { signal })),
  )
  for (const controller of controllers) controller.abort()
  const aborted = tally(await Promise.all(sends))
  const rest = numbersTo(count).map((number) => settled(sendmsg(socket, messageTo(witness, number))))
  socket.close()
  const closed = tally(await Promise.all(rest))
  await witness.finish()
  return { aborted, closed }
}
