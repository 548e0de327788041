import type { LibuvErrorName } from '../errors/socket-error'
import { loadAddon } from './load'

/** One socket in the addon. Numbers below zero are the platform's error codes, negated. */
export interface Endpoint {
  /** For `binding.send`. */
  readonly number: number
  /** Who is told of readiness, and of sends that have completed. */
  owner: {
    /** `status` is libuv's. Whether it is to be called again at once, with neither status nor events. */
    onReady(status: number, events: number): boolean
    onSettled(operation: number, status: number, sent: number): void
  }
  open(family: number, raw: number, protocol: number): number
  borrow(descriptor: number): number
  /** Whether the descriptor that was borrowed still stands for the same socket. False where that can't be told. */
  unchanged(): boolean
  /**
   * Takes a descriptor of somebody else's in place of what is open. Until endAdoption() options can be set, and nothing is
   * for good.
   */
  adopt(descriptor: number): number | LibuvErrorName
  /** 1: the descriptor becomes the endpoint's own, and what was open before is closed. 0, or when that fails: both are as before. */
  endAdoption(keep: number): number | LibuvErrorName
  close(): number
  bind(family: number, bytes: Uint8Array, port: number, scope: number): number
  connect(family: number, bytes: Uint8Array, port: number, scope: number): number
  disconnect(): number
  /** Writes the address into receive slot 0. */
  localAddress(): number
  remoteAddress(): number
  /** The value; report.status says whether it could be read. */
  getOption(option: number): number
  setOption(option: number, value: number): number
  /**
   * Joins (1) or leaves (0) a group. Addresses are 16 bytes, all of `family`. The interface: for IPv4 by its address, for
   * IPv6 by its index; zero: the system's choice. With `source` for what comes from there only (RFC 3678).
   */
  setMembership(
    join: number,
    family: number,
    group: Uint8Array,
    interfaceAddress: Uint8Array,
    interfaceIndex: number,
    source?: Uint8Array,
  ): number
  /** Where multicast of `family` goes out. */
  setMulticastInterface(family: number, interfaceAddress: Uint8Array, interfaceIndex: number): number
  /** Returns the fields that the kernel does not tell; report.status is the first error. */
  enableReceive(fields: number): number
  waitReadable(milliseconds: number): boolean
  send(count: number, data: Uint8Array | readonly Uint8Array[]): number
  /**
   * Where the kernel completes sends: hands it the message of slot 0, to be settled once as `operation`. Returns 0 or the
   * native error; report.wait says whether it was started.
   */
  startSend(operation: number, data: Uint8Array | readonly Uint8Array[]): number
  /** What is not with the network yet will not be sent; the completion tells. */
  cancelSend(operation: number): void
  receive(
    count: number,
    length: number,
    controlLength: number,
    wantRecords: number,
    small: Uint8Array,
    smallUsed: number,
    large: Uint8Array,
    largeUsed: number,
    /** Large chunks that are empty, for what `large` has no room for: mostSpareChunks are of use. */
    spares?: readonly Uint8Array[],
  ): number
  /**
   * What became of datagrams that were sent, where Option.receiveErrors is on: as many errors as `slots` (of layout.error)
   * has room for, at most slotCount, each with the start of its datagram in an equal part of `data`. Returns how many; 0:
   * there are no more.
   */
  receiveErrors(slots: Uint8Array, data: Uint8Array): number
  pack(first: number, count: number, small: Uint8Array, smallUsed: number, large: Uint8Array, largeUsed: number): number
  /** Makes what watch() needs, which cannot fail then. */
  makeWatcher(): number | LibuvErrorName
  watch(events: number): number | LibuvErrorName
  setHold(hold: number): number
  /**
   * Until close() `owner` is called in the async context of this call, which has `type` and is there for async_hooks as
   * `resource` while the caller keeps that.
   */
  setContext(resource: object, type: string): void
  family(): number
  raw(): number
  descriptor(): number
  segmentation(): number
}

type Layout = Readonly<Record<string, number>>

/** What the addon exports, once in a thread. */
interface Addon {
  readonly layout: {
    readonly send: Layout
    readonly receive: Layout
    readonly error: Layout
    readonly report: Layout
    readonly slotCount: number
    readonly sendControlArena: number
    readonly receiveStride: number
    readonly recordStride: number
    readonly receiveControlRoom: number
    readonly maxBuffers: number
    readonly mostSpareChunks: number
    /** Below this a message goes to the small chunk. */
    readonly smallMessage: number
    /** Sizes of the chunks that messages are packed into. */
    readonly smallChunk: number
    readonly largeChunk: number
    /** Bytes in front of a control message's payload. */
    readonly recordHeader: number
    /** What watch() takes. */
    readonly readable: number
    readonly writable: number
    readonly errors: number
    readonly later: number
  }
  readonly kernel: {
    readonly send: FieldMasks
    readonly emulated: FieldMasks
    readonly receive: FieldMasks
    /** Bit n is for option n, by the socket's family. */
    readonly options: FieldMasks
    readonly sendFlags: number
    readonly sourceNeedsWildcard: boolean
    readonly interfaceDiscardsSource: boolean
    /** Bits of the traffic class that can be sent, and that are told. */
    readonly sendClass: FieldMasks
    readonly toldClass: FieldMasks
    readonly sendsCongestionExperienced: boolean
    readonly completesSends: boolean
  }
  /** An instance of its own, so that this library can be loaded more than once in a thread. */
  create(
    sendSlots: ArrayBuffer,
    sendRecords: ArrayBuffer,
    receiveSlots: ArrayBuffer,
    receiveData: ArrayBuffer,
    receiveRecords: ArrayBuffer,
    report: ArrayBuffer,
    dispatch: (this: Endpoint, endpoint: Endpoint, status: number, events: number) => boolean,
    settle: (this: Endpoint, endpoint: Endpoint, operation: number, status: number, sent: number) => void,
  ): Instance
  /** 0 when there is no such interface; below: the native error, as it could not be looked up. */
  interfaceIndex(name: string): number
  interfaceId(index: number): string
  findHandle(ref: () => void, unref: () => void): number | null | undefined
}

/** What works on the memory that was given to create(). */
interface Instance {
  createEndpoint(): Endpoint
  /**
   * `send` of the endpoint with this number, for at most slotCount views: it saves looking up what an object wraps, and
   * reading an array.
   */
  readonly send: (endpoint: number, count: number, ...views: Uint8Array[]) => number
  /** `receive` of the endpoint with this number. */
  readonly receive: (endpoint: number, ...given: Parameters<Endpoint['receive']>) => number
  setMaxSegments(count: number): void
}

/** Bits, by family. */
export interface FieldMasks {
  readonly IPv4: number
  readonly IPv6: number
}

const addon = loadAddon() as Addon

/** The slots are in the machine's own order. */
export const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

const { layout } = addon

/** The memory that both sides share; src/slot.h says how it is laid out. */
export const sendSlotMemory = new ArrayBuffer(layout.slotCount * offsetOf(layout.send, 'slotSize'))
export const sendRecordMemory = new ArrayBuffer(layout.sendControlArena)
export const receiveSlotMemory = new ArrayBuffer(layout.slotCount * offsetOf(layout.receive, 'slotSize'))
export const receiveRecordMemory = new ArrayBuffer(layout.slotCount * layout.recordStride)
const reportMemory = new ArrayBuffer(offsetOf(layout.report, 'slotSize'))

const instance = addon.create(
  sendSlotMemory,
  sendRecordMemory,
  receiveSlotMemory,
  new ArrayBuffer(layout.slotCount * layout.receiveStride),
  receiveRecordMemory,
  reportMemory,
  (endpoint, status, events) => endpoint.owner.onReady(status, events),
  (endpoint, operation, status, sent) => {
    endpoint.owner.onSettled(operation, status, sent)
  },
)

/** For `new`: an endpoint of this library's own instance. */
function InstanceEndpoint(): Endpoint {
  return instance.createEndpoint()
}

export const binding = { ...addon, ...instance, Endpoint: InstanceEndpoint as unknown as new () => Endpoint }

/** An offset of the layout; a name that the addon does not know means that the two sides do not belong together. */
export function offsetOf(part: Layout, name: string): number {
  const offset = part[name]
  if (offset === undefined) throw new Error(`The addon and the library do not belong together: no ${name}`)
  return offset
}

const reportWords = new Int32Array(reportMemory)
const statusIndex = offsetOf(layout.report, 'status') >> 2
const waitIndex = offsetOf(layout.report, 'wait') >> 2
const packedIndex = offsetOf(layout.report, 'packed') >> 2
const smallUsedIndex = offsetOf(layout.report, 'smallUsed') >> 2
const largeUsedIndex = offsetOf(layout.report, 'largeUsed') >> 2
const largeChunkIndex = offsetOf(layout.report, 'largeChunk') >> 2
const earlierErrorsIndex = offsetOf(layout.report, 'earlierErrors') >> 2

/** What a call tells beside its return value. */
export const report = {
  status: (): number => reportWords[statusIndex]!,
  wait: (): number => reportWords[waitIndex]!,
  packed: (): number => reportWords[packedIndex]!,
  smallUsed: (): number => reportWords[smallUsedIndex]!,
  largeUsed: (): number => reportWords[largeUsedIndex]!,
  largeChunk: (): number => reportWords[largeChunkIndex]!,
  earlierErrors: (): number => reportWords[earlierErrorsIndex]!,
}

/** src/slot.h: Field. */
export const Field = {
  source: 1 << 0,
  interface: 1 << 1,
  trafficClass: 1 << 2,
  hopLimit: 1 << 3,
  dontFragment: 1 << 4,
  segmentSize: 1 << 5,
  sendTime: 1 << 6,
  control: 1 << 7,
  destination: 1 << 8,
  cast: 1 << 9,
  timestamp: 1 << 10,
} as const

/** src/slot.h: SendFlag. */
export const SendFlag = { dontRoute: 1, confirm: 2, partial: 4, oob: 8 } as const

/** src/slot.h: Wait. */
export const Wait = { none: 0, forRoom: 1, forBuffers: 2, forTurn: 3 } as const

/** src/backend.h: Option. */
export const Option = {
  receiveBuffer: 0,
  sendBuffer: 1,
  reuseAddress: 2,
  reusePort: 3,
  ipv6Only: 4,
  broadcast: 5,
  hopLimit: 6,
  trafficClassIPv4: 7,
  trafficClassIPv6: 8,
  dontFragment: 9,
  sendTime: 10,
  coalesce: 11,
  segment: 12,
  multicastHopLimit: 13,
  multicastLoopback: 14,
  pathMtu: 15,
  receiveErrors: 16,
} as const

/** src/backend.h: SendClock. */
export const SendClock = { monotonic: 1, tai: 2 } as const

/** What watch() takes. With `errors` alone only errors come, as with each of the others. */
export const Readiness = {
  readable: layout.readable,
  writable: layout.writable,
  errors: layout.errors,
  later: layout.later,
} as const
