// createSocket: its types, options and their errors.
import { inspect } from 'node:util'
import {
  abort,
  Blocked,
  call,
  callback,
  create,
  get,
  Lookup,
  peerSends,
  settle,
  Signal,
  tick,
  type Script,
} from '../steps'

const types = ['udp4', 'udp6', 'udp', 'raw4x', '', undefined, null, 4, true, {}, [], { type: 'tcp' }, { type: null }]
const sizes = [0, 1, 8192, 2 ** 32, -1, 1.5, '8192', NaN, null, {}, true]
const flags = [true, false, undefined, null, 0, 1, 'yes']

export const createScripts: Script[] = [
  ...types.map((type) => ({
    name: `createSocket(${JSON.stringify(type) ?? 'undefined'})`,
    steps: [create('a', type), get('a', 'type')],
  })),
  ...['listener', 42, null, {}].map((listener) => ({
    name: `createSocket with a listener that is ${JSON.stringify(listener)}`,
    steps: [create('a', { type: 'udp4', listener }), call('a', 'bind'), settle],
  })),
  ...['recvBufferSize', 'sendBufferSize'].flatMap((option) =>
    sizes.map((size) => ({
      name: `${option}: ${inspect(size)}`,
      steps: [
        create('a', { type: 'udp4', [option]: size }),
        call('a', 'bind', 0, '127.0.0.1'),
        settle,
        call('a', 'getRecvBufferSize'),
        call('a', 'getSendBufferSize'),
      ],
    })),
  ),
  ...['reuseAddr', 'ipv6Only'].flatMap((option) =>
    flags.map((flag) => ({
      name: `${option}: ${JSON.stringify(flag) ?? 'undefined'}`,
      steps: [
        create('a', { type: 'udp6', [option]: flag }),
        call('a', 'bind', callback()),
        settle,
        call('a', 'address'),
        peerSends('peer4', 'a', 'four'),
        peerSends('peer6', 'a', 'six'),
      ],
    })),
  ),
  ...flags.map((flag) => ({
    name: `ipv6Only: ${JSON.stringify(flag) ?? 'undefined'} on udp4`,
    steps: [create('a', { type: 'udp4', ipv6Only: flag }), call('a', 'bind', 0, '127.0.0.1'), settle],
  })),
  ...[null, 42, 'lookup', {}].map((lookup) => ({
    name: `lookup: ${JSON.stringify(lookup)}`,
    steps: [create('a', { type: 'udp4', lookup }), call('a', 'bind', 0, '127.0.0.1'), settle],
  })),
  ...[null, 42, {}, { aborted: false }].map((signal) => ({
    name: `signal: ${JSON.stringify(signal)}`,
    steps: [create('a', { type: 'udp4', signal }), call('a', 'bind', 0, '127.0.0.1'), settle],
  })),
  ...[null, 42, {}, [], false].flatMap((list) =>
    ['receiveBlockList', 'sendBlockList'].map((option) => ({
      name: `${option}: ${JSON.stringify(list)}`,
      steps: [create('a', { type: 'udp4', [option]: list }), call('a', 'bind', 0, '127.0.0.1'), settle],
    })),
  ),
  {
    name: 'two errors in the options: which comes first',
    steps: [
      create('a', { type: 'none', recvBufferSize: -1 }),
      create('b', { type: 'udp4', recvBufferSize: -1, lookup: 1 }),
      create('c', { type: 'none', lookup: 1 }),
      create('d', { type: 'udp4', lookup: 1, signal: 1 }),
    ],
  },
  {
    name: 'signal aborted before the socket',
    steps: [
      create('a', { type: 'udp4', signal: new Signal('s', true) }),
      tick,
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
    ],
  },
  {
    name: 'signal aborts before bind',
    steps: [create('a', { type: 'udp4', signal: new Signal('s') }), abort('s'), call('a', 'bind'), settle],
  },
  {
    name: 'signal aborts while binding',
    steps: [create('a', { type: 'udp4', signal: new Signal('s') }), call('a', 'bind', callback()), abort('s'), settle],
  },
  {
    name: 'signal aborts a bound socket, twice',
    steps: [
      create('a', { type: 'udp4', signal: new Signal('s') }),
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
      abort('s'),
      abort('s'),
      settle,
      call('a', 'address'),
    ],
  },
  {
    name: 'signal aborts after close',
    steps: [
      create('a', { type: 'udp4', signal: new Signal('s') }),
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
      call('a', 'close'),
      abort('s'),
      settle,
    ],
  },
  {
    name: 'signal of two sockets',
    steps: [
      create('a', { type: 'udp4', signal: new Signal('s') }),
      create('b', { type: 'udp4', signal: new Signal('s') }),
      call('a', 'bind', 0, '127.0.0.1'),
      abort('s'),
      settle,
    ],
  },
  {
    name: 'options that are inherited or unknown',
    steps: [
      create('a', { type: 'udp4', unknown: 1, lookup: new Lookup('tick', {}), reuseAddr: true }),
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
    ],
  },
  {
    name: 'both block lists',
    steps: [
      create('a', { type: 'udp4', receiveBlockList: new Blocked([]), sendBlockList: new Blocked([]) }),
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
      peerSends('peer4', 'a', 'in'),
    ],
  },
]
