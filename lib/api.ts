export { capabilities } from './capabilities'
export { toPosix, toWinsock } from './error-table'
export { SocketError } from './errors'
export {
  recvmmsg,
  recvmsg,
  sendmmsg,
  sendmsg,
  tryRecvmmsg,
  tryRecvmsg,
  trySendmmsg,
  trySendmsg,
} from './functions'
export type { ReceivingSocket, SendingSocket } from './functions'
export { replyTo } from './reply-to'
export { createSocket, Socket } from './socket'
export type { SocketEvents } from './socket'
export type { SendCallback, SendData } from './dgram-arguments'
export type * from './types'
