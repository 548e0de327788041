// What Microsoft's page says of WSASendMsg and the library's own interface cannot ask, through the backend's contract: a
// test addon, test/windows/contract.cc. Runs in Windows' Node, under Wine: scripts/test-windows.mjs. With the hook the
// answers are those of its model (test/windows/hook.c) where Wine differs from the page; without it they are Wine's.
//
// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsasendmsg
import { once } from 'node:events'
import dgram from 'node:dgram'
import timers from 'node:timers/promises'
import t, { type Test } from 'tap'
import { elsewhere, hook, unhooked as noHook } from './hook'

/** A status is 0 or more for success, and below that Winsock's error, negated. */
type Status = number

interface Destination {
  address?: Uint8Array
  port?: number
}

interface Message extends Destination {
  data: Uint8Array
  /** Control messages as ControlRecord of src/layout.h. */
  records?: Uint8Array
  /** SendFlag bits. */
  flags?: number
}

/** Without an address the name is null, without control Control.buf is; lengths are theirs unless they are given. */
interface Header extends Destination {
  data: Uint8Array
  nameLength?: number
  control?: Uint8Array
  controlLength?: number
}

interface Socket {
  open(family: 4 | 6): Status
  borrow(descriptor: number): Status
  bind(address: Uint8Array, port: number): Status
  connect(address: Uint8Array, port: number): Status
  shutdown(how: number): Status
  close(): Status
  send(message: Message): { taken: number; status: Status; wait: number; sent: number }
  sendHeaders(headers: Header[], flags: number): Status
  /** The provider's WSASendMsg with Winsock's own flags. */
  callSend(header: Header, flags: number): Status
  startSend(
    message: Message,
    settle: (status: Status, sent: number) => void,
  ): { status: Status; wait: number; operation?: number }
  /** False where it was settled already. */
  cancelSend(operation: number, closing: boolean): boolean
  readonly descriptor: number
  /** WSASendMsg and WSARecvMsg. */
  readonly calls: [bigint, bigint]
}

/** src/layout.h. */
interface Layout {
  readonly record: Record<'slotSize' | 'level' | 'type' | 'length', number>
  readonly enums: {
    readonly wait: Record<'none' | 'forRoom', number>
    readonly sendFlag: Record<'dontRoute' | 'confirm' | 'partial' | 'oob', number>
  }
}

interface Contract {
  readonly layout: Layout
  Socket: new () => Socket
  socket(type: number, flags: number): number
  closesocket(descriptor: number): Status
  /** What SIO_GET_EXTENSION_FUNCTION_POINTER gives for WSASendMsg and WSARecvMsg. */
  extensionFunctions(descriptor: number): [bigint, bigint]
  /** SendFlag bits as flags of WSASendMsg. */
  nativeFlags(flags: number): number
  startup(): Status
  cleanup(): Status
}

const path = process.env['SENDMSG_CONTRACT']
// eslint-disable-next-line @typescript-eslint/no-require-imports
const contract = (path === undefined ? undefined : require(path)) as Contract
const { record, enums } = (path === undefined ? { enums: {} } : contract.layout) as Layout
const { wait: WAIT, sendFlag: FLAG } = enums
const skip = elsewhere || (path === undefined && 'the test addon was not built')
const unhooked = skip || noHook
const wine = (does: string): string | false => skip || (hook === undefined && `not without the hook: ${does}`)

const WSA_OPERATION_ABORTED = 995
const WSAEACCES = 10013
const WSAEFAULT = 10014
const WSAEINVAL = 10022
const WSAENOTSOCK = 10038
const WSAEMSGSIZE = 10040
const WSAEOPNOTSUPP = 10045
const WSAENOTCONN = 10057
const WSAESHUTDOWN = 10058
const WSANOTINITIALISED = 10093

const SOCK_STREAM = 1
const SD_RECEIVE = 0
const SD_SEND = 1
const SD_BOTH = 2
const MSG = { oob: 0x1, peek: 0x2, dontRoute: 0x4, waitAll: 0x8, partial: 0x8000, unknown: 0x10000 }
const IPPROTO_IP = 0
const IP_PKTINFO = 19

const LOOPBACK = Uint8Array.of(127, 0, 0, 1)
const text = (data: string): Uint8Array => Buffer.from(data)

function opened(t: Test): Socket {
  const socket = new contract.Socket()
  t.equal(socket.open(4), 0)
  t.teardown(() => socket.close())
  return socket
}

function bound(t: Test): Socket {
  const socket = opened(t)
  t.equal(socket.bind(LOOPBACK, 0), 0)
  return socket
}

/** A plain receiver; `arrived` gives what came since the last time, as [data, address]. */
async function receive(t: Test): Promise<{ to: Required<Destination>; arrived: () => Promise<[string, string][]> }> {
  const receiver = dgram.createSocket('udp4')
  t.teardown(() => receiver.close())
  receiver.bind(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address()
  const came: [string, string][] = []
  receiver.on('message', (data, { address }) => {
    came.push([data.toString(), address])
    if (data.toString() === 'the end') receiver.emit('end')
  })
  return {
    to: { address: LOOPBACK, port },
    async arrived() {
      const end = once(receiver, 'end')
      receiver.send('the end', port, '127.0.0.1')
      await end
      return came.splice(0).slice(0, -1)
    },
  }
}

const taken = (sent: number): unknown => ({ taken: 1, status: 0, wait: WAIT.none, sent })
const refused = (error: number): unknown => ({ taken: 0, status: -error, wait: WAIT.none, sent: 0 })

/** Asserts that neither Send() nor StartSend() takes a message, and why. */
function refuses(t: Test, socket: Socket, message: Message, error: number): void {
  t.same(socket.send(message), refused(error), 'Send()')
  const started = socket.startSend(message, () => t.fail('it was settled without having been started'))
  t.same(started, { status: -error, wait: WAIT.none }, 'StartSend()')
}

/** IP_PKTINFO with a source address, in a WSACMSGHDR of x64 or in a ControlRecord. */
function packetInfo(source: number[], header: 'wsacmsghdr' | 'record'): Buffer {
  const payload = Buffer.from([...source, 0, 0, 0, 0])
  const head = Buffer.alloc(header === 'record' ? record.slotSize : 16)
  if (header === 'record') {
    head.writeInt32LE(IPPROTO_IP, record.level)
    head.writeInt32LE(IP_PKTINFO, record.type)
    head.writeUInt32LE(payload.length, record.length)
  } else {
    head.writeBigUInt64LE(BigInt(head.length + payload.length), 0)
    head.writeInt32LE(IPPROTO_IP, 8)
    head.writeInt32LE(IP_PKTINFO, 12)
  }
  return Buffer.concat([head, payload])
}

// First, as it closes all sockets of the process.
t.test('Winsock is not started', { skip }, async (t) => {
  let started = 0
  while (started < 100 && contract.cleanup() === 0) started++
  const socket = new contract.Socket()
  const status = socket.open(4)
  for (let at = 0; at < started; at++) contract.startup()
  t.equal(status, -WSANOTINITIALISED)
  t.ok(started > 0, `${started} times it had been`)
  t.equal(socket.open(4), 0, 'it is again')
  t.equal(socket.close(), 0)
})

t.test("the functions of a socket's provider", { skip }, async (t) => {
  const [first, second] = [opened(t), opened(t)]
  const borrowed = new contract.Socket()
  t.equal(borrowed.borrow(first.descriptor), 0)
  const functions = contract.extensionFunctions(first.descriptor)
  t.not(functions[0], 0n)
  t.not(functions[1], functions[0])
  for (const { calls } of [first, second, borrowed]) t.same(calls, functions)
  const ipv6 = new contract.Socket()
  t.equal(ipv6.open(6), 0)
  t.same(ipv6.calls, contract.extensionFunctions(ipv6.descriptor), 'of another provider')
  ipv6.close()
})

t.test('what is sent, and how many bytes were taken', { skip }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  t.same(socket.send({ data: text(''), ...to }), taken(0))
  t.same(socket.send({ data: text('some'), ...to }), taken(4))
  t.same(socket.send({ data: Buffer.alloc(65507, 'a'), ...to }), taken(65507))
  t.same(
    (await arrived()).map(([data]) => data.length),
    [0, 4, 65507],
  )
  refuses(t, socket, { data: Buffer.alloc(65508), ...to }, WSAEMSGSIZE)
  t.same(await arrived(), [])
})

t.test('a socket that is not bound', { skip: wine('Wine binds the socket by itself') }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = opened(t)
  refuses(t, socket, { data: text('unbound'), ...to }, WSAEINVAL)
  t.same(await arrived(), [])
  t.equal(socket.bind(LOOPBACK, 0), 0)
  t.same(socket.send({ data: text('bound'), ...to }), taken(5))
  t.same(await arrived(), [['bound', '127.0.0.1']])
})

t.test('a socket that is shut down', { skip }, async (t) => {
  const { to, arrived } = await receive(t)
  for (const how of [SD_SEND, SD_BOTH]) {
    const socket = bound(t)
    t.equal(socket.shutdown(how), 0)
    refuses(t, socket, { data: text('shut down'), ...to }, WSAESHUTDOWN)
  }
  const connected = bound(t)
  t.equal(connected.connect(LOOPBACK, to.port), 0)
  t.equal(connected.shutdown(SD_SEND), 0)
  refuses(t, connected, { data: text('shut down') }, WSAESHUTDOWN)
  t.same(await arrived(), [])
  const receiving = bound(t)
  t.equal(receiving.shutdown(SD_RECEIVE), 0)
  t.same(receiving.send({ data: text('still'), ...to }), taken(5))
  t.same(await arrived(), [['still', '127.0.0.1']])
})

t.test('no destination and no connection', { skip: wine('Wine says WSAEINVAL') }, async (t) => {
  refuses(t, bound(t), { data: text('where to') }, WSAENOTCONN)
})

t.test('no destination on a connected socket', { skip }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  t.equal(socket.connect(LOOPBACK, to.port), 0)
  t.same(socket.send({ data: text('here') }), taken(4))
  t.same(await arrived(), [['here', '127.0.0.1']])
})

t.test('a broadcast address without SO_BROADCAST', { skip }, async (t) => {
  refuses(t, bound(t), { data: text('all'), address: Uint8Array.of(127, 255, 255, 255), port: 9 }, WSAEACCES)
})

t.test('a name that is too short', { skip }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  for (const nameLength of [0, 8]) {
    t.equal(socket.sendHeaders([{ data: text('short'), ...to, nameLength }], 0), -WSAEFAULT)
  }
  t.same(await arrived(), [])
})

t.test('a null name with a length', { skip: wine('Wine goes by the name alone') }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  t.equal(socket.sendHeaders([{ data: text('null'), nameLength: 16 }], 0), -WSAEFAULT)
  t.equal(socket.connect(LOOPBACK, to.port), 0)
  t.equal(socket.sendHeaders([{ data: text('null'), nameLength: 16 }], 0), -WSAEFAULT, 'on a connected socket')
  t.same(await arrived(), [])
})

t.test('a null Control.buf with a length', { skip: wine('Wine ignores Control') }, async (t) => {
  const { to, arrived } = await receive(t)
  t.equal(bound(t).sendHeaders([{ data: text('null'), ...to, controlLength: 24 }], 0), -WSAEFAULT)
  t.same(await arrived(), [])
})

t.test('a Control.buf with the length 0, or of half a header', { skip: wine('Wine ignores Control') }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  const control = packetInfo([127, 0, 0, 2], 'wsacmsghdr')
  for (const controlLength of [0, 12]) {
    t.equal(socket.sendHeaders([{ data: text('control'), ...to, control, controlLength }], 0), -WSAEINVAL)
  }
  t.same(await arrived(), [])
  t.same(socket.send({ data: text('none'), ...to }), taken(4), 'what Send() makes is taken')
  t.same(await arrived(), [['none', '127.0.0.1']])
})

t.test('control data, by a header and by Send()', { skip: wine('Wine ignores Control') }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  t.equal(socket.sendHeaders([{ data: text('one'), ...to, control: packetInfo([127, 0, 0, 2], 'wsacmsghdr') }], 0), 1)
  const records = packetInfo([127, 0, 0, 3], 'record')
  t.same(socket.send({ data: text('two'), ...to, records }), taken(3))
  t.same(await arrived(), [
    ['one', '127.0.0.2'],
    ['two', '127.0.0.3'],
  ])
})

t.test('a batch ends before what is refused', { skip }, async (t) => {
  const { to, arrived } = await receive(t)
  const headers = ['one', 'two', 'three', 'four'].map((data, at) => ({
    data: text(data),
    ...to,
    ...(at === 2 && { nameLength: 8 }),
  }))
  const socket = bound(t)
  t.equal(socket.sendHeaders(headers, 0), 2)
  t.equal(socket.sendHeaders(headers.slice(2), 0), -WSAEFAULT, 'which is told when it comes first')
  t.same(
    (await arrived()).map(([data]) => data),
    ['one', 'two'],
  )
})

t.test('flags that are not for sending', { skip: wine('Wine takes any') }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  for (const flags of [MSG.peek, MSG.waitAll, MSG.unknown, MSG.unknown | MSG.partial]) {
    t.equal(socket.callSend({ data: text('flags'), ...to }, flags), -WSAEOPNOTSUPP)
  }
  t.same(await arrived(), [])
})

t.test('flags that are', { skip }, async (t) => {
  const { to, arrived } = await receive(t)
  const socket = bound(t)
  t.equal(contract.nativeFlags(FLAG.dontRoute), MSG.dontRoute)
  t.equal(contract.nativeFlags(FLAG.partial), MSG.partial)
  t.equal(contract.nativeFlags(FLAG.oob), MSG.oob)
  t.equal(contract.nativeFlags(255), MSG.dontRoute | MSG.partial | MSG.oob, 'and no other is ever handed over')
  for (const flags of [FLAG.dontRoute, FLAG.partial, FLAG.confirm]) {
    t.same(socket.send({ data: text('flags'), ...to, flags }), taken(5))
  }
  t.equal((await arrived()).length, 3)
  refuses(t, socket, { data: text('flags'), ...to, flags: FLAG.oob }, WSAEOPNOTSUPP)
  t.same(await arrived(), [])
})

t.test('a SOCKET that is closed', { skip }, async (t) => {
  const { to } = await receive(t)
  const socket = new contract.Socket()
  t.equal(socket.open(4), 0)
  t.equal(socket.bind(LOOPBACK, 0), 0)
  t.equal(socket.close(), 0)
  refuses(t, socket, { data: text('closed'), ...to }, WSAENOTSOCK)
  for (const status of [
    socket.sendHeaders([{ data: text('closed'), ...to }], 0),
    socket.bind(LOOPBACK, 0),
    socket.connect(LOOPBACK, to.port),
    socket.close(),
    new contract.Socket().borrow(socket.descriptor),
  ]) {
    t.equal(status, -WSAENOTSOCK)
  }
})

t.test('a number that is no SOCKET', { skip }, async (t) => {
  for (const number of [0, 1, 0x7ffffff0]) t.equal(new contract.Socket().borrow(number), -WSAENOTSOCK)
})

t.test('a stream is refused before anything is called', { skip }, async (t) => {
  const before = hook?.counts().calls
  const stream = contract.socket(SOCK_STREAM, 0)
  t.ok(stream > 0)
  const socket = new contract.Socket()
  t.equal(socket.borrow(stream), -WSAEOPNOTSUPP)
  t.same(socket.calls, [0n, 0n], 'it has no function to send with')
  t.equal(hook?.counts().calls, before)
  t.equal(contract.closesocket(stream), 0)
})

/** Starts a send of each length; `settled` gets [index, status, sent]. */
function startAll(t: Test, socket: Socket, to: Destination, lengths: number[]) {
  const settled: [index: number, status: Status, sent: number][] = []
  const operations = lengths.map((length, index) => {
    const data = Buffer.alloc(length, String(index))
    const { status, wait, operation } = socket.startSend({ data, ...to }, (...how) => settled.push([index, ...how]))
    t.same([status, wait], [0, WAIT.none], 'started, and others can be')
    return operation!
  })
  return { settled, operations }
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 10_000 && !condition(); waited += 5) await timers.setTimeout(5)
}

for (const [name, pending, why] of [
  ['overlapped sends that complete at once', 0, skip],
  ['overlapped sends that complete later', 100, unhooked],
] as const) {
  t.test(name, { skip: why }, async (t) => {
    const { to, arrived } = await receive(t)
    hook?.injectAtRandom(0, pending, 11)
    t.teardown(() => hook?.injectAtRandom(0, 0, 1))
    const { settled } = startAll(t, bound(t), to, [10, 20, 30])
    t.same(settled, [], 'never settled before StartSend() has returned')
    await until(() => settled.length === 3)
    hook?.injectAtRandom(0, 0, 1)
    t.same(
      settled.sort(([one], [other]) => one - other),
      [
        [0, 0, 10],
        [1, 0, 20],
        [2, 0, 30],
      ],
      'each once, with its own count',
    )
    t.same(
      (await arrived()).map(([data]) => data),
      ['0'.repeat(10), '1'.repeat(20), '2'.repeat(30)],
    )
  })
}

t.test('an overlapped send that is refused is told once, by StartSend() itself', { skip }, async (t) => {
  const socket = bound(t)
  const message = { data: Buffer.alloc(65508), address: LOOPBACK, port: 9 }
  const told = new Set<Status>()
  for (let round = 0; round < 60; round++) {
    for (let at = 0; at < 50; at++) told.add(socket.startSend(message, () => t.fail('it was settled')).status)
    await timers.setImmediate()
  }
  t.same([...told], [-WSAEMSGSIZE])
})

t.test('sends that are outstanding are cancelled one by one', { skip: unhooked }, async (t) => {
  const { to, arrived } = await receive(t)
  t.teardown(() => hook!.keepFull(false))
  hook!.keepFull(true)
  const socket = bound(t)
  const { settled, operations } = startAll(t, socket, to, [10, 20, 30])
  hook!.keepFull(false)
  t.same(socket.send({ data: text('no room'), ...to }), { taken: 0, status: 0, wait: WAIT.forRoom, sent: 0 })
  t.ok(socket.cancelSend(operations[1]!, false))
  await until(() => settled.length > 0)
  t.same(settled, [[1, -WSA_OPERATION_ABORTED, 0]], 'the one that was cancelled')
  await timers.setTimeout(50)
  t.equal(settled.length, 1, 'and no other')
  t.notOk(socket.cancelSend(operations[1]!, false))
  t.ok(socket.cancelSend(operations[0]!, true))
  t.ok(socket.cancelSend(operations[2]!, true))
  t.equal(socket.close(), 0)
  t.equal(settled.length, 1, 'told on a later turn')
  await until(() => settled.length === 3)
  t.same(
    settled.slice(1).sort(([one], [other]) => one - other),
    [
      [0, -WSA_OPERATION_ABORTED, 0],
      [2, -WSA_OPERATION_ABORTED, 0],
    ],
    'closing cancels the rest',
  )
  t.same(await arrived(), [])
})
