// A script is data: a list of steps, and the values in them that only exist while it runs.
import { inspect } from 'node:util'

/** A function that is recorded when it is called; then runs `then`, and throws if it shall. */
export class Callback {
  constructor(
    readonly name: string,
    readonly then: readonly Step[] = [],
    readonly throws = false,
  ) {}

  [inspect.custom](): string {
    const body = [...this.then.map(printStep), ...(this.throws ? ['throw'] : [])]
    return body.length === 0 ? `<${this.name}>` : `<${this.name}: ${body.join('; ')}>`
  }
}

/** The port that a socket of the script, a peer, or nobody has. */
export class PortOf {
  constructor(readonly who: string) {}

  [inspect.custom](): string {
    return `<port of ${this.who}>`
  }
}

/** One AbortSignal per name in a script. */
export class Signal {
  constructor(
    readonly name: string,
    readonly aborted = false,
  ) {}
}

/** A net.BlockList. */
export class Blocked {
  constructor(readonly addresses: readonly string[]) {}
}

/** A `lookup` function that is recorded when it is called, and answers from a table: an address, or an error's code. */
export class Lookup {
  constructor(
    readonly when: 'now' | 'tick' | 'later',
    readonly answers: Readonly<Record<string, unknown>>,
  ) {}

  [inspect.custom](): string {
    return `<lookup that answers ${this.when}>`
  }
}

/** A descriptor of this kind, that nobody else uses. */
export class Descriptor {
  constructor(readonly kind: 'udp' | 'file' | 'closed') {}
}

export type Step =
  | { do: 'create'; socket: string; options: unknown; events: readonly string[] }
  | { do: 'call'; socket: string; method: string | symbol; args: readonly unknown[] }
  | { do: 'get'; socket: string; property: string }
  | { do: 'on'; socket: string; event: string; listener: Callback; once: boolean }
  | { do: 'abort'; signal: string }
  | { do: 'soon'; how: 'tick' | 'promise'; callback: Callback }
  | { do: 'tick' }
  | { do: 'turn' }
  | { do: 'settle' }
  | { do: 'wait'; socket: string; event: string }
  | { do: 'peer sends'; peer: PeerName; to: string; data: string }
  | { do: 'peer got' }

export type PeerName = 'peer4' | 'peer6' | 'group'

export interface Script {
  readonly name: string
  readonly steps: readonly Step[]
}

export const EVENTS = ['message', 'listening', 'connect', 'close', 'error'] as const

/** With a recorder on each of these events, before any other listener. */
export const create = (socket: string, options: unknown, events: readonly string[] = EVENTS): Step => ({
  do: 'create',
  socket,
  options,
  events,
})
export const call = (socket: string, method: string | symbol, ...args: unknown[]): Step => ({
  do: 'call',
  socket,
  method,
  args,
})
export const get = (socket: string, property: string): Step => ({ do: 'get', socket, property })
export const on = (socket: string, event: string, listener: Callback): Step => ({
  do: 'on',
  socket,
  event,
  listener,
  once: false,
})
export const once = (socket: string, event: string, listener: Callback): Step => ({
  do: 'on',
  socket,
  event,
  listener,
  once: true,
})
export const abort = (signal: string): Step => ({ do: 'abort', signal })
/** Calls this in a process.nextTick, or when a promise is settled. */
export const soon = (how: 'tick' | 'promise', callback: Callback): Step => ({ do: 'soon', how, callback })
/** One process.nextTick. */
export const tick: Step = { do: 'tick' }
/** One turn of the event loop. */
export const turn: Step = { do: 'turn' }
/** Until nothing happens any more. */
export const settle: Step = { do: 'settle' }
/** Until the event, or for a second. For what other threads decide: names in the system's look-up. */
export const wait = (socket: string, event: string): Step => ({ do: 'wait', socket, event })
export const peerSends = (peer: PeerName, to: string, data: string): Step => ({ do: 'peer sends', peer, to, data })
/** Records what arrived at the peers; every script ends so. */
export const peerGot: Step = { do: 'peer got' }

export const callback = (name = 'callback', ...then: Step[]): Callback => new Callback(name, then)
export const throwing = (name = 'callback', ...then: Step[]): Callback => new Callback(name, then, true)
export const port = (who: string): PortOf => new PortOf(who)

/** Versions of Node name the symbol differently. */
export const methodName = (method: string | symbol): string =>
  method === Symbol.asyncDispose ? '[Symbol.asyncDispose]' : String(method)

const printed = (value: unknown): string =>
  inspect(value, { depth: 8, breakLength: Infinity, compact: true, maxStringLength: 60, maxArrayLength: 12 })

export function printStep(step: Step): string {
  switch (step.do) {
    case 'create':
      return `${step.socket} = createSocket(${printed(step.options)})${
        step.events === EVENTS ? '' : ` with listeners for ${printed(step.events)}`
      }`
    case 'call':
      return `${step.socket}.${methodName(step.method)}(${step.args.map(printed).join(', ')})`
    case 'get':
      return `${step.socket}.${step.property}`
    case 'on':
      return `${step.socket}.${step.once ? 'once' : 'on'}('${step.event}', ${printed(step.listener)})`
    case 'soon':
      return `in a ${step.how}: ${printed(step.callback)}`
    case 'abort':
      return `abort ${step.signal}`
    case 'wait':
      return `wait for '${step.event}' of ${step.socket}`
    case 'peer sends':
      return `${step.peer} sends '${step.data}' to ${step.to}`
    default:
      return step.do
  }
}
