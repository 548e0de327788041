/** What a scenario says of itself. */
interface Scenario {
  /** The step that fails. */
  readonly tells?: string
  /** The step that fails when the socket could not be opened and bound; the other one may be told of it, too. */
  readonly tellsOpening?: string
  /** The step that fails when it could not be sent. */
  readonly tellsSending?: string
  /** System calls that are made to fail; all that there are errors for, unless it is given. */
  readonly only?: RegExp
  /** A rule of strace that holds in all its cases. */
  readonly base?: string
  /** It takes over a descriptor. */
  readonly adopts?: boolean
  /** What it does is done in a thread that it starts. */
  readonly follows?: boolean
  /** In a process where nothing was asked for before. */
  readonly fresh?: boolean
}

declare const scenarios: Readonly<Record<string, Scenario>>
export = scenarios
