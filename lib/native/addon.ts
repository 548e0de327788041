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
  /**
   * Receives up to `count` messages, and returns how many, or the native error, negated. Data is packed into the chunks of
   * `small` and `large`, of which the first are used already as far as `smallUsed` and `largeUsed`. The receive slots say where
   * each message is: one that its list had no room for, and all later ones for that list, are in the receive area.
   */
  receive(
    count: number,
    length: number,
    controlLength: number,
    wantRecords: number,
    small: readonly ArrayBuffer[],
    smallUsed: number,
    large: readonly ArrayBuffer[],
    largeUsed: number,
  ): number
  /**
   * What became of datagrams that were sent, where Option.receiveErrors is on: as many errors as `slots` (error slots)
   * has room for, at most slotCount, each with the start of its datagram in an equal part of `data`. Returns how many; 0:
   * there are no more.
   */
  receiveErrors(slots: Uint8Array, data: Uint8Array): number
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

/** What the addon exports, once in a thread. */
interface Addon {
  /** Offsets, sizes and values: numberOf() reads them. */
  readonly layout: unknown
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

/**
 * A number of the boundary, by its name in a part of the layout (src/export_layout.cc): an offset in a slot, a size, the
 * value of an enum.
 * @throws for a name that this addon does not have
 */
export function numberOf(part: string, name: string): number {
  let found = addon.layout
  for (const step of [...part.split('.'), name]) found = (found as Record<string, unknown> | undefined)?.[step]
  if (typeof found === 'number') return found
  throw new Error(`sendmsg: the addon and the JavaScript are of different versions (no field ${part}.${name})`)
}

/** As numberOf(), for several names. */
export function numbersOf<const Name extends string>(
  part: string,
  names: readonly Name[],
): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name) => [name, numberOf(part, name)])) as Record<Name, number>
}

/**
 * The offset of a slot's member that has `bytes` bytes: it ends where the next one starts, as the slots have no padding.
 * @throws for a name that this addon does not have, or a member of another size
 */
export function memberOf(slot: string, name: string, bytes: number): number {
  const offset = numberOf(slot, name)
  const offsets = Object.values((addon.layout as Record<string, Record<string, number>>)[slot]!)
  const size = Math.min(...offsets.filter((other) => other > offset)) - offset
  if (size === bytes) return offset
  throw new Error(
    `sendmsg: the addon and the JavaScript are of different versions (${slot}.${name} has ${String(size)} bytes)`,
  )
}

const layout = numbersOf('sizes', [
  'slotCount',
  'sendControlArena',
  'receiveStride',
  'recordStride',
  'recordAlignment',
  'receiveControlRoom',
  'maxBuffers',
  'maxDatagram',
  'maxChunks', // in one list
  'smallMessage', // below this a message goes to a small chunk
  'smallChunk',
  'largeChunk',
])

/** The memory that both sides share; src/layout.h says how it is laid out. */
export const sendSlotMemory = new ArrayBuffer(layout.slotCount * numberOf('send', 'slotSize'))
export const sendRecordMemory = new ArrayBuffer(layout.sendControlArena)
/** Where messages are received that are not received into chunks, each `receiveStride` behind the one before. */
export const receiveAreaMemory = new ArrayBuffer(layout.slotCount * layout.receiveStride)
export const receiveSlotMemory = new ArrayBuffer(layout.slotCount * numberOf('receive', 'slotSize'))
export const receiveRecordMemory = new ArrayBuffer(layout.slotCount * layout.recordStride)
const reportMemory = new ArrayBuffer(numberOf('report', 'slotSize'))

const instance = addon.create(
  sendSlotMemory,
  sendRecordMemory,
  receiveSlotMemory,
  receiveAreaMemory,
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

export const binding = { ...addon, ...instance, layout, Endpoint: InstanceEndpoint as unknown as new () => Endpoint }

const reportWords = new Int32Array(reportMemory)
const statusIndex = numberOf('report', 'status') >> 2
const waitIndex = numberOf('report', 'wait') >> 2
const earlierErrorsIndex = numberOf('report', 'earlierErrors') >> 2

/** What a call tells beside its return value. */
export const report = {
  status: (): number => reportWords[statusIndex]!,
  wait: (): number => reportWords[waitIndex]!,
  earlierErrors: (): number => reportWords[earlierErrorsIndex]!,
}
