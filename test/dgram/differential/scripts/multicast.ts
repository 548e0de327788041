// Membership, and what then arrives, all on the loopback interface.
import { call, callback, create, peerSends, port, settle, type Script, type Step } from '../steps'
import { GROUP } from '../peers'

const bound: Step[] = [create('a', { type: 'udp4', reuseAddr: true }), call('a', 'bind', 0, '0.0.0.0'), settle]
const lo = '127.0.0.1'
const other = '239.255.77.3'

const memberships: unknown[][] = [
  [other, lo],
  [other, '127.0.0.9'],
  [other, 'lo'],
  [other, '198.51.100.1'],
  [other, ''],
  [other, null],
  [other, 42],
  [other, {}],
  ['127.0.0.1', lo],
  ['ff02::77', lo],
  ['ff02::77%lo'],
  ['not an address', lo],
  ['', lo],
  [],
  [undefined, lo],
  [null, lo],
  [0, lo],
  [42, lo],
  [{}, lo],
]

const sources: unknown[][] = [
  [lo, '232.1.1.1', lo],
  [lo, '232.1.1.1', ''],
  [lo, '127.0.0.1', lo],
  [lo, other, lo],
  ['::1', '232.1.1.1', lo],
  [lo, 'ff32::1', lo],
  ['no address', '232.1.1.1', lo],
  [lo, '232.1.1.1', 'no address'],
  [lo, '232.1.1.1', 42],
  [],
  [lo],
  [42, '232.1.1.1', lo],
  [lo, 42, lo],
  [null, null, null],
]

const interfaces = [lo, '0.0.0.0', '198.51.100.1', 'lo', '', '::1', '::%lo', 42, null, undefined, {}]

export const multicastScripts: Script[] = [
  ...memberships.map((args, index) => ({
    name: `addMembership and dropMembership, form ${index}`,
    steps: [
      ...bound,
      call('a', 'dropMembership', ...args),
      call('a', 'addMembership', ...args),
      call('a', 'addMembership', ...args),
      call('a', 'dropMembership', ...args),
      call('a', 'dropMembership', ...args),
    ],
  })),
  ...sources.map((args, index) => ({
    name: `source-specific membership, form ${index}`,
    steps: [
      ...bound,
      call('a', 'dropSourceSpecificMembership', ...args),
      call('a', 'addSourceSpecificMembership', ...args),
      call('a', 'addSourceSpecificMembership', ...args),
      call('a', 'dropSourceSpecificMembership', ...args),
    ],
  })),
  {
    name: 'setMulticastInterface',
    steps: [...bound, ...interfaces.map((name) => call('a', 'setMulticastInterface', name))],
  },
  {
    name: 'setMulticastInterface of new and closed sockets',
    steps: [
      create('a', 'udp4'),
      ...interfaces.map((name) => call('a', 'setMulticastInterface', name)),
      call('a', 'close'),
      call('a', 'setMulticastInterface', lo),
      call('a', 'setMulticastInterface', 42),
      call('a', 'addMembership'),
      call('a', 'dropMembership'),
      call('a', 'addSourceSpecificMembership'),
    ],
  },
  ...['addMembership', 'dropMembership', 'setMulticastInterface', 'addSourceSpecificMembership'].map((method) => ({
    name: `${method} before bind`,
    steps: [
      create('a', 'udp4'),
      ...(method === 'addSourceSpecificMembership'
        ? [call('a', method, lo, '232.1.1.1', lo)]
        : [call('a', method, ...(method === 'setMulticastInterface' ? [lo] : [GROUP, lo]))]),
      call('a', 'address'),
      call('a', 'bind', 0, callback('bound')),
      settle,
      call('a', 'address'),
    ],
  })),
  {
    name: 'what is sent to the group arrives, with loopback on alone',
    steps: [
      ...bound,
      call('a', 'setMulticastInterface', lo),
      call('a', 'setMulticastTTL', 0),
      call('a', 'send', 'looped', port('group'), GROUP, callback('1')),
      settle,
      call('a', 'setMulticastLoopback', false),
      call('a', 'send', 'not looped', port('group'), GROUP, callback('2')),
      settle,
      call('a', 'setMulticastLoopback', true),
      call('a', 'send', 'looped again', port('group'), GROUP, callback('3')),
      settle,
    ],
  },
  {
    name: 'a member hears the group until it leaves',
    steps: [
      ...bound,
      create('b', 'udp4'),
      call('b', 'bind', 0, lo),
      settle,
      call('b', 'setMulticastInterface', lo),
      call('a', 'addMembership', other, lo),
      call('b', 'send', 'heard', port('a'), other, callback('1')),
      settle,
      call('a', 'dropMembership', other, lo),
      call('b', 'send', 'unheard?', port('a'), other, callback('2')),
      settle,
      call('a', 'addSourceSpecificMembership', lo, '232.1.1.1', lo),
      call('b', 'send', 'from the source', port('a'), '232.1.1.1', callback('3')),
      settle,
      peerSends('peer4', 'a', 'unicast'),
    ],
  },
]

export const multicastSixScripts: Script[] = [
  ['ff01::77', '::%lo'],
  ['ff01::77', '::1%lo'],
  ['ff01::77', '::1'],
  ['ff01::77%lo'],
  ['ff02::77', '::%nothing'],
  ['::1', '::%lo'],
  [other, lo],
].map((args, index) => ({
  name: `membership of udp6, form ${index}`,
  steps: [
    create('a', 'udp6'),
    call('a', 'bind', 0, '::'),
    settle,
    call('a', 'setMulticastInterface', args[1]),
    call('a', 'addMembership', ...args),
    call('a', 'addMembership', ...args),
    call('a', 'dropMembership', ...args),
    call('a', 'dropMembership', ...args),
    call('a', 'addSourceSpecificMembership', '::1', 'ff31::77', args[1]),
  ],
}))
