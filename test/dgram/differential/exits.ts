// Whether a process ends while it has a socket: each life of one in a thread of its own, all at the same time.
import nodeDgram from 'node:dgram'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import * as sendmsg from 'sendmsg'
import type { Implementation } from './recorder'

/** More turns of the loop than what keeps a thread for a moment takes. */
const TURNS = 50
const STAYED = 3

const implementations = {
  dgram: nodeDgram,
  ours: sendmsg as unknown as Implementation,
}
type Side = keyof typeof implementations

type Create = () => nodeDgram.Socket
const bound = (create: Create, then: (socket: nodeDgram.Socket) => void): void => {
  const socket = create()
  socket.bind(0, '127.0.0.1', () => then(socket))
}

const lives: Readonly<Record<string, (create: Create) => void>> = {
  created: (create) => void create(),
  'created, unref': (create) => void create().unref(),
  bound: (create) => bound(create, () => undefined),
  'bound, with a listener': (create) => bound(create, (socket) => void socket.on('message', () => undefined)),
  'unref, bound': (create) => void create().unref().bind(0, '127.0.0.1'),
  'bound, unref': (create) => bound(create, (socket) => void socket.unref()),
  'bound, unref twice, ref': (create) => bound(create, (socket) => void socket.unref().unref().ref()),
  'bound, closed': (create) => {
    bound(create, (socket) => void socket.close())
  },
  'unref in its own listener': (create) =>
    bound(create, (socket) => {
      socket.on('message', () => void socket.unref())
      socket.send('x', socket.address().port, '127.0.0.1')
    }),
  connected: (create) => {
    create().connect(1, '127.0.0.1')
  },
  'connected, unref': (create) => {
    const socket = create()
    socket.connect(1, '127.0.0.1', () => void socket.unref())
  },
  'a send, then unref': (create) =>
    bound(create, (socket) => {
      socket.send('x', 1, '127.0.0.1', () => undefined)
      socket.unref()
    }),
  'bind failed': (create) =>
    void create()
      .on('error', () => undefined)
      .bind(0, '198.51.100.1'),
}

interface Life {
  readonly side: Side
  readonly name: string
}

/** True in a thread of these: it has run the life that it was made for. */
export function livesHere(): boolean {
  if (isMainThread) return false
  const { side, name } = workerData as Life
  lives[name]!(() => implementations[side].createSocket('udp4'))
  let turns = 0
  setInterval(() => {
    if (++turns === TURNS) process.exit(STAYED)
  }, 1).unref()
  return true
}

async function live(life: Life): Promise<string> {
  const worker = new Worker(__filename, { workerData: life })
  const code = await new Promise<number>((resolve) => worker.once('exit', resolve))
  return code === STAYED ? 'stays' : code === 0 ? 'ends' : `exit code ${code}`
}

/** For each life, what becomes of its thread. */
export async function exits(side: Side): Promise<Record<string, string>> {
  const names = Object.keys(lives)
  const became = await Promise.all(names.map((name) => live({ side, name })))
  return Object.fromEntries(names.map((name, index) => [name, became[index]!]))
}
