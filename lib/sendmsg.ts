import type { Socket as DgramSocket } from 'node:dgram'
import { anyCopy, borrow, borrowForReceiving, notSocket } from './socket/borrowed-socket'
import { handleOf, Socket } from './socket/socket'
import type { Sender } from './send/sender'
import type { SocketHandle } from './socket/handle'
import type {
  Message,
  OutgoingMessage,
  ReceiveManyOptions,
  ReceiveManyRoom,
  ReceiveOptions,
  ReceiveRoom,
  WaitOptions,
} from './types'
import { checkManyRoom, checkRoom } from './receive/room'
import { checkObject, NO_OPTIONS } from './util/validate'

/** What can send: a socket of ours, a plain `dgram.Socket`, or a raw descriptor or SOCKET number. */
export type SendingSocket = Socket | DgramSocket | number

/** What can receive: a socket of ours made with `pull: true`, or a raw descriptor or SOCKET number. */
export type ReceivingSocket = Socket | number

Object.defineProperty(Socket.prototype, anyCopy, { value: true })

function senderOf(socket: SendingSocket): Sender {
  return (isOurs(socket) ? socket[handleOf] : borrow(socket)).sender
}

function isOurs(socket: unknown): socket is Socket {
  if (!(socket instanceof Socket)) return false
  // Made by Object.create(): only the prototype is a socket's.
  if ((socket[handleOf] as SocketHandle | undefined) === undefined) throw notSocket(socket)
  return true
}

/**
 * Sends one message with its control data: sendmsg(2), WSASendMsg. Waits while the kernel has no room, behind what
 * waits already. The views are held meanwhile and must not be changed.
 *
 * @returns the bytes sent
 * @throws (as a rejection, before anything is sent) TypeError and RangeError with Node's codes for bad arguments;
 * SocketError ENOTSUP for a field that this kernel cannot honour. Later: SocketError with the system's code, ETIMEDOUT,
 * ECANCELED when the socket closes; AbortError; ERR_INVALID_STATE when the data was detached or resized meanwhile
 * @see sendmsg(2); https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsasendmsg
 */
export function sendmsg(socket: SendingSocket, message: OutgoingMessage, options?: WaitOptions): Promise<number> {
  // Not by attempt(): a promise around a promise costs as much as the call.
  try {
    return senderOf(socket).sendmsg(message, options)
  } catch (error) {
    const reason = error as Error
    return Promise.reject(reason)
  }
}

/**
 * One immediate attempt.
 *
 * @returns the bytes sent (0 is an empty datagram that was sent); null when there is no room now, or when earlier sends
 * still wait
 * @throws as `sendmsg` rejects
 */
export function trySendmsg(socket: SendingSocket, message: OutgoingMessage): number | null {
  return senderOf(socket).trySendmsg(message)
}

/**
 * Sends many messages in order, as few system calls as there may be: sendmmsg(2). All are checked before the first is
 * sent.
 *
 * @returns how many were sent: all
 * @throws as `sendmsg`, at the first message that fails; `error.sent` tells how many went before it, and those after
 * it are not sent
 */
export function sendmmsg(
  socket: SendingSocket,
  messages: readonly OutgoingMessage[],
  options?: WaitOptions,
): Promise<number> {
  return attempt(() => senderOf(socket).sendmmsg(messages, options))
}

/**
 * One immediate attempt with many messages.
 *
 * @returns how many the kernel took; 0: no room now
 * @throws as `sendmsg` rejects, when a message is wrong or the first one fails
 */
export function trySendmmsg(socket: SendingSocket, messages: readonly OutgoingMessage[]): number {
  return senderOf(socket).trySendmmsg(messages)
}

/**
 * Receives one message with its control data: recvmsg(2), WSARecvMsg. Waits until there is one.
 *
 * @throws ERR_INVALID_STATE on a socket that gives its messages to listeners; SocketError, ECONNREFUSED on a connected
 * socket whose peer is not there, ETIMEDOUT, ECANCELED when the socket closes, or the owner of a descriptor closes that;
 * AbortError
 * @see recvmsg(2); https://learn.microsoft.com/windows/win32/api/mswsock/nc-mswsock-lpfn_wsarecvmsg
 */
export function recvmsg(socket: ReceivingSocket, options: ReceiveOptions = NO_OPTIONS): Promise<Message> {
  return attempt(async () => {
    if (isOurs(socket)) return socket.recvmsg(options)
    checkObject(options, 'options')
    const [message] = await borrowForReceiving(socket).pull.receive(checkRoom(options, 1), 'recvmsg', options)
    return message!
  })
}

/** One immediate attempt: the message, or null when there is none. @throws as `recvmsg` rejects */
export function tryRecvmsg(socket: ReceivingSocket, options: ReceiveRoom = NO_OPTIONS): Message | null {
  if (isOurs(socket)) return socket.tryRecvmsg(options)
  checkObject(options, 'options')
  return borrowForReceiving(socket).pull.tryReceive(checkRoom(options, 1))[0] ?? null
}

/** Receives what is there, at most `options.count` messages; waits until there is one. @throws as `recvmsg` */
export function recvmmsg(socket: ReceivingSocket, options: ReceiveManyOptions = NO_OPTIONS): Promise<Message[]> {
  return attempt(() => {
    if (isOurs(socket)) return socket.recvmmsg(options)
    checkObject(options, 'options')
    return borrowForReceiving(socket).pull.receive(checkManyRoom(options), 'recvmmsg', options)
  })
}

/** One immediate attempt: what is there, at most `options.count` messages. @throws as `recvmsg` rejects */
export function tryRecvmmsg(socket: ReceivingSocket, options: ReceiveManyRoom = NO_OPTIONS): Message[] {
  if (isOurs(socket)) return socket.tryRecvmmsg(options)
  checkObject(options, 'options')
  return borrowForReceiving(socket).pull.tryReceive(checkManyRoom(options))
}

/** What a function that waits throws is its rejection. */
async function attempt<T>(start: () => Promise<T>): Promise<T> {
  return start()
}
