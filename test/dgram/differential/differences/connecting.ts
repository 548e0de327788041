// connect, and a socket that is closed.
import { codeOf, messageOf, sameCall, type Differing } from './pair'

const NOT_RUNNING = 'ERR_SOCKET_DGRAM_NOT_RUNNING'

export const connectingDiffers: readonly Differing[] = [
  {
    name: 'a callback that is no function, to connect()',
    reason: 'ours throws ERR_INVALID_ARG_TYPE at once; dgram later, where nobody can catch it',
    skips: 'rest',
    applies: ({ dgram, ours }) =>
      ours?.what === 'threw' &&
      ours.name === 'connect' &&
      codeOf(ours) === 'ERR_INVALID_ARG_TYPE' &&
      messageOf(ours).startsWith('The "listener" argument') &&
      dgram?.step === ours.step &&
      dgram.what === 'returned',
  },
  {
    name: 'methods of a closed socket',
    reason: `where dgram fails for want of its handle, ours says ${NOT_RUNNING}`,
    skips: 'both',
    applies: (pair) =>
      sameCall(pair) &&
      pair.dgram?.what === 'threw' &&
      messageOf(pair.dgram).startsWith('Cannot read properties of null') &&
      codeOf(pair.ours) === NOT_RUNNING,
  },
  {
    name: 'connect() of a closed socket',
    reason: `ours says ${NOT_RUNNING}; dgram takes it while it would still bind, and then counts as connected`,
    skips: 'both',
    applies: (pair) =>
      sameCall(pair) &&
      pair.dgram?.name === 'connect' &&
      (pair.dgram.what === 'returned' || codeOf(pair.dgram) === 'ERR_SOCKET_DGRAM_IS_CONNECTED') &&
      codeOf(pair.ours) === NOT_RUNNING,
  },
  {
    name: 'calls after a close() that waits for bind()',
    reason: `ours drops them when it closes; dgram makes them, and ${NOT_RUNNING} is an uncaught exception`,
    skips: 'rest',
    applies: ({ dgram, ours }) =>
      dgram?.what === 'uncaught' && codeOf(dgram) === NOT_RUNNING && ours?.what === 'emitted' && ours.name === 'close',
  },
]
