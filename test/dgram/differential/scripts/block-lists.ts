// receiveBlockList and sendBlockList.
import { Blocked, call, callback, create, peerSends, port, settle, type Script } from '../steps'

const peer = port('peer4')
const done = callback()
const here = new Blocked(['127.0.0.1', '::1'])
const elsewhere = new Blocked(['198.51.100.1'])

export const blockListScripts: Script[] = [
  ...[here, elsewhere].map((list) => ({
    name: `receiveBlockList of ${list.addresses.join()}`,
    steps: [
      create('a', { type: 'udp4', receiveBlockList: list }),
      call('a', 'bind', 0, '127.0.0.1'),
      settle,
      peerSends('peer4', 'a', 'one'),
      call('a', 'send', 'x', peer, done),
      call('a', 'send', 'me', port('a'), done),
      settle,
    ],
  })),
  ...[here, elsewhere].flatMap((list) => [
    {
      name: `sendBlockList of ${list.addresses.join()}: send`,
      steps: [
        create('a', { type: 'udp4', sendBlockList: list }),
        call('a', 'bind', 0, '127.0.0.1'),
        settle,
        call('a', 'send', 'x', peer, done),
        call('a', 'send', 'y', peer, '127.0.0.1', done),
        call('a', 'send', 'z', peer, '127.0.0.1'),
        call('a', 'send', 'w', peer, '127.0.0.2', done),
        peerSends('peer4', 'a', 'comes in'),
        settle,
      ],
    },
    {
      name: `sendBlockList of ${list.addresses.join()}: send from a new socket`,
      steps: [create('a', { type: 'udp4', sendBlockList: list }), call('a', 'send', 'x', peer, done), settle],
    },
    {
      name: `sendBlockList of ${list.addresses.join()}: connect`,
      steps: [
        create('a', { type: 'udp4', sendBlockList: list }),
        call('a', 'connect', peer, done),
        settle,
        call('a', 'connect', peer, '127.0.0.1'),
        settle,
        call('a', 'remoteAddress'),
        call('a', 'send', 'x', done),
        settle,
      ],
    },
    {
      name: `sendBlockList of ${list.addresses.join()}: connectSync`,
      steps: [
        create('a', { type: 'udp4', sendBlockList: list }),
        call('a', 'connectSync', peer),
        settle,
        call('a', 'remoteAddress'),
        call('a', 'connectSync', peer, '127.0.0.1'),
        settle,
      ],
    },
  ]),
]
