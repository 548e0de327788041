import { binding } from '../native/addon'
import type { ReceiveManyRoom, ReceiveRoom } from '../types'
import { checkInteger } from '../util/validate'

/** How many messages a receive asks for, and the bytes of data and of control data that each may have. */
export interface Room {
  readonly count: number
  readonly length: number
  readonly controlLength: number
}

const { maxDatagram: MAX_LENGTH, receiveControlRoom: MAX_CONTROL_LENGTH } = binding.layout
const MAX_COUNT = 1024
const DEFAULT_COUNT = 32

/** For so many whole messages. */
export const roomFor = (count: number): Room => ({ count, length: MAX_LENGTH, controlLength: MAX_CONTROL_LENGTH })

export function checkRoom(options: ReceiveRoom, count: number): Room {
  const { length = MAX_LENGTH, controlLength = MAX_CONTROL_LENGTH } = options
  checkInteger(length, 'options.length', 0, MAX_LENGTH)
  checkInteger(controlLength, 'options.controlLength', 0, MAX_CONTROL_LENGTH)
  return { count, length, controlLength }
}

export function checkManyRoom(options: ReceiveManyRoom): Room {
  const { count = DEFAULT_COUNT } = options
  checkInteger(count, 'options.count', 1, MAX_COUNT)
  return checkRoom(options, count)
}
