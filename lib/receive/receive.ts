import type { BlockList } from 'node:net'
import { isBlocked } from '../message/block-list'
import { binding, type Endpoint } from '../native/addon'
import { viewOf } from '../native/shared-memory'
import { receiveSlots } from '../native/slots'
import type { Message, ReceivedData } from '../types'
import type { Batch } from './batch'
import { bufferOf, copiedIfSmall, endBatch, receiveIntoChunks } from './chunks'
import { ReceivedInfo, ReceivedMessage } from './message'
import type { Room } from './room'

const { slotCount } = binding.layout
/** Coalesced datagrams are no longer, all together, than one datagram can be. */
const MAX_COALESCED = binding.layout.maxDatagram

/** Which messages a socket's owner gets, and what of them. */
export interface ReceiveStyle {
  /** Trains that the kernel coalesced are handed out whole. */
  readonly whole: boolean
  /** Trains may come, and are split. */
  readonly splits: boolean
  readonly wantControl: boolean
  /** Senders that nothing is taken from. */
  readonly blockList: BlockList | undefined
}

/**
 * One recvmmsg: appends what came to `batch`, at most `max` messages, or more where coalesced datagrams are split. Returns how
 * many the kernel gave, or the native error, negated. No code of the program runs meanwhile: all is read out of the shared memory.
 */
export function receiveInto(batch: Batch, endpoint: Endpoint, max: number, room: Room, style: ReceiveStyle): number {
  const received = receiveIntoChunks(
    endpoint,
    Math.min(max, slotCount),
    style.splits ? MAX_COALESCED : room.length, // see `shorten`
    room.controlLength,
    style.wantControl,
  )
  if (received <= 0) return received
  for (let slot = 0; slot < received; slot++) append(batch, slot, style)
  endBatch()
  return received
}

function append(batch: Batch, slot: number, style: ReceiveStyle): void {
  const buffer = bufferOf(slot)
  const start = receiveSlots.offset(slot)
  const size = receiveSlots.size(slot)
  const { whole, wantControl } = style
  const segmentSize = whole ? 0 : receiveSlots.segmentSize(slot)
  if (segmentSize === 0) {
    add(batch, slot, viewOf(buffer, start, size), size, whole, wantControl)
    return
  }
  const end = start + size
  for (let at = start; at < end; at += segmentSize) {
    const data = copiedIfSmall(viewOf(buffer, at, Math.min(segmentSize, end - at)))
    add(batch, slot, data, data.byteLength, false, wantControl)
  }
}

function add(batch: Batch, slot: number, data: ReceivedData, size: number, whole: boolean, wantControl: boolean): void {
  const { form } = batch
  if (form.messages) batch.messages.push(new ReceivedMessage(slot, data, size, whole, wantControl))
  if (form.infos) {
    batch.infos.push(new ReceivedInfo(slot, size, whole, wantControl))
    batch.data.push(data)
  }
}

/**
 * Leaves out, from index `first` on, what blocked senders sent. The list can be the program's own code: it can throw, and then
 * its message is left out, the others are kept, and the first such error is returned.
 */
export function dropBlocked(batch: Batch, first: number, blockList: BlockList): { error: unknown } | undefined {
  let failure: { error: unknown } | undefined
  // Of one sender several often come in a row, of coalesced datagrams always.
  let asked: string | undefined
  let answer = false
  batch.filter(first, ({ address, family }) => {
    if (address === asked) return answer
    try {
      answer = isBlocked(blockList, address, family)
      asked = address
      return answer
    } catch (error) {
      failure ??= { error }
      return true
    }
  })
  return failure
}

/**
 * What a caller's room leaves of a message. Where coalesced datagrams are split the kernel cannot be
 * told: with too little room for all of them it would drop those that follow.
 */
export function shorten(message: Message, length: number): void {
  if (message.size <= length) return
  message.data = message.data.subarray(0, length)
  message.size = length
  message.truncated = true
}
