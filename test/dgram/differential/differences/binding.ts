// bind: its arguments, and what follows on one that failed.
import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '../entries'
import { before, calls, codeOf, first, messageOf, sameCall, type Differing, type Pair, uses } from './pair'

/** That bind() refused its arguments where dgram did not, or only later. */
const refusedArguments = ({ dgram, ours }: Pair, code: string): boolean =>
  ours?.what === 'threw' &&
  ours.name === 'bind' &&
  codeOf(ours) === code &&
  dgram?.step === ours.step &&
  dgram.when === 'sync' &&
  dgram.what !== 'threw'

/** That an earlier bind() of this socket threw, other than because it was bound. */
const threwBefore = (pair: Pair, who: string): boolean =>
  before(pair).some(
    (entry) =>
      entry.who === who &&
      entry.name === 'bind' &&
      entry.what === 'threw' &&
      codeOf(entry) !== 'ERR_SOCKET_ALREADY_BOUND' &&
      codeOf(entry) !== 'ERR_SOCKET_DGRAM_NOT_RUNNING',
  )

const failedBefore = (pair: Pair, who: string): boolean =>
  before(pair).some((entry) => entry.who === who && isErrorOfBind(entry))

const isErrorOfBind = (entry: Entry | undefined): boolean =>
  entry?.what === 'emitted' && entry.name === 'error' && first(entry).syscall === 'bind'

export const bindingDiffers: readonly Differing[] = [
  {
    name: 'ports that are none, to bind()',
    reason: 'ours throws ERR_SOCKET_BAD_PORT; dgram binds to what the lower 16 bits give, or to any port',
    skips: 'rest',
    applies: (pair) => refusedArguments(pair, 'ERR_SOCKET_BAD_PORT') && pair.dgram!.what !== 'looked up',
  },
  {
    name: 'an address that is no string, to bind()',
    reason: 'ERR_INVALID_ARG_TYPE names the argument "address", that of dgram "hostname"',
    skips: 'both',
    applies: (pair) =>
      sameCall(pair) &&
      pair.ours?.name === 'bind' &&
      pair.dgram?.what === 'threw' &&
      isDeepStrictEqual(pair.ours, {
        ...pair.dgram,
        values: [
          { ...first(pair.dgram), message: messageOf(pair.dgram).replace('"hostname" argument', '"address" argument') },
        ],
      }),
  },
  {
    name: 'an address that is no string, to bind() with a lookup of its own',
    reason: 'ours throws ERR_INVALID_ARG_TYPE, dgram hands it to the lookup',
    skips: 'rest',
    applies: (pair) => refusedArguments(pair, 'ERR_INVALID_ARG_TYPE') && pair.dgram!.what === 'looked up',
  },
  {
    name: 'after a bind() that threw',
    reason: 'ours is unbound, and can be bound; dgram goes on as if it were binding for ever',
    skips: 'rest',
    applies: (pair) =>
      sameCall(pair) &&
      pair.dgram?.name === 'bind' &&
      codeOf(pair.dgram) === 'ERR_SOCKET_ALREADY_BOUND' &&
      pair.ours?.what === 'returned' &&
      threwBefore(pair, pair.ours.who),
  },
  {
    name: 'a descriptor of another family, to bind()',
    reason: "ours throws ERR_INVALID_ARG_VALUE; dgram's udp6 takes an IPv4 socket",
    skips: 'rest',
    needsIPv6: true,
    applies: (pair) =>
      refusedArguments(pair, 'ERR_INVALID_ARG_VALUE') &&
      messageOf(pair.ours).startsWith("The property 'options.fd' must be a socket of type"),
  },
  {
    name: 'connect() that waited for a bind() that failed',
    reason: 'ours can connect again; dgram counts as connected for ever',
    skips: 'rest',
    applies: (pair) =>
      sameCall(pair) &&
      calls('connect')(pair.script.steps[pair.ours!.step]!) &&
      codeOf(pair.dgram) === 'ERR_SOCKET_DGRAM_IS_CONNECTED' &&
      pair.ours?.what === 'returned' &&
      failedBefore(pair, pair.ours.who),
  },
  {
    name: 'callbacks of send() and connect() that waited for a bind() that failed',
    reason: 'ours calls them with the error of bind(), dgram never calls them',
    skips: 'ours',
    applies: ({ ours }) => ours?.what === 'called' && first(ours).syscall === 'bind',
  },
  {
    name: 'close() that waited for a bind() that failed',
    reason: 'ours closes then, dgram forgets it',
    skips: 'rest',
    applies: (pair) =>
      pair.ours?.what === 'emitted' &&
      pair.ours.name === 'close' &&
      pair.dgram?.step !== pair.ours.step &&
      failedBefore(pair, pair.ours.who) &&
      before(pair).some(({ who, name, state }) => who === pair.ours?.who && name === 'close' && state === 'binding'),
  },
  {
    name: "what waited for a bind() whose 'listening' listener threw",
    reason: 'ours goes on with it; with dgram it is lost, and close() waits for ever',
    skips: 'rest',
    applies: (pair) =>
      pair.ours?.what === 'called' &&
      pair.ours.when !== 'sync' &&
      before(pair).some(({ what }) => what === 'uncaught') &&
      uses(pair.script, (step) => step.do === 'on' && step.event === 'listening'),
  },
]
