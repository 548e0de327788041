// connect, disconnect, remoteAddress.
import {
  call,
  callback,
  create,
  on,
  peerSends,
  port,
  settle,
  throwing,
  tick,
  turn,
  type Script,
  type Step,
} from '../steps'

const done = callback()
const peer = port('peer4')
const bound: Step[] = [create('a', 'udp4'), call('a', 'bind', 0, '127.0.0.1'), settle]

const forms: unknown[][] = [
  [peer],
  [peer, done],
  [peer, '127.0.0.1'],
  [peer, '127.0.0.1', done],
  [peer, '', done],
  [peer, undefined, done],
  [peer, null, done],
  [peer, done, done],
  [peer, '127.0.0.1', 42],
  [peer, '127.0.0.1', null],
  [String(1)],
  ['1', '127.0.0.1', done],
  [1, done],
  [],
  [0],
  [0, done],
  [-1],
  [65536],
  [1.5],
  ['port'],
  [''],
  [null],
  [NaN],
  [{}],
  [true],
  [done],
  [peer, 42],
  [peer, {}],
  [peer, '::1', done],
  [peer, '::1'],
  [peer, '127.0.0.2', done],
  [peer, '127.255.255.255', done],
  [peer, '127.255.255.255'],
]

const after: Step[] = [
  call('a', 'remoteAddress'),
  call('a', 'address'),
  peerSends('peer4', 'a', 'from the peer'),
  peerSends('group', 'a', 'from another'),
  settle,
]

export const connectScripts: Script[] = [
  ...forms.map((args, index) => ({
    name: `connect, form ${index}`,
    steps: [...bound, call('a', 'connect', ...args), settle, ...after],
  })),
  ...forms.map((args, index) => ({
    name: `connect of a new socket, form ${index}`,
    steps: [create('a', 'udp4'), call('a', 'connect', ...args), settle, call('a', 'remoteAddress')],
  })),
  {
    name: 'connect twice',
    steps: [
      ...bound,
      call('a', 'connect', peer, callback('first')),
      call('a', 'connect', peer, callback('second')),
      settle,
      call('a', 'connect', peer, callback('third')),
      settle,
    ],
  },
  {
    name: 'connect, disconnect, connect to another',
    steps: [
      ...bound,
      call('a', 'disconnect'),
      call('a', 'connect', peer, callback('first')),
      call('a', 'disconnect'),
      settle,
      call('a', 'disconnect'),
      call('a', 'disconnect'),
      call('a', 'remoteAddress'),
      call('a', 'connect', port('group'), callback('second')),
      settle,
      call('a', 'send', 'to the group peer', callback('sent')),
      settle,
      ...after,
    ],
  },
  {
    name: 'disconnect of a new and of a closed socket',
    steps: [
      create('a', 'udp4'),
      call('a', 'disconnect'),
      call('a', 'remoteAddress'),
      call('a', 'close'),
      call('a', 'disconnect'),
      call('a', 'remoteAddress'),
      call('a', 'connect', peer),
      call('a', 'connect', 0),
    ],
  },
  {
    name: 'disconnect of a connected and closed socket',
    steps: [
      ...bound,
      call('a', 'connect', peer),
      settle,
      call('a', 'close'),
      call('a', 'remoteAddress'),
      call('a', 'connect', peer),
      call('a', 'connect', 'port'),
      settle,
    ],
  },
  {
    name: 'connect and close at once',
    steps: [...bound, call('a', 'connect', peer, callback()), call('a', 'close', callback('closed')), settle],
  },
  {
    name: 'connect of a new socket and close at once',
    steps: [
      create('a', 'udp4'),
      call('a', 'connect', peer, callback()),
      call('a', 'close', callback('closed')),
      settle,
    ],
  },
  {
    name: 'connect and send while binding',
    steps: [
      create('a', 'udp4'),
      call('a', 'bind', 0, '127.0.0.1', callback('bound')),
      call('a', 'connect', peer, callback('connected')),
      call('a', 'send', 'x', peer, callback('sent')),
      call('a', 'remoteAddress'),
      settle,
      ...after,
    ],
  },
  {
    name: 'bind while connecting',
    steps: [
      create('a', 'udp4'),
      call('a', 'connect', peer, callback('connected')),
      call('a', 'bind', 0, '127.0.0.1', callback('bound')),
      settle,
    ],
  },
  {
    name: 'connect when bind fails',
    steps: [
      create('a', 'udp4'),
      call('a', 'bind', peer, '127.0.0.1', callback('bound')),
      call('a', 'connect', peer, callback('connected')),
      settle,
      call('a', 'connect', peer, callback('again')),
      settle,
      call('a', 'remoteAddress'),
    ],
  },
  {
    name: 'in the connect callback: send, disconnect',
    steps: [
      ...bound,
      call(
        'a',
        'connect',
        peer,
        callback('connected', call('a', 'send', 'x', callback('sent')), call('a', 'disconnect')),
      ),
      settle,
    ],
  },
  {
    name: "connect's ticks",
    steps: [...bound, call('a', 'connect', peer, done), tick, call('a', 'remoteAddress'), tick, tick, turn, settle],
  },
  {
    name: 'connect callback and listeners, their order',
    steps: [
      create('a', 'udp4', ['error']),
      on('a', 'connect', callback('before')),
      call('a', 'connect', peer, callback('given')),
      on('a', 'connect', callback('after')),
      settle,
      call('a', 'listenerCount', 'connect'),
    ],
  },
  {
    name: 'connect callback throws',
    steps: [...bound, call('a', 'connect', peer, throwing()), settle, call('a', 'send', 'x', done), settle],
  },
]

export const connectSixScripts: Script[] = [
  [port('peer6')],
  [port('peer6'), '::1', done],
  [port('peer6'), '', done],
  [peer, '127.0.0.1', done],
  [peer, '::ffff:127.0.0.1', done],
].map((args, index) => ({
  name: `connect of udp6, form ${index}`,
  steps: [
    create('a', 'udp6'),
    call('a', 'connect', ...args),
    settle,
    call('a', 'remoteAddress'),
    call('a', 'send', 'x', done),
    settle,
  ],
}))
