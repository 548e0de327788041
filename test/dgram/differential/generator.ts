// Random scripts: valid and invalid calls on one to three sockets, each script from its own seed.
import { Buffer } from 'node:buffer'
import { GROUP } from './peers'
import {
  abort,
  Blocked,
  call,
  callback,
  create,
  Lookup,
  peerSends,
  port,
  settle,
  Signal,
  throwing,
  tick,
  turn,
  type Script,
  type Step,
} from './steps'

/** mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const answers = {
  here: '127.0.0.1',
  nowhere: Object.assign(new Error('getaddrinfo ENOTFOUND nowhere'), { code: 'ENOTFOUND' }),
}

class Generator {
  private readonly random: () => number
  private callbacks = 0

  constructor(seed: number) {
    this.random = randomFrom(seed)
  }

  script(): Step[] {
    const sockets = ['a', 'b', 'c'].slice(0, 1 + this.below(3))
    const steps: Step[] = sockets.map((socket) => create(socket, this.options()))
    const length = 4 + this.below(9)
    for (let index = 0; index < length; index++) {
      const socket = this.one(sockets)
      // Most scripts would do little with sockets that are never bound.
      if (this.chance(0.3) && index < 3) steps.push(call(socket, 'bind', 0, '127.0.0.1', this.done()), settle)
      else steps.push(this.step(socket, sockets))
      if (this.chance(0.25)) steps.push(this.one([tick, turn, settle]))
    }
    return steps
  }

  private step(socket: string, sockets: readonly string[]): Step {
    const to = (): unknown => this.target(sockets)
    const forms: [number, () => Step][] = [
      [6, () => call(socket, 'send', this.data(), to(), ...this.rest())],
      [2, () => call(socket, 'send', this.data(), this.below(4), this.below(4), to(), ...this.rest())],
      [2, () => call(socket, 'send', this.data(), this.done())],
      [3, () => call(socket, 'bind', this.one([0, undefined, to()]), this.address(), this.done())],
      [3, () => call(socket, 'connect', to(), ...this.rest())],
      [2, () => call(socket, 'disconnect')],
      [2, () => call(socket, 'close', this.done())],
      [2, () => call(socket, 'address')],
      [1, () => call(socket, 'remoteAddress')],
      [1, () => call(socket, this.one(['ref', 'unref', 'getSendQueueSize', 'getSendQueueCount']))],
      [1, () => call(socket, this.one(['setTTL', 'setMulticastTTL']), this.one([1, 64, 255, 0, 256, '1', undefined]))],
      [1, () => call(socket, this.one(['setBroadcast', 'setMulticastLoopback']), this.one([true, false, 1, 0]))],
      [1, () => call(socket, this.one(['setRecvBufferSize', 'setSendBufferSize']), this.one([8192, 65536, -1, '1']))],
      [1, () => call(socket, this.one(['getRecvBufferSize', 'getSendBufferSize']))],
      [
        1,
        () =>
          call(
            socket,
            this.one(['addMembership', 'dropMembership']),
            this.one([GROUP, '127.0.0.1', undefined]),
            '127.0.0.1',
          ),
      ],
      [1, () => call(socket, 'bindSync', this.one([{}, { address: '127.0.0.1' }, { port: to() }, null]))],
      [1, () => call(socket, 'connectSync', to(), this.address())],
      [1, () => call(socket, Symbol.asyncDispose)],
      [1, () => abort('s')],
      [4, () => peerSends(this.one(['peer4', 'group']), socket, `in ${this.below(100)}`)],
    ]
    let left = this.random() * forms.reduce((sum, [weight]) => sum + weight, 0)
    return forms.find(([weight]) => (left -= weight) < 0)![1]()
  }

  private options(): unknown {
    if (this.chance(0.5)) return 'udp4'
    const options: Record<string, unknown> = { type: 'udp4' }
    const add = (name: string, probability: number, value: () => unknown): void => {
      if (this.chance(probability)) options[name] = value()
    }
    add('reuseAddr', 0.2, () => this.one([true, false]))
    add('recvBufferSize', 0.2, () => this.one([8192, 65536, 0]))
    add('sendBufferSize', 0.1, () => this.one([8192, 65536, -1]))
    add('lookup', 0.4, () => new Lookup(this.one(['now', 'tick', 'later']), answers))
    add('signal', 0.2, () => new Signal('s'))
    add('sendBlockList', 0.1, () => new Blocked([this.one(['127.0.0.1', '127.0.0.2'])]))
    add('receiveBlockList', 0.1, () => new Blocked([this.one(['127.0.0.1', '127.0.0.2'])]))
    return options
  }

  private data(): unknown {
    return this.one<unknown>([
      'text',
      '',
      Buffer.from('buffer'),
      new Uint16Array([0x6161, 0x6262]),
      new DataView(new ArrayBuffer(3)),
      ['several', Buffer.from('parts')],
      [],
      Buffer.alloc(70_000),
      ...(this.chance(0.2) ? [42, null, [42], undefined] : []),
    ])
  }

  private target(sockets: readonly string[]): unknown {
    if (this.chance(0.08)) return this.one<unknown>([0, -1, 65536, '1', null, undefined, {}])
    return port(this.one(['peer4', 'peer4', 'peer4', 'nobody', ...sockets]))
  }

  private address(): unknown {
    return this.one<unknown>(['127.0.0.1', '127.0.0.1', undefined, '', '127.0.0.2', '::1', '198.51.100.1', 42])
  }

  /** Address and callback, or what comes of them. */
  private rest(): unknown[] {
    return this.one<unknown[]>([
      [],
      [this.done()],
      [this.done()],
      ['127.0.0.1'],
      ['127.0.0.1', this.done()],
      ['127.0.0.1', this.done()],
      ['127.0.0.2', this.done()],
      [undefined, this.done()],
      ['::1', this.done()],
      [42, this.done()],
    ])
  }

  private done(): unknown {
    const name = `callback ${++this.callbacks}`
    return this.chance(0.05) ? throwing(name) : callback(name)
  }

  private chance(probability: number): boolean {
    return this.random() < probability
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  private one<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }
}

export const randomScripts = (count: number): Script[] =>
  Array.from({ length: count }, (_, seed) => ({ name: `seed ${seed}`, steps: new Generator(seed).script() }))
