// createSocket, and a socket before it is bound.
import { isDeepStrictEqual } from 'node:util'
import { codeOf, first, messageOf, sameCall, type Differing, type Pair } from './pair'

/** What dgram refuses with EBADF while it has no descriptor. */
const NEED_DESCRIPTOR = [
  'address',
  'setBroadcast',
  'setTTL',
  'setMulticastTTL',
  'setMulticastLoopback',
  'setMulticastInterface',
]
const NEED_BUFFERS = ['getRecvBufferSize', 'getSendBufferSize', 'setRecvBufferSize', 'setSendBufferSize']

const beforeBind = (pair: Pair, methods: readonly string[], code: string): boolean =>
  sameCall(pair) &&
  (pair.dgram?.state === 'unbound' || pair.dgram?.state === 'binding') &&
  methods.includes(pair.dgram.name) &&
  pair.dgram.what === 'threw' &&
  codeOf(pair.dgram) === code

const bothThrew = (pair: Pair, method: string): boolean =>
  sameCall(pair) && pair.ours?.name === method && pair.dgram?.what === 'threw' && pair.ours.what === 'threw'

export const creatingDiffers: readonly Differing[] = [
  {
    name: 'valid types',
    reason: "ours has raw sockets, too, and its ERR_SOCKET_BAD_TYPE names 'raw4' and 'raw6'",
    skips: 'both',
    applies: (pair) =>
      bothThrew(pair, 'createSocket') &&
      codeOf(pair.dgram) === 'ERR_SOCKET_BAD_TYPE' &&
      isDeepStrictEqual(pair.ours?.values, [
        { ...(pair.dgram?.values[0] as object), message: `${messageOf(pair.dgram)}, raw4, raw6` },
      ]),
  },
  {
    name: 'ipv6Only on udp4',
    reason: 'ours refuses it at once; dgram takes it, and bind fails with EINVAL',
    skips: 'rest',
    applies: ({ script, dgram, ours }) => {
      const step = ours === undefined ? undefined : script.steps[ours.step]
      return (
        step?.do === 'create' &&
        (step.options as { type?: unknown } | undefined)?.type === 'udp4' &&
        dgram?.step === ours?.step &&
        dgram?.what === 'published' &&
        ours?.what === 'threw' &&
        messageOf(ours).startsWith("The property 'options.ipv6Only' is for IPv6 sockets")
      )
    },
  },
  {
    name: 'a signal that is none',
    reason: 'dgram fails somewhere inside, with a TypeError without a code; ours is ERR_INVALID_ARG_TYPE',
    skips: 'both',
    applies: (pair) =>
      bothThrew(pair, 'createSocket') &&
      messageOf(pair.dgram) === 'signal.addEventListener is not a function' &&
      codeOf(pair.ours) === 'ERR_INVALID_ARG_TYPE' &&
      messageOf(pair.ours).startsWith('The "options.signal" property must be an instance of AbortSignal'),
  },
  {
    name: 'options before bind()',
    reason: 'dgram has no descriptor until it is bound, and fails with EBADF; ours opens one',
    skips: 'both',
    applies: (pair) =>
      beforeBind(pair, NEED_DESCRIPTOR, 'EBADF') &&
      (pair.ours?.what === 'returned' ||
        // The system's own answer, of a socket that is open.
        (first(pair.ours).syscall === pair.ours?.name && codeOf(pair.ours) !== 'EBADF')),
  },
  {
    name: 'buffer sizes before bind()',
    reason: 'as above; dgram reports it as ERR_SOCKET_BUFFER_SIZE',
    skips: 'both',
    applies: (pair) => beforeBind(pair, NEED_BUFFERS, 'ERR_SOCKET_BUFFER_SIZE') && pair.ours?.what === 'returned',
  },
]
