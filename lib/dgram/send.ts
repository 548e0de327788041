<<<<<<< HEAD:lib/dgram/send.ts
import type { ParsedAddress } from '../message/address'
import type { SendArguments, SendCallback } from './arguments'
import { canceled, SocketError, type ErrorPlace } from '../errors/socket-error'
import type { SocketFacts } from '../socket/state'
import { invalidAddress, type Lifecycle } from '../socket/lifecycle'
=======
import type { ParsedAddress } from './address'
import type { SendArguments, SendCallback } from './dgram-arguments'
import { canceled, SocketError, type ErrorPlace } from './errors'
import type { SocketFacts } from './facts'
import { invalidAddress, type Lifecycle } from './lifecycle'
>>>>>>> main:lib/dgram-send.ts
import { literal, resolve } from './resolve'
import type { Transport } from '../socket/handle'
import type { LookupFunction, OutgoingMessage } from '../types'

const noop = (): void => undefined

/** A message of dgram's own forms. It inherits nothing, whatever Object.prototype has. */
class PlainMessage implements OutgoingMessage {
  constructor(
    readonly data: readonly Uint8Array[],
    readonly address?: string,
    readonly port?: number,
  ) {}
}
Object.setPrototypeOf(PlainMessage.prototype, null)

const NOWHERE: ErrorPlace = Object.freeze({ address: undefined, port: undefined })

/** dgram calls it so. */
const asSend = ({ code, nativeCode, nativeName }: SocketError, place: ErrorPlace): SocketError =>
  new SocketError({ code, nativeCode, nativeName, syscall: 'send', ...place })

/** dgram's own forms of `send`: what is wrong behind the arguments is told to the callback, or to nobody. */
export class DgramSend {
  constructor(
    private readonly transport: Transport,
    private readonly facts: SocketFacts,
    private readonly life: Lifecycle,
    private readonly lookup: LookupFunction | undefined,
  ) {}

  send(given: SendArguments): void {
    const { data, port, address, callback } = given
    if (port === undefined) {
      this.transmit(new PlainMessage(data), NOWHERE, callback)
      return
    }
    const host = address ?? this.life.loopback
    const known = literal(host, this.lookup)
    if (known !== undefined) {
      // At once, as there is nothing to look up, and dgram would lose it when close() follows. Told when dgram would tell.
      const later: SendCallback | undefined = callback && ((...result) => process.nextTick(callback, ...result))
      this.sendTo(known, host, given, later)
      return
    }
    resolve(host, this.facts.family, this.lookup, (error, text, parsed) => {
      if (this.life.closed) {
        if (callback !== undefined) process.nextTick(callback, error ?? canceled('send', { address, port }))
      } else if (error === null) {
        this.sendTo(parsed, text, given, callback)
      } else if (callback !== undefined) {
        process.nextTick(callback, error)
      } else {
        this.life.emitError(error, true)
      }
    })
  }

  private sendTo(
    parsed: ParsedAddress | undefined,
    text: string,
    { data, port, address }: SendArguments,
    callback: SendCallback | undefined,
  ): void {
    if (this.life.connected) {
      // Since it was asked for.
      const error = new SocketError({ code: 'EISCONN', syscall: 'send', address, port })
      if (callback !== undefined) process.nextTick(callback, error)
    } else if (parsed !== undefined && this.life.reaches(parsed)) {
      const message = new PlainMessage(data, text, this.facts.raw ? undefined : port)
      this.transmit(message, { address, port }, callback)
    } else if (callback !== undefined) {
      process.nextTick(callback, invalidAddress('send', address, port!))
    }
  }

  private transmit(message: OutgoingMessage, place: ErrorPlace, callback: SendCallback | undefined): void {
    const told: SendCallback =
      callback === undefined
        ? noop
        : (error, bytes) => {
            if (error === null) callback(null, bytes)
            else (callback as (error: Error) => void)(error instanceof SocketError ? asSend(error, place) : error)
          }
    try {
      this.transport.send(message, told)
    } catch (error) {
      if (callback !== undefined) process.nextTick(callback, error)
    }
  }
}
