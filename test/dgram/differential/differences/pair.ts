// What a difference is told of: a pair of entries, and the script and logs they are from.
import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '../entries'
import type { Script, Step } from '../steps'

export interface Pair {
  readonly script: Script
  readonly dgram: Entry | undefined
  readonly ours: Entry | undefined
  /** All that both did in this script. */
  readonly logs: { readonly dgram: readonly Entry[]; readonly ours: readonly Entry[] }
}

/** A difference between two entries. */
export interface Differing {
  readonly name: string
  readonly reason: string
  /** Whose entry has no counterpart; `both` where they differ in their values, `rest` where all that follows differs. */
  readonly skips: 'both' | 'ours' | 'dgram' | 'rest'
  readonly needsIPv6?: true
  readonly applies: (pair: Pair) => boolean
}

/** What Node did otherwise before: ours does what the newest Node does, and is compared with that in these scripts. */
export interface NewerNode {
  readonly name: string
  readonly reason: string
  /** The first major version that does it. */
  readonly since: number
  readonly applies: (script: Script) => boolean
}

export type Call = Extract<Step, { do: 'call' }>

export const MEMBERSHIP = [
  'addMembership',
  'dropMembership',
  'addSourceSpecificMembership',
  'dropSourceSpecificMembership',
]

/** A system's or Node's error, a peer, a result: whatever comes first in an entry. */
interface First {
  code?: unknown
  message?: string
  syscall?: unknown
  address?: unknown
  port?: unknown
}

export const first = (entry: Entry | undefined): First => (entry?.values[0] as First | null | undefined) ?? {}
export const codeOf = (entry: Entry | undefined): unknown => first(entry).code
export const messageOf = (entry: Entry | undefined): string => first(entry).message ?? ''

export const uses = ({ steps }: Script, wanted: (step: Step) => boolean): boolean => steps.some(wanted)

export const calls =
  (...methods: (string | symbol)[]) =>
  (step: Step): step is Call =>
    step.do === 'call' && methods.includes(step.method)

export const isSend = calls('send', 'sendto')
const isClose = calls('close', Symbol.asyncDispose)

/** The same call of the same socket in the same state. */
export const sameCall = ({ dgram, ours }: Pair): boolean =>
  ours !== undefined && isDeepStrictEqual(callOf(dgram), callOf(ours))
const callOf = (entry: Entry | undefined): unknown[] => [entry?.step, entry?.who, entry?.name, entry?.state]

/** The same callback or event, or what has become of the same call. */
export const sameEntry = ({ dgram, ours }: Pair): boolean =>
  dgram !== undefined && isDeepStrictEqual(ours, { ...dgram, values: ours?.values })

/** What dgram did before this. */
export const before = ({ logs, dgram }: Pair): readonly Entry[] =>
  logs.dgram.slice(0, dgram === undefined ? logs.dgram.length : logs.dgram.indexOf(dgram))

/** The steps before this one that run in the same turn of the loop, or after it. */
function turnAround({ steps }: Script, index: number): { earlier: readonly Step[]; later: readonly Step[] } {
  const turns = (step: Step): boolean => step.do === 'turn' || step.do === 'settle' || step.do === 'wait'
  const end = steps.findIndex((step, other) => other > index && turns(step))
  return {
    earlier: steps.slice(steps.slice(0, index).findLastIndex(turns) + 1, index),
    later: steps.slice(index + 1, end < 0 ? steps.length : end),
  }
}

/** That the socket which this step sends on is closed by a later step, before the loop turns. */
export const isClosedInTheSameTurn = (script: Script, index: number, { socket }: Call): boolean =>
  turnAround(script, index).later.some((step) => step.do === 'abort' || (isClose(step) && step.socket === socket))

/** That the socket which this step sends on was asked to connect by an earlier one, before the loop turned. */
export const isBesideConnect = (script: Script, index: number, { socket }: Call): boolean =>
  turnAround(script, index).earlier.some((step) => calls('connect')(step) && step.socket === socket)

type Condition = (script: Script, index: number, send: Call) => boolean

/** The sends for which this holds. */
function sends(script: Script, condition: Condition): Call[] {
  return script.steps.filter((step, index): step is Call => isSend(step) && condition(script, index, step))
}

/** The callback of such a send. */
export const isCallbackOf = (script: Script, entry: Entry | undefined, condition: Condition): boolean =>
  entry?.what === 'called' &&
  sends(script, condition).some(({ args }) =>
    args.some((value) => typeof value === 'object' && (value as { name?: string } | null)?.name === entry.who),
  )

/** The arrival of a datagram from a socket with such a send, at a peer or at a socket of the script. */
export function isArrivalOf(script: Script, entry: Entry | undefined, condition: Condition): boolean {
  const from = arrivedFrom(entry)
  return from !== undefined && sends(script, condition).some(({ socket }) => [`<${socket}>`, '<port>'].includes(from))
}

/** The sender's port, where the entry is an arrival. */
export function arrivedFrom(entry: Entry | undefined): string | undefined {
  if (entry?.what === 'received') return String(first(entry).port)
  if (entry?.what === 'emitted' && entry.name === 'message') return String((entry.values[1] as First).port)
  return undefined
}
