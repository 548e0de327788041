// The addon itself, as a program can get hold of it: whatever it is given, it refuses or fails, and never crashes.
import path from 'node:path'
import load from 'node-gyp-build'

export type Any = ReturnType<typeof JSON.parse>

export const root = path.dirname(require.resolve('sendmsg/package.json'))
export const addonFile: string = (load as Any).path?.(root) ?? (load as Any).resolve(root)

/** An addon of its own: not the one whose memory the library has. */
export function freshAddon(): Any {
  const { cache } = require
  const known = cache[addonFile]
  Reflect.deleteProperty(cache, addonFile)
  const addon: unknown = load(root)
  if (known !== undefined) cache[addonFile] = known
  return addon
}

export type SendSlotMember =
  | 'slotSize'
  | 'fields'
  | 'bufferCount'
  | 'progress'
  | 'segmentSize'
  | 'controlOffset'
  | 'controlLength'
  | 'destinationFamily'
  | 'destination'
  | 'destinationPort'
  | 'controlFamily'
  | 'destinationScope'
  | 'hopLimit'
  | 'interfaceIndex'
  | 'source'
export const sizesOf = ({ layout: { sizes, send, receive, report } }: Any): number[] => [
  sizes.slotCount * send.slotSize,
  sizes.sendControlArena,
  sizes.slotCount * receive.slotSize,
  sizes.slotCount * sizes.receiveStride,
  sizes.slotCount * sizes.recordStride,
  report.slotSize,
]
export const memoryOf = (addon: Any): ArrayBuffer[] => sizesOf(addon).map((size) => new ArrayBuffer(size))
export const nothing = (): void => undefined

/** What the addon has, and an instance of it, whose endpoints are made by `new`. */
export function created(addon: Any, memory: ArrayBuffer[], dispatch: Any = nothing): Any {
  const instance = addon.create(...memory, dispatch, nothing)
  function Endpoint(): Any {
    return instance.createEndpoint()
  }
  return { ...addon, ...instance, Endpoint }
}

export function initialized(dispatch: Any = nothing): { addon: Any; memory: ArrayBuffer[] } {
  const addon = freshAddon()
  const memory = memoryOf(addon)
  return { addon: created(addon, memory, dispatch), memory }
}

export const LOOPBACK = new Uint8Array(16)
LOOPBACK.set([127, 0, 0, 1])
export const ANY = new Uint8Array(16)
export const LOOPBACK6 = new Uint8Array(16).fill(1, 15)
export const bytes = (...start: number[]): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, index) => start[index] ?? 0)

/** Bound to loopback and connected to `peer`: what it sends without an address goes there. */
export function openConnected(addon: Any, receivePort: (endpoint: Any) => number): { sender: Any; receiver: Any } {
  const sender = new addon.Endpoint()
  const receiver = new addon.Endpoint()
  for (const endpoint of [sender, receiver]) {
    if (endpoint.open(4, 0, 0) !== 0 || endpoint.bind(4, LOOPBACK, 0, 0) !== 0) throw new Error('loopback is not there')
  }
  receiver.localAddress()
  sender.connect(4, LOOPBACK, receivePort(receiver), 0)
  return { sender, receiver }
}

export const methods = [
  'open',
  'borrow',
  'adopt',
  'endAdoption',
  'close',
  'bind',
  'connect',
  'disconnect',
  'localAddress',
  'remoteAddress',
  'getOption',
  'setOption',
  'setMembership',
  'setMulticastInterface',
  'enableReceive',
  'waitReadable',
  'send',
  'startSend',
  'cancelSend',
  'receive',
  'receiveErrors',
  'makeWatcher',
  'watch',
  'setHold',
  'setContext',
  'family',
  'raw',
  'descriptor',
  'segmentation',
  'unchanged',
]

// Of these every method takes the wrong type for something.
export const oddities: unknown[] = [
  undefined,
  null,
  NaN,
  -1,
  2 ** 31,
  2 ** 32 + 1,
  2 ** 53,
  Infinity,
  1n,
  'text',
  Symbol('odd'),
  {},
  [],
  new Array(2 ** 32 - 1),
  new Array(70_000).fill(new Uint8Array(1)),
  new ArrayBuffer(8),
  new Uint8Array(1),
  new Uint8Array(new SharedArrayBuffer(16)),
  new DataView(new ArrayBuffer(16)),
  new Float64Array(16),
  nothing,
]

/** xorshift32: the same numbers in each run. */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** An addon with what the tests below do with it. */
export function kit(dispatch: (endpoint: Any, status: number) => void = nothing) {
  const { addon, memory } = initialized(dispatch)
  const { receive, report } = addon.layout
  const send = addon.layout.send as Record<SendSlotMember, number>
  const slots = new DataView(memory[0]!)
  const opened: Any[] = []
  const open = (family: number, address?: Uint8Array): Any => {
    const endpoint = new addon.Endpoint()
    opened.push(endpoint)
    if (endpoint.open(family, 0, 0) !== 0) throw new Error('no socket')
    if (address !== undefined && endpoint.bind(family, address, 0, 0) !== 0) throw new Error('not bound')
    return endpoint
  }
  const portOf = (endpoint: Any): number => {
    endpoint.localAddress()
    return new DataView(memory[2]!).getUint16(receive.port, true)
  }
  /** Sends `count` datagrams in one call; how many were taken. Of family 0: to where it is connected. */
  const sendTo = (
    endpoint: Any,
    family: number,
    address: Uint8Array,
    port: number,
    data: Uint8Array,
    count = 1,
  ): number => {
    new Uint8Array(memory[0]!).fill(0)
    for (let at = 0; at < count * send.slotSize; at += send.slotSize) {
      slots.setUint32(at + send.bufferCount, 1, true)
      slots.setUint16(at + send.destinationPort, port, true)
      slots.setUint8(at + send.destinationFamily, family)
      slots.setUint8(at + send.controlFamily, family)
      new Uint8Array(memory[0]!).set(address, at + send.destination)
    }
    return endpoint.send(count, new Array(count).fill(data))
  }
  /** How many datagrams are there, or a negative status. */
  const receiveAll = (endpoint: Any): number => endpoint.receive(64, 100, 0, 0, [new ArrayBuffer(100_000)], 0, [], 0)
  const status = (): number => new DataView(memory[5]!).getInt32(report.status, true)
  const close = (): void => {
    for (const endpoint of opened) endpoint.close()
  }
  return { addon, open, portOf, sendTo, receiveAll, status, close }
}
