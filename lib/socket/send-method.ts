import { types } from 'node:util'
import { parseSendArguments, type SendCallback } from '../dgram/arguments'
import { DgramSend } from '../dgram/send'
import { canceled, invalidArgType } from '../errors/socket-error'
import type { OutgoingMessage } from '../types'
import type { Binder } from './binder'
import type { Lifecycle } from './lifecycle'

const noop = (): void => undefined

const isMessage = (value: unknown): value is OutgoingMessage =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !types.isAnyArrayBuffer(value)

/** `send` of a socket, with a message or dgram's arguments. As in dgram, it waits until the socket is bound. */
export class SendMethod {
  private readonly dgramSend: DgramSend

  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly binder: Binder,
  ) {
    const { handle, state, options } = lifecycle
    const sender = {
      state,
      get closed() {
        return lifecycle.closed
      },
      send: (message: OutgoingMessage, callback: SendCallback) => {
        handle.sender.send(message, callback)
      },
      emitError: (error: Error) => {
        lifecycle.emitError(error, true)
      },
    }
    this.dgramSend = new DgramSend(sender, options.lookup)
  }

  call(args: readonly unknown[]): void {
    const [first, second] = args
    if (isMessage(first) && typeof second !== 'number') {
      this.sendMessage(first, second)
      return
    }
    const given = parseSendArguments(args, this.lifecycle.state.connected)
    this.lifecycle.checkRunning()
    const { callback } = given
    this.binder.whenBound({
      proceed: () => {
        this.dgramSend.send(given)
      },
      failed: (error) => {
        if (callback !== undefined) process.nextTick(callback, error)
      },
      closed: () => {
        if (callback !== undefined) process.nextTick(callback, canceled('send'))
      },
    })
  }

  /** Errors of the message are thrown. Errors of the system go to the callback. */
  private sendMessage(message: OutgoingMessage, given: unknown): void {
    if (given !== undefined && typeof given !== 'function') throw invalidArgType('callback', 'Function', given)
    const { lifecycle, binder } = this
    lifecycle.checkRunning()
    const { sender } = lifecycle.handle
    const callback = given as SendCallback | undefined
    if (!binder.looksUp) {
      sender.send(message, callback ?? noop)
      return
    }
    const fail = (error: Error): void => {
      if (callback !== undefined) process.nextTick(callback, error, 0)
    }
    binder.whenBound({
      proceed: () => {
        try {
          sender.send(message, callback ?? noop)
        } catch (error) {
          if (callback === undefined) lifecycle.emitError(error as Error, true)
          else fail(error as Error)
        }
      },
      failed: fail,
      closed: () => {
        fail(canceled('sendmsg'))
      },
    })
  }
}
