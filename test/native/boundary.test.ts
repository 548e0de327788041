// What the addon and the library agree on: one source for each number, errors of two kinds, and handles that are left as
// they were.
import { spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import load from 'node-gyp-build'
import t, { type Test } from 'tap'

type Any = ReturnType<typeof JSON.parse>

const addon: Any = load(path.dirname(require.resolve('sendmsg/package.json')))
const { sizes, send, receive, report, enums } = addon.layout
const { readable } = enums.readiness
const nothing = (): void => undefined

function createInstance(): Any {
  const memory = [
    sizes.slotCount * send.slotSize,
    sizes.sendControlArena,
    sizes.slotCount * receive.slotSize,
    sizes.slotCount * sizes.receiveStride,
    sizes.slotCount * sizes.recordStride,
    report.slotSize,
  ]
  return addon.create(...memory.map((size) => new ArrayBuffer(size)), nothing, nothing)
}

const LOOPBACK = new Uint8Array(16)
LOOPBACK.set([127, 0, 0, 1])

function openEndpoint(test: Test, instance: Any = createInstance()): Any {
  const endpoint = instance.createEndpoint()
  test.equal(endpoint.open(4, 0, 0), 0)
  test.equal(endpoint.bind(4, LOOPBACK, 0, 0), 0)
  test.teardown(() => endpoint.close())
  return endpoint
}

t.test("libuv's errors come by name, the system's by number", async (t) => {
  const instance = createInstance()
  const endpoint = openEndpoint(t, instance)
  t.equal(endpoint.watch(readable), 0)
  const other = openEndpoint(t, instance)
  if (process.platform === 'linux') {
    t.equal(other.adopt(endpoint.descriptor()), 'EEXIST', 'somebody in this loop watches it')
  }
  t.type(other.adopt(-1), 'number')
  endpoint.close()
  t.equal(endpoint.watch(readable), 'EBADF')
})

t.test('two instances know nothing of each other', async (t) => {
  const [one, two] = [createInstance(), createInstance()]
  const endpoint = openEndpoint(t, one)
  t.equal(one.receive(endpoint.number, 1, 9, 0, 0, [], 0, [], 0), 0)
  const nowhere = { code: 'ERR_INVALID_ARG_VALUE' }
  t.throws(() => two.receive(endpoint.number, 1, 9, 0, 0, [], 0, [], 0), nowhere)
  t.throws(() => two.send(endpoint.number, 1, new Uint8Array(9)), nowhere)
  one.setMaxSegments(2)
  two.setMaxSegments(64)
})

t.test('a descriptor is the same socket as long as it is', async (t) => {
  const instance = createInstance()
  const owner = openEndpoint(t, instance)
  const borrowed = instance.createEndpoint()
  t.equal(borrowed.unchanged(), false, 'nothing was borrowed')
  t.equal(borrowed.borrow(owner.descriptor()), 0)
  t.equal(borrowed.unchanged(), true)
  const number: number = owner.descriptor()
  t.equal(borrowed.watch(readable), 0)
  t.equal(borrowed.unchanged(), true)
  owner.close()
  t.equal(borrowed.unchanged(), false, 'closed')
  const next = openEndpoint(t, instance)
  if (next.descriptor() === number) t.equal(borrowed.unchanged(), false, 'another one has the number')
  borrowed.close()
})

interface Handle {
  hasRef(): boolean
}

const handleOf = (socket: dgram.Socket): Handle => {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')!
  return (socket as unknown as Record<symbol, { handle: Handle }>)[state]!.handle
}

t.test('looking for a handle leaves all of them as they were', async (t) => {
  const sockets = Array.from({ length: 6 }, () => dgram.createSocket('udp4').bind(0, '127.0.0.1'))
  t.teardown(() => {
    for (const socket of sockets) socket.close()
  })
  await Promise.all(sockets.map((socket) => once(socket, 'listening')))
  sockets.forEach((socket, index) => {
    if (index % 2 === 1) socket.unref()
  })
  const states = (): boolean[] => sockets.map((socket) => handleOf(socket).hasRef())
  const before = states()
  t.same(before, [true, false, true, false, true, false])
  const thrown = new RangeError('from ref')
  const throwsAt = (call: number): (() => void)[] => {
    let calls = 0
    const toggle = (on: boolean) => () => {
      if (++calls === call) throw thrown
      for (const socket of sockets) socket[on ? 'ref' : 'unref']()
    }
    return [toggle(true), toggle(false)]
  }
  for (const call of [1, 2, 3]) {
    t.throws(() => addon.findHandle(...throwsAt(call)), thrown)
    t.same(states(), before, `call ${String(call)} throws`)
  }
  t.equal(addon.findHandle(...throwsAt(9)), undefined, 'all of them follow')
  t.same(states(), before)
  t.equal(addon.findHandle(nothing, nothing), undefined, 'none follows')
  t.same(states(), before)
  // Follows at first only.
  let turns = 0
  const briefly = (on: boolean) => () => {
    if (turns++ < 2) sockets[1]![on ? 'ref' : 'unref']()
  }
  t.equal(addon.findHandle(briefly(true), briefly(false)), undefined)
  t.same(states(), before)
  for (const socket of sockets) {
    t.type(addon.findHandle(socket.ref.bind(socket), socket.unref.bind(socket)), 'number', 'found')
    t.same(states(), before)
  }
})

const compiler = ['c++', 'g++', 'clang++'].find((name) => spawnSync(name, ['--version']).status === 0)
const noCompiler =
  (process.platform === 'win32' && 'compiles against the POSIX backend') ||
  (compiler === undefined && 'there is no C++ compiler')

t.test('tables that could corrupt memory are not compiled', { skip: noCompiler }, async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'sendmsg-tables-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const compile = (source: string): { status: number | null; stderr: string } => {
    const file = path.join(directory, 'table.cc')
    writeFileSync(file, `#include "control.h"\nnamespace datagram {\n${source}\n}\n`)
    const include = ['src', 'src-posix'].flatMap((name) => ['-I', path.resolve(name)])
    return spawnSync(compiler!, ['-std=c++17', '-fsyntax-only', ...include, file], { encoding: 'utf8' })
  }
  const rows = (count: number): string => {
    const row = '{kHopLimit, kIPv4, 0, 2, [](const SendSlot& slot) -> int { return slot.hopLimit; }},\n'
    return `const EmulatedField kRows[] = {${row.repeat(count)}};\nconst Table<EmulatedField> kTable = TableOf(kRows);`
  }
  t.match(compile(rows(4)), { status: 0, stderr: '' })
  const fifth = compile(rows(5))
  t.not(fifth.status, 0)
  t.match(fifth.stderr, /kMaxEmulated/)
  // The size of a payload is that of what is written into it.
  const sized = `
    uint64_t Time(const SendSlot& slot) { return slot.sendTime; }
    constexpr SendControl kRow = SendRow<Time>(kSendTime, kNoFamily, 1, 2);
    static_assert(kRow.size == 8 && kRow.fields == kSendTime && kRow.level == 1 && kRow.type == 2);`
  t.match(compile(sized), { status: 0, stderr: '' })
})
