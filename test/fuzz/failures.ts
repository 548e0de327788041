// Which errors may come out of the package.
import { SocketError } from 'sendmsg'
import type { Report } from './report'

/** What the fuzzer's own code throws. */
export class OwnError extends Error {
  readonly code = 'OWN'
}

/** Codes that no program should ever see from here. */
const NEVER = new Set(['EAGAIN', 'EWOULDBLOCK', 'EFAULT', 'EINTR', 'UNKNOWN', 'EINPROGRESS', 'EALREADY'])
/** What ICMP tells of earlier datagrams. */
export const ICMP = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EPROTO', 'EHOSTDOWN'])

const TYPE_ERRORS = new Set([
  ...[
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_VALUE',
    'ERR_SOCKET_BAD_TYPE',
    'ERR_MISSING_ARGS',
    'ERR_INVALID_FD_TYPE',
  ],
  ...['ERR_SOCKET_BAD_BUFFER_SIZE', 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'],
])
const RANGE_ERRORS = new Set(['ERR_OUT_OF_RANGE', 'ERR_SOCKET_BAD_PORT', 'ERR_BUFFER_OUT_OF_BOUNDS'])

export const codeOf = (error: unknown): string | undefined => {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** A proxy that was revoked, or that answers what it may not, makes every reader throw. */
const isProxys = (error: unknown): boolean => error instanceof TypeError && /proxy/i.test(error.message)

function classOf(code: string): abstract new (...args: never[]) => Error {
  if (TYPE_ERRORS.has(code)) return TypeError
  if (RANGE_ERRORS.has(code)) return RangeError
  return Error
}

/** Looks at what a call threw, rejected with or told its callback. */
export function inspect(error: unknown, call: string, report: Report): void {
  if (error instanceof OwnError || isProxys(error)) return
  const told = (): string => `${call}: ${error instanceof Error ? String(error.stack) : String(error)}`
  const code = codeOf(error)
  if (!(error instanceof Error) || code === undefined) {
    report.violate('class', `no code: ${told()}`, told().split(/\n\s+at /)[1])
    return
  }
  if (NEVER.has(code)) report.violate('never', told(), code)
  if (!(error instanceof classOf(code))) report.violate('class', `of another class: ${told()}`, code)
  const isSystems = !code.startsWith('ERR_') && /^E[A-Z0-9_]+$/.test(code) && 'syscall' in error
  const ofLookup = isSystems && error.syscall === 'getaddrinfo'
  if (isSystems && !ofLookup && !(error instanceof SocketError)) {
    report.violate('class', `a system error that is no SocketError: ${told()}`, code)
  }
  if (!isSystems && !code.startsWith('ERR_') && code !== 'ABORT_ERR')
    report.violate('class', `of no known code: ${told()}`, code)
  if (error instanceof SocketError && !String(error).startsWith('Error: ')) {
    report.violate('name', `${String(error)}, of ${call}`)
  }
}
