import { InvalidArgumentError } from 'commander'
import type { ControlMessage } from '../index'

/** A parser of whole numbers in a range, decimal or 0x hexadecimal. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : NaN
    if (!(value >= min && value <= max)) {
      const range = max === Infinity ? `${min} or more` : `${min} to ${max}`
      throw new InvalidArgumentError(`It must be a whole number, ${range}.`)
    }
    return value
  }
}

/** Milliseconds; the longest that a timer of Node can wait. */
export const milliseconds = integer(0, 2 ** 31 - 1)

/** A port to bind, 0 for a free one. */
export const localPort = integer(0, 65535)

/** A port to send to. */
export const remotePort = integer(1, 65535)

/** An interface: its index if it is a number, else its name. */
export function interfaceOption(text: string): number | string {
  return /^\d+$/.test(text) ? integer(1, 2 ** 31 - 1)(text) : text
}

/** Bytes written in hexadecimal, with or without white space; undefined if they are not. */
export function hexBytes(text: string): Buffer | undefined {
  const digits = text.replace(/\s/g, '')
  return /^([\da-f]{2})*$/i.test(digits) ? Buffer.from(digits, 'hex') : undefined
}

/** Appends one `level:type:hex` to the control messages that were given before it. */
export function collectControl(text: string, before: readonly ControlMessage[] = []): ControlMessage[] {
  const [level, type, payload, ...rest] = text.split(':')
  const data = hexBytes(payload ?? '')
  if (level === undefined || type === undefined || payload === undefined || !data || rest.length > 0) {
    throw new InvalidArgumentError('It must be level:type:hex, for example 0:1:02000000.')
  }
  const number = integer(0, 2 ** 31 - 1)
  return [...before, { level: number(level), type: number(type), data }]
}

export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

/** When to send: so long after each call, or at a time of process.hrtime.bigint(). */
export interface SendTime {
  relative: boolean
  nanoseconds: bigint
}

const nanosecondsIn: Readonly<Record<string, bigint>> = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: 1_000_000_000n }

export function sendTime(text: string): SendTime {
  const match = /^(\+?)(\d{1,18})(ns|us|ms|s)?$/.exec(text)
  if (!match)
    throw new InvalidArgumentError('It must be a number of nanoseconds, or one with the unit ns, us, ms or s.')
  const nanoseconds = BigInt(match[2] ?? '0') * (nanosecondsIn[match[3] ?? 'ns'] ?? 1n)
  return { relative: match[1] === '+', nanoseconds }
}
