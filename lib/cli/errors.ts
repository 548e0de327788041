import { getSystemErrorMap } from 'node:util'
import { CommanderError } from 'commander'
import { SocketError } from '../index'

/** An error that the user of the command line can correct. */
export class UserError extends Error {
  override name = 'UserError'
}

interface CodedError extends Error {
  code: string
  errno?: number | undefined
  syscall?: string | undefined
}

// The codes with which the library and Node refuse bad values.
const badValueCodes = new Set([
  'ERR_BUFFER_TOO_LARGE',
  'ERR_INVALID_ADDRESS',
  'ERR_INVALID_ARG_TYPE',
  'ERR_INVALID_ARG_VALUE',
  'ERR_INVALID_IP_ADDRESS',
  'ERR_IP_BLOCKED',
  'ERR_OUT_OF_RANGE',
  'ERR_SOCKET_BAD_PORT',
  'ERR_SOCKET_BAD_TYPE',
])

function isCoded(error: unknown): error is CodedError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

/** Whether the error is of the user's input or of the system, and no defect of this program. */
export function isUserError(error: unknown): error is Error {
  if (error instanceof UserError || error instanceof SocketError) return true
  if (!isCoded(error)) return false
  return badValueCodes.has(error.code) || typeof error.syscall === 'string'
}

/** The error in one line, with the system's words for its code. */
export function describeError(error: Error): string {
  const line = error.message.replace(/\s*\n\s*/g, ' ')
  // Our own refusals say what is not supported, and where.
  if (isCoded(error) && error.code === 'ENOTSUP') return line
  const words = isCoded(error) && error.errno !== undefined ? getSystemErrorMap().get(error.errno)?.[1] : undefined
  return words === undefined || line.includes(words) ? line : `${line} (${words})`
}

/** Writes the error to stderr and returns the exit code: 2 for errors of input or system, 1 for defects of this program. */
export function reportError(error: unknown): number {
  // Commander has printed its own message, or the help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (isUserError(error)) {
    process.stderr.write(`sendmsg: ${describeError(error)}\n`)
    return 2
  }
  process.stderr.write(
    `sendmsg: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  return 1
}
