import os from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { findWinsockError, posixAliases } from './winsock'

export * from './node'

/** libuv's errors come by name (`'EEXIST'`): on Windows its numbers are not Winsock's. */
export type LibuvErrorName = string

/** Where an operation failed; what is not known is left out. */
export interface ErrorPlace {
  address?: string | undefined
  port?: number | undefined
}

/** What `SocketError` is made of. */
export interface SocketErrorOptions extends ErrorPlace {
  /** `'EMSGSIZE'`. */
  code: string
  /** `'sendmsg'`, on Windows too. */
  syscall: string
  /** The platform's number: an errno, or what WSAGetLastError gave. Positive. */
  nativeCode?: number | undefined
  /** The platform's name for it: `'EMSGSIZE'`, `'WSAEMSGSIZE'`. */
  nativeName?: string | undefined
  /** How many messages of a batch went before the one that failed. */
  sent?: number | undefined
  /** How many bytes of a segmented message went before its rest failed. */
  bytes?: number | undefined
  /** Added to the message after a colon. */
  detail?: string | undefined
}

/**
 * What the system refused, in the shape of Node's own system errors. As there, what is not known is no property at all.
 *
 * ```
 * SocketError: sendmsg EMSGSIZE 192.0.2.1:53
 *   errno: -90, code: 'EMSGSIZE', syscall: 'sendmsg', address: '192.0.2.1', port: 53,
 *   nativeCode: 90, nativeName: 'EMSGSIZE'
 * ```
 */
export class SocketError extends Error {
  /** libuv's negative number for `code`, as `util.getSystemErrorName` takes it; undefined where libuv has no such name. */
  declare readonly errno?: number
  /** The POSIX name, or Winsock's own where POSIX has no counterpart: see `toPosix`. */
  declare readonly code: string
  /** The call in the names of sendmsg(2), on Windows too. */
  declare readonly syscall: string
  declare readonly address?: string
  declare readonly port?: number
  /** The platform's number; undefined for what this library refused or cancelled itself. */
  declare readonly nativeCode?: number
  /** The platform's name for it. */
  declare readonly nativeName?: string
  /** Of a batch: how many messages went before the one that failed. */
  declare sent?: number
  /** Of a segmented message that failed midway: how many of its bytes the kernel took before. */
  declare bytes?: number

  constructor(options: SocketErrorOptions) {
    const { code, syscall, address, port, detail, nativeCode, nativeName, sent, bytes } = owned(options)
    // As ExceptionWithHostPort in Node: IPv6 addresses bare, and no port 0.
    const place = address === undefined ? '' : port ? ` ${address}:${port}` : ` ${address}`
    super(`${syscall} ${code}${place}${detail === undefined ? '' : `: ${detail}`}`)
    const errno = libuvErrno(code)
    if (errno !== undefined) this.errno = errno
    this.code = code
    this.syscall = syscall
    if (address !== undefined) this.address = address
    if (port) this.port = port
    if (nativeCode !== undefined) this.nativeCode = nativeCode
    if (nativeName !== undefined) this.nativeName = nativeName
    if (sent !== undefined) this.sent = sent
    if (bytes !== undefined) this.bytes = bytes
  }

  /** As Node's own system errors have it: `Error: bind EADDRINUSE 127.0.0.1:53`. */
  override toString(): string {
    return `Error: ${this.message}`
  }
}

/** Only the own properties: those of Object.prototype are not the error's. */
const owned = <T extends object>(given: T): T => Object.assign(Object.create(null) as T, given)

// Not an own property, as in Node's errors.
Object.defineProperty(SocketError.prototype, 'name', {
  value: 'SocketError',
  writable: true,
  configurable: true,
  enumerable: false,
})

let numbers: Map<string, number> | undefined

function libuvErrno(code: string): number | undefined {
  numbers ??= new Map(Array.from(getSystemErrorMap(), ([number, [name]]) => [name, number]))
  return numbers.get(code)
}

interface Named {
  code: string
  nativeName?: string
}

// Numbers that sockets can fail with and that neither Node nor libuv names (asm-generic/errno.h; sys/errno.h of macOS
// and FreeBSD agree on these).
const bsd = { 46: 'EPFNOSUPPORT', 59: 'ETOOMANYREFS', 67: 'EPROCLIM', 68: 'EUSERS', 71: 'EREMOTE' }
const unnamed: Partial<Record<NodeJS.Platform, Readonly<Record<number, string>>>> = {
  linux: { 66: 'EREMOTE', 87: 'EUSERS', 96: 'EPFNOSUPPORT', 109: 'ETOOMANYREFS' },
  darwin: bsd,
  freebsd: bsd,
}

let errnoNames: Map<number, string> | undefined

function getErrnoNames(): Map<number, string> {
  if (errnoNames) return errnoNames
  errnoNames = new Map()
  for (const [number, name] of Object.entries(unnamed[process.platform] ?? {})) errnoNames.set(Number(number), name)
  for (const [number, [name]] of getSystemErrorMap()) errnoNames.set(-number, name)
  // Where two names share a number the later one wins: sendmsg(2) says EOPNOTSUPP and EAGAIN.
  for (const [name, number] of Object.entries(os.constants.errno)) {
    if (name !== 'EWOULDBLOCK' || number !== os.constants.errno.EAGAIN) errnoNames.set(number, name)
  }
  return errnoNames
}

function nameErrno(number: number): Named {
  const name = getErrnoNames().get(number)
  return name === undefined ? { code: 'UNKNOWN' } : { code: posixAliases[name] ?? name, nativeName: name }
}

function nameWinsock(number: number): Named {
  const error = findWinsockError(number)
  return error ? { code: error.code, nativeName: error.name } : { code: 'UNKNOWN' }
}

const nameNative: Partial<Record<NodeJS.Platform, (number: number) => Named>> = { win32: nameWinsock }

/** What `fromNative` takes beside the status. */
export interface NativeContext extends ErrorPlace {
  /** Overrules the table, for a meaning that depends on the socket (WSAECONNRESET as ECONNREFUSED). */
  code?: string | undefined
  sent?: number | undefined
  detail?: string | undefined
}

/**
 * The error for a status of the native backend: `-errno` on POSIX, minus Winsock's number on Windows. A number that has
 * no name gets libuv's code `UNKNOWN` and keeps its `nativeCode`.
 */
export function fromNative(
  status: number,
  syscall: string,
  where: NativeContext = {},
  platform: NodeJS.Platform = process.platform,
): SocketError {
  const nativeCode = -status
  const named = (nameNative[platform] ?? nameErrno)(nativeCode)
  const place = owned(where)
  return hideFrame(
    new SocketError({ ...named, ...place, code: place.code ?? named.code, syscall, nativeCode }),
    fromNative,
  )
}

/**
 * The error that libuv has, by its name: on Windows libuv's numbers are not Winsock's, so that there is no native one. On
 * POSIX its names are the system's.
 */
export function fromLibuv(name: LibuvErrorName, syscall: string): SocketError {
  const nativeCode = process.platform === 'win32' ? undefined : (os.constants.errno as Record<string, number>)[name]
  const nativeName = nativeCode === undefined ? undefined : name
  return hideFrame(new SocketError({ code: name, syscall, nativeCode, nativeName }), fromLibuv)
}

/** The error of a call that libuv or the system refused. */
export function fromEither(status: number | LibuvErrorName, syscall: string): SocketError {
  const error = typeof status === 'string' ? fromLibuv(status, syscall) : fromNative(status, syscall)
  return hideFrame(error, fromEither)
}

const WSAECONNRESET = 10054

/**
 * The error of sending or receiving. A connected socket whose peer has no listener gets `ECONNREFUSED` on every platform;
 * `nativeName` keeps Winsock's name.
 */
export function fromTransfer(status: number, syscall: string, connected: boolean, where: ErrorPlace = {}): SocketError {
  const refused = connected && process.platform === 'win32' && status === -WSAECONNRESET
  return hideFrame(fromNative(status, syscall, refused ? { ...where, code: 'ECONNREFUSED' } : where), fromTransfer)
}

/** What `notSupported` takes beside the field. */
export interface NotSupportedContext extends ErrorPlace {
  /** Default `'sendmsg'`. */
  syscall?: string | undefined
  /** In what case it is not supported: `'for IPv4'`, `'on a borrowed socket'`. */
  when?: string | undefined
  platform?: string | undefined
}

/** `ENOTSUP` for a field that this kernel cannot honour: `sendmsg ENOTSUP: hopLimit is not supported on darwin`. */
export function notSupported(field: string, context: NotSupportedContext = {}): SocketError {
  const { syscall = 'sendmsg', when, platform = process.platform, address, port } = owned(context)
  const detail = `${field} is not supported on ${platform}${when === undefined ? '' : ` ${when}`}`
  return hideFrame(new SocketError({ code: 'ENOTSUP', syscall, address, port, detail }), notSupported)
}

/** `ECANCELED`: the socket was closed, or its thread ended, before the operation was done. */
export function canceled(syscall: string, where: ErrorPlace & { detail?: string } = {}): SocketError {
  return hideFrame(new SocketError({ code: 'ECANCELED', syscall, ...where }), canceled)
}

/** `ENOMEM`: there is no memory for a copy of what a call leaves to be sent. */
export function outOfMemory(syscall: string): SocketError {
  return hideFrame(new SocketError({ code: 'ENOMEM', syscall }), outOfMemory)
}

/** `ETIMEDOUT`: the `timeout` option. */
export function timedOut(syscall: string, where: ErrorPlace = {}): SocketError {
  return hideFrame(new SocketError({ code: 'ETIMEDOUT', syscall, ...where }), timedOut)
}

function hideFrame(error: SocketError, caller: (...args: never[]) => unknown): SocketError {
  Error.captureStackTrace(error, caller)
  return error
}
