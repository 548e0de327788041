// Membership and the interface of multicast.
import type { Step } from '../steps'
import { before, calls, codeOf, first, MEMBERSHIP, messageOf, sameCall, type Differing, type Pair } from './pair'

/** That this socket was to join or leave a group before it was bound. */
const joinedBefore = (pair: Pair): boolean =>
  before(pair).some(
    ({ who, name, state }) =>
      who === pair.ours?.who && MEMBERSHIP.includes(name) && (state === 'unbound' || state === 'binding'),
  )

/** A method of multicast that both refuse, each with its own error. */
const bothRefuse = (pair: Pair, dgram: string, ours: string): boolean =>
  sameCall(pair) &&
  [...MEMBERSHIP, 'setMulticastInterface'].includes(pair.ours!.name) &&
  pair.dgram?.what === 'threw' &&
  codeOf(pair.dgram) === dgram &&
  codeOf(pair.ours) === ours

const namesNothing = (step: Step): boolean =>
  calls(...MEMBERSHIP, 'setMulticastInterface')(step) && step.args.some((value) => String(value).endsWith('%nothing'))

export const multicastDiffers: readonly Differing[] = [
  {
    name: 'bind() after a membership',
    reason: 'joining or leaving a group binds a socket of dgram, and bind() then fails with EINVAL; ours it does not',
    skips: 'rest',
    applies: (pair) =>
      (pair.dgram?.what === 'emitted' || pair.dgram?.what === 'threw') &&
      codeOf(pair.dgram) === 'EINVAL' &&
      first(pair.dgram).syscall === 'bind' &&
      pair.dgram.who === pair.ours?.who &&
      ((pair.ours.what === 'emitted' && pair.ours.name === 'listening') || pair.ours.what === 'returned') &&
      joinedBefore(pair),
  },
  {
    name: 'address() after a membership',
    reason: 'as above: dgram has a port, ours has none yet',
    skips: 'both',
    applies: (pair) =>
      sameCall(pair) &&
      pair.dgram?.name === 'address' &&
      first(pair.dgram).port === '<port>' &&
      first(pair.ours).port === 0 &&
      joinedBefore(pair),
  },
  {
    name: 'arguments of memberships that are no strings',
    reason: 'ours throws ERR_INVALID_ARG_TYPE, dgram gets EINVAL for them',
    skips: 'both',
    applies: (pair) =>
      bothRefuse(pair, 'EINVAL', 'ERR_INVALID_ARG_TYPE') &&
      /^The "multicast(Address|Interface)" argument must be of type string/.test(messageOf(pair.ours)),
  },
  {
    name: 'IPv6 multicast on udp4',
    reason: 'ours says EINVAL on all platforms, dgram ENOPROTOOPT on Linux',
    skips: 'both',
    applies: (pair) => bothRefuse(pair, 'ENOPROTOOPT', 'EINVAL'),
  },
  {
    name: 'an interface that is not there',
    reason: 'ours says EINVAL; dgram takes a name that it does not find for no interface',
    skips: 'both',
    needsIPv6: true,
    applies: (pair) =>
      sameCall(pair) &&
      codeOf(pair.ours) === 'EINVAL' &&
      first(pair.ours).syscall === pair.ours?.name &&
      namesNothing(pair.script.steps[pair.ours!.step]!),
  },
]
