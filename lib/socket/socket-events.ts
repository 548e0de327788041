import type { DatagramError } from '../receive/datagram-error'
import type { Message, MessageInfo, ReceivedData } from '../types'

/** The events of a socket, as dgram has them, and `'messages'`: all that came with one system call. */
export interface SocketEvents {
  /** One datagram. */
  message: [data: ReceivedData, info: MessageInfo]
  /** All that came with one system call, before the same as single `'message'` events. */
  messages: [messages: Message[]]
  /** Bound, and reading. */
  listening: []
  /** Connected. */
  connect: []
  /** Closed; nothing more comes. */
  close: []
  /** A failure outside of any call. */
  error: [error: Error]
  /** What an earlier datagram met on its way; with `createSocket({ receiveErrors: true })`. */
  datagramError: [error: DatagramError]
}
