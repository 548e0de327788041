import type { Test } from 'tap'

/** What a wrong call has to fail with: its class, its code, and what its message says. */
export interface Expected {
  name: string
  code: string | RegExp | undefined
  /** Names the argument that is wrong. */
  says: RegExp
}

const quote = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** An error of Node's own kind that names an argument, and then goes on with a reason. */
const naming =
  (name: string, code: string) =>
  (argument: string, reason = ''): Expected => ({
    name,
    code,
    // Not as a part of a longer name: message.data is not message.data[3].
    says: new RegExp(`(^|[^\\w.\\]])${quote(argument)}(?![\\w.[]).*${quote(reason)}`, 's'),
  })

export const wrongType = naming('TypeError', 'ERR_INVALID_ARG_TYPE')
export const wrongValue = naming('TypeError', 'ERR_INVALID_ARG_VALUE')
export const outOfRange = naming('RangeError', 'ERR_OUT_OF_RANGE')
export const badPort = naming('RangeError', 'ERR_SOCKET_BAD_PORT')
export const wrongState = naming('Error', 'ERR_INVALID_STATE')
export const socketError = (code: string | RegExp, says: RegExp): Expected => ({ name: 'SocketError', code, says })
export const notRunning: Expected = { name: 'Error', code: 'ERR_SOCKET_DGRAM_NOT_RUNNING', says: /^Not running$/ }
export const isConnected: Expected = {
  name: 'Error',
  code: 'ERR_SOCKET_DGRAM_IS_CONNECTED',
  says: /^Already connected$/,
}
export const badSocketType: Expected = {
  name: 'TypeError',
  code: 'ERR_SOCKET_BAD_TYPE',
  says: /Valid types are: udp4, udp6, raw4, raw6$/,
}
export const aborted: Expected = { name: 'AbortError', code: 'ABORT_ERR', says: /aborted/ }
/** JavaScript's own error of a revoked proxy. */
export const revoked: Expected = { name: 'TypeError', code: undefined, says: /proxy that has been revoked/ }

const classes: Record<string, ErrorConstructor> = { TypeError, RangeError, Error }

/** What is wrong with an outcome; undefined: nothing. */
function differs(form: string, error: unknown, expected: Expected): string | undefined {
  const { name, code, message } = error as { name?: string; code?: string; message?: string }
  const right =
    error instanceof (classes[expected.name] ?? Error) &&
    name === expected.name &&
    (expected.code instanceof RegExp ? expected.code.test(code ?? '') : code === expected.code) &&
    expected.says.test(message ?? '')
  return right ? undefined : `${form}: ${String(name)} ${String(code)}: ${String(message).slice(0, 300)}`
}

/** A wrong call in its forms: those that throw at once, and those that return a promise whatever is wrong. */
export interface Forms {
  throwing?: Record<string, () => unknown>
  rejecting?: Record<string, () => Promise<unknown>>
}

/** Every form of a wrong call fails as expected. Returns how many there are. */
export async function fails(
  t: Test,
  what: string,
  { throwing, rejecting }: Forms,
  expected: Expected,
): Promise<number> {
  const problems: (string | undefined)[] = []
  for (const [form, call] of Object.entries(throwing ?? {})) {
    try {
      problems.push(`${form}: taken, with ${String(call())}`)
    } catch (error) {
      problems.push(differs(form, error, expected))
    }
  }
  for (const [form, call] of Object.entries(rejecting ?? {})) {
    let promise: Promise<unknown>
    try {
      promise = call()
    } catch {
      problems.push(`${form}: threw in place of rejecting`)
      continue
    }
    try {
      problems.push(`${form}: taken, with ${String(await promise)}`)
    } catch (error) {
      problems.push(differs(form, error, expected))
    }
  }
  const found = problems.filter((problem) => problem !== undefined)
  t.equal(found.length, 0, what, found.length === 0 ? {} : { found, wanted: expected })
  return problems.length
}
