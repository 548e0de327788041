// Values as they are compared: without what differs from run to run.
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

/** Names for the ports that the kernel chose. */
export class Ports {
  private readonly names = new Map<number, string>()
  /** The kernel gave a port that another socket of this run has or had: by its number nobody can tell whose it is. */
  ambiguous = false

  name(port: number, who: string): void {
    const name = `<${who}>`
    if ((this.names.get(port) ?? name) !== name) this.ambiguous = true
    this.names.set(port, name)
  }

  of(port: number): string | number {
    return this.names.get(port) ?? (port >= 1024 && port < 65535 ? '<port>' : port)
  }

  /** In a message: `bind EADDRINUSE 127.0.0.1:41234`. */
  inText(text: string): string {
    return text.replace(/\b\d{4,5}\b/g, (digits) => this.names.get(Number(digits)) ?? digits)
  }
}

/** The bytes of a datagram. */
export function bytes(data: Uint8Array): string {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (buffer.length > 64) {
    return `${buffer.length} bytes, ${createHash('sha1').update(buffer).digest('hex').slice(0, 8)}`
  }
  return /^[\x20-\x7e]*$/.test(buffer.toString('latin1')) ? buffer.toString('latin1') : `0x${buffer.toString('hex')}`
}

interface SystemError extends Error {
  code?: unknown
  errno?: unknown
  syscall?: unknown
  address?: unknown
  port?: unknown
}

/** Node's own errors by class, code and message; the system's by code, syscall, address and port. */
export function errorAsCompared(error: unknown, ports: Ports): unknown {
  if (!(error instanceof Error)) return { thrown: String(error) }
  const { name, message, code, errno, syscall, address, port } = error as SystemError
  if (typeof syscall === 'string') {
    return { code, errno, syscall, address, port: typeof port === 'number' ? ports.of(port) : port }
  }
  return { class: Object.getPrototypeOf(error)?.constructor?.name, name, code, message: ports.inText(message) }
}

/** A result or an argument, as plain JSON. */
export function asCompared(value: unknown, names: ReadonlyMap<unknown, string>, ports: Ports): unknown {
  if (names.has(value)) return names.get(value)
  if (value instanceof Error) return errorAsCompared(value, ports)
  if (value instanceof Promise) return '<promise>'
  if (value instanceof Uint8Array) return bytes(value)
  switch (typeof value) {
    case 'undefined':
      return '<undefined>'
    case 'function':
      return '<function>'
    case 'number':
      return Number.isFinite(value) ? value : `<${String(value)}>`
    case 'bigint':
    case 'symbol':
      return `<${String(value)}>`
    case 'object':
      if (value === null) return null
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [
          key,
          key === 'port' && typeof inner === 'number' ? ports.of(inner) : asCompared(inner, names, ports),
        ]),
      )
    default:
      return value
  }
}
