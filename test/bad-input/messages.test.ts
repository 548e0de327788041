// Wrong messages, and messages that only look wrong.
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { capabilities, sendmmsg, trySendmmsg, trySendmsg, type OutgoingMessage } from 'sendmsg'
import { fails, outOfRange, revoked, socketError, wrongState, wrongType } from './expect-error'
import { detach, revokedProxy } from '../helpers/memory'
import { wrongMessages, wrongWholes } from './wrong-messages'
import {
  type Any,
  expected,
  port,
  current,
  tried,
  good,
  neverToArrive,
  arrives,
  wrong,
  sendForms,
  wrongMessage,
  ours,
  borrowed,
  testNothingElse,
} from './setup'

t.test('messages', async () => {
  for (const [what, fields, error] of wrongMessages) {
    await wrongMessage('a socket', ours, what, () => ({ ...neverToArrive(), ...fields() }), error)
  }
  for (const [what, whole, error] of wrongWholes) {
    await wrongMessage('a socket', ours, `${what}, as a message`, whole, error)
  }
})

t.test('messages on borrowed sockets', async () => {
  const sockets: [string, Any][] = [['a dgram.Socket', borrowed]]
  const { fd } = (borrowed as Any)._handle ?? { fd: -1 }
  if (fd >= 0) sockets.push(['a descriptor', fd])
  for (const [kind, socket] of sockets) {
    for (const [what, fields, error] of wrongMessages) {
      if (what.startsWith('sendTime: on a socket')) continue // is not known of a borrowed socket
      const make = (): Any => ({ ...neverToArrive(), ...fields() })
      tried.calls += await fails(current, `${kind}: ${what}`, sendForms(socket, make, 0), error('message'))
    }
  }
  if (capabilities().send.dontFragment.IPv4 === 'emulated') {
    await wrongMessage(
      'a dgram.Socket',
      borrowed,
      'dontFragment, which takes a socket option here',
      () => ({ ...neverToArrive(), dontFragment: true }),
      () => socketError('ENOTSUP', /dontFragment is not supported on \w+ on a borrowed socket$/),
    )
  }
})

t.test('flags that this platform does not have', async () => {
  for (const [flag, known] of Object.entries(capabilities().flags)) {
    if (known) continue
    const make = (): OutgoingMessage => ({ ...neverToArrive(), flags: { [flag]: true } })
    await wrongMessage('a socket', ours, `flags.${flag}`, make, () =>
      socketError('ENOTSUP', new RegExp(`^sendmsg ENOTSUP: flags\\.${flag} is not supported on ${process.platform}$`)),
    )
  }
})

t.test('batches', async () => {
  for (const [what, messages] of [
    ['undefined', undefined],
    ['null', null],
    ['a message', neverToArrive()],
    ['a string', 'text'],
    ['a Set', new Set([neverToArrive()])],
    ['an array-like object', { length: 1, 0: neverToArrive() }],
    ['a generator', (function* () {})()],
  ] as const) {
    await wrong(
      `messages: ${what}`,
      {
        throwing: { trySendmmsg: () => trySendmmsg(ours, messages as Any) },
        rejecting: { sendmmsg: () => sendmmsg(ours, messages as Any) },
      },
      wrongType('messages', 'of Array'),
    )
  }
  await wrong(
    'messages: a revoked proxy',
    {
      throwing: { trySendmmsg: () => trySendmmsg(ours, revokedProxy([]) as Any) },
      rejecting: { sendmmsg: () => sendmmsg(ours, revokedProxy([]) as Any) },
    },
    revoked,
  )
  const sparse = new Array(2 ** 32 - 1)
  await wrong(
    'messages: a sparse array of 4294967295',
    {
      throwing: { trySendmmsg: () => trySendmmsg(ours, sparse) },
      rejecting: { sendmmsg: () => sendmmsg(ours, sparse) },
    },
    wrongType('messages[0]', 'of type object'),
  )
  for (const at of [1, 63, 64, 99_999]) {
    const many = new Array<Any>(100_000).fill(neverToArrive())
    many[at] = { ...neverToArrive(), hopLimit: 256 }
    await wrong(
      `messages: 100,000, of which number ${at} is wrong`,
      {
        throwing: { trySendmmsg: () => trySendmmsg(ours, many) },
        rejecting: { sendmmsg: () => sendmmsg(ours, many) },
      },
      outOfRange(`messages[${at}].hopLimit`),
    )
  }
  const thief = (): OutgoingMessage[] => {
    const first = neverToArrive()
    first.data = new Uint8Array(8)
    return [
      first,
      {
        ...neverToArrive(),
        get hopLimit() {
          detach(first.data as Uint8Array)
          return 1
        },
      },
    ]
  }
  await wrong(
    'messages: one takes away the data of another',
    {
      throwing: { trySendmmsg: () => trySendmmsg(ours, thief()) },
      rejecting: { sendmmsg: () => sendmmsg(ours, thief()) },
    },
    wrongState('data', 'was detached or resized'),
  )
})

t.test('what looks odd and is right', async (t) => {
  const resizable: Any = new (ArrayBuffer as Any)(4, { maxByteLength: 16 })
  resizable.resize(8)
  new Uint8Array(resizable).set(Buffer.from('tracking'))
  class Boast extends Uint8Array {
    override get byteLength(): number {
      return 0
    }
    override get length(): number {
      return 5_000_000_000
    }
    override get buffer(): Any {
      throw new Error('not to be asked')
    }
  }
  const foreign = runInNewContext(`({
    data: [new Uint8Array([111, 116]), new Uint8Array([104, 101, 114])], address: '127.0.0.1', port: ${port}
  })`)
  const cases: [string, OutgoingMessage][] = [
    ['tracking', { ...good(''), data: new Uint8Array(resizable) }],
    ['rack', { ...good(''), data: new Uint8Array(resizable, 1, 4) }],
    ['boast', { ...good(''), data: Boast.from(Buffer.from('boast')) }],
    ['other', foreign],
    ['frozen', Object.freeze(good('frozen'))],
    ['proxy', new Proxy(good('proxy'), {})],
    ['inherited', Object.create(good('inherited'))],
    ['no prototype', Object.assign(Object.create(null), good('no prototype'))],
    ['', { ...good(''), data: [] }],
    ['', { ...good(''), data: new Uint8Array(0) }],
    ['many', { ...good(''), data: Array.from('many', (letter) => Buffer.from(letter)) }],
    ['x'.repeat(1024), { ...good(''), data: new Array<Uint8Array>(1024).fill(Buffer.from('x')) }],
    ['mapped', { ...good('mapped'), address: '::ffff:127.0.0.1' }],
  ]
  for (const [data, message] of cases) {
    arrives(() => t.equal(trySendmsg(ours, message), data.length, data.slice(0, 20)), data)
  }
  expected.push(...cases.map(([data]) => data))
  t.equal(
    await sendmmsg(
      ours,
      cases.map(([, message]) => message),
    ),
    cases.length,
  )
})

testNothingElse(150)
