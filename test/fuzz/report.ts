// What a run finds, by the rule that was broken.

/** What must hold. */
export const rules = {
  settled: 'every promise is settled, every callback called, once all is closed',
  once: 'no callback is called twice',
  immediate: 'a function that waits returns a promise and throws nothing',
  lost: 'what was accepted arrives',
  refused: 'what was refused does not arrive',
  twice: 'nothing arrives twice',
  bytes: 'what arrives is what was sent, whole, also when its buffer is written to after the call is settled',
  foreign: 'nothing arrives at a socket that it was not sent to',
  order: 'datagrams of one socket to another arrive in the order of their calls',
  count: 'what a call returns is what it was given',
  progress: 'an error says how much of a message has left',
  info: 'info tells what was sent: addresses, port, size, control data',
  kept: 'received data is not changed later',
  transfer: 'received data cannot be transferred away',
  class: "errors are of Node's classes, with a code",
  name: "an error's text begins with Error",
  never: 'no error for what is no failure (EAGAIN), or for memory that the kernel cannot read (EFAULT)',
  icmp: 'on an unconnected socket, or with receiveErrors, ICMP fails no call',
  sound: 'a call that nothing is wrong with succeeds',
  getters: 'a property of a message is read once',
  events: 'events come once, and none after close',
  uncaught: 'nothing is thrown where nobody can catch it',
  rejection: 'no rejection is unhandled',
  warning: 'no warnings',
  queue: 'an idle socket has nothing queued',
  abort: 'a call whose signal has aborted is settled',
  descriptors: 'no descriptor is left open',
  exit: 'a process whose sockets are closed ends',
  crash: 'the process does not crash',
  hang: 'the process does not hang',
} as const

export type Rule = keyof typeof rules

export interface Violation {
  readonly rule: Rule
  readonly seed: number
  readonly episode: number
  /** The number of the call that was made last. */
  readonly call: number
  readonly detail: string
  /** What of the rule; one of each kind is told. */
  readonly kind: string
  /** How many there were; only the first is told. */
  count: number
}

export interface Summary {
  readonly seed: number
  calls: number
  episodes: number
  /** Datagrams accepted by a socket, and datagrams that arrived. */
  accepted: number
  arrived: number
  /** Calls that waited because there was no room. */
  waited: number
  workers: number
  violations: Violation[]
}

/** The longest detail that is kept. */
const LONGEST = 1500

export class Report {
  readonly summary: Summary
  episode = 0

  constructor(
    readonly seed: number,
    private readonly write: (line: string) => void,
    /** Told of each violation at once: the process may not live to its end. */
    private readonly found: (violation: Violation) => void,
  ) {
    this.summary = {
      seed,
      calls: 0,
      episodes: 0,
      accepted: 0,
      arrived: 0,
      waited: 0,
      workers: 0,
      violations: [],
    }
  }

  /** A call of the public interface is about to be made. */
  call(text: string): void {
    this.write(`${++this.summary.calls} ${text}`)
  }

  /** Something else that a reader of the trace wants to know. */
  note(text: string): void {
    this.write(`${this.summary.calls}   ${text}`)
  }

  violate(rule: Rule, detail: string, kind = ''): void {
    const known = this.summary.violations.find((other) => other.rule === rule && other.kind === kind)
    this.note(`BROKEN ${rule}: ${detail}`)
    if (known !== undefined) {
      known.count++
      return
    }
    const { seed, episode } = this
    const call = this.summary.calls
    const violation = { rule, seed, episode, call, kind, detail: detail.slice(0, LONGEST), count: 1 }
    this.summary.violations.push(violation)
    this.found(violation)
  }
}
