import { inspect } from 'node:util'

// Node's own argument and state errors: its classes, codes and wording (lib/internal/errors.js), which it does not
// export. Every function here returns an error to throw, whose stack starts at its caller, and never throws itself,
// whatever the value is that it describes.

/** An error with a code, as Node's own `ERR_*` errors have it. */
export type Coded<E extends Error = Error> = E & { code: string }

type ErrorClass<E extends Error> = new (message: string) => E
type Caller = (...args: never[]) => unknown

// As Node does: `error.name` is the base's, the code shows in the stack and in toString().
function coded<E extends Error>(Base: ErrorClass<E>): ErrorClass<E> {
  class NodeError extends (Base as ErrorClass<Error>) {
    override toString(): string {
      return `${this.name} [${(this as Error & { code?: string }).code ?? ''}]: ${this.message}`
    }
  }
  Object.defineProperty(NodeError.prototype, 'constructor', {
    value: Base,
    writable: true,
    configurable: true,
    enumerable: false,
  })
  return NodeError as unknown as ErrorClass<E>
}

const NodeError = coded(Error)
const NodeTypeError = coded(TypeError)
const NodeRangeError = coded(RangeError)

function make<E extends Error>(Class: ErrorClass<E>, code: string, message: string, caller: Caller): Coded<E> {
  const error = new Class(message) as Coded<E>
  // The stack's first line is made from the name, when the stack is captured or first read.
  Object.defineProperty(error, 'name', { value: `${error.name} [${code}]`, configurable: true, enumerable: false })
  Error.captureStackTrace(error, caller)
  Reflect.get(error, 'stack')
  delete (error as { name?: string }).name
  error.code = code
  return error
}

function safely(describe: () => string, value: unknown): string {
  try {
    return describe()
  } catch {
    return `type ${typeof value}`
  }
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}...` : text
}

// A value can carry a name of any length, or have none that is text.
function nameOf(value: { name?: unknown }): string {
  return clip(String(value.name), 128)
}

// determineSpecificType of Node's lib/internal/errors.js.
function received(value: unknown): string {
  return safely(() => {
    switch (typeof value) {
      case 'undefined':
        return 'undefined'
      case 'bigint':
        return `type bigint (${clip(String(value), 128)}n)`
      case 'number':
        return `type number (${Object.is(value, -0) ? '-0' : String(value)})`
      case 'boolean':
      case 'symbol':
        return `type ${typeof value} (${clip(String(value), 128)})`
      case 'function':
        return `function ${nameOf(value)}`
      case 'string': {
        const text = value.length > 28 ? `${value.slice(0, 25)}...` : value
        return `type string (${text.includes("'") ? JSON.stringify(text) : `'${text}'`})`
      }
      case 'object': {
        if (value === null) return 'null'
        const { constructor } = value as { constructor?: { name?: unknown } }
        if (constructor && 'name' in constructor) return `an instance of ${nameOf(constructor)}`
        return clip(inspect(value, { depth: -1 }), 128)
      }
    }
  }, value)
}

function inspected(value: unknown): string {
  return safely(() => clip(inspect(value), 128), value)
}

function list(words: readonly string[], conjunction: 'and' | 'or'): string {
  if (words.length < 3) return words.join(` ${conjunction} `)
  return `${words.slice(0, -1).join(', ')}, ${conjunction} ${words.at(-1) ?? ''}`
}

const primitives = new Set([
  'string',
  'function',
  'number',
  'object',
  'Function',
  'Object',
  'boolean',
  'bigint',
  'symbol',
])

function kind(name: string): string {
  return name.includes('.') ? 'property' : 'argument'
}

function quoted(name: string): string {
  return name.endsWith(' argument') ? name : `"${name}" ${kind(name)}`
}

function oneOf(expected: readonly string[]): string {
  const types = expected.filter((name) => primitives.has(name)).map((name) => name.toLowerCase())
  const instances = expected.filter((name) => !primitives.has(name) && /^([A-Z][a-z0-9]*)+$/.test(name))
  const other = expected.filter((name) => !primitives.has(name) && !instances.includes(name))
  if (instances.length > 0 && types.includes('object')) {
    types.splice(types.indexOf('object'), 1)
    instances.push('Object')
  }
  const parts: string[] = []
  if (types.length > 0) parts.push(`${types.length > 1 ? 'one of type' : 'of type'} ${list(types, 'or')}`)
  if (instances.length > 0) parts.push(`an instance of ${list(instances, 'or')}`)
  if (other.length > 1) parts.push(`one of ${list(other, 'or')}`)
  else if (other[0] !== undefined) parts.push(other[0].toLowerCase() === other[0] ? other[0] : `an ${other[0]}`)
  return parts.join(' or ')
}

/**
 * TypeError `ERR_INVALID_ARG_TYPE`. A name with a dot is called a property.
 *
 * @param expected what is allowed: types (`'number'`), classes (`'Uint8Array'`), other words (`'an integer'`)
 */
export function invalidArgType(name: string, expected: string | readonly string[], actual: unknown): Coded<TypeError> {
  const allowed = oneOf(typeof expected === 'string' ? [expected] : expected)
  const message = `The ${quoted(name)} must be ${allowed}. Received ${received(actual)}`
  return make(NodeTypeError, 'ERR_INVALID_ARG_TYPE', message, invalidArgType)
}

/** TypeError `ERR_INVALID_ARG_VALUE`. */
export function invalidArgValue(name: string, value: unknown, reason = 'is invalid'): Coded<TypeError> {
  const message = `The ${kind(name)} '${name}' ${reason}. Received ${inspected(value)}`
  return make(NodeTypeError, 'ERR_INVALID_ARG_VALUE', message, invalidArgValue)
}

// 4294967297 is printed 4_294_967_297.
function separated(digits: string): string {
  return /^-?\d+$/.test(digits) ? digits.replace(/\d(?=(\d{3})+$)/g, '$&_') : digits
}

function receivedNumber(value: unknown): string {
  if (typeof value === 'bigint') {
    const large = value > 2n ** 32n || value < -(2n ** 32n)
    return clip(`${large ? separated(clip(String(value), 128)) : String(value)}n`, 192)
  }
  if (Number.isInteger(value) && Math.abs(value as number) > 2 ** 32) return separated(String(value))
  return inspected(value)
}

/** RangeError `ERR_OUT_OF_RANGE`. `range` is put as in `'>= 0 and <= 255'`. */
export function outOfRange(name: string, range: string, value: unknown): Coded<RangeError> {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${safely(() => receivedNumber(value), value)}`
  return make(NodeRangeError, 'ERR_OUT_OF_RANGE', message, outOfRange)
}

/** RangeError `ERR_SOCKET_BAD_PORT`, for a port of any wrong type or value. dgram's own `name` is `'Port'`. */
export function badPort(name: string, value: unknown, allowZero = true): Coded<RangeError> {
  const message = `${name} should be ${allowZero ? '>=' : '>'} 0 and < 65536. Received ${received(value)}.`
  return make(NodeRangeError, 'ERR_SOCKET_BAD_PORT', message, badPort)
}

/** Error `ERR_INVALID_STATE`. */
export function invalidState(message: string): Coded {
  return make(NodeError, 'ERR_INVALID_STATE', `Invalid state: ${message}`, invalidState)
}

/** RangeError `ERR_BUFFER_OUT_OF_BOUNDS`; dgram names `'offset'` or `'length'`. */
export function bufferOutOfBounds(name?: string): Coded<RangeError> {
  const message =
    name === undefined ? 'Attempt to access memory outside buffer bounds' : `"${name}" is outside of buffer bounds`
  return make(NodeRangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', message, bufferOutOfBounds)
}

/** TypeError `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM`. */
export function featureUnavailable(feature: string): Coded<TypeError> {
  const message = `The feature ${feature} is unavailable on the current platform, which is being used to run Node.js`
  return make(NodeTypeError, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', message, featureUnavailable)
}

/** Error `ERR_SOCKET_ALREADY_BOUND`. */
export function alreadyBound(): Coded {
  return make(NodeError, 'ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound', alreadyBound)
}

/** Error `ERR_SOCKET_DGRAM_NOT_RUNNING`: the socket is closed. */
export function notRunning(): Coded {
  return make(NodeError, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running', notRunning)
}

/** Error `ERR_SOCKET_DGRAM_NOT_CONNECTED`. */
export function notConnected(): Coded {
  return make(NodeError, 'ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected', notConnected)
}

/** Error `ERR_SOCKET_DGRAM_IS_CONNECTED`. */
export function isConnected(): Coded {
  return make(NodeError, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected', isConnected)
}

/** TypeError `ERR_SOCKET_BAD_TYPE`, naming the types that are valid here. */
export function badSocketType(types: readonly string[] = ['udp4', 'udp6', 'raw4', 'raw6']): Coded<TypeError> {
  const message = `Bad socket type specified. Valid types are: ${types.join(', ')}`
  return make(NodeTypeError, 'ERR_SOCKET_BAD_TYPE', message, badSocketType)
}

/** TypeError `ERR_MISSING_ARGS`. */
export function missingArgs(name: string): Coded<TypeError> {
  return make(NodeTypeError, 'ERR_MISSING_ARGS', `The "${name}" argument must be specified`, missingArgs)
}

/** TypeError `ERR_INVALID_FD_TYPE`: a descriptor of another kind. */
export function invalidFdType(type: string): Coded<TypeError> {
  return make(NodeTypeError, 'ERR_INVALID_FD_TYPE', `Unsupported fd type: ${type}`, invalidFdType)
}

/** Error `ERR_IP_BLOCKED`: a `net.BlockList` has the address. */
export function ipBlocked(address: string): Coded {
  return make(NodeError, 'ERR_IP_BLOCKED', `IP(${address}) is blocked by net.BlockList`, ipBlocked)
}

class SystemError extends Error {
  override readonly name = 'SystemError'
}

/** SystemError `ERR_SOCKET_BUFFER_SIZE`, of getting or setting SO_RCVBUF or SO_SNDBUF; `syscall` is libuv's name for it. */
export function bufferSizeError(syscall: string, code: string, errno: number | undefined): Coded {
  const message = `Could not get or set buffer size: ${syscall} returned ${code}`
  const error = new SystemError(message)
  Error.captureStackTrace(error, bufferSizeError)
  return Object.assign(error, { code: 'ERR_SOCKET_BUFFER_SIZE', info: { code, errno, syscall }, errno, syscall })
}

/** TypeError `ERR_SOCKET_BAD_BUFFER_SIZE`. */
export function badBufferSize(): Coded<TypeError> {
  return make(NodeTypeError, 'ERR_SOCKET_BAD_BUFFER_SIZE', 'Buffer size must be a positive integer', badBufferSize)
}

class AbortError extends Error {
  readonly code = 'ABORT_ERR'
  override readonly name = 'AbortError'
}

/** Node's AbortError: code `ABORT_ERR`, and the signal's `reason` as its `cause`. */
export function abortError(reason?: unknown): Coded {
  const error = new AbortError('The operation was aborted', reason === undefined ? undefined : { cause: reason })
  Error.captureStackTrace(error, abortError)
  return error
}
