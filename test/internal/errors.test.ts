// Why this imports dist/: errors of another platform cannot be provoked on this one, no call says which number or meaning
// a row of the table has, Node has words that no call of dgram's brings out, and a program does not see where a stack
// starts before it was handed on. What a program sees is in test/errors/.
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { getSystemErrorMap, getSystemErrorName, inspect } from 'node:util'
import t from 'tap'
import { findWinsockError, posixAliases, toPosix, winsockAliases, winsockErrors } from '../../dist/errors/winsock.js'
import * as errors from '../../dist/errors/socket-error.js'
import { mingw, winsock } from '../helpers/winsock'

const { fromNative } = errors

t.test('the table is total over Winsock', async (t) => {
  const known = winsock
  t.equal(known.length, 97)
  for (const [number, name] of known) {
    t.equal(findWinsockError(name)?.number, number, name)
  }
  t.strictSame(new Set(winsockErrors().map((error) => error.number)), new Set(known.map(([number]) => number)))
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
  for (const { name, code, meaning } of list) {
    t.match(meaning, /^[A-Z][^\n|]+[^.]$/, name)
    // Where a POSIX namesake exists on this system or in libuv, it is the code.
    const namesake = name.slice(3)
    if (namesake in os.constants.errno) t.equal(code, posixAliases[namesake] ?? namesake, name)
  }
  for (const [alias, name] of Object.entries(winsockAliases)) t.equal(findWinsockError(alias), findWinsockError(name))
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

function thrown(provoke: () => unknown): Error {
  try {
    provoke()
  } catch (error) {
    return error as Error
  }
  throw new Error(`${provoke.toString()} throws nothing`)
}

t.test("errors of ranges and of names are word for word Node's", async (t) => {
  const loose = (value: unknown) => value as never
  const values: unknown[] = [5, -0, NaN, Infinity, true, 7n, Symbol('s'), {}, [], new Map(), new Date(0), () => 0, null]
  const pairs: [Error, Error][] = [
    [thrown(() => Buffer.alloc(3).readUInt8(2 ** 40)), errors.outOfRange('offset', '>= 0 and <= 2', 2 ** 40)],
    [thrown(() => Buffer.alloc(3).readUInt8(9)), errors.outOfRange('offset', '>= 0 and <= 2', 9)],
    [thrown(() => Buffer.alloc(3).readUInt8(0.5)), errors.outOfRange('offset', 'an integer', 0.5)],
    [
      thrown(() => Buffer.alloc(8).writeBigInt64BE(-(2n ** 65n))),
      errors.outOfRange('value', '>= -(2n ** 63n) and < 2n ** 63n', -(2n ** 65n)),
    ],
    [thrown(() => Buffer.alloc(5, 'zz', 'hex')), errors.invalidArgValue('value', 'zz')],
    ...values.map((value): [Error, Error] => [
      thrown(() => {
        process.chdir(loose(value))
      }),
      errors.invalidArgType('directory', 'string', value),
    ]),
  ]
  for (const [theirs, ours] of pairs) {
    t.strictSame(shape(ours), shape(theirs), theirs.message)
    t.equal(ours.name, theirs.name)
    t.equal((ours as NodeJS.ErrnoException).code, (theirs as NodeJS.ErrnoException).code)
    t.equal(ours.constructor, theirs.constructor)
    t.equal(ours.stack?.split('\n    at ')[0], theirs.stack?.split('\n    at ')[0])
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

t.test('a stack starts at the caller of what makes the error', async (t) => {
  for (const error of [
    fromNative(-os.constants.errno.EINVAL, 'sendmsg', {}, 'linux'),
    errors.canceled('x'),
    errors.timedOut('x'),
    errors.notSupported('x'),
    errors.abortError('why'),
    errors.notRunning(),
    errors.isConnected(),
    errors.notConnected(),
    errors.alreadyBound(),
    errors.badBufferSize(),
    errors.badSocketType(['udp4']),
    errors.badPort('Port', 0, false),
    errors.bufferOutOfBounds('length'),
    errors.outOfRange('x', '> 0', 0),
    errors.invalidArgValue('x', 0),
    errors.invalidArgType('x', 'string', 0),
  ]) {
    t.match(error.stack?.split('\n    at ')[1], 'errors.test', error.message)
  }
})
