// What is recorded of a script that runs.

/** When: inside the call that made it, in the same turn of the event loop, or in a later one. */
export type When = 'sync' | 'tick' | 'later'

export interface Entry {
  /** The index of the step that was last begun. */
  readonly step: number
  readonly when: When
  /** A socket's, callback's or peer's name. */
  readonly who: string
  readonly what:
    | 'returned'
    | 'threw'
    | 'has no'
    | 'resolved'
    | 'rejected'
    | 'emitted'
    | 'called'
    | 'looked up'
    | 'uncaught'
    | 'received'
    | 'waited in vain'
    | 'published'
  readonly name: string
  readonly values: readonly unknown[]
  /** The step in whose AsyncLocalStorage a callback or listener ran. */
  readonly context?: number
  /** The socket's state when the call was made, by what was recorded until then. */
  readonly state?: State
}

export type State = 'unbound' | 'binding' | 'bound' | 'closed'

/** The log of one script, of both sides. */
export interface Pair {
  readonly name: string
  readonly dgram: readonly Entry[]
  readonly ours: readonly Entry[]
}

/** `process.stdout` of the runner is one of these in JSON. */
export interface Report {
  readonly version: string
  /** What node:dgram and its sockets have, and the other side has not. */
  readonly missing: readonly string[]
  readonly hasIPv6: boolean
  readonly pairs: readonly Pair[]
  /** Whether a process ends that has a socket, by what was done with the socket. */
  readonly exits: Readonly<Record<'dgram' | 'ours', Readonly<Record<string, string>>>>
}

export const printEntry = ({ step, when, who, what, name, values, state, context }: Entry): string =>
  `[${step} ${when}] ${who} ${name} ${what} ${values.map((value) => JSON.stringify(value)).join(', ')}${
    state === undefined ? '' : ` (${state})`
  }${context === undefined ? '' : ` in the context of step ${context}`}`
