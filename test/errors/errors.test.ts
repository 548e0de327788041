// Errors as programs see them: provoked, beside those of node:dgram.
import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import timers from 'node:timers/promises'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { createSocket, Socket, SocketError, toPosix, toWinsock } from 'sendmsg'
import { listed, mingw, winsock } from '../helpers/winsock'

t.test('each error of Winsock, by number and by name', async (t) => {
  t.equal(winsock.length, 97)
  for (const [number, name] of winsock) {
    const code = toPosix(number)
    t.equal(code, toPosix(name), name)
    const back = toWinsock(code)
    t.type(back, 'string', `${code} has a way back`)
    t.equal(toPosix(back!), code, `${number} ${name} ${code} ${String(back)}`)
    // Microsoft's own spelling of EUNKNOWN is EUNKOWN.
    const own = code.replace('EUNKOWN', 'EUNKNOWN')
    t.ok(own === name || !code.startsWith('WSA'), `${name} keeps its own name or has a POSIX one`)
    const namesake = name.slice(3)
    if (namesake in os.constants.errno && namesake !== 'EOPNOTSUPP' && namesake !== 'EWOULDBLOCK') {
      t.equal(code, namesake, `${name} is told by its namesake`)
    }
  }
  for (const [name, code] of Object.entries(listed)) t.equal(toPosix(name), code, name)
})

t.test('and of the header of MinGW', { skip: existsSync(mingw) ? false : `no ${mingw}` }, async (t) => {
  const defines = readFileSync(mingw, 'utf8').matchAll(/^#define (WSA\w+) \(WSABASEERR \+ (\d+)\)/gm)
  const known = Array.from(defines, (match) => [match[1] ?? '', 10_000 + Number(match[2])] as const)
  t.ok(known.length > 80)
  for (const [name, number] of known) t.equal(toPosix(name), toPosix(number), name)
})

t.test('from POSIX to Winsock', async (t) => {
  const one: [string, string | undefined][] = [
    ['EOPNOTSUPP', 'WSAEOPNOTSUPP'],
    ['ENOTSUP', 'WSAEOPNOTSUPP'],
    ['EAGAIN', 'WSAEWOULDBLOCK'],
    ['EWOULDBLOCK', 'WSAEWOULDBLOCK'],
    ['ECANCELED', 'WSA_OPERATION_ABORTED'],
    ['EINPROGRESS', 'WSAEINPROGRESS'],
    ['EINVAL', 'WSAEINVAL'],
    ['EBADF', 'WSAEBADF'],
    ['ENOMEM', 'WSA_NOT_ENOUGH_MEMORY'],
    ['WSANOTINITIALISED', 'WSANOTINITIALISED'],
    ['EXDEV', undefined],
    ['WSAEMSGSIZE', undefined],
    ['', undefined],
    ['__proto__', undefined],
    ['constructor', undefined],
  ]
  for (const [code, name] of one) t.equal(toWinsock(code), name, code)
})

t.test('what is not Winsock is refused', async (t) => {
  for (const value of [0, 10_000, -10040, 10040.5, NaN, 70_000, '', 'EMSGSIZE', 'wsaemsgsize', '10040', '__proto__']) {
    t.throws(() => toPosix(value), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' }, inspect(value))
  }
  for (const value of [undefined, null, 10040n, {}, Symbol('x'), ['WSAEINTR']]) {
    t.throws(() => toPosix(value as never), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }, inspect(value))
    t.throws(() => toWinsock(value as never), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }, inspect(value))
  }
})

const script = path.resolve('scripts/error-table.mjs')
t.test('docs/errors.md is up to date', { skip: existsSync(script) ? false : `no ${script}` }, async (t) => {
  t.doesNotThrow(() => execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' }))
})

type Errno = NodeJS.ErrnoException & { address?: string; port?: number; nativeCode?: number; nativeName?: string }

/** That ours is theirs, and tells beside it what the system itself says. */
function alike(test: Test, ours: Errno, theirs: Errno): void {
  const native = ['nativeCode', 'nativeName']
  test.equal(ours.message, theirs.message)
  test.strictSame(Object.keys(ours), [...Object.keys(theirs), ...native], 'in this order')
  for (const key of Object.keys(theirs) as (keyof Errno)[]) test.strictSame(ours[key], theirs[key], key)
  const descriptors = [ours, theirs].map((error) => Object.getOwnPropertyDescriptors(error))
  for (const key of ['stack', 'message']) {
    test.strictSame(...(descriptors.map((own) => own[key as 'message']?.enumerable) as [boolean, boolean]))
  }
  test.ok(ours instanceof SocketError && ours instanceof Error)
  test.equal(ours.stack?.split('\n')[0], `SocketError: ${theirs.message}`)
  if (process.platform === 'win32') {
    test.equal(toPosix(ours.nativeName!), ours.code)
    test.equal(toPosix(ours.nativeCode!), ours.code)
  } else {
    test.equal(ours.nativeName, theirs.code)
    test.equal(ours.nativeCode, (os.constants.errno as Record<string, number>)[theirs.code!])
  }
}

t.test("SocketError has the shape of Node's system errors", async (t) => {
  for (const [type, address] of [
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const errors = []
    for (const socket of [createSocket(type), dgram.createSocket(type)] as dgram.Socket[]) {
      const error = await new Promise<Error | null>((resolve) => {
        socket.send(Buffer.alloc(66_000), 1000, address, resolve)
      })
      errors.push(error)
      socket.close()
    }
    t.equal((errors[1] as NodeJS.ErrnoException | null)?.code, 'EMSGSIZE', `provoked with ${type}`)
    alike(t, errors[0]!, errors[1]!)
  }
})

t.test('and of an option', async (t) => {
  const errors = []
  for (const socket of [createSocket('udp4'), dgram.createSocket('udp4')] as dgram.Socket[]) {
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    errors.push(thrown(() => socket.setTTL(900)))
    socket.close()
  }
  const [ours, theirs] = errors as [Errno, Errno]
  t.equal(ours.message, theirs.message)
  for (const key of Object.keys(theirs) as (keyof Errno)[]) t.strictSame(ours[key], theirs[key], key)
})

const anyAddress = process.env['SENDMSG_WINE'] !== undefined && 'Wine binds to addresses that are not there'
t.test('and of a bind', { skip: anyAddress }, async (t) => {
  const errors = []
  for (const socket of [createSocket('udp4'), dgram.createSocket('udp4')] as dgram.Socket[]) {
    const failed = new Promise<Errno>((resolve) => socket.once('error', resolve))
    socket.bind(0, '192.0.2.77')
    errors.push(await failed)
    socket.close()
  }
  t.equal(errors[1]?.code, 'EADDRNOTAVAIL')
  alike(t, errors[0]!, errors[1]!)
})

t.test('what the library refuses by itself', async (t) => {
  const socket = createSocket({ type: 'udp4', pull: true })
  socket.bindSync({ address: '127.0.0.1' })
  const late = socket.recvmsg({ timeout: 1 })
  await t.rejects(late, { name: 'SocketError', code: 'ETIMEDOUT', message: 'recvmsg ETIMEDOUT' })
  const cancelled = socket.recvmsg()
  socket.close()
  await t.rejects(cancelled, { name: 'SocketError', code: 'ECANCELED', message: 'recvmsg ECANCELED' })
  for (const promise of [late, cancelled]) {
    const error = (await promise.catch((reason: unknown) => reason)) as Errno
    t.notOk('nativeCode' in error || 'nativeName' in error, 'the system has no part in it')
  }
})

function shape(error: Error) {
  const own = Object.getOwnPropertyDescriptors(error)
  return {
    text: String(error),
    message: error.message,
    keys: Object.keys(error),
    hidden: ['stack', 'message'].map((key) => own[key as 'message']?.enumerable),
  }
}

function thrown(provoke: () => unknown): Error {
  try {
    provoke()
  } catch (error) {
    return error as Error
  }
  throw new Error(`${provoke.toString()} throws nothing`)
}

t.test("argument errors are word for word dgram's", async (t) => {
  /** The sockets of one of the two, in all states. */
  const open = async (create: typeof dgram.createSocket): Promise<Record<string, dgram.Socket>> => {
    const [bound, connected, closed] = [create('udp4'), create('udp4'), create('udp4')]
    await new Promise<void>((resolve) => bound.bind(0, '127.0.0.1', resolve))
    await new Promise<void>((resolve) => connected.connect(9, '127.0.0.1', resolve))
    closed.close()
    t.teardown(() => {
      bound.close()
      connected.close()
    })
    return { bound, connected, closed }
  }
  const ours = await open(createSocket)
  const theirs = await open(dgram.createSocket)
  const values: unknown[] = [
    -0,
    NaN,
    Infinity,
    true,
    7n,
    'text',
    "it's",
    'x'.repeat(40),
    Symbol('s'),
    {},
    [],
    new Map(),
    new Date(0),
    Object.defineProperty(() => 0, 'name', { value: 'f' }),
    Object.defineProperty(() => 0, 'name', { value: '' }),
    dgram.Socket,
    Object.create(null),
    null,
  ]
  type Sockets = typeof theirs
  const calls: ((sockets: Sockets) => unknown)[] = [
    ({ bound }) => bound!.bind(5),
    ({ bound }) => {
      bound!.disconnect()
    },
    ({ connected }) => {
      connected!.connect(9)
    },
    ({ closed }) => closed!.address(),
    ({ bound }) => {
      bound!.setRecvBufferSize('a' as never)
    },
    ({ bound }) => {
      bound!.send(Buffer.alloc(4), 2, 5, 1000)
    },
    ({ bound }) => {
      bound!.send(Buffer.alloc(4), 5, 0, 1000)
    },
    ({ bound }) => {
      bound!.send('x', 70_000)
    },
    ({ bound }) => {
      bound!.send('x', 0)
    },
    ({ bound }) => {
      bound!.send(5 as never, 1000)
    },
    ...values.map((value) => ({ bound }: Sockets) => {
      bound!.send('x', value as never)
    }),
  ]
  for (const call of calls) {
    const expected = thrown(() => call(theirs))
    const error = thrown(() => call(ours)) as Errno
    t.strictSame(shape(error), shape(expected), expected.message)
    t.equal(error.name, expected.name)
    t.equal(error.code, (expected as Errno).code)
    t.equal(error.constructor, expected.constructor)
    t.equal(error.stack?.split('\n    at ')[0], expected.stack?.split('\n    at ')[0])
    t.match(inspect(error), /^\w+ \[ERR_\w+\]: /)
  }
  for (const value of values.filter((one) => one !== null)) {
    const [own, other] = [createSocket as typeof dgram.createSocket, dgram.createSocket].map((create) =>
      thrown(() => create({ type: 'udp4', signal: value as never })),
    )
    t.strictSame(shape(own!), shape(other!), other!.message)
  }
  t.match(
    thrown(() => createSocket('x' as never)),
    {
      name: 'TypeError',
      code: 'ERR_SOCKET_BAD_TYPE',
      message: thrown(() => dgram.createSocket('x' as never)).message.replace(/: .*$/, ': udp4, udp6, raw4, raw6'),
    },
  )
})

t.test("an abort is Node's AbortError", async (t) => {
  const socket = createSocket({ type: 'udp4', pull: true })
  socket.bindSync({ address: '127.0.0.1' })
  t.teardown(() => socket.close())
  for (const reason of ['why', undefined, new Error('e')]) {
    const signal = AbortSignal.abort(reason)
    const theirs = (await timers.setTimeout(1, 0, { signal }).catch((error: unknown) => error)) as Error
    const ours = (await socket.recvmsg({ signal }).catch((error: unknown) => error)) as Error
    t.match(ours, { name: 'AbortError', code: 'ABORT_ERR', message: theirs.message })
    t.equal(String(ours), String(theirs))
    t.equal(ours.cause, theirs.cause)
    t.equal(ours.stack?.split('\n')[0], theirs.stack?.split('\n')[0])
    t.strictSame(Object.keys(ours), Object.keys(theirs))
    t.equal(Object.getOwnPropertyDescriptor(ours, 'cause')?.enumerable, false)
  }
})

t.test('no value makes an error fail', async (t) => {
  const fail = (): never => {
    throw new Error('a trap')
  }
  const traps = new Proxy({}, { get: () => fail })
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const revokedFunction = Proxy.revocable(fail, {})
  revokedFunction.revoke()
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const strange: Record<string, unknown> = {
    'a proxy whose traps all throw': new Proxy({}, traps),
    'a function proxy whose traps all throw': new Proxy(fail, traps),
    'a revoked proxy': revoked.proxy,
    'a revoked function proxy': revokedFunction.proxy,
    'a throwing toString': { toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail, toJSON: fail },
    'a throwing inspect': { [inspect.custom]: fail },
    'a throwing constructor': Object.defineProperty({}, 'constructor', { get: fail }),
    'a throwing tag': Object.defineProperty(Object.create(null), Symbol.toStringTag, { get: fail }),
    'a primitive constructor': { constructor: 5 },
    'a symbol for a name': { constructor: { name: Symbol('n') } },
    'an object for a name': { constructor: { name: { toString: fail } } },
    'a function with a throwing name': Object.defineProperty(() => 0, 'name', { get: fail }),
    'a function with a symbol for a name': Object.defineProperty(() => 0, 'name', { value: Symbol('n') }),
    'an instance of a very long name': { constructor: { name: 'x'.repeat(1e6) } },
    'a long symbol': Symbol('x'.repeat(1e6)),
    'a long bigint': 10n ** 20_000n,
    'a long string': '\u{1F600}'.repeat(1e5),
    'no prototype': Object.create(null),
    'a cycle': cycle,
    'a module': Object.freeze(Object.assign(Object.create(null), { [Symbol.toStringTag]: 'Module' })),
    'document.all-like': Object.create({ constructor: undefined }),
  }
  const socket = createSocket('udp4')
  t.teardown(() => socket.close())
  for (const [what, value] of Object.entries(strange)) {
    for (const call of [
      () => toPosix(value as never),
      () => toWinsock((typeof value === 'string' ? 5 : value) as never),
      // Of a revoked one JavaScript itself says what is wrong.
      () => {
        socket.send({ data: (what.startsWith('a revoked') ? 5 : value) as never, address: '127.0.0.1', port: 9 })
      },
      () => new Socket({ type: 'udp4', recvBufferSize: value as never }),
      () => new Socket({ type: 'udp4', unsupported: value as never }),
      () => {
        socket.send({ data: Buffer.from('x'), address: '127.0.0.1', port: value as never })
      },
    ]) {
      const error = thrown(call) as Errno
      t.match(error.code, /^ERR_(INVALID_ARG_(TYPE|VALUE)|SOCKET_BAD_PORT)$/, what)
      t.match(error.message, /Received \S/, what)
      t.ok(error.message.length < 400, `${what}: ${error.message.length} characters`)
      t.match(error.stack, error.message, what)
    }
  }
})
