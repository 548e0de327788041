import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import { types } from 'node:util'
import { binding, report, type Endpoint } from '../native/addon'
import { Option } from '../native/constants'
import type { DatagramError } from '../receive/datagram-error'
import { Delivery } from '../receive/message-emitter'
import {
  checkBufferSize,
  parseBindArguments,
  parseBindSyncArguments,
  parseConnectArguments,
  parseConnectSyncArguments,
  parseSendArguments,
  type SendCallback,
  type SendData,
} from '../dgram/arguments'
import { DgramSend } from '../dgram/send'
import { checkSupported, knowsSegmentation, setOption, styleOf } from './endpoint-options'
import {
  bufferSizeError,
  canceled,
  fromNative,
  invalidArgType,
  invalidState,
  notSupported,
  SocketError,
} from '../errors/socket-error'
import { slotAddressInfo, SocketFacts } from './state'
import { Lifecycle } from './lifecycle'
import { MessageIterator } from '../receive/message-iterator'
import { changeMembership, changeSourceMembership, setMulticastInterface, type GroupMember } from './multicast'
import { checkOptions, TYPES } from './options'
import { fieldSupport } from '../probe'
import { Transport } from './handle'
import type {
  Message,
  MessageInfo,
  Offload,
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
import { checkManyRoom, checkRoom } from '../receive/room'
import { checkBoolean, checkObject, checkString, NO_OPTIONS } from '../util/validate'

/** Options of `bind`, as dgram has them. */
export interface BindOptions {
  port?: number | undefined
  address?: string | undefined
  /** In a cluster worker: the descriptor is this worker's own. Ports are never shared with other workers, but by `reusePort`. */
  exclusive?: boolean | undefined
  /** A bound datagram socket, to be taken over. */
  fd?: number | undefined
}

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
  /** What went wrong outside of any call. */
  error: [error: Error]
  /** What an earlier datagram met on its way; with `createSocket({ receiveErrors: true })`. */
  datagramError: [error: DatagramError]
}

const noop = (): void => undefined

/** Where Node tells of new UDP sockets (node:diagnostics_channel). */
const created = channel('udp.socket')

/** The transport of a socket of ours, for the functions that take any socket. */
export const transportOf = Symbol('transport')
/** Refuses to pull from a socket that gives its messages to listeners. */
export const checkPull = Symbol('checkPull')

/**
 * A datagram socket that sends and receives control data. It has all that `dgram.Socket` has, under the same names, and
 * the functions of this package as methods. Made by `createSocket`.
 */
export class Socket extends EventEmitter<SocketEvents> {
  /** @internal */
  readonly [transportOf]: Transport
  readonly type: SocketType
  private readonly facts: SocketFacts
  private readonly options: SocketOptions
  private readonly life: Lifecycle
  private readonly forms: DgramSend

  constructor(
    options: SocketType | SocketOptions,
    listener?: ((data: ReceivedData, info: MessageInfo) => void) | null,
  ) {
    super()
    const checked = checkOptions(options)
    this.type = checked.type
    this.options = checked
    if (checked.pull === true && typeof listener === 'function') throw noListeners()
    checkSupported(checked)
    // Not open before a call needs it.
    const endpoint = new binding.Endpoint()
    const { family, raw } = TYPES[checked.type]
    const given = {
      borrowed: false,
      sendTime: Boolean(checked.sendTime),
      ignoreUnsupported: checked.unsupported === 'ignore',
      sendBlockList: checked.sendBlockList ?? undefined,
    }
    this.facts = new SocketFacts(endpoint, given, {
      family,
      raw,
      ipv6Only: checked.ipv6Only === true,
      peer: undefined,
      local: undefined,
      trafficClass: { 4: 0, 6: 0 },
    })
    const transport = new Transport(
      endpoint,
      this.facts,
      styleOf(checked),
      () => {
        this.life.bindNow()
      },
      (error) => {
        // Not from inside: a listener that throws must not keep the others from being settled.
        this.life.emitError(error, false)
      },
    )
    this[transportOf] = transport
    const delivery = new Delivery(this, transport)
    this.life = new Lifecycle(this, transport, this.facts, checked, delivery)
    const { life } = this
    this.forms = new DgramSend(
      {
        family,
        raw,
        get closed() {
          return life.closed
        },
        get connected() {
          return life.connected
        },
        loopback: life.loopback,
        reaches: (address) => life.reaches(address),
        send: (message, callback) => {
          transport.send(message, callback)
        },
        emitError: (error) => {
          life.emitError(error, true)
        },
      },
      checked.lookup,
    )
    if (checked.receiveErrors === true || checked.sendTime) delivery.startErrors()
    if (typeof listener === 'function') this.on('message', listener)
    if (checked.signal !== undefined) this.life.closeOn(checked.signal)
    if (created.hasSubscribers) created.publish({ socket: this })
  }

  // --- life -------------------------------------------------------------------------------------

  /**
   * Binds to an address and port, and starts to receive. Emits `'listening'`.
   *
   * With `fd` the socket takes over a descriptor that somebody else opened, and closes it at its end; when it is refused the
   * descriptor stays as it was. In a cluster worker every socket binds on its own; `reusePort` lets several share a port.
   * @throws ERR_SOCKET_ALREADY_BOUND, ERR_SOCKET_BAD_PORT, ERR_INVALID_FD_TYPE; what the system refuses is an `'error'`
   * event
   */
  bind(port?: number, address?: string, callback?: () => void): this
  bind(port: number, callback?: () => void): this
  bind(callback?: () => void): this
  bind(options: BindOptions, callback?: () => void): this
  bind(...args: unknown[]): this {
    this.life.checkUnbound()
    const given = parseBindArguments(args)
    this.life.checkUnbound() // getters can bind, and close
    this.life.bind(given)
    return this
  }

  /**
   * Binds at once to an IP address, the wildcard if none is given. `'listening'` follows in the next turn.
   * @returns the bound address
   * @throws ERR_SOCKET_ALREADY_BOUND, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_VALUE for a name; SocketError of bind(2)
   */
  bindSync(options: { port?: number; address?: string } = NO_OPTIONS): AddressInfo {
    this.life.checkRunning()
    checkObject(options, 'options')
    this.life.checkUnbound()
    const { port, address } = parseBindSyncArguments(options, this.life.wildcard)
    this.life.checkUnbound()
    this.life.bindSync(address, port)
    return this.life.boundAddress ?? this.address()
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
    this.life.checkRunning()
    this.life.checkDisconnected()
    this.life.connect(given)
  }

  /**
   * Connects at once to an IP address, loopback if none is given. Binds first if need be. `'connect'` follows in the next
   * turn.
   * @throws ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_VALUE for a name, ERR_IP_BLOCKED,
   * ERR_SOCKET_ALREADY_BOUND while bind() looks up its address; SocketError of connect(2)
   */
  connectSync(port: number, address?: string): void {
    this.life.checkRunning()
    const [number, text] = parseConnectSyncArguments(port, address, this.life.loopback)
    this.life.checkDisconnected()
    this.life.connectSync(text, number)
  }

  /** Dissolves the association. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  disconnect(): void {
    this.life.checkConnected()
    this.life.checkRunning()
    this.life.disconnect()
  }

  /** Closes the socket; what waits fails with ECANCELED. Emits `'close'`. @throws ERR_SOCKET_DGRAM_NOT_RUNNING */
  close(callback?: () => void): this {
    if (typeof callback === 'function') this.once('close', callback)
    this.life.close()
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.life.closed) return
    await new Promise<void>((done) => {
      this.close(done)
    })
  }

  /** Keeps the event loop alive while the socket is open, as it does from the start. */
  ref(): this {
    if (!this.life.closed) this[transportOf].hold(true)
    return this
  }

  /** Lets the process end although the socket is open. */
  unref(): this {
    if (!this.life.closed) this[transportOf].hold(false)
    return this
  }

  // --- names and options ------------------------------------------------------------------------

  /** The bound address. @throws ERR_SOCKET_DGRAM_NOT_RUNNING; SocketError socket, getsockname */
  address(): AddressInfo {
    return this.ask('getsockname', this.opened().localAddress())
  }

  /** The connected peer. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  remoteAddress(): AddressInfo {
    this.checkRunning()
    this.life.checkConnected()
    return this.ask('getpeername', this[transportOf].endpoint.remoteAddress())
  }

  /** SO_RCVBUF, in bytes, as the kernel counts them (socket(7): Linux doubles what it is given). */
  getRecvBufferSize(): number {
    return this.getBufferSize(Option.receiveBuffer)
  }

  /** SO_RCVBUF, in bytes; 0 leaves it. @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setRecvBufferSize(size: number): void {
    this.setBufferSize(Option.receiveBuffer, checkBufferSize(size))
  }

  /** SO_SNDBUF. */
  getSendBufferSize(): number {
    return this.getBufferSize(Option.sendBuffer)
  }

  /** SO_SNDBUF, in bytes; 0 leaves it. @throws ERR_SOCKET_BAD_BUFFER_SIZE, ERR_SOCKET_BUFFER_SIZE */
  setSendBufferSize(size: number): void {
    this.setBufferSize(Option.sendBuffer, checkBufferSize(size))
  }

  /** SO_BROADCAST: whether datagrams may go to broadcast addresses. */
  setBroadcast(on: boolean): void {
    this.setNative(Option.broadcast, on ? 1 : 0, 'setBroadcast')
  }

  /** IP_TTL or IPV6_UNICAST_HOPS: the hop limit of unicast datagrams that give none, 1 to 255. @throws EINVAL */
  setTTL(ttl: number): number {
    return this.setHops(Option.hopLimit, ttl, 1, 'setTTL')
  }

  /** IP_MULTICAST_TTL or IPV6_MULTICAST_HOPS: that of multicast datagrams, 0 to 255. @throws EINVAL */
  setMulticastTTL(ttl: number): number {
    return this.setHops(Option.multicastHopLimit, ttl, 0, 'setMulticastTTL')
  }

  /** IP_MULTICAST_LOOP or IPV6_MULTICAST_LOOP: whether this host's sockets get what it sends to groups. */
  setMulticastLoopback(on: boolean): boolean {
    this.setNative(Option.multicastLoopback, on ? 1 : 0, 'setMulticastLoopback')
    return on
  }

  /**
   * The interface that multicast goes out through: its IPv4 address, or on IPv6 an address whose scope names it
   * (`'::%eth0'`). An `interface` in a message goes before it.
   * @throws SocketError EINVAL, EADDRNOTAVAIL
   */
  setMulticastInterface(interfaceAddress: string): void {
    setMulticastInterface(this.groupMember(), interfaceAddress)
  }

  /**
   * Joins a multicast group; on a dual-stack socket an IPv4 group, too.
   * @param multicastInterface as for setMulticastInterface; without it the system chooses one
   * @throws SocketError EINVAL, EADDRINUSE (already joined), ENODEV
   */
  addMembership(multicastAddress: string, multicastInterface?: string): void {
    changeMembership(this.groupMember(), 'addMembership', multicastAddress, multicastInterface)
  }

  /** Leaves a multicast group. @throws SocketError EADDRNOTAVAIL (not joined) */
  dropMembership(multicastAddress: string, multicastInterface?: string): void {
    changeMembership(this.groupMember(), 'dropMembership', multicastAddress, multicastInterface)
  }

  /** Joins a multicast group for what one source sends to it (RFC 4607). */
  addSourceSpecificMembership(sourceAddress: string, groupAddress: string, multicastInterface?: string): void {
    const member = this.groupMember()
    changeSourceMembership(member, 'addSourceSpecificMembership', sourceAddress, groupAddress, multicastInterface)
  }

  /** Leaves a group joined for one source. */
  dropSourceSpecificMembership(sourceAddress: string, groupAddress: string, multicastInterface?: string): void {
    const member = this.groupMember()
    changeSourceMembership(member, 'dropSourceSpecificMembership', sourceAddress, groupAddress, multicastInterface)
  }

  /** Never fragment what this socket sends; false: let it be fragmented. @throws ENOTSUP where there is no such option */
  setDontFragment(on: boolean): void {
    checkBoolean(on, 'on')
    setOption(this.opened(), Option.dontFragment, on ? 1 : 0, 'dontFragment', this.options)
  }

  /**
   * Bytes that the path to the connected peer takes in one packet, IP header included, as far as the kernel knows
   * (IP_MTU, IPV6_MTU).
   * @throws ERR_SOCKET_DGRAM_NOT_CONNECTED; ENOTSUP where the kernel does not tell
   */
  getPathMTU(): number {
    this.checkRunning()
    this.life.checkConnected()
    const value = this[transportOf].endpoint.getOption(Option.pathMtu)
    if (report.status() === 0) return value
    const error = fromNative(report.status(), 'getsockopt')
    throw error.code === 'ENOPROTOOPT' ? notSupported('pathMTU', { syscall: 'getsockopt' }) : error
  }

  /** Bytes that wait to be sent. */
  getSendQueueSize(): number {
    this.checkRunning()
    return this[transportOf].queue.size
  }

  /** Messages that wait to be sent. */
  getSendQueueCount(): number {
    this.checkRunning()
    return this[transportOf].queue.count
  }

  /** What is offloaded to the kernel. */
  get offload(): Offload {
    const { closed, opened, coalescing } = this.life
    return {
      segmentation: !closed && (opened ? this.segments() : knowsSegmentation(this.options)),
      coalescing: !closed && coalescing,
    }
  }

  // --- sending ----------------------------------------------------------------------------------

  /**
   * Sends a message, or in dgram's own forms a buffer. What the system refuses is told to the callback; without one it
   * is not told, as in dgram.
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
    const [first, second] = args
    if (isMessage(first) && typeof second !== 'number') {
      this.sendMessage(first, second)
      return
    }
    const given = parseSendArguments(args, this.life.connected)
    this.checkRunning()
    const { callback } = given
    this.life.whenBound({
      goOn: () => {
        this.forms.send(given)
      },
      failed: (error) => {
        if (callback !== undefined) process.nextTick(callback, error)
      },
      closed: () => {
        if (callback !== undefined) process.nextTick(callback, canceled('send'))
      },
    })
  }

  /** @deprecated Node's own form of old: `send` has it all. */
  sendto(data: SendData, offset: number, length: number, port: number, address: string, callback?: SendCallback): void {
    for (const [name, value] of Object.entries({ offset, length, port })) {
      if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
    }
    checkString(address, 'address')
    this.send(data, offset, length, port, address, callback)
  }

  /** See the function `sendmsg`. */
  sendmsg(message: OutgoingMessage, options?: WaitOptions): Promise<number> {
    return this[transportOf].sendmsg(message, options)
  }

  /** See the function `trySendmsg`. */
  trySendmsg(message: OutgoingMessage): number | null {
    return this[transportOf].trySendmsg(message)
  }

  /** See the function `sendmmsg`. */
  sendmmsg(messages: readonly OutgoingMessage[], options?: WaitOptions): Promise<number> {
    return this[transportOf].sendmmsg(messages, options)
  }

  /** See the function `trySendmmsg`. */
  trySendmmsg(messages: readonly OutgoingMessage[]): number {
    return this[transportOf].trySendmmsg(messages)
  }

  // --- receiving --------------------------------------------------------------------------------

  /** See the function `recvmsg`. */
  async recvmsg(options: ReceiveOptions = NO_OPTIONS): Promise<Message> {
    checkObject(options, 'options')
    const room = checkRoom(options, 1)
    this[checkPull]()
    const [message] = await this[transportOf].receive(room, 'recvmsg', options)
    return message!
  }

  /** See the function `tryRecvmsg`. */
  tryRecvmsg(options: ReceiveRoom = NO_OPTIONS): Message | null {
    checkObject(options, 'options')
    const room = checkRoom(options, 1)
    this[checkPull]()
    return this[transportOf].tryReceive(room)[0] ?? null
  }

  /** See the function `recvmmsg`. */
  async recvmmsg(options: ReceiveManyOptions = NO_OPTIONS): Promise<Message[]> {
    checkObject(options, 'options')
    const room = checkManyRoom(options)
    this[checkPull]()
    return this[transportOf].receive(room, 'recvmmsg', options)
  }

  /** See the function `tryRecvmmsg`. */
  tryRecvmmsg(options: ReceiveManyRoom = NO_OPTIONS): Message[] {
    checkObject(options, 'options')
    const room = checkManyRoom(options)
    this[checkPull]()
    return this[transportOf].tryReceive(room)
  }

  /**
   * Pulls message after message until the socket is closed; leaving the loop closes it. `return()` does so at once, also while
   * `next()` waits, which is done then.
   */
  [Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    const { life } = this
    return new MessageIterator({
      get closed() {
        return life.closed
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

  // Listeners and pulling exclude each other.

  override on<E extends keyof SocketEvents>(event: E, listener: (...args: SocketEvents[E]) => void): this
  override on(event: string | symbol, listener: (...args: never[]) => void): this
  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    this.checkListener(event)
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
    this.checkListener(event)
    return super.prependListener(event as keyof SocketEvents, listener)
  }

  /** @internal */
  [checkPull](): void {
    this.checkRunning()
    if (this.options.pull !== true)
      throw invalidState("The socket gives its messages to 'message'; pulling needs createSocket({ pull: true })")
    if (!this.life.looksUp) this.life.bindNow()
  }

  // --- inside -----------------------------------------------------------------------------------

  private checkRunning(): void {
    this.life.checkRunning()
  }

  /** The endpoint, for a call that needs a descriptor. @throws ERR_SOCKET_DGRAM_NOT_RUNNING; SocketError socket, setsockopt */
  private opened(): Endpoint {
    this.checkRunning()
    this.life.open()
    return this[transportOf].endpoint
  }

  private groupMember(): GroupMember {
    this.checkRunning()
    return { family: this.facts.family, open: () => this.opened() }
  }

  private segments(): boolean {
    return fieldSupport().segmentation && this[transportOf].endpoint.segmentation() === 1
  }

  private checkListener(event: string | symbol): void {
    if (this.options.pull === true && (event === 'message' || event === 'messages')) {
      throw noListeners()
    }
  }

  private ask(syscall: string, status: number): AddressInfo {
    if (status !== 0) throw fromNative(status, syscall)
    return slotAddressInfo(this.facts.raw)
  }

  private getBufferSize(option: number): number {
    const value = this.opened().getOption(option)
    if (report.status() !== 0) throw bufferSize(option, fromNative(report.status(), 'getsockopt'))
    return value
  }

  private setBufferSize(option: number, size: number): void {
    this.checkRunning()
    if (size === 0) return
    if (size > MOST_BUFFER) throw bufferSize(option, new SocketError({ code: 'EINVAL', syscall: 'setsockopt' }))
    const status = this.opened().setOption(option, size)
    if (status !== 0) throw bufferSize(option, fromNative(status, 'setsockopt'))
  }

  private setNative(option: number, value: number, syscall: string): void {
    const status = this.opened().setOption(option, value)
    if (status !== 0) throw fromNative(status, syscall)
  }

  private setHops(option: number, hops: number, least: number, syscall: string): number {
    if (typeof hops !== 'number') throw invalidArgType('ttl', 'number', hops)
    this.checkRunning()
    const whole = hops | 0
    if (whole < least || whole > 255) throw new SocketError({ code: 'EINVAL', syscall })
    this.setNative(option, whole, syscall)
    return hops
  }

  /** `send` with a message: what is wrong with it is thrown, what the system refuses is told. */
  private sendMessage(message: OutgoingMessage, callback: unknown): void {
    if (callback !== undefined && typeof callback !== 'function') throw invalidArgType('callback', 'Function', callback)
    this.checkRunning()
    const told = callback as SendCallback | undefined
    if (!this.life.looksUp) {
      this[transportOf].send(message, told ?? noop)
      return
    }
    const fail = (error: Error): void => {
      if (told !== undefined) process.nextTick(told, error, 0)
    }
    this.life.whenBound({
      goOn: () => {
        try {
          this[transportOf].send(message, told ?? noop)
        } catch (error) {
          if (told === undefined) this.life.emitError(error as Error, true)
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

const isMessage = (value: unknown): value is OutgoingMessage =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !types.isAnyArrayBuffer(value)

const noListeners = (): Error =>
  invalidState('A socket made with createSocket({ pull: true }) has no listeners for messages')

/** An int. */
const MOST_BUFFER = 0x7fffffff

const bufferSize = (option: number, { code, errno }: SocketError): Error =>
  bufferSizeError(option === Option.receiveBuffer ? 'uv_recv_buffer_size' : 'uv_send_buffer_size', code, errno)

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
