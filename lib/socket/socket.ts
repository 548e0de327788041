import { channel } from 'node:diagnostics_channel'
import type { AddressInfo } from 'node:net'
import {
  parseBindArguments,
  parseBindSyncArguments,
  parseConnectArguments,
  parseConnectSyncArguments,
  type BindOptions,
  type SendCallback,
  type SendData,
} from '../dgram/arguments'
import { invalidArgType, invalidState } from '../errors/socket-error'
import { binding } from '../native/addon'
import { MessageEmitter } from '../receive/message-emitter'
import { MessageIterator } from '../receive/message-iterator'
import type {
  Message,
  MessageInfo,
  OutgoingMessage,
  ReceivedData,
  ReceiveManyOptions,
  ReceiveManyRoom,
  ReceiveOptions,
  ReceiveRoom,
  SocketOptions,
  SocketType,
  WaitOptions,
} from '../types'
import { checkObject, checkString, NO_OPTIONS } from '../util/validate'
import { checkManyRoom, checkRoom } from '../receive/room'
import { Binder } from './binder'
import { Connector } from './connector'
import { checkSupported, styleOf } from './endpoint-options'
import { SocketHandle } from './handle'
import { Lifecycle } from './lifecycle'
import { OptionMethods } from './option-methods'
import { checkOptions, TYPES } from './options'
import { SendMethod } from './send-method'
import type { SocketEvents } from './socket-events'
import { SocketState } from './state'

/** Where Node publishes new UDP sockets (node:diagnostics_channel). */
const created = channel('udp.socket')

/** The handle of a socket of ours, for the functions that take any socket. */
export const handleOf = Symbol('handle')
/** A method: throws unless messages can be pulled from the socket. */
export const checkPull = Symbol('checkPull')

/**
 * A datagram socket that sends and receives control data. It has all that `dgram.Socket` has, under the same names, and
 * the functions of this package as methods. Made by `createSocket`.
 */
export class Socket extends OptionMethods {
  /** @internal */
  readonly [handleOf]: SocketHandle
  readonly type: SocketType
  /** @internal */
  protected override readonly lifecycle: Lifecycle
  private readonly binder: Binder
  private readonly connector: Connector
  private readonly sendMethod: SendMethod

  constructor(
    options: SocketType | SocketOptions,
    listener?: ((data: ReceivedData, info: MessageInfo) => void) | null,
  ) {
    super()
    const checked = checkOptions(options)
    this.type = checked.type
    if (checked.pull === true && typeof listener === 'function') throw noListeners()
    checkSupported(checked)
    const state = initialState(checked)
    const handle = new SocketHandle(
      new binding.Endpoint(), // not open before a call needs it
      state,
      styleOf(checked),
      () => {
        this.binder.ensureBound()
      },
      (error) => {
        // In a tick of its own: a listener that throws must not keep other calls from being settled.
        this.lifecycle.emitError(error, false)
      },
    )
    const emitter = new MessageEmitter(this, handle)
    this[handleOf] = handle
    this.lifecycle = new Lifecycle(this, handle, state, checked, emitter)
    this.binder = new Binder(this.lifecycle)
    this.connector = new Connector(this.lifecycle, this.binder)
    this.sendMethod = new SendMethod(this.lifecycle, this.binder)
    if (checked.receiveErrors === true || checked.sendTime) emitter.startErrors()
    if (typeof listener === 'function') this.on('message', listener)
    if (checked.signal !== undefined) this.lifecycle.closeOn(checked.signal)
    if (created.hasSubscribers) created.publish({ socket: this })
  }

  // --- lifecycle --------------------------------------------------------------------------------

  /**
   * Binds to an address and port, and starts to receive. Emits `'listening'`.
   *
   * With `fd` the socket takes over a descriptor that other code opened, and closes it at its end; when it is refused the
   * descriptor stays as it was. In a cluster worker every socket binds on its own; `reusePort` lets several share a port.
   * @throws ERR_SOCKET_ALREADY_BOUND, ERR_SOCKET_BAD_PORT, ERR_INVALID_FD_TYPE; what the system refuses is an `'error'`
   * event
   */
  bind(port?: number, address?: string, callback?: () => void): this
  bind(port: number, callback?: () => void): this
  bind(callback?: () => void): this
  bind(options: BindOptions, callback?: () => void): this
  bind(...args: unknown[]): this {
    this.binder.checkUnbound()
    const given = parseBindArguments(args)
    this.binder.checkUnbound() // getters can bind, and close
    this.binder.bind(given)
    return this
  }

  /**
   * Binds at once to an IP address, the wildcard if none is given. `'listening'` follows in the next turn.
   * @returns the bound address
   * @throws ERR_SOCKET_ALREADY_BOUND, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_VALUE for a name; SocketError of bind(2)
   */
  bindSync(options: { port?: number; address?: string } = NO_OPTIONS): AddressInfo {
    this.lifecycle.checkRunning()
    checkObject(options, 'options')
    this.binder.checkUnbound()
    const { port, address } = parseBindSyncArguments(options, this.lifecycle.state.wildcard)
    this.binder.checkUnbound()
    this.binder.bindSync(address, port)
    return this.binder.boundAddress ?? this.address()
  }

  /**
   * Connects to a peer: messages go to it and come from it alone. Binds first if need be. Emits `'connect'`.
   * @throws ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_BAD_PORT; what the system refuses is an `'error'` event, or
   * goes to the callback
   */
  connect(port: number, address?: string, callback?: (error?: Error) => void): void
  connect(port: number, callback: (error?: Error) => void): void
  connect(...args: unknown[]): void {
    const given = parseConnectArguments(args)
    this.lifecycle.checkRunning()
    this.connector.checkDisconnected()
    this.connector.connect(given)
  }

  /**
   * Connects at once to an IP address, loopback if none is given. Binds first if need be. `'connect'` follows in the next
   * turn.
   * @throws ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_VALUE for a name, ERR_IP_BLOCKED,
   * ERR_SOCKET_ALREADY_BOUND while bind() looks up its address; SocketError of connect(2)
   */
  connectSync(port: number, address?: string): void {
    this.lifecycle.checkRunning()
    const [number, text] = parseConnectSyncArguments(port, address, this.lifecycle.state.loopback)
    this.connector.checkDisconnected()
    this.connector.connectSync(text, number)
  }

  /** Dissolves the association. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  disconnect(): void {
    this.lifecycle.checkConnected()
    this.lifecycle.checkRunning()
    this.connector.disconnect()
  }

  /** Closes the socket; what waits fails with ECANCELED. Emits `'close'`. @throws ERR_SOCKET_DGRAM_NOT_RUNNING */
  close(callback?: () => void): this {
    if (typeof callback === 'function') this.once('close', callback)
    this.lifecycle.close()
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.lifecycle.closed) return
    await new Promise<void>((done) => {
      this.close(done)
    })
  }

  /** Keeps the event loop alive while the socket is open, as it does from the start. */
  ref(): this {
    if (!this.lifecycle.closed) this[handleOf].setRef(true)
    return this
  }

  /** Lets the process end although the socket is open. */
  unref(): this {
    if (!this.lifecycle.closed) this[handleOf].setRef(false)
    return this
  }

  // --- sending ----------------------------------------------------------------------------------

  /**
   * Sends a message, or with dgram's arguments a buffer. What the system refuses is reported to the callback; without one it
   * is not reported, as in dgram.
   * @throws what `sendmsg` rejects with before anything is sent: bad arguments, and ENOTSUP
   */
  send(message: OutgoingMessage, callback?: SendCallback): void
  send(data: SendData | readonly SendData[], port?: number, address?: string, callback?: SendCallback): void
  send(data: SendData | readonly SendData[], port?: number, callback?: SendCallback): void
  send(data: SendData | readonly SendData[], callback?: SendCallback): void
  send(data: SendData, offset: number, length: number, port?: number, address?: string, callback?: SendCallback): void
  send(data: SendData, offset: number, length: number, port?: number, callback?: SendCallback): void
  send(data: SendData, offset: number, length: number, callback?: SendCallback): void
  send(...args: unknown[]): void {
    this.sendMethod.call(args)
  }

  /** @deprecated As in Node: `send` takes the same. */
  sendto(data: SendData, offset: number, length: number, port: number, address: string, callback?: SendCallback): void {
    for (const [name, value] of Object.entries({ offset, length, port })) {
      if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
    }
    checkString(address, 'address')
    this.send(data, offset, length, port, address, callback)
  }

  /** See the function `sendmsg`. */
  sendmsg(message: OutgoingMessage, options?: WaitOptions): Promise<number> {
    return this[handleOf].sender.sendmsg(message, options)
  }

  /** See the function `trySendmsg`. */
  trySendmsg(message: OutgoingMessage): number | null {
    return this[handleOf].sender.trySendmsg(message)
  }

  /** See the function `sendmmsg`. */
  sendmmsg(messages: readonly OutgoingMessage[], options?: WaitOptions): Promise<number> {
    return this[handleOf].sender.sendmmsg(messages, options)
  }

  /** See the function `trySendmmsg`. */
  trySendmmsg(messages: readonly OutgoingMessage[]): number {
    return this[handleOf].sender.trySendmmsg(messages)
  }

  // --- receiving --------------------------------------------------------------------------------

  /** See the function `recvmsg`. */
  async recvmsg(options: ReceiveOptions = NO_OPTIONS): Promise<Message> {
    checkObject(options, 'options')
    const room = checkRoom(options, 1)
    this[checkPull]()
    const [message] = await this[handleOf].pull.receive(room, 'recvmsg', options)
    return message!
  }

  /** See the function `tryRecvmsg`. */
  tryRecvmsg(options: ReceiveRoom = NO_OPTIONS): Message | null {
    checkObject(options, 'options')
    const room = checkRoom(options, 1)
    this[checkPull]()
    return this[handleOf].pull.tryReceive(room)[0] ?? null
  }

  /** See the function `recvmmsg`. */
  async recvmmsg(options: ReceiveManyOptions = NO_OPTIONS): Promise<Message[]> {
    checkObject(options, 'options')
    const room = checkManyRoom(options)
    this[checkPull]()
    return this[handleOf].pull.receive(room, 'recvmmsg', options)
  }

  /** See the function `tryRecvmmsg`. */
  tryRecvmmsg(options: ReceiveManyRoom = NO_OPTIONS): Message[] {
    checkObject(options, 'options')
    const room = checkManyRoom(options)
    this[checkPull]()
    return this[handleOf].pull.tryReceive(room)
  }

  /**
   * Pulls message after message until the socket is closed. Leaving the loop closes the socket. `return()` closes it at once,
   * also while `next()` waits, which is then done.
   */
  [Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    const { lifecycle } = this
    return new MessageIterator({
      get closed() {
        return lifecycle.closed
      },
      check: () => {
        this[checkPull]()
      },
      receive: () => this.recvmsg(),
      close: () => {
        this.close()
      },
    })
  }

  // A socket either has listeners for messages, or is pulled from.

  override on<E extends keyof SocketEvents>(event: E, listener: (...args: SocketEvents[E]) => void): this
  override on(event: string | symbol, listener: (...args: never[]) => void): this
  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    checkListener(this.lifecycle, event)
    return super.on(event as keyof SocketEvents, listener)
  }

  override addListener<E extends keyof SocketEvents>(event: E, listener: (...args: SocketEvents[E]) => void): this
  override addListener(event: string | symbol, listener: (...args: never[]) => void): this
  override addListener(event: string | symbol, listener: (...args: never[]) => void): this {
    return this.on(event, listener)
  }

  override prependListener<E extends keyof SocketEvents>(event: E, listener: (...args: SocketEvents[E]) => void): this
  override prependListener(event: string | symbol, listener: (...args: never[]) => void): this
  override prependListener(event: string | symbol, listener: (...args: never[]) => void): this {
    checkListener(this.lifecycle, event)
    return super.prependListener(event as keyof SocketEvents, listener)
  }

  /** @internal */
  [checkPull](): void {
    this.lifecycle.checkRunning()
    if (this.lifecycle.options.pull !== true) {
      throw invalidState("The socket gives its messages to 'message'; pulling needs createSocket({ pull: true })")
    }
    if (!this.binder.looksUp) this.binder.ensureBound()
  }
}

// Users see all methods as own methods of Socket.prototype, as those of dgram.Socket are.
const { getOwnPropertyDescriptors } = Object
Object.defineProperties(Socket.prototype, {
  ...getOwnPropertyDescriptors(OptionMethods.prototype),
  ...getOwnPropertyDescriptors(Socket.prototype),
})

/** The state of a socket that is not open yet. */
function initialState({ type, ipv6Only, sendTime, unsupported, sendBlockList }: SocketOptions): SocketState {
  const given = {
    borrowed: false,
    sendTime: Boolean(sendTime),
    ignoreUnsupported: unsupported === 'ignore',
    sendBlockList: sendBlockList ?? undefined,
  }
  return new SocketState(given, {
    ...TYPES[type],
    ipv6Only: ipv6Only === true,
    peer: undefined,
    local: undefined,
    trafficClass: { 4: 0, 6: 0 },
  })
}

const noListeners = (): Error =>
  invalidState('A socket made with createSocket({ pull: true }) has no listeners for messages')

function checkListener({ options }: Lifecycle, event: string | symbol): void {
  if (options.pull === true && (event === 'message' || event === 'messages')) throw noListeners()
}

/**
 * Makes a socket.
 * @param options its type, or options with it
 * @param listener for `'message'`
 * @throws ERR_SOCKET_BAD_TYPE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE; ENOTSUP for an option that
 * this kernel does not have. What socket(2) and setsockopt(2) refuse (EMFILE, EPERM for raw sockets) comes with the first
 * call that needs a descriptor: as bind's `'error'` event, or thrown by the call
 */
export function createSocket(
  options: SocketType | SocketOptions,
  listener?: ((data: ReceivedData, info: MessageInfo) => void) | null,
): Socket {
  return new Socket(options, listener)
}
