// From creation to close: what each method does at each stage, and listeners that interfere.
import {
  call,
  callback,
  create,
  methodName,
  on,
  once,
  peerSends,
  port,
  settle,
  soon,
  throwing,
  tick,
  turn,
  type Script,
  type Step,
} from '../steps'

const peer = port('peer4')
const bound = (socket: string): Step[] => [create(socket, 'udp4'), call(socket, 'bind', 0, '127.0.0.1'), settle]

/** A valid call of each method. */
export const methods: Step[] = [
  call('a', 'address'),
  call('a', 'remoteAddress'),
  call('a', 'bind', 0, '127.0.0.1', callback('bound')),
  call('a', 'connect', peer, callback('connected')),
  call('a', 'disconnect'),
  call('a', 'send', 'x', peer, callback('sent')),
  call('a', 'sendto', 'x', 0, 1, peer, '127.0.0.1', callback('sent')),
  call('a', 'close', callback('closed')),
  call('a', 'ref'),
  call('a', 'unref'),
  call('a', 'setBroadcast', true),
  call('a', 'setTTL', 64),
  call('a', 'setMulticastTTL', 64),
  call('a', 'setMulticastLoopback', true),
  call('a', 'setMulticastInterface', '127.0.0.1'),
  call('a', 'addMembership', '239.255.77.2', '127.0.0.1'),
  call('a', 'dropMembership', '239.255.77.2', '127.0.0.1'),
  call('a', 'addSourceSpecificMembership', '127.0.0.1', '232.1.1.1', '127.0.0.1'),
  call('a', 'dropSourceSpecificMembership', '127.0.0.1', '232.1.1.1', '127.0.0.1'),
  call('a', 'getRecvBufferSize'),
  call('a', 'getSendBufferSize'),
  call('a', 'setRecvBufferSize', 8192),
  call('a', 'setSendBufferSize', 8192),
  call('a', 'getSendQueueSize'),
  call('a', 'getSendQueueCount'),
  call('a', Symbol.asyncDispose),
]

const named = (step: Step): string => (step.do === 'call' ? methodName(step.method) : step.do)

export const lifeScripts: Script[] = [
  ...methods.map((step) => ({
    name: `${named(step)} of a new socket`,
    steps: [create('a', 'udp4'), step, settle, call('a', 'bind', 0, '127.0.0.1', callback('later')), settle],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} while binding`,
    steps: [create('a', 'udp4'), call('a', 'bind', 0, '127.0.0.1', callback('bound')), step, settle, step, settle],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} of a bound socket, twice`,
    steps: [...bound('a'), step, settle, step, settle],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} of a connected socket`,
    steps: [...bound('a'), call('a', 'connect', peer), settle, step, settle],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} of a closed socket`,
    steps: [...bound('a'), call('a', 'close'), step, settle, step, settle],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} of a socket closed before it was bound`,
    steps: [create('a', 'udp4'), call('a', 'close'), step, settle],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} in 'listening'`,
    steps: [
      create('a', 'udp4'),
      once('a', 'listening', callback('listener', step)),
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
    ],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} in 'close'`,
    steps: [...bound('a'), once('a', 'close', callback('listener', step)), call('a', 'close'), settle],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} in 'message'`,
    steps: [
      ...bound('a'),
      once('a', 'message', callback('listener', step)),
      peerSends('peer4', 'a', '1'),
      peerSends('peer4', 'a', '2'),
      settle,
    ],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} in 'error' of bind`,
    steps: [
      create('a', 'udp4'),
      once('a', 'error', callback('listener', step)),
      call('a', 'bind', peer, '127.0.0.1', callback('not bound')),
      settle,
    ],
  })),
  ...methods.map((step) => ({
    name: `${named(step)} in the callback of send`,
    steps: [...bound('a'), call('a', 'send', 'first', peer, callback('listener', step)), settle],
  })),
  ...['listening', 'close', 'connect'].map((event) => ({
    name: `a listener of '${event}' throws`,
    steps: [
      create('a', 'udp4', ['message', 'error', 'close']),
      on('a', event, throwing('first')),
      on('a', event, callback('second')),
      call('a', 'connect', peer, callback('connected')),
      settle,
      call('a', 'send', 'x', callback('sent')),
      settle,
    ],
  })),
  {
    name: "a listener of 'message' throws",
    steps: [
      ...bound('a'),
      on('a', 'message', throwing('first')),
      peerSends('peer4', 'a', '1'),
      peerSends('peer4', 'a', '2'),
      peerSends('peer4', 'a', '3'),
      settle,
    ],
  },
  {
    name: "a listener of 'error' throws",
    steps: [create('a', 'udp4'), on('a', 'error', throwing('first')), call('a', 'bind', peer, '127.0.0.1'), settle],
  },
  {
    name: 'the callbacks of bind, close and send throw',
    steps: [
      create('a', 'udp4'),
      call('a', 'bind', 0, '127.0.0.1', throwing('bound')),
      settle,
      call('a', 'send', 'x', peer, throwing('sent')),
      call('a', 'send', 'y', peer, callback('also sent')),
      settle,
      call('a', 'close', throwing('closed')),
      settle,
    ],
  },
  {
    name: 'close twice, with callbacks',
    steps: [
      ...bound('a'),
      call('a', 'close', callback('first')),
      call('a', 'close', callback('second')),
      settle,
      call('a', 'close', callback('third')),
      settle,
    ],
  },
  ...[null, 42, 'callback', {}].map((wrong) => ({
    name: `close(${JSON.stringify(wrong)})`,
    steps: [...bound('a'), call('a', 'close', wrong), settle],
  })),
  {
    name: 'close at once after bind',
    steps: [
      create('a', 'udp4'),
      call('a', 'bind', 0, '127.0.0.1', callback('bound')),
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'close a tick after bind',
    steps: [
      create('a', 'udp4'),
      call('a', 'bind', 0, '127.0.0.1', callback('bound')),
      tick,
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'send on a new socket and close',
    steps: [
      create('a', 'udp4'),
      call('a', 'send', 'x', peer, callback('sent')),
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'send on a new socket, a turn, and close',
    steps: [
      create('a', 'udp4'),
      call('a', 'send', 'x', peer, callback('sent')),
      turn,
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'send on a bound socket and close',
    steps: [
      ...bound('a'),
      call('a', 'send', 'x', peer, callback('sent')),
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'send on a connected socket and close',
    steps: [
      ...bound('a'),
      call('a', 'connect', peer),
      settle,
      call('a', 'send', 'x', callback('sent')),
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'send, a tick, and close',
    steps: [
      ...bound('a'),
      call('a', 'send', 'x', peer, callback('sent')),
      tick,
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'send when bind fails',
    steps: [
      create('a', 'udp4'),
      call('a', 'bind', peer, '127.0.0.1', callback('bound')),
      call('a', 'send', 'x', peer, callback('sent')),
      settle,
      call('a', 'send', 'y', peer, callback('sent later')),
      settle,
    ],
  },
  {
    name: 'close when bind fails and sends wait',
    steps: [
      create('a', 'udp4'),
      call('a', 'bind', peer, '127.0.0.1'),
      call('a', 'send', 'x', peer, callback('sent')),
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'asyncDispose twice',
    steps: [
      ...bound('a'),
      call('a', Symbol.asyncDispose),
      call('a', Symbol.asyncDispose),
      settle,
      call('a', Symbol.asyncDispose),
      settle,
    ],
  },
  {
    name: 'asyncDispose while sends wait',
    steps: [
      create('a', 'udp4'),
      call('a', 'send', 'x', peer, callback('sent')),
      call('a', Symbol.asyncDispose),
      settle,
    ],
  },
  {
    name: 'no listener for messages',
    steps: [
      create('a', 'udp4', ['listening', 'close', 'error']),
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
      peerSends('peer4', 'a', 'unheard'),
      settle,
      on('a', 'message', callback('message')),
      peerSends('peer4', 'a', 'heard'),
      settle,
    ],
  },
  {
    name: 'many datagrams, and an empty one',
    steps: [
      ...bound('a'),
      ...Array.from({ length: 40 }, (_, index) => peerSends('peer4', 'a', index % 7 === 3 ? '' : `number ${index}`)),
      settle,
    ],
  },
  {
    name: 'ticks and promises between the datagrams of one batch',
    steps: [
      ...bound('a'),
      on('a', 'message', callback('listener', soon('tick', callback('tick')), soon('promise', callback('promise')))),
      on('a', 'message', callback('second listener')),
      ...['1', '2', '3'].map((data) => peerSends('peer4', 'a', data)),
      settle,
    ],
  },
  {
    name: 'listeners run in the context of what they come from',
    steps: [
      create('a', 'udp4'),
      once('a', 'message', callback('first', soon('tick', callback('tick of the first')))),
      call('a', 'bind', 0, '127.0.0.1', callback('bound')),
      settle,
      on('a', 'message', callback('added later')),
      call('a', 'connect', peer, callback('connected')),
      settle,
      peerSends('peer4', 'a', 'in'),
      call('a', 'send', 'x', callback('sent')),
      settle,
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'two sockets talk',
    steps: [
      ...bound('a'),
      ...bound('b'),
      on('b', 'message', callback('answer', call('b', 'send', 'pong', port('a'), callback('answered')))),
      call('a', 'send', 'ping', port('b'), callback('asked')),
      settle,
      call('a', 'send', 'ping', port('b'), '127.0.0.1', callback('asked')),
      call('b', 'send', 'at once', port('a'), callback('sent')),
      settle,
    ],
  },
]
