// Calls that wait are settled once, whatever the code of the program does meanwhile, and however many there are.
import t from 'tap'
import { createSocket, sendmmsg, sendmsg, type OutgoingMessage } from 'sendmsg'
import { arrivedAre, buildScenarios, noNarrow, numbers, run, sameResources } from './waiting/run'

t.setTimeout(240_000)

t.before(async () => {
  await buildScenarios(t.testdir())
})

t.test('code of the program runs while sends are settled', { skip: noNarrow }, async (t) => {
  const { result } = await run(t, 'letGo', { count: 500 })
  t.same(result.results, { sent: 500 })
  t.equal(result.released, 500, 'each signal is let go of')
  t.equal(result.uncaught, 10, 'what that throws is told, and stops nobody')
  arrivedAre(t, result.arrived, numbers(result.next))
  t.same(result.other.spoilt, [])
  t.ok(result.other.numbers.length === result.elsewhere, 'what it sends goes where it should')
  sameResources(t, result.before, result.after)
})

t.test('a signal that cannot be listened to', { skip: noNarrow }, async (t) => {
  const { result } = await run(t, 'unheard')
  t.equal(result.message, 'no listeners', 'its call is rejected with what it throws')
  t.same(result.next, { value: 100 })
  arrivedAre(t, result.arrived, numbers(Number(result.filled) + 1))
})

t.test('100,000 sends are given up', { skip: noNarrow }, async (t) => {
  const { result } = await run(t, 'manyGivenUp', { count: 100_000 })
  t.same(result, { aborted: { AbortError: 100_000 }, closed: { ECANCELED: 100_000 } })
})

t.test('100,000 receives are given up', async (t) => {
  const socket = createSocket({ type: 'udp4', pull: true })
  socket.bindSync({ address: '127.0.0.1' })
  const codes = new Map<unknown, number>()
  const note = (error: unknown): void => {
    const { code } = error as NodeJS.ErrnoException
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  const controllers = Array.from({ length: 100_000 }, () => new AbortController())
  const receives = controllers.map(({ signal }) => socket.recvmsg({ signal }).catch(note))
  const rest = Array.from({ length: 100_000 }, () => socket.recvmsg().catch(note))
  for (const controller of controllers.reverse()) controller.abort()
  await Promise.all(receives)
  socket.close()
  await Promise.all(rest)
  t.same(
    [...codes],
    [
      ['ABORT_ERR', 100_000],
      ['ECANCELED', 100_000],
    ],
  )
})

t.test("a message's own code aborts the call", async (t) => {
  const receiver = createSocket({ type: 'udp4', pull: true })
  const { port } = receiver.bindSync({ address: '127.0.0.1' })
  const sender = createSocket({ type: 'udp4', pull: true })
  for (const form of ['sendmsg', 'sendmmsg'] as const) {
    const controller = new AbortController()
    const message: OutgoingMessage = {
      get data() {
        controller.abort()
        return Buffer.from('aborted')
      },
      address: '127.0.0.1',
      port,
    }
    const { signal } = controller
    const sent = form === 'sendmsg' ? sendmsg(sender, message, { signal }) : sendmmsg(sender, [message], { signal })
    await t.rejects(sent, { name: 'AbortError' }, form)
  }
  await sender.sendmsg({ data: Buffer.from('next'), address: '127.0.0.1', port })
  t.equal((await receiver.recvmsg({ timeout: 10_000 })).data.toString(), 'next', 'nothing of them was sent')
  sender.close()
  receiver.close()
})
