// send: ours sends to an IP address at once, dgram in the next tick, after a look-up that finds it to be one. And who
// sent what arrives.
import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '../entries'
import type { Script, Step } from '../steps'
import {
  arrivedFrom,
  calls,
  codeOf,
  first,
  isArrivalOf,
  isBesideConnect,
  isCallbackOf,
  isClosedInTheSameTurn,
  isSend,
  messageOf,
  sameCall,
  sameEntry,
  uses,
  type Call,
  type Differing,
  type Pair,
} from './pair'

/** Linux takes 1024 in one sendmsg(2). */
const MOST_BUFFERS = 1024

const hasManyBuffers = (_script: Script, _index: number, { args }: Call): boolean =>
  Array.isArray(args[0]) && args[0].length > MOST_BUFFERS

function isDualStack(step: Step): boolean {
  if (step.do !== 'create') return false
  const { type, ipv6Only } = (step.options ?? {}) as { type?: unknown; ipv6Only?: unknown }
  return step.options === 'udp6' || (type === 'udp6' && !ipv6Only)
}

const isIPv6Only = (step: Step): boolean =>
  step.do === 'create' && Boolean((step.options as { ipv6Only?: unknown } | undefined)?.ipv6Only)

/** What arrived next to this, where it did. */
function arrivals(log: readonly Entry[], entry: Entry): readonly Entry[] {
  const apart = (other: Entry): boolean =>
    arrivedFrom(other) === undefined ||
    other.step !== entry.step ||
    other.when !== entry.when ||
    // A socket has an order of its own; the peers share one.
    (other.what === 'emitted' ? other.who : '') !== (entry.what === 'emitted' ? entry.who : '')
  const index = log.indexOf(entry)
  const end = log.findIndex((other, at) => at > index && apart(other))
  return log.slice(log.slice(0, index).findLastIndex(apart) + 1, end < 0 ? log.length : end)
}

/** In another order, but that of each sender's own. */
function isReordered({ dgram, ours, logs }: Pair): boolean {
  if (arrivedFrom(dgram) === undefined || arrivedFrom(ours) === undefined) return false
  const bySender = (entries: readonly Entry[]): readonly Entry[] =>
    entries.toSorted((a, b) => arrivedFrom(a)!.localeCompare(arrivedFrom(b)!))
  return isDeepStrictEqual(bySender(arrivals(logs.dgram, dgram!)), bySender(arrivals(logs.ours, ours!)))
}

function unmapped(value: unknown): unknown {
  const { address } = (value ?? {}) as { address?: unknown }
  if (typeof address !== 'string' || !address.startsWith('::ffff:')) return value
  return { ...(value as object), address: address.slice('::ffff:'.length), family: 'IPv4' }
}

/** The callback of a send that close() overtook. */
const isCanceled = (entry: Entry | undefined): boolean =>
  entry?.what === 'called' && codeOf(entry) === 'ECANCELED' && first(entry).syscall === 'send'

export const sendingDiffers: readonly Differing[] = [
  {
    name: 'send() whose look-up close() overtakes: the callback',
    reason: 'ours calls it with ECANCELED, dgram never calls it',
    skips: 'ours',
    applies: ({ ours }) => isCanceled(ours),
  },
  {
    name: 'send() whose look-up close() overtakes: what the callback throws',
    reason: 'as above',
    skips: 'ours',
    applies: ({ ours, logs }) =>
      ours?.what === 'uncaught' &&
      logs.ours.some((entry) => isCanceled(entry) && messageOf(ours) === `${entry.who} throws`),
  },
  {
    name: 'send() and close() in the same turn: the callback',
    reason: 'dgram loses the datagram and never calls back; ours has sent it',
    skips: 'ours',
    applies: ({ script, ours }) => isCallbackOf(script, ours, isClosedInTheSameTurn),
  },
  {
    name: 'send() and close() in the same turn: the datagram',
    reason: 'as above',
    skips: 'ours',
    applies: ({ script, ours }) => isArrivalOf(script, ours, isClosedInTheSameTurn),
  },
  {
    name: 'send() beside connect(): the callback',
    reason: 'ours has sent before the socket is connected; dgram tries after that, and fails with EISCONN',
    skips: 'both',
    applies: (pair) =>
      sameEntry(pair) &&
      isCallbackOf(pair.script, pair.ours, isBesideConnect) &&
      codeOf(pair.dgram) === 'EISCONN' &&
      pair.ours?.values[0] === null,
  },
  {
    name: 'send() beside connect(): the datagram',
    reason: 'as above',
    skips: 'ours',
    applies: ({ script, ours }) => isArrivalOf(script, ours, isBesideConnect),
  },
  {
    name: 'send() after disconnect(): the port',
    reason: 'disconnect() gives up a port that bind() did not name, and send() gets a new one; dgram in the next tick',
    skips: 'both',
    applies: (pair) =>
      sameCall(pair) &&
      pair.dgram?.name === 'address' &&
      first(pair.dgram).port === 0 &&
      first(pair.ours).port === '<port>' &&
      pair.script.steps
        .slice(0, pair.dgram.step)
        .some((step) => calls('disconnect')(step) && step.socket === pair.dgram?.who) &&
      pair.script.steps.slice(0, pair.dgram.step).some((step) => isSend(step) && step.socket === pair.dgram?.who),
  },
  {
    name: 'the order of datagrams of several senders',
    reason: 'what ours sends at once comes before what dgram sends in the same turn',
    skips: 'both',
    applies: isReordered,
  },
  {
    name: 'more than 1024 buffers: the callback',
    reason: 'dgram fails with EMSGSIZE, ours sends them',
    skips: 'both',
    applies: (pair) =>
      sameEntry(pair) &&
      isCallbackOf(pair.script, pair.ours, hasManyBuffers) &&
      codeOf(pair.dgram) === 'EMSGSIZE' &&
      pair.ours?.values[0] === null,
  },
  {
    name: 'more than 1024 buffers: the datagram',
    reason: 'as above',
    skips: 'ours',
    applies: ({ script, ours }) => isArrivalOf(script, ours, hasManyBuffers),
  },
  {
    name: 'IPv4 peers of a dual-stack socket',
    reason: "dgram shows '::ffff:127.0.0.1', ours '127.0.0.1', as IPv4",
    skips: 'both',
    needsIPv6: true,
    applies: ({ script, dgram, ours }) =>
      uses(script, isDualStack) &&
      dgram !== undefined &&
      isDeepStrictEqual(ours, { ...dgram, values: dgram.values.map(unmapped) }),
  },
  {
    name: 'IPv4 addresses given to a dual-stack socket',
    reason: "dgram's bind, connect and send fail with EINVAL, ours does what is meant",
    skips: 'rest',
    needsIPv6: true,
    applies: ({ script, dgram, ours }) =>
      uses(script, isDualStack) &&
      (dgram?.what === 'emitted' || dgram?.what === 'called') &&
      codeOf(dgram) === 'EINVAL' &&
      first(dgram).address === '127.0.0.1' &&
      ours?.step === dgram.step &&
      codeOf(ours) === undefined,
  },
  {
    name: 'an IPv4-mapped address on an ipv6Only socket',
    reason: 'ours refuses it with EINVAL, as any address that is not of its family; dgram gets ENETUNREACH',
    skips: 'both',
    needsIPv6: true,
    applies: (pair) =>
      uses(pair.script, isIPv6Only) &&
      sameEntry(pair) &&
      pair.ours?.what === 'called' &&
      codeOf(pair.dgram) === 'ENETUNREACH' &&
      codeOf(pair.ours) === 'EINVAL' &&
      String(first(pair.ours).address).startsWith('::ffff:'),
  },
]
