import type { ParsedAddress } from '../native/address'
import type { SendArguments, SendCallback } from './arguments'
import { canceled, SocketError, type ErrorPlace } from '../errors/socket-error'
import { literal, resolve } from './resolve'
import type { LookupFunction, OutgoingMessage } from '../types'

const noop = (): void => undefined

/** A message made of dgram's arguments. It inherits nothing, whatever Object.prototype has. */
class PlainMessage implements OutgoingMessage {
  constructor(
    readonly data: readonly Uint8Array[],
    readonly address?: string,
    readonly port?: number,
  ) {}
}
Object.setPrototypeOf(PlainMessage.prototype, null)

const NOWHERE: ErrorPlace = Object.freeze({ address: undefined, port: undefined })

/** As in dgram's errors, the call is `send`. */
const asSend = ({ code, nativeCode, nativeName }: SocketError, place: ErrorPlace): SocketError =>
  new SocketError({ code, nativeCode, nativeName, syscall: 'send', ...place })

/** The socket that DgramSend sends on. */
export interface DgramSender {
  readonly state: {
    readonly family: 4 | 6
    readonly raw: boolean
    readonly connected: boolean
    readonly loopback: string
    /** Whether the socket can send to this address. */
    reaches(address: ParsedAddress): boolean
  }
  readonly closed: boolean
  /** As `handle.sender.send`. */
  send(message: OutgoingMessage, callback: SendCallback): void
  /** Emits `'error'` in the next tick. */
  emitError(error: Error): void
}

/** libuv's error for an address that is not of the socket's family. */
export const invalidAddress = (syscall: string, address: string | undefined, port: number): SocketError =>
  new SocketError({ code: 'EINVAL', syscall, address, port })

/** `send` with dgram's arguments. Errors that are found after the arguments are checked go to the callback, if there is one. */
export class DgramSend {
  constructor(
    private readonly sender: DgramSender,
    private readonly lookup: LookupFunction | undefined,
  ) {}

  send(given: SendArguments): void {
    const { data, port, address, callback } = given
    if (port === undefined) {
      this.transmit(new PlainMessage(data), NOWHERE, callback)
      return
    }
    const host = address ?? this.sender.state.loopback
    const known = literal(host, this.lookup)
    if (known !== undefined) {
      // Sent at once, as there is nothing to look up: dgram would lose it when close() follows. Reported when dgram reports.
      const deferred: SendCallback | undefined = callback && ((...result) => process.nextTick(callback, ...result))
      this.sendTo(known, host, given, deferred)
      return
    }
    resolve(host, this.sender.state.family, this.lookup, (error, text, parsed) => {
      if (this.sender.closed) {
        if (callback !== undefined) process.nextTick(callback, error ?? canceled('send', { address, port }))
      } else if (error === null) {
        this.sendTo(parsed, text, given, callback)
      } else if (callback !== undefined) {
        process.nextTick(callback, error)
      } else {
        this.sender.emitError(error)
      }
    })
  }

  private sendTo(
    parsed: ParsedAddress | undefined,
    text: string,
    { data, port, address }: SendArguments,
    callback: SendCallback | undefined,
  ): void {
    if (this.sender.state.connected) {
      // The socket was connected while the look-up was under way.
      const error = new SocketError({ code: 'EISCONN', syscall: 'send', address, port })
      if (callback !== undefined) process.nextTick(callback, error)
    } else if (parsed !== undefined && this.sender.state.reaches(parsed)) {
      const message = new PlainMessage(data, text, this.sender.state.raw ? undefined : port)
      this.transmit(message, { address, port }, callback)
    } else if (callback !== undefined) {
      process.nextTick(callback, invalidAddress('send', address, port!))
    }
  }

  private transmit(message: OutgoingMessage, place: ErrorPlace, callback: SendCallback | undefined): void {
    const report: SendCallback =
      callback === undefined
        ? noop
        : (error, bytes) => {
            if (error === null) callback(null, bytes)
            else (callback as (error: Error) => void)(error instanceof SocketError ? asSend(error, place) : error)
          }
    try {
      this.sender.send(message, report)
    } catch (error) {
      if (callback !== undefined) process.nextTick(callback, error)
    }
  }
}
