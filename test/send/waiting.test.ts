// Sends that wait for room. Loopback never fills a send buffer: a token bucket on `lo` in a network namespace of our own
// does, and strace's injected EAGAIN is the second path. Each scenario is a process (test/send/waiting/); what
// arrives is counted by a receiver in Python.

import t, { type Test } from 'tap'
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
  type Json,
} from './waiting/run'
import { tally, type Arrived, type Settled } from './waiting/witness'

t.setTimeout(240_000)

t.before(async () => {
  await buildScenarios(t.testdir())
})

const sentOf = (results: Settled[], first = 0): number[] =>
  results.flatMap(({ value }, index) => (value === undefined ? [] : [first + index]))

const canceled = { code: 'ECANCELED', name: 'SocketError', syscall: 'sendmsg' }

t.test('narrow loopback', { skip: noNarrow }, async (t) => {
  t.jobs = JOBS
  t.test('10,000 calls of sendmsg', async (t) => {
    const { result } = await run(t, 'single', { count: 10_000 })
    checkSingle(t, result, 10_000)
    t.ok(result.ticks >= 3, `a timer runs while they drain: ${result.ticks} times`)
  })

  t.test('one sendmmsg of 5,000, and one behind it', async (t) => {
    const { result } = await run(t, 'batch', { count: 5000 })
    checkBatch(t, result, 5000)
  })

  t.test('trains', async (t) => {
    const { result } = await run(t, 'trains')
    checkTrains(t, result)
    t.ok(
      result.started.some(({ taken, queued }: Json) => taken !== null && queued === 1),
      'a train was started and finished later',
    )
    t.equal(result.segmentation, true, 'offload stays on')
  })

  t.test('all forms mixed', async (t) => {
    const { result } = await run(t, 'mixed')
    t.ok(result.refused > 0 && result.partly > 0 && result.accepted > 0, 'the try forms met room and no room')
    arrivedAre(t, result.arrived, numbers(result.next))
  })

  t.test('data that changes while it waits', async (t) => {
    const { result } = await run(t, 'changed')
    const { kinds, results, filled, resizes } = result as {
      kinds: string[]
      results: Settled[]
      filled: number
      resizes: boolean
    }
    const fails = (kind: string): boolean =>
      kind === 'detached' || (resizes && (kind === 'shrunk' || kind === 'part' || kind === 'tracking'))
    for (const [index, kind] of kinds.entries()) {
      const found = results[index]
      const split = index % 2 === 1 && kind !== 'plain'
      if (fails(kind)) t.match(found, { code: 'ERR_INVALID_STATE' }, `${kind} data is refused`)
      else t.same(found, { value: split ? 1500 : 1000 }, `${kind} data is sent`)
    }
    if (!resizes) t.comment(`left out: Node ${process.version} has no resizable buffers`)
    t.match(result.ends[0], { code: 'ERR_INVALID_STATE', sent: 10 }, 'a batch stops where its data is gone')
    t.same(result.ends[1], { value: 100 })
    const expected = [
      ...numbers(filled),
      ...sentOf(results, filled),
      ...numbers(10, filled + results.length),
      result.next,
    ]
    t.same(result.arrived.numbers, expected, 'the others arrive, in order')
    // What was written over meanwhile, and what is sent as two views of which the first is a part, is not as it was.
    const odd = new Set(kinds.flatMap((kind, index) => (kind !== 'plain' ? [filled + index] : [])))
    t.same(
      result.arrived.spoilt.filter((number: number) => !odd.has(number)),
      [],
      'none of them has the bytes of another',
    )
  })

  t.test('getters that send themselves', async (t) => {
    const { result } = await run(t, 'reentrant')
    const { arrived } = result
    const [filled, next] = [Number(result.filled), Number(result.next)]
    const outer = arrived.numbers.filter((number: number) => number >= 100_000)
    const inner = arrived.numbers.filter((number: number) => number < 100_000)
    t.same(arrived.spoilt, [], 'no datagram has the bytes of another')
    t.same(inner, numbers(next), 'what the getters sent arrives, in order')
    t.same(
      outer,
      numbers(20, 100_000).flatMap((number) => (number % 2 === 0 ? [number] : [number, number])),
      'and what they were asked for',
    )
    t.equal(arrived.lengths.filter((length: number) => length === 300).length, outer.length, 'each with its own length')
    t.ok(next > filled + 80, 'the getters were asked')
  })

  t.test('an emulated option is put back', async (t) => {
    const { result } = await run(t, 'dontFragment', { mtu: 1500 })
    const expected: number[] = []
    for (const { waited, results, after, ...round } of result.rounds) {
      const [first, filled] = [Number(round.first), Number(round.filled)]
      const never = first > 0
      t.ok(waited > 50, `they wait: ${waited}`)
      const codes = results.map(({ value, code }: Settled) => value ?? code)
      t.same(
        codes,
        numbers(60).flatMap(() => [1000, 3000, 'EMSGSIZE']),
        'each goes by its own',
      )
      if (never) t.match(after, { code: 'EMSGSIZE' }, 'the socket never fragments afterwards, as it was made')
      else t.same(after, { value: 3000 }, 'the socket fragments afterwards, as it was made')
      expected.push(...numbers(filled, first), ...sentOf(results, first + filled))
      if (!never) expected.push(first + filled + Number(results.length))
    }
    arrivedAre(t, result.arrived, expected)
  })

  t.test('abort', async (t) => {
    const { result } = await run(t, 'abort')
    const { results, ends, late } = result as { results: Settled[]; ends: Settled[]; late: Settled }
    t.equal(result.listening, 1, 'a signal has one listener for all that wait: Node warns of more than ten')
    t.same(result.listeners, [0, 0], 'no listener is left on a signal, aborted or not')
    const counts = tally(results)
    t.same(Object.keys(counts).sort(), ['AbortError', 'sent'])
    t.ok((counts['AbortError'] ?? 0) > 200, `some were given up: ${counts['AbortError']}`)
    t.ok(
      results.every(({ value, name }, index) =>
        index % 2 === 0 ? value === 1000 || name === 'AbortError' : value === 1000,
      ),
    )
    t.match(ends[0], { name: 'AbortError', code: 'ABORT_ERR', sent: 0 })
    t.same(ends[1], { value: 1000 }, 'those behind are sent')
    t.match(late, { name: 'AbortError' }, 'an aborted signal sends nothing')
    t.same(result.left, [0, 0])
    arrivedAre(t, result.arrived, [...sentOf(results), 1700], 1000)
    sameResources(t, result.before, result.after)
  })

  for (const name of ['abortBatch', 'closeBatch']) {
    t.test(`${name === 'abortBatch' ? 'abort' : 'close'} in the middle of a batch`, async (t) => {
      const { result } = await run(t, name)
      const [batch, last] = result.results as Settled[]
      if (name === 'abortBatch') t.match(batch, { name: 'AbortError', code: 'ABORT_ERR' })
      else t.match(batch, { ...canceled, syscall: 'sendmmsg' })
      const sent = batch?.sent ?? -1
      t.ok(sent > 200 && sent < 3000, `it says how far it came: ${sent}`)
      if (last !== undefined) t.same(last, { value: 1000 })
      arrivedAre(t, result.arrived, last === undefined ? numbers(sent) : [...numbers(sent), 3000], 1000)
    })
  }

  t.test('time-out', async (t) => {
    const { result } = await run(t, 'timeout')
    const { results, end } = result as { results: Settled[]; end: Settled }
    const counts = tally(results)
    t.same(Object.keys(counts).sort(), ['ETIMEDOUT', 'sent'])
    t.ok((counts['ETIMEDOUT'] ?? 0) > 100, `some ran out of time: ${counts['ETIMEDOUT']}`)
    for (const { code, name, syscall } of results.filter((found) => found.code !== undefined).slice(0, 3)) {
      t.same({ code, name, syscall }, { code: 'ETIMEDOUT', name: 'SocketError', syscall: 'sendmsg' })
    }
    t.match(end, { code: 'ETIMEDOUT', syscall: 'sendmmsg', sent: 0 })
    t.ok(
      results.every(({ value }, index) => index % 2 === 0 || value === 1000),
      'the others are all sent',
    )
    arrivedAre(t, result.arrived, sentOf(results), 1000)
    sameResources(t, result.before, result.after)
  })

  t.test('close', async (t) => {
    const { result } = await run(t, 'close')
    const { results, end, late } = result as { results: Settled[]; end: Settled; late: Settled }
    t.same(Object.keys(tally(results)).sort(), ['ECANCELED', 'sent'])
    t.match(results.at(-1), canceled)
    t.match(end, { ...canceled, syscall: 'sendmmsg', sent: 0 })
    t.match(late, { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    t.equal(result.listeners, 0, 'no listener is left on the signal')
    const sent = sentOf(results)
    t.same(sent, numbers(sent.length), 'the first ones were sent, the others were not')
    arrivedAre(t, result.arrived, sent, 1000)
    sameResources(t, result.before, result.after)
  })

  t.test('a train that was started is finished, also when its call is given up', async (t) => {
    const { result } = await run(t, 'abortTrain')
    t.same(result.starts, [1, 1, 1, 2], 'each was started and waits')
    t.same(result.results[0], { value: 300_000 })
    t.same(result.results[1], { value: 300_000 })
    t.same(result.results[2], { value: 2 })
    t.match(result.results[3], { name: 'AbortError', sent: 1 })
    arrivedAre(t, result.arrived, numbers(result.next))
  })

  t.test('a train whose socket closes', async (t) => {
    const { result } = await run(t, 'closeTrain')
    t.same([result.taken, result.queued, result.errors], [300_000, 1, ['ECANCELED']])
    const { length } = result.arrived.numbers
    t.ok(length > 0 && length < 250, `its start was sent: ${length} datagrams`)
    arrivedAre(t, result.arrived, numbers(length), 1200)
    sameResources(t, result.before, result.after)
  })

  t.test('nothing is left in memory', async (t) => {
    const { result } = await run(t, 'memory')
    t.ok(result.collected)
    t.ok(result.counts.AbortError > 5000 && result.counts.ETIMEDOUT > 5000, JSON.stringify(result.counts))
    t.ok(result.counts.ECANCELED > 5000 && result.counts.sent > 1000)
    t.equal(result.listeners, 0)
    // Of some 30,000 sends that waited a part that stayed would take megabytes.
    const growth = Math.max(...result.used.slice(7)) - Math.max(...result.used.slice(2, 5))
    t.ok(growth < 500_000, `10 rounds take no more and more: ${JSON.stringify(result.used)}`)
    sameResources(t, result.before, result.after)
  })

  t.test('sends that are given up leave no places in the queue', async (t) => {
    const { result } = await run(t, 'neverRoom')
    t.ok(result.refused > 100, `so many batches of 2,000 waited: ${result.refused}`)
    t.equal(result.left, 0)
    const growth = Math.max(...result.used.slice(11)) - Math.max(...result.used.slice(3, 8))
    t.ok(growth < 400_000, `no more and more: ${JSON.stringify(result.used)}`)
  })

  t.test('a dgram.Socket that receives', async (t) => {
    const { result } = await run(t, 'receiving', { count: 5000 })
    checkReceiving(t, result, 5000)
  })

  t.test('a dgram.Socket that is unreferenced', async (t) => {
    const { result } = await run(t, 'unreferenced')
    t.same(result.results, { sent: 3000 })
    t.same(result.drained, result.quiet, 'it stays so')
    arrivedAre(t, result.arrived, numbers(Number(result.filled) + 3000))
  })

  t.test('a dgram.Socket that its owner closes', async (t) => {
    const { result } = await run(t, 'closing')
    const { results } = result
    const filled = Number(result.filled)
    t.same(Object.keys(tally(results)).sort(), ['ECANCELED', 'sent'])
    t.match(results.at(-1), canceled)
    t.same(result.events, ['close', 'ECANCELED'])
    t.match(result.late, { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    arrivedAre(t, result.arrived, [...numbers(filled), ...sentOf(results, filled)])
    sameResources(t, result.before, result.after)
  })

  t.test('a descriptor that blocks', async (t) => {
    const { result } = await run(t, 'blocking', { descriptor: 'udp4' })
    t.same(result.flags, [false, false, false, false], 'O_NONBLOCK is never seen')
    t.equal(result.refused, null)
    t.same(result.early, { value: 100 })
    t.same(result.results, { sent: 5000 })
    arrivedAre(t, result.arrived, numbers(Number(result.filled) + 5000))
    t.equal(result.during.descriptors, Number(result.before.descriptors) + 1)
    sameResources(t, result.before, result.after)
  })

  for (const descriptor of ['non-blocking', 'error']) {
    const which = descriptor === 'non-blocking' ? '' : ', with an error that stays'
    t.test(`a descriptor that its owner closes${which}`, async (t) => {
      const { result } = await run(t, 'reused', { descriptor })
      t.equal(result.again, result.descriptor, 'the number is taken again')
      t.match(result.foreign, { code: 'ENOTSOCK' })
      t.match(result.closed, { code: 'EBADF' })
      t.same(result.results, { sent: 2000 }, 'what waits goes out through the duplicate')
      arrivedAre(t, result.arrived, numbers(Number(result.filled) + 2000))
      t.equal(result.during.descriptors, Number(result.before.descriptors) + 1)
      sameResources(t, result.before, result.after, 1)
    })
  }

  t.test('no descriptor for the duplicate', async (t) => {
    const { result } = await run(t, 'noDescriptors')
    t.ok(result.opened > 100)
    t.match(result.failed, { code: 'EMFILE' })
    t.same(result.later, { sent: 1000 }, 'later sends are not behind it')
    arrivedAre(t, result.arrived, numbers(1000 + Number(result.next)))
  })

  t.test('what holds the process', async (t) => {
    for (const name of ['unref', 'unrefTimeout']) {
      const { result } = await run(t, name)
      t.equal(result.queued, 301, 'they wait')
      t.ok(result.done < 300, `${name}: the process ends before they are sent`)
    }
    for (const name of ['held', 'heldTimeout', 'refAgain']) {
      const { result } = await run(t, name)
      t.equal(result.queued, 301, 'they wait')
      t.equal(result.done, 300, `${name}: the process ends once they are sent`)
    }
  })

  t.test('a connected peer that goes away', async (t) => {
    const { result } = await run(t, 'refused')
    checkRefused(t, result)
    const train = await run(t, 'refusedTrain', { descriptor: 'refused' })
    t.match(train.result.result, { code: 'ECONNREFUSED' }, 'a train ends there')
    t.notOk('sent' in train.result.result, 'it was no batch')
    sameResources(t, train.result.before, train.result.after)
    const receiver = await run(t, 'refusedReceiver')
    t.equal(receiver.result.heard, 'ECONNREFUSED', 'recvmsg hears of it while sends wait')
    t.ok(receiver.result.results.sent > 0)
  })

  t.test('errors do not make it spin', { skip: noStrace }, async (t) => {
    const counting = ['-c', '-e', 'trace=epoll_wait,epoll_pwait,sendmsg,sendmmsg,recvmsg,recvmmsg', '-U', 'name,calls']
    const refused = await run(t, 'refused', { strace: counting })
    checkRefused(t, refused.result)
    // 2,000 messages: a call for each would be a lot already.
    const calls = countCalls(refused.stderr)
    t.ok(calls > 0 && calls < 6000, `${calls} system calls`)

    const queue = await run(t, 'errorQueue', { descriptor: 'error', strace: counting })
    t.equal(queue.result.refused, null, 'they wait')
    const counts = queue.result.results as Record<string, number>
    t.equal((counts['sent'] ?? 0) + (counts['ECONNREFUSED'] ?? 0), 600, JSON.stringify(counts))
    const queueCalls = countCalls(queue.stderr)
    t.ok(queueCalls > 0 && queueCalls < 8000, `${queueCalls} system calls with an error queue that nobody reads`)
    sameResources(t, queue.result.before, queue.result.after)

    const receiver = await run(t, 'errorQueueReceiver', { descriptor: 'error', strace: counting, narrow: false })
    t.same(receiver.result.heard, ['ETIMEDOUT', 'hello'], 'a receiver waits, and receives')
    const receiverCalls = countCalls(receiver.stderr)
    t.ok(receiverCalls > 0 && receiverCalls < 1000, `${receiverCalls} system calls while it waits`)
    sameResources(t, receiver.result.before, receiver.result.after)
  })
})

t.test('injected errors', { skip: noStrace }, async (t) => {
  t.jobs = JOBS
  const again = inject('sendmsg:error=EAGAIN:when=3+2', 'sendmmsg:error=EAGAIN:when=1+2')

  t.test('10,000 calls of sendmsg', async (t) => {
    const { result } = await run(t, 'single', { count: 10_000, narrow: false, strace: again })
    checkSingle(t, result, 10_000)
  })

  t.test('one sendmmsg of 5,000, and one behind it', async (t) => {
    const { result } = await run(t, 'batch', { count: 5000, narrow: false, strace: again })
    checkBatch(t, result, 5000)
  })

  t.test('trains', async (t) => {
    const { result } = await run(t, 'trains', { narrow: false, strace: again })
    checkTrains(t, result)
  })

  t.test('trains whose offload fails while they wait', { skip: noNarrow }, async (t) => {
    // The first call, and one in the middle of a train that was started.
    for (const when of [1, 4]) {
      const { result } = await run(t, 'trains', { strace: inject(`sendmmsg:error=EIO:when=${when}`) })
      checkTrains(t, result)
    }
  })

  t.test('all forms mixed', async (t) => {
    const { result } = await run(t, 'mixed', { narrow: false, strace: again })
    t.ok(result.refused > 0 && result.partly > 0 && result.accepted > 0, 'the try forms met room and no room')
    arrivedAre(t, result.arrived, numbers(result.next))
  })

  t.test('a dgram.Socket that receives', async (t) => {
    const { result } = await run(t, 'receiving', { count: 1000, narrow: false, strace: again })
    checkReceiving(t, result, 1000)
  })

  t.test('ENOBUFS is lack of room', async (t) => {
    const rules = inject('sendmsg:error=ENOBUFS:when=4+5')
    const { result } = await run(t, 'injected', { count: 20, narrow: false, strace: rules })
    t.same(tally(result.results), { sent: 20 })
    arrivedAre(t, result.arrived, numbers(20))
  })

  t.test(
    'ENOBUFS of a call with more control data than net.core.optmem_max allows is an error',
    { skip: noNarrow },
    async (t) => {
      const { result } = await run(t, 'muchControl')
      t.match(result.first, { code: 'ENOBUFS', syscall: 'sendmsg' })
      t.same(result.second, { value: 100 })
      arrivedAre(t, result.arrived, [1])
    },
  )
})

function checkSingle(t: Test, result: Json, count: number): void {
  const filled = Number(result.filled)
  const { queued, size, whileWaiting, left, afterwards, order, results, bytes, arrived } = result
  // A train of 1,200 bytes each is before them.
  t.same([queued, size], [count + 1, filled * 1200 + count * 100], 'they wait, and are counted with their bytes')
  t.same(whileWaiting, [null, 0], 'the try forms send nothing before them')
  t.same(left, [0, 0], 'nothing waits at the end')
  t.equal(afterwards, 100, 'then there is room')
  t.same(results, { sent: count }, 'all are sent')
  t.ok(bytes, 'each resolves with its bytes')
  t.same(order, numbers(count, filled), 'they are settled in the order of the calls')
  arrivedAre(t, arrived, numbers(filled + count + 1))
  t.ok(
    arrived.lengths.slice(filled).every((length: number) => length === 100),
    'each has 100 bytes',
  )
  sameResources(t, result.before, result.after)
}

function checkBatch(t: Test, result: Json, count: number): void {
  t.equal(result.queued, count + 1, 'they wait')
  t.same([result.listening, result.listeningAfter], [1, 0], 'one listener, while it waits')
  t.same(result.order, ['first', 'second'])
  t.same(result.results, [count, 200])
  arrivedAre(t, result.arrived, numbers(Number(result.filled) + count + 200))
}

function checkTrains(t: Test, result: Json): void {
  for (const { taken, whileWaiting } of result.started) {
    // 249 of 1,200 bytes and one of 400.
    t.same([taken, whileWaiting], [299_200, null], 'a train that was started is taken whole; then others wait')
  }
  t.same(result.results, { sent: 30 })
  t.ok(result.bytes, 'each resolves with all of its bytes')
  t.equal(result.taken, 4)
  t.ok(result.tried >= 1 && result.tried <= 3, `the immediate form says how many: ${result.tried}`)
  t.equal(result.last, 100)
  arrivedAre(t, result.arrived, numbers(result.next))
  const { lengths } = result.arrived as Arrived
  t.ok(
    lengths.slice(0, -1).every((length) => length === 1200 || length === 400),
    'segments are cut where they should be',
  )
}

function checkReceiving(t: Test, result: Json, count: number): void {
  const filled = Number(result.filled)
  const { refused, results, received, arrived, before, quiet, during, drained, after } = result
  t.equal(refused, null)
  t.same(results, { sent: count })
  t.equal(received, 200, 'it received all meanwhile')
  // Its own datagram is somewhere among ours: nothing is promised of that.
  const own = filled + count
  const ours = arrived.numbers.filter((number: number) => number !== own)
  t.equal(arrived.numbers.length - ours.length, 1, 'its own send works')
  t.same(arrived.spoilt, [])
  t.same(ours, numbers(own), 'what was promised arrives, in order, once')
  t.equal(during.descriptors, Number(quiet.descriptors) + 1, 'it is polled through a duplicate')
  t.same(drained, quiet, 'which is closed at the end; what holds the event loop is as before')
  sameResources(t, before, after)
}

function checkRefused(t: Test, result: Json): void {
  t.ok(result.queued > 1000)
  t.equal(result.left, 0)
  t.same(result.order, numbers(2000), 'all are settled, in order')
  t.same(Object.keys(result.results).sort(), ['ECONNREFUSED', 'sent'], JSON.stringify(result.results))
  sameResources(t, result.before, result.after)
}

/** The sum of strace's table of calls. */
function countCalls(table: string): number {
  let sum = 0
  for (const [, , calls] of table.matchAll(/^\s*(epoll_p?wait|sendm?msg|recvm?msg)\s+(\d+)\s*$/gm)) sum += Number(calls)
  return sum
}
