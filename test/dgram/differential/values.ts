// The values of a script that only exist while it runs: callbacks, signals, look-ups, ports, descriptors.
import type dgram from 'node:dgram'
import { BlockList } from 'node:net'
import type { Descriptors } from './descriptors'
import type { Entry } from './entries'
import { bytes, type Ports } from './normalise'
import { Blocked, Callback, Descriptor, Lookup, PortOf, Signal, type Step } from './steps'

type Answer = (error: Error | null, address: unknown, family: number) => void

/** The run that the values are for. */
export interface Run {
  record: (who: string, what: Entry['what'], name: string, values: readonly unknown[]) => void
  execute: (step: Step) => void
  nameOf: (value: unknown) => string | undefined
  portOf: (who: string) => number
}

export class Values {
  private readonly signals = new Map<string, AbortController>()
  private readonly callbacks = new Map<Callback, (...args: unknown[]) => void>()

  constructor(
    private readonly descriptors: Descriptors,
    private readonly ports: Ports,
    private readonly run: Run,
  ) {}

  resolve(value: unknown): unknown {
    if (value instanceof Callback) return this.callback(value)
    if (value instanceof PortOf) return this.run.portOf(value.who)
    if (value instanceof Signal) return this.signal(value.name, value.aborted).signal
    if (value instanceof Lookup) return this.lookup(value)
    if (value instanceof Descriptor) return this.descriptors.take(value.kind)
    if (value instanceof Blocked) {
      const list = new BlockList()
      for (const address of value.addresses) list.addAddress(address, address.includes(':') ? 'ipv6' : 'ipv4')
      return list
    }
    const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    if (!isPlain) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.resolve(inner)]))
  }

  /** The same function for the same Callback. */
  private callback(of: Callback): (...args: unknown[]) => void {
    const known = this.callbacks.get(of)
    if (known !== undefined) return known
    const made = this.newCallback(of)
    this.callbacks.set(of, made)
    return made
  }

  private newCallback({ name, then, throws }: Callback): (...args: unknown[]) => void {
    const called = (self: unknown, args: readonly unknown[]): void => {
      const compared = args.map((value) => (Buffer.isBuffer(value) ? bytes(value) : value))
      const rinfo = compared.findIndex((value) => typeof value === 'object' && value !== null && 'size' in value)
      if (rinfo >= 0) compared[rinfo] = sender(compared[rinfo], this.ports)
      // A callback's own `this` is undefined or the global object.
      this.run.record(name, 'called', this.run.nameOf(self) ?? 'no this', compared)
      for (const step of then) this.run.execute(step)
      if (throws) throw new Error(`${name} throws`)
    }
    return function (this: unknown, ...args: unknown[]) {
      called(this, args)
    }
  }

  private lookup({ when, answers }: Lookup): (...args: unknown[]) => void {
    return (...args) => {
      const [host] = args
      this.run.record('lookup', 'looked up', String(host), args.slice(1))
      const answer = args.at(-1) as Answer
      const found = answers[String(host)]
      const reply = (): void => {
        if (found instanceof Error) answer(found, undefined, 0)
        else answer(null, found ?? host, String(found ?? host).includes(':') ? 6 : 4)
      }
      if (when === 'now') reply()
      else if (when === 'tick') process.nextTick(reply)
      else setImmediate(reply)
    }
  }

  signal(name: string, aborted = false): AbortController {
    let controller = this.signals.get(name)
    if (controller === undefined) {
      controller = new AbortController()
      this.signals.set(name, controller)
    }
    if (aborted) controller.abort()
    return controller
  }
}

export function datagram(data: unknown): unknown {
  return Buffer.isBuffer(data) ? bytes(data) : `not a Buffer: ${String(data)}`
}

/** Who sent a datagram. Ours tells more of it; that is not compared. */
export function sender(info: unknown, ports: Ports): unknown {
  const { address, family, port, size } = info as dgram.RemoteInfo
  return { address, family, port: ports.of(port), size }
}
