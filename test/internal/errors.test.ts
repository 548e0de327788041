// What only shows inside of the package: errors of another platform than this one, and the functions that make them. What
// a program sees is in test/errors/.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import timers from 'node:timers/promises'
import { getSystemErrorMap, getSystemErrorName, inspect } from 'node:util'
import t from 'tap'
import {
  findWinsockError,
  posixAliases,
  toPosix,
  toWinsock,
  winsockAliases,
  winsockErrors,
} from '../../dist/errors/winsock.js'
import * as errors from '../../dist/errors/socket-error.js'
import { listed, mingw, winsock } from '../helpers/winsock'

const { SocketError, fromNative } = errors

t.test('the table is total over Winsock', async (t) => {
  const known = winsock
  t.equal(known.length, 97)
  for (const [number, name] of known) {
    t.equal(findWinsockError(name)?.number, number, name)
    t.equal(toPosix(number), toPosix(name), name)
  }
  t.strictSame(new Set(winsockErrors().map((error) => error.number)), new Set(known.map(([number]) => number)))
  for (const [name, code] of Object.entries(listed)) t.equal(toPosix(name), code, name)
})

t.test('and over the header of MinGW', { skip: existsSync(mingw) ? false : `no ${mingw}` }, async (t) => {
  const defines = readFileSync(mingw, 'utf8').matchAll(/^#define (WSA\w+) \(WSABASEERR \+ (\d+)\)/gm)
  const known = Array.from(defines, (match) => [match[1] ?? '', 10_000 + Number(match[2])] as const)
  t.ok(known.length > 80)
  for (const [name, number] of known) t.equal(findWinsockError(name)?.number, number, name)
})

t.test('names, numbers and codes are consistent', async (t) => {
  const list = winsockErrors()
  t.equal(new Set(list.map((error) => error.number)).size, list.length)
  t.equal(new Set(list.map((error) => error.name)).size, list.length)
  t.strictSame(
    list.map((error) => error.number),
    list.map((error) => error.number).sort((a, b) => a - b),
  )
  for (const { number, name, code, meaning } of list) {
    t.match(meaning, /^[A-Z][^\n|]+[^.]$/, name)
    const back = toWinsock(code)
    if (back === undefined) throw new Error(`${code} has no way back`)
    t.equal(toPosix(back), code, `${number} ${name} ${code} ${back}`)
    t.ok(code === name || !code.startsWith('WSA'), `${name} keeps its own name or has a POSIX one`)
    // Where a POSIX namesake exists on this system or in libuv, it is the code.
    const namesake = name.slice(3)
    if (namesake in os.constants.errno) t.equal(code, posixAliases[namesake] ?? namesake, name)
  }
  for (const [alias, name] of Object.entries(winsockAliases)) t.equal(findWinsockError(alias), findWinsockError(name))
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

function shape(error: unknown) {
  const own = Object.getOwnPropertyDescriptors(error as Error)
  return {
    text: String(error),
    message: (error as Error).message,
    keys: Object.keys(error as Error),
    hidden: ['stack', 'message'].map((key) => own[key]?.enumerable),
  }
}

t.test("SocketError has the shape of Node's system errors", async (t) => {
  for (const [type, address] of [
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const socket = dgram.createSocket(type)
    const theirs = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      socket.send(Buffer.alloc(66_000), 1000, address, resolve)
    })
    socket.close()
    if (theirs?.code !== 'EMSGSIZE') throw new Error(`cannot provoke EMSGSIZE with ${type}: ${String(theirs)}`)
    const ours = fromNative(-os.constants.errno.EMSGSIZE, 'send', { address, port: 1000 }, 'linux')
    t.match(ours, { ...theirs, nativeCode: os.constants.errno.EMSGSIZE, nativeName: 'EMSGSIZE' })
    t.equal(ours.message, theirs.message)
    t.strictSame(Object.keys(ours), [...Object.keys(theirs), 'nativeCode', 'nativeName'])
    t.strictSame(shape(ours).hidden, shape(theirs).hidden)
    t.ok(ours instanceof SocketError && ours instanceof Error)
    const lines = ours.stack?.split('\n') ?? []
    t.equal(lines[0], `SocketError: send EMSGSIZE ${address}:1000`)
    t.match(lines[1], 'errors.test', 'the stack starts at the caller')
  }
  const socket = dgram.createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  let theirs: unknown
  try {
    socket.setTTL(900)
  } catch (error) {
    theirs = error
  }
  socket.close()
  const ours = fromNative(-os.constants.errno.EINVAL, 'setTTL', {}, 'linux')
  t.equal(ours.message, (theirs as Error).message)
  t.strictSame(Object.keys(ours), [...Object.keys(theirs as Error), 'nativeCode', 'nativeName'])
})

const anyAddress = process.env['SENDMSG_WINE'] !== undefined && 'Wine binds to addresses that are not there'
t.test('and of the error of a bind', { skip: anyAddress }, async (t) => {
  const bind = dgram.createSocket('udp4').bind(0, '192.0.2.77')
  const [noPort] = (await once(bind, 'error').catch((error: unknown) => [error])) as [Error]
  bind.close()
  const alike = fromNative(-os.constants.errno.EADDRNOTAVAIL, 'bind', { address: '192.0.2.77', port: 0 }, 'linux')
  t.equal(alike.message, noPort.message)
  t.strictSame(Object.keys(alike), [...Object.keys(noPort), 'nativeCode', 'nativeName'])
})

t.test('native statuses of POSIX', async (t) => {
  for (const [name, number] of Object.entries(os.constants.errno)) {
    const error = fromNative(-number, 'sendmsg', {}, 'linux')
    const code = posixAliases[name] ?? name
    t.equal(error.code, code, name)
    t.equal(error.nativeCode, number, name)
    if (error.errno !== undefined) t.equal(getSystemErrorName(error.errno), code)
  }
  t.match(fromNative(-os.constants.errno.EOPNOTSUPP, 'sendmsg', {}, 'linux'), {
    code: 'ENOTSUP',
    nativeName: 'EOPNOTSUPP',
  })
  t.match(fromNative(-os.constants.errno.EWOULDBLOCK, 'sendmsg', {}, 'linux'), { code: 'EAGAIN' })
  t.notOk('errno' in fromNative(-os.constants.errno.EINPROGRESS, 'connect', {}, 'linux'), 'libuv has no such name')
  const unknown = fromNative(-99_999, 'sendmsg', {}, 'linux')
  t.match(unknown, { code: 'UNKNOWN', nativeCode: 99_999, errno: -4094 })
  t.notOk('nativeName' in unknown)
})

t.test('native statuses of Windows', async (t) => {
  for (const [number, name] of winsock) {
    const error = fromNative(-number, 'sendmsg', { address: '::1', port: 53 }, 'win32')
    const { nativeName = '' } = error
    t.match(error, { code: toPosix(name), nativeCode: number, message: `sendmsg ${toPosix(name)} ::1:53` })
    t.equal(winsockAliases[name] ?? name, nativeName)
  }
  t.match(fromNative(-10040, 'sendmsg', { sent: 3 }, 'win32'), {
    code: 'EMSGSIZE',
    errno: Array.from(getSystemErrorMap()).find(([, [name]]) => name === 'EMSGSIZE')?.[0],
    sent: 3,
  })
  t.match(fromNative(-10054, 'sendmsg', { code: 'ECONNREFUSED' }, 'win32'), {
    code: 'ECONNREFUSED',
    message: 'sendmsg ECONNREFUSED',
    nativeCode: 10054,
    nativeName: 'WSAECONNRESET',
  })
  t.notOk('errno' in fromNative(-10093, 'socket', {}, 'win32'))
  t.match(fromNative(-1, 'sendmsg', {}, 'win32'), { code: 'UNKNOWN', nativeCode: 1 })
})

t.test('what the library refuses by itself', async (t) => {
  const refused = errors.notSupported('hopLimit', { platform: 'darwin', when: 'for IPv4' })
  t.equal(refused.message, 'sendmsg ENOTSUP: hopLimit is not supported on darwin for IPv4')
  t.strictSame(Object.keys(refused), ['errno', 'code', 'syscall'])
  t.equal(getSystemErrorName(refused.errno ?? 0), 'ENOTSUP')
  t.match(errors.notSupported('sendTime', { syscall: 'recvmsg', address: '192.0.2.1', port: 53 }), {
    message: `recvmsg ENOTSUP 192.0.2.1:53: sendTime is not supported on ${process.platform}`,
    syscall: 'recvmsg',
    address: '192.0.2.1',
    port: 53,
  })
  t.match(errors.canceled('sendmsg'), { code: 'ECANCELED', message: 'sendmsg ECANCELED' })
  t.match(errors.timedOut('recvmsg'), { code: 'ETIMEDOUT', message: 'recvmsg ETIMEDOUT' })
  for (const make of [errors.canceled, errors.timedOut, errors.notSupported]) {
    t.match(make('x').stack?.split('\n')[1], 'errors.test')
  }
})

function thrown(provoke: () => unknown): Error {
  try {
    provoke()
  } catch (error) {
    return error as Error
  }
  throw new Error(`${provoke.toString()} throws nothing`)
}

t.test("argument errors are word for word Node's", async (t) => {
  const fresh = () => dgram.createSocket('udp4')
  const bound = fresh()
  await new Promise<void>((resolve) => bound.bind(0, '127.0.0.1', resolve))
  const connected = fresh()
  await new Promise<void>((resolve) => connected.connect(9, '127.0.0.1', resolve))
  const closed = fresh()
  closed.close()
  t.teardown(() => {
    bound.close()
    connected.close()
  })
  const loose = (value: unknown) => value as never
  const named = (name: string) => Object.defineProperty(() => 0, 'name', { value: name })
  const signal = (value: unknown) => () => dgram.createSocket({ type: 'udp4', signal: loose(value) })
  const bytes = ['Buffer', 'TypedArray', 'DataView', 'string']
  const values: unknown[] = [
    5,
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
    named('f'),
    named(''),
    dgram.Socket,
    Object.create(null),
    null,
  ]
  const pairs: [Error, Error][] = [
    [thrown(() => dgram.createSocket(loose('x'))), errors.badSocketType(['udp4', 'udp6'])],
    [thrown(() => bound.bind(5)), errors.alreadyBound()],
    [
      thrown(() => {
        bound.disconnect()
      }),
      errors.notConnected(),
    ],
    [
      thrown(() => {
        connected.connect(9)
      }),
      errors.isConnected(),
    ],
    [thrown(() => closed.address()), errors.notRunning()],
    [thrown(() => bound.setRecvBufferSize(loose('a'))), errors.badBufferSize()],
    [
      thrown(() => {
        bound.send(Buffer.alloc(4), 2, 5, 1000)
      }),
      errors.bufferOutOfBounds('length'),
    ],
    [
      thrown(() => {
        bound.send(Buffer.alloc(4), 5, 0, 1000)
      }),
      errors.bufferOutOfBounds('offset'),
    ],
    [
      thrown(() => {
        bound.send('x', 0)
      }),
      errors.badPort('Port', 0, false),
    ],
    [thrown(() => Buffer.alloc(3).readUInt8(2 ** 40)), errors.outOfRange('offset', '>= 0 and <= 2', 2 ** 40)],
    [thrown(() => Buffer.alloc(3).readUInt8(9)), errors.outOfRange('offset', '>= 0 and <= 2', 9)],
    [thrown(() => Buffer.alloc(3).readUInt8(0.5)), errors.outOfRange('offset', 'an integer', 0.5)],
    [
      thrown(() => Buffer.alloc(8).writeBigInt64BE(-(2n ** 65n))),
      errors.outOfRange('value', '>= -(2n ** 63n) and < 2n ** 63n', -(2n ** 65n)),
    ],
    [thrown(() => Buffer.alloc(5, 'zz', 'hex')), errors.invalidArgValue('value', 'zz')],
    [
      thrown(() => {
        bound.send(loose(5), 1000)
      }),
      errors.invalidArgType('buffer', bytes, 5),
    ],
    ...values.flatMap((value): [Error, Error][] => [
      [
        thrown(() => {
          bound.send('x', loose(value === 5 ? 70_000 : value))
        }),
        errors.badPort('Port', value === 5 ? 70_000 : value, false),
      ],
      [
        thrown(signal(value === null ? 3 : value)),
        errors.invalidArgType('options.signal', 'AbortSignal', value === null ? 3 : value),
      ],
      [
        thrown(() => {
          process.chdir(loose(value === 'text' || typeof value === 'string' ? 1 : value))
        }),
        errors.invalidArgType('directory', 'string', typeof value === 'string' ? 1 : value),
      ],
    ]),
  ]
  for (const [theirs, ours] of pairs) {
    t.strictSame(shape(ours), shape(theirs), theirs.message)
    t.equal(ours.name, theirs.name)
    t.equal((ours as NodeJS.ErrnoException).code, (theirs as NodeJS.ErrnoException).code)
    t.equal(ours.constructor, theirs.constructor)
    t.equal(ours.stack?.split('\n    at ')[0], theirs.stack?.split('\n    at ')[0])
    t.match(ours.stack?.split('\n    at ')[1], 'errors.test', 'the stack starts at the caller')
    t.match(inspect(ours), /^\w+ \[ERR_\w+\]: /)
  }
  t.match(errors.invalidState('no'), { name: 'Error', code: 'ERR_INVALID_STATE', message: 'Invalid state: no' })
  t.match(errors.featureUnavailable('f').message, /^The feature f is unavailable on the current platform, which is/)
  t.match(errors.bufferOutOfBounds().message, 'Attempt to access memory outside buffer bounds')
  t.match(
    errors.invalidArgType('first argument', ['number', 'an integer', 'object', 'URL', 'null'], 1).message,
    'The first argument must be of type number or an instance of URL or Object or one of an integer or null. Received',
  )
})

t.test("an abort is Node's AbortError", async (t) => {
  for (const reason of ['why', undefined, new Error('e')]) {
    const signal = AbortSignal.abort(reason)
    const theirs: unknown = await timers.setTimeout(1, 0, { signal }).catch((error: unknown) => error)
    const ours = errors.abortError(signal.reason)
    t.strictSame(shape(ours), shape(theirs))
    t.match(ours, { name: 'AbortError', code: 'ABORT_ERR' })
    t.equal(ours.cause, (theirs as Error).cause)
    t.equal(Object.getOwnPropertyDescriptor(ours, 'cause')?.enumerable, false)
    t.equal(ours.stack?.split('\n')[0], (theirs as Error).stack?.split('\n')[0])
    t.match(ours.stack?.split('\n')[1], 'errors.test')
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
  for (const [what, value] of Object.entries(strange)) {
    const made = [
      errors.invalidArgType('x', 'number', value),
      errors.invalidArgValue('x', value),
      errors.outOfRange('x', '> 0', value),
      errors.badPort('Port', value),
    ]
    for (const error of made) {
      t.match(error.message, /Received \S/, what)
      t.ok(error.message.length < 400, `${what}: ${error.message.length} characters`)
      t.match(error.stack, error.message, what)
    }
    t.equal(errors.abortError(value).cause, value, what)
    t.throws(() => toPosix(value as never), TypeError, what)
    t.throws(() => toWinsock(typeof value === 'string' ? (5 as never) : (value as never)), TypeError, what)
  }
})
