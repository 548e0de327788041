// What the tests of wrong calls share: sockets, a witness that nothing wrong may reach, and a call in all its forms.
import dgram from 'node:dgram'
import { once } from 'node:events'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createSocket, sendmmsg, sendmsg, trySendmmsg, trySendmsg, type OutgoingMessage } from 'sendmsg'
import { fails, type Expected, type Forms } from './expect-error'

// Every function here is called with what its types forbid.
export type Any = ReturnType<typeof JSON.parse>

export const windows = process.platform === 'win32'

/** Two control messages that change nothing: of a level that POSIX kernels pass over, on Windows IP_TOS and IP_PKTINFO. */
export const [aControl, anotherControl] = windows
  ? [
      { level: 0, type: 3, data: Buffer.alloc(4) },
      { level: 0, type: 19, data: Buffer.alloc(8) },
    ]
  : [
      { level: 99, type: 1, data: Buffer.alloc(8) },
      { level: 99, type: 2, data: Buffer.alloc(24) },
    ]

/** Who is sent to: an ordinary dgram.Socket, over IPv4 and IPv6. All that comes is compared with what was to come. */
const witness = dgram.createSocket({ type: 'udp6', recvBufferSize: 1 << 22 })
const arrived: string[] = []
export const expected: string[] = []
export let port = 0
/** Wrong calls, and all their forms. */
export const tried = { rows: 0, calls: 0 }
export let current: Test = t

t.beforeEach((test) => {
  current = test
})

/** Of what is good; `data` is unlike any other. */
export const good = (data: string): OutgoingMessage => ({ data: Buffer.from(data), address: '127.0.0.1', port })
export const neverToArrive = (): OutgoingMessage => good('never to arrive')

/** A call that must succeed; its data has to arrive, in this order. */
export function arrives(call: () => unknown, ...data: string[]): unknown {
  expected.push(...data)
  return call()
}

export const wrong = async (what: string, forms: Forms, error: Expected): Promise<void> => {
  tried.rows++
  tried.calls += await fails(current, what, forms, error)
}

export const sendForms = (socket: Any, messages: (index: 0 | 1) => Any, index: 0 | 1): Forms => {
  const many = (): Any[] => (index === 0 ? [messages(0), neverToArrive()] : [neverToArrive(), messages(1)])
  return index === 0
    ? {
        throwing: { trySendmsg: () => trySendmsg(socket, messages(0)) },
        rejecting: { sendmsg: () => sendmsg(socket, messages(0)) },
      }
    : {
        throwing: { trySendmmsg: () => trySendmmsg(socket, many()) },
        rejecting: { sendmmsg: () => sendmmsg(socket, many()) },
      }
}

/** A wrong message alone, and as the second of two. What the system refuses stands first: good ones before it do go. */
export async function wrongMessage(
  kind: string,
  socket: Any,
  what: string,
  make: () => Any,
  error: (name: string) => Expected,
): Promise<void> {
  const refusedBySystem = error('').name === 'SocketError' && error('').code !== 'ENOTSUP'
  const batch = (): Any[] => (refusedBySystem ? [make(), neverToArrive()] : [neverToArrive(), make()])
  await wrong(`${kind}: ${what}`, sendForms(socket, make, 0), error('message'))
  await wrong(
    `${kind}, of two: ${what}`,
    {
      throwing: { trySendmmsg: () => trySendmmsg(socket, batch()) },
      rejecting: { sendmmsg: () => sendmmsg(socket, batch()) },
    },
    error(refusedBySystem ? 'messages[0]' : 'messages[1]'),
  )
  tried.rows-- // the same wrong call in two more forms
}

export const ours = createSocket('udp4')
export const borrowed = dgram.createSocket('udp4')

t.before(async () => {
  witness.on('message', (data) => arrived.push(data.toString()))
  witness.bind(0)
  await once(witness, 'listening')
  port = witness.address().port
  ours.bind(0, '127.0.0.1')
  borrowed.bind(0, '127.0.0.1')
  await once(borrowed, 'listening')
})

/** The last test of a file: nothing has arrived but what had to. At least so many wrong calls were made. */
export function testNothingElse(least: number): void {
  void t.test('nothing of all that was sent', async (t) => {
    arrives(() => trySendmsg(ours, good('sentinel')), 'sentinel')
    while (arrived.at(-1) !== 'sentinel') await timers.setTimeout(10)
    t.same(arrived, expected)
    t.comment(`${tried.rows} wrong calls, ${tried.calls} in all their forms`)
    t.ok(tried.rows >= least)
    ours.close()
    borrowed.close()
    witness.close()
  })
}
