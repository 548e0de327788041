// What is Linux's own: failures put into system calls (strace), namespaces with interfaces, lent descriptors.
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { capabilities, type Offload, type OutgoingMessage } from 'sendmsg'
import { floor, mayLack } from '../helpers/floor'
import { noPeer, Peer, type PeerSocket } from '../helpers/peer'
import { bytes, cut, isLocal, told, type SendWay } from '../helpers/sockets'
import { noStrace as cannotTrace, traced as trace } from '../helpers/strace'

const elsewhere = process.platform !== 'linux' && 'this is about Linux'
const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0
const noStrace = cannotTrace || noPeer
const noNamespace =
  elsewhere || noPeer || (!works('unshare', '-n', 'ip', 'link') && 'a network namespace needs root, and iproute2')
const noOffload =
  capabilities().send.segmentSize.IPv4 !== 'kernel' &&
  floor.send.segmentSize?.IPv4 !== 'kernel' &&
  'this kernel has no UDP_SEGMENT'
const noSendTime =
  capabilities().send.sendTime.IPv4 === false && mayLack('send', 'sendTime', 'IPv4') && 'no SO_TXTIME here'
const noIPv6 = !isLocal('::1') && 'there is no IPv6 here'

const peer = noPeer === false ? new Peer() : undefined
t.teardown(() => peer?.end())

interface Target {
  name?: string
  options?: object
  descriptor?: number
  dgramType?: 'udp4' | 'udp6'
}

interface Sent {
  result?: number | (number | null)[]
  code?: string
  sent?: number
  offload?: Offload
}

/** sender.cjs, on its own or with a descriptor that was lent to it. */
class Sender {
  private readonly child: ChildProcessWithoutNullStreams
  private readonly lines: AsyncIterator<string>
  private stderr = ''

  constructor(test: Test, wrapper: string[] = []) {
    const argv = [...wrapper, process.execPath, path.join(__dirname, 'sender.cjs')]
    this.child = spawn(argv[0]!, argv.slice(1), { env: { ...process.env, NODE_OPTIONS: '' } })
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
    test.teardown(() => this.end())
  }

  end(): void {
    this.child.stdin.end()
  }

  get pid(): number {
    return this.child.pid!
  }

  async ask(command: object): Promise<ReturnType<typeof JSON.parse>> {
    this.child.stdin.write(`${JSON.stringify(command)}\n`)
    const { value } = (await this.lines.next()) as { value: string | undefined }
    if (value === undefined) throw new Error(`The sender ended: ${this.stderr}`)
    const answer = JSON.parse(value)
    if (answer.failure !== undefined) throw new Error(answer.failure)
    return answer
  }

  async send(socket: Target, way: SendWay, messages: OutgoingMessage[]): Promise<Sent> {
    const encoded = messages.map(({ sendTime, ...message }) => ({
      ...message,
      data: Buffer.from(message.data as Uint8Array).toString('base64'),
      ...(sendTime !== undefined && { sendTime: String(sendTime) }),
    }))
    return await this.ask({ socket, way, messages: encoded })
  }
}

/** Traces the sender while `body` runs; the system calls that it made, a line each. */
async function traced(sender: Sender, inject: string[], body: () => Promise<void>): Promise<string[]> {
  const calls = await trace(sender.pid, { calls: 'sendmsg,sendmmsg,getsockopt,setsockopt', inject }, body)
  return calls.map(({ line }) => line)
}

const datagrams = (messages: OutgoingMessage[]): Buffer[] =>
  messages.flatMap(({ data, segmentSize }) => {
    const whole = Buffer.from(data as Uint8Array)
    return segmentSize === undefined ? [whole] : cut(whole, segmentSize)
  })

async function arrived(test: Test, sink: PeerSocket, expected: Buffer[], message: string): Promise<void> {
  const got = await sink.receive(expected.length)
  test.same(
    got.map(({ data }) => data.length),
    expected.map(({ length }) => length),
    `${message}: nothing lost, nothing twice`,
  )
  test.ok(
    got.every(({ data }, at) => expected[at]?.equals(data)),
    `${message}: in order`,
  )
}

t.test('segmentation that fails in the kernel', { skip: noStrace || noOffload }, async (t) => {
  let sender = new Sender(t)
  let hosts = 0
  for (const family of noIPv6 === false ? ([4, 6] as const) : ([4] as const)) {
    const type = `udp${family}`
    let sink = await peer!.open({ family: 4, address: '127.0.0.1' })
    let to = { address: '', port: 0 }
    const train = (length: number, segmentSize: number): OutgoingMessage => ({
      data: bytes(length),
      ...to,
      segmentSize,
    })
    const plain = (text: string): OutgoingMessage => ({ data: Buffer.from(text), ...to })
    let sockets = 0
    /** A socket, and a destination of which nothing is remembered. */
    const fresh = async (): Promise<Target> => {
      await sink.close()
      const address = family === 4 ? `127.1.1.${++hosts}` : '::1'
      if (family === 6) {
        sender.end()
        sender = new Sender(t)
      }
      sink = await peer!.open({ family, address })
      to = { address, port: sink.port }
      const socket = { name: `${type} ${sockets++}`, options: { type } }
      await sender.ask({ socket, way: 'open' })
      return socket
    }

    for (const error of ['EIO', 'EINVAL', 'EMSGSIZE'] as const) {
      const cases: [string, SendWay, () => OutgoingMessage[]][] = [
        ['sendmsg:when=1', 'sendmsg', () => [train(10_000, 1200)]],
        ['sendmsg:when=1', 'trySendmsg', () => [train(10_000, 1200)]],
        ['sendmsg:when=1+', 'sendmsg', () => [train(10_000, 1200)]],
        [
          'sendmsg:when=3',
          'sendmsg',
          () => [plain('a'), train(10_000, 1200), train(10_000, 1000), plain('b'), train(3000, 10)],
        ],
        ['sendmsg:when=4+', 'sendmsg', () => [plain('a'), plain('b'), train(10_000, 1200), train(10_000, 1000)]],
        ['sendmmsg:when=1', 'sendmsg', () => [train(200_000, 1200)]],
        ['sendmmsg:when=1', 'trySendmsg', () => [train(200_000, 1200)]],
        ['sendmmsg:when=1', 'sendmmsg', () => [train(200_000, 1200), plain('after')]],
        [
          'sendmmsg:when=1',
          'sendmmsg',
          () => [train(10_000, 1200), plain('between'), train(5000, 300), plain('after')],
        ],
        [
          'sendmmsg:when=1',
          'trySendmmsg',
          () => [train(10_000, 1200), plain('between'), train(5000, 300), plain('after')],
        ],
        ['sendmsg:when=1', 'sendmmsg', () => [train(10_000, 1200)]],
      ]
      for (const [rule, way, messagesOf] of cases) {
        const [call, when] = rule.split(':')
        const socket = await fresh()
        const messages = messagesOf()
        const title = `${type}, ${error} of ${rule}, by ${way} of ${messages.length}`
        let answer: Sent = {}
        const calls = await traced(sender, [`${call}:error=${error}:${when}`], async () => {
          answer = await sender.send(socket, way, messages)
        })
        const bytesSent = messages.map(({ data }) => (data as Uint8Array).length)
        t.same(answer.result, way.endsWith('mmsg') ? messages.length : bytesSent, title)
        t.ok(
          calls.some((line) => line.includes('INJECTED')),
          'a train was made to fail',
        )
        t.equal(answer.offload?.segmentation, true, `${title}: the kernel has offload all the same`)
        await arrived(t, sink, datagrams(messages), title)
      }

      const socket = await fresh()
      let answer: Sent = {}
      await traced(sender, [`sendmsg,sendmmsg:error=${error}`], async () => {
        answer = await sender.send(socket, 'sendmsg', [train(10_000, 1200)])
      })
      told(
        t,
        answer,
        { code: error, offload: { segmentation: true, coalescing: false } },
        `${error} of everything is told, and offload is not to blame`,
      )
      await arrived(t, sink, [], 'nothing of it')
      await sender.send(socket, 'sendmsg', [train(10_000, 1200)])
      await arrived(t, sink, cut(bytes(10_000), 1200), 'afterwards')
    }

    await t.test(`${type}: no room in the middle of a train`, async (t) => {
      const socket = await fresh()
      await traced(sender, ['sendmmsg:error=EIO:when=1'], async () => {
        await sender.send(socket, 'sendmsg', [train(200_000, 1200)]) // now without offload, 64 in a call
      })
      await arrived(t, sink, cut(bytes(200_000), 1200), 'without offload')
      for (const way of ['sendmsg', 'trySendmsg', 'sendmmsg', 'trySendmmsg'] as const) {
        for (const when of ['1', '2', '3', '2+2']) {
          let answer: Sent = {}
          const calls = await traced(sender, [`sendmmsg:error=EAGAIN:when=${when}`], async () => {
            answer = await sender.send(socket, way, [train(200_000, 1200)])
          })
          t.ok(
            calls.some((line) => line.includes('EAGAIN') && line.includes('INJECTED')),
            `${way}, EAGAIN of call ${when}`,
          )
          const none = when === '1' && way.startsWith('try')
          if (way.endsWith('mmsg')) t.equal(answer.result, none ? 0 : 1)
          else t.same(answer.result, [none ? null : 200_000])
          await arrived(t, sink, none ? [] : cut(bytes(200_000), 1200), `${way}, ${when}`)
        }
      }
    })
    await sink.close()
  }
})

t.test('a failure of offload is remembered for its destination', { skip: noStrace || noOffload }, async (t) => {
  const sender = new Sender(t)
  const offloaded = (line: string): boolean => /SOL_UDP.*(0x67|UDP_SEGMENT)/.test(line)
  const socket = { name: 'one', options: { type: 'udp4' } }
  const other = { name: 'other', options: { type: 'udp4' } }
  for (const target of [socket, other]) await sender.ask({ socket: target, way: 'open' })
  const failing = await peer!.open({ family: 4, address: '127.1.2.1' })
  const working = await peer!.open({ family: 4, address: '127.1.2.2' })
  /** Sends 10 datagrams, and says whether they went with offload. */
  const goes = async (
    target: Target,
    sink: PeerSocket,
    segmentSize: number,
    inject: string[] = [],
  ): Promise<boolean> => {
    const address = sink === failing ? '127.1.2.1' : '127.1.2.2'
    const length = segmentSize * 10
    const calls = await traced(sender, inject, async () => {
      const message = { data: bytes(length), segmentSize, address, port: sink.port }
      t.same((await sender.send(target, 'sendmsg', [message])).result, [length])
    })
    await arrived(t, sink, cut(bytes(length), segmentSize), `segments of ${segmentSize}`)
    return calls.some((line) => offloaded(line) && !line.includes('INJECTED'))
  }
  t.equal(await goes(socket, failing, 1200), true)
  t.equal(await goes(socket, failing, 1400, ['sendmsg:error=EINVAL:when=1']), false, 'longer than the path takes')
  t.equal(await goes(socket, failing, 1400), false)
  t.equal(await goes(other, failing, 1500), false, 'of another socket, and longer')
  t.equal(await goes(socket, failing, 1200), true, 'shorter segments go with offload')
  t.equal(await goes(socket, working, 1400), true, 'to another destination, too')
  t.equal(await goes(socket, failing, 1200, ['sendmsg:error=EIO:when=1']), false, 'no offload there at all')
  t.equal(await goes(socket, failing, 10), false)
  t.equal(await goes(socket, working, 1400), true)
})

t.test('what goes into the system calls', { skip: noStrace }, async (t) => {
  const sender = new Sender(t)
  const sink = await peer!.open({ family: 4, address: '127.0.0.1' })
  const to = { address: '127.0.0.1', port: sink.port }
  const small = (fields: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
    data: Buffer.from('x'),
    ...to,
    ...fields,
  })

  for (const type of noIPv6 === false ? ['udp4', 'udp6'] : ['udp4']) {
    t.test(`${type}: don't-fragment of one IPv4 datagram is set and put back`, async (t) => {
      const socket = { name: `fragment ${type}`, options: { type } }
      await sender.ask({ socket, way: 'open' })
      const [WANT, PROBE, DONT] = ['WANT', 'PROBE', 'DONT'] // ip(7)
      const around = (value: string): string[] => [
        `getsockopt ${WANT}`,
        `setsockopt ${value}`,
        'sendmsg',
        `setsockopt ${WANT}`,
      ]
      const run = async (inject: string[], way: SendWay, ...values: (boolean | undefined)[]): Promise<string[]> => {
        const calls = await traced(sender, inject, async () => {
          await sender.send(
            socket,
            way,
            values.map((dontFragment) => ({ ...small(), dontFragment })),
          )
        })
        return calls.map((line) => {
          const option = /IP_MTU_DISCOVER, \[(?:IP_PMTUDISC_)?(\w+)\]/.exec(line)?.[1]
          const name = /^\w+/.exec(line)?.[0] ?? ''
          return option === undefined ? name : `${name} ${['DONT', 'WANT', 'DO', 'PROBE'][Number(option)] ?? option}`
        })
      }
      t.same(await run([], 'sendmsg', true), around(PROBE))
      t.same(await run([], 'sendmsg', false), around(DONT))
      t.same(await run([], 'sendmsg', undefined), ['sendmsg'])
      t.same(
        await run([], 'sendmmsg', undefined, undefined, true, true, false, undefined),
        [
          'sendmmsg',
          `getsockopt ${WANT}`,
          `setsockopt ${PROBE}`,
          'sendmmsg',
          `setsockopt ${WANT}`,
          ...around(DONT),
          'sendmsg',
        ],
        'a batch is cut where it changes',
      )
      t.equal((await sink.receive(9)).length, 9)
      t.same(await run(['sendmsg:error=EPERM'], 'sendmsg', true), around(PROBE), 'also when it fails')
      t.same(
        await run(['sendmsg:error=EAGAIN:when=1'], 'sendmsg', true),
        [...around(PROBE), ...around(PROBE)],
        'again, when a message that waited goes',
      )
      t.equal((await sink.receive(1)).length, 1)
    })
  }

  t.test('the time to send at', { skip: noSendTime }, async (t) => {
    const socket = { name: 'timed', options: { type: 'udp4', sendTime: true } }
    await sender.ask({ socket, way: 'open' })
    const calls = await traced(sender, [], async () => {
      t.same((await sender.send(socket, 'sendmsg', [small({ sendTime: 123_456_789_012n })])).result, [1])
    })
    t.match(calls.at(-1), /cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=(SO_TXTIME|SCM_TXTIME|0x3d)/)
    t.equal((await sink.receive(1)).length, 1)
  })

  t.test('flags, and nothing where there is nothing', async (t) => {
    const socket = { name: 'flags', options: { type: 'udp4' } }
    await sender.ask({ socket, way: 'open' })
    const calls = async (expected: RegExp[], ...messages: OutgoingMessage[]): Promise<void> => {
      const made = await traced(sender, [], async () => {
        await sender.send(socket, 'sendmmsg', messages)
      })
      t.equal(made.length, expected.length)
      t.match(made, expected)
    }
    const confirm = small({ flags: { confirm: true } })
    await calls([/MSG_(CONFIRM\|MSG_DONTWAIT|DONTWAIT\|MSG_CONFIRM)\) = 1/], confirm)
    const dontRoute = small({ flags: { dontRoute: true } })
    await calls([/MSG_(DONTROUTE\|MSG_DONTWAIT|DONTWAIT\|MSG_DONTROUTE)\) = 1/], dontRoute)
    await calls([/msg_controllen=0, msg_flags=0}, MSG_DONTWAIT\) = 1/], small())
    await calls([/^sendmsg.*MSG_CONFIRM/, /^sendmmsg/], confirm, small(), small())
    t.equal((await sink.receive(6)).length, 6)
  })

  t.test('as few calls as there may be', async (t) => {
    const socket = { name: 'batches', options: { type: 'udp4' } }
    await sender.ask({ socket, way: 'open' })
    for (const [count, calls] of [
      [1, 1],
      [2, 1],
      [64, 1],
      [65, 2],
      [300, 5],
    ] as const) {
      const made = await traced(sender, [], async () => {
        await sender.send(
          socket,
          'sendmmsg',
          Array.from({ length: count }, (_, at) => small({ trafficClass: at & 0xff })),
        )
      })
      t.equal(made.length, calls, `${count} messages`)
      t.equal((await sink.receive(count)).length, count)
    }
  })
})

t.test('sockets that Python made, and lends', { skip: elsewhere || noPeer }, async (t) => {
  const [IP, IPV6, IP_TOS, IP_PKTINFO, IP_RECVTOS, IPV6_V6ONLY, IPV6_TCLASS] = [0, 41, 1, 8, 13, 26, 67]
  const lend = (family: 4 | 6, options: number[][]): string[] => [
    'python3',
    path.resolve('test/witness/lend_descriptors.py'),
    JSON.stringify({ lent: { family, options, number: 5 } }),
  ]
  const cases: [string, 4 | 6, number[][], { family: 4 | 6; address: string; octet: number }[]][] = [
    ['IPv4', 4, [[IP, IP_TOS, 0xb9]], [{ family: 4, address: '127.0.0.1', octet: 0xb9 }]],
    [
      'dual-stack, with an octet for each family',
      6,
      [
        [IPV6, IPV6_V6ONLY, 0],
        [IP, IP_TOS, 0x4a],
        [IPV6, IPV6_TCLASS, 0xb9],
      ],
      [
        { family: 6, address: '::1', octet: 0xb9 },
        { family: 4, address: '127.0.0.1', octet: 0x4a },
      ],
    ],
  ]
  for (const [title, family, options, destinations] of cases) {
    for (const borrowed of ['descriptor', 'dgram.Socket'] as const) {
      t.test(`${title}, as a ${borrowed}`, { skip: family === 6 && noIPv6 }, async (t) => {
        const sender = new Sender(t, lend(family, [...options, [IP, IP_PKTINFO, 1], [IP, IP_RECVTOS, 1]]))
        const socket: Target = {
          name: 'lent',
          descriptor: 5,
          ...(borrowed === 'dgram.Socket' && { dgramType: `udp${family}` }),
        }
        for (const { family, address, octet } of destinations) {
          const sink = await peer!.open({ family, address })
          const seen = async (fields: Partial<OutgoingMessage>): Promise<object | undefined> => {
            const message = { data: Buffer.from('x'), address, port: sink.port, ...fields }
            const { result } = await sender.send(socket, 'sendmsg', [message])
            t.same(result, [1])
            return (await sink.receive(1))[0]
          }
          for (let ecn = 0; ecn < 4; ecn++) {
            told(t, await seen({ ecn }), { trafficClass: (octet & 0xfc) | ecn }, 'ecn leaves dscp as its owner has it')
          }
          for (const dscp of [0, 10, 63]) {
            told(t, await seen({ dscp }), { trafficClass: (dscp << 2) | (octet & 3) }, 'and dscp ecn')
          }
          told(t, await seen({ dscp: 5, ecn: 1 }), { trafficClass: 0x15 })
          told(t, await seen({ trafficClass: 0x04, hopLimit: 12 }), { trafficClass: 0x04, hopLimit: 12 })
          if (family === 4) told(t, await seen({ source: '127.0.0.9' }), { trafficClass: octet, address: '127.0.0.9' })
          told(t, await seen({}), { trafficClass: octet }, 'the socket is as it was')
          if (family === 4) {
            const message = { data: Buffer.from('x'), address, port: sink.port, dontFragment: true }
            told(
              t,
              await sender.send(socket, 'sendmsg', [message]),
              { code: 'ENOTSUP' },
              'its options are never changed',
            )
          }
          if (borrowed === 'descriptor' && family === 4) {
            const { port } = (await seen({})) as { port: number }
            await sink.send({ data: 'back', address: '127.0.0.3', port, trafficClass: 0x2e })
            const { message } = await sender.ask({ socket, way: 'recvmsg' })
            told(t, message, {
              data: 'back',
              address: '127.0.0.1',
              port: sink.port,
              destination: '127.0.0.3',
              trafficClass: 0x2e,
            })
          }
          await sink.close()
        }
      })
    }
  }
})

const inside = [process.execPath, ...process.execArgv, path.join(__dirname, 'namespace.ts')]
const namespaces = 'two network namespaces with two links between them'
if (noNamespace === false) void t.spawn('unshare', ['-n', ...inside], namespaces)
else t.test(namespaces, { skip: noNamespace }, async () => {})
