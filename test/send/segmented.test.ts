// Segmented messages that the kernel takes in part: nothing is told as sent that was not, and nothing is sent from memory
// that the program has back.
import t from 'tap'
import {
  arrivedAre,
  buildScenarios,
  inject,
  JOBS,
  noNarrow,
  noStrace,
  numbers,
  run,
  sameResources,
} from './waiting/run'
import type { Settled } from './waiting/witness'

const SEGMENT = 1200
const WHOLE = 250 * SEGMENT

t.setTimeout(240_000)
t.jobs = JOBS

t.before(async () => {
  await buildScenarios(t.testdir())
})

t.test('memory that a settled call gives back is not sent from', { skip: noNarrow }, async (t) => {
  const { result } = await run(t, 'overwritten')
  t.same(result.results, {
    trySendmsg: [WHOLE, 1],
    'trySendmsg of many views': [WHOLE, 1],
    trySendmmsg: [2, 1],
    'sendmsg, aborted': [WHOLE, 1],
    'sendmsg, out of time': [WHOLE, 1],
    'sendmmsg, aborted': ['AbortError', 1, 1],
    'a dgram.Socket': WHOLE,
  })
  arrivedAre(t, result.arrived, numbers(result.next))
})

t.test('a socket that closes says how much of a segmented message went', { skip: noNarrow }, async (t) => {
  const { result } = await run(t, 'closedMidway')
  const [one, many] = result.results as Settled[]
  t.match(one, { code: 'ECANCELED' })
  t.match(many, { code: 'ECANCELED', sent: 0 })
  t.match(result.background, [{ code: 'ECANCELED' }], "what an immediate call left is told by 'error'")
  const bytes = [one?.bytes, many?.bytes, result.background[0].bytes].map(Number)
  t.ok(
    bytes.every((count) => count > 0 && count < WHOLE && count % SEGMENT === 0),
    `whole datagrams: ${bytes.join()}`,
  )
  const expected = bytes.flatMap((count) => numbers(count / SEGMENT))
  t.same(result.arrived.numbers, expected, 'so many arrived of each')
  t.same(result.arrived.spoilt, [])
  sameResources(t, result.before, result.after)
})

t.test('a segmented message that is refused midway says how much went', { skip: noStrace }, async (t) => {
  const { result } = await run(t, 'refusedMidway', {
    narrow: false,
    strace: inject('sendmmsg:error=EPERM:when=2+2'),
  })
  // A system call takes 64 times as many datagrams as go in 65,507 bytes, or as a datagram stands before them 63 times.
  const one = 54 * SEGMENT
  t.same(result.results, [
    { code: 'EPERM', name: 'SocketError', syscall: 'sendmsg', bytes: 64 * one },
    { code: 'EPERM', name: 'SocketError', syscall: 'sendmmsg', sent: 1, bytes: 63 * one },
    { code: 'EPERM', bytes: 64 * one },
    { code: 'EPERM', sent: 1, bytes: 63 * one },
  ])
})

t.test('what fails in the background is reported', { skip: noNarrow }, async (t) => {
  const { result } = await run(t, 'refusedInBackground')
  t.same(result.taken, [WHOLE, WHOLE])
  t.same(result.heard.sort(), [
    ['error', 'EACCES', true],
    ['warning', 'EACCES', true],
  ])
})
