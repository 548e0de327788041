// Names: what a `lookup` function is given, its answers and errors, and what happens meanwhile.
import { call, callback, create, Lookup, port, settle, tick, turn, wait, type Script } from '../steps'

class NotFound extends Error {
  readonly code = 'ENOTFOUND'
}

const whens = ['now', 'tick', 'later'] as const
// What is no string would end the process: Node asserts it.
const answers = {
  here: '127.0.0.1',
  six: '::1',
  away: '198.51.100.1',
  text: 'no address',
  nowhere: new NotFound('getaddrinfo ENOTFOUND nowhere'),
}
const names = Object.keys(answers)
const peer = port('peer4')

export const lookupScripts: Script[] = whens
  .flatMap((when) => {
    const a = create('a', { type: 'udp4', lookup: new Lookup(when, answers) })
    return [
      ...names.flatMap((name) => [
        { name: `lookup ${when}: bind to ${name}`, steps: [a, call('a', 'bind', 0, name, callback()), settle] },
        {
          name: `lookup ${when}: connect to ${name}`,
          steps: [a, call('a', 'connect', peer, name, callback()), settle],
        },
        {
          name: `lookup ${when}: connect to ${name}, no callback`,
          steps: [a, call('a', 'connect', peer, name), settle],
        },
        {
          name: `lookup ${when}: send to ${name}`,
          steps: [a, call('a', 'bind', 0, '127.0.0.1'), settle, call('a', 'send', 'x', peer, name, callback()), settle],
        },
        {
          name: `lookup ${when}: send to ${name}, no callback`,
          steps: [a, call('a', 'bind', 0, '127.0.0.1'), settle, call('a', 'send', 'x', peer, name), settle],
        },
        {
          name: `lookup ${when}: send from a new socket to ${name}`,
          steps: [a, call('a', 'send', 'x', peer, name, callback()), settle],
        },
      ]),
      {
        name: `lookup ${when}: no address given`,
        steps: [
          a,
          call('a', 'bind', callback()),
          settle,
          call('a', 'send', 'x', peer, callback('sent')),
          call('a', 'connect', peer),
          settle,
        ],
      },
      {
        name: `lookup ${when}: close while it looks up to bind`,
        steps: [a, call('a', 'bind', 0, 'here', callback()), call('a', 'close', callback('closed')), settle],
      },
      {
        name: `lookup ${when}: close while it looks up to connect`,
        steps: [
          a,
          call('a', 'bind', 0, '127.0.0.1'),
          settle,
          call('a', 'connect', peer, 'here', callback()),
          call('a', 'close', callback('closed')),
          settle,
        ],
      },
      {
        name: `lookup ${when}: close while it looks up to send`,
        steps: [
          a,
          call('a', 'bind', 0, '127.0.0.1'),
          settle,
          call('a', 'send', 'x', peer, 'here', callback()),
          call('a', 'close', callback('closed')),
          settle,
        ],
      },
      {
        name: `lookup ${when}: calls while it looks up to bind`,
        steps: [
          a,
          call('a', 'bind', 0, 'here', callback('bound')),
          call('a', 'bind', 0, 'here', callback('twice')),
          call('a', 'send', 'x', peer, callback('sent')),
          call('a', 'send', 'y', peer, 'here', callback('sent too')),
          call('a', 'connect', peer, 'here', callback('connected')),
          tick,
          turn,
          settle,
        ],
      },
      {
        name: `lookup ${when}: sends by name and by address, their order`,
        steps: [
          a,
          call('a', 'bind', 0, '127.0.0.1'),
          settle,
          call('a', 'send', '1', peer, 'here', callback('1')),
          call('a', 'send', '2', peer, '127.0.0.1', callback('2')),
          call('a', 'send', '3', peer, 'nowhere', callback('3')),
          settle,
        ],
      },
    ]
  })
  .concat(
    {
      name: 'the system looks up localhost',
      steps: [
        create('a', 'udp4'),
        call('a', 'bind', 0, 'localhost', callback('bound')),
        wait('a', 'listening'),
        call('a', 'connect', peer, 'localhost', callback('connected')),
        wait('a', 'connect'),
        call('a', 'send', 'x', callback('sent')),
      ],
    },
    {
      // Too long for a name, which is found without asking the network.
      name: 'the system looks up what cannot be',
      steps: [
        create('a', 'udp4'),
        call('a', 'bind', 0, 'x'.repeat(300), callback('bound')),
        settle,
        call('a', 'connect', peer, 'x'.repeat(300), callback('connected')),
        settle,
        call('a', 'bind', 0, '127.0.0.1'),
        settle,
        call('a', 'send', 'x', peer, 'x'.repeat(300), callback('sent')),
        call('a', 'send', 'y', peer, 'x'.repeat(300)),
        settle,
      ],
    },
  )
