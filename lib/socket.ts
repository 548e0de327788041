import { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import { bytesOf, parseAddress, type ParsedAddress } from './address'
import { binding, Field, Option, report } from './binding'
import { receiveFields } from './capabilities'
import {
  checkBufferSize,
  parseBindArguments,
  parseConnectArguments,
  parseSendArguments,
  type SendCallback,
  type SendData,
} from './dgram-arguments'
import {
  alreadyBound,
  badSocketType,
  fromNative,
  invalidArgType,
  invalidArgValue,
  invalidState,
  isConnected,
  notConnected,
  notRunning,
  notSupported,
  outOfRange,
  SocketError,
} from './errors'
import { resolve } from './resolve'
import { receiveSlots } from './slots'
import { fieldSupport } from './support'
import { canWait, factsOf, slotAddress, Transport, type SocketFacts } from './transport'
import type {
  Message,
  MessageInfo,
  Offload,
  OutgoingMessage,
  ReceiveInfoName,
  ReceiveManyOptions,
  ReceiveManyRoom,
  ReceiveOptions,
  ReceiveRoom,
  SocketOptions,
  SocketType,
  WaitOptions,
} from './types'
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkManyRoom,
  checkObject,
  checkRoom,
  checkSignal,
  WHOLE_ROOM,
  type Room,
} from './validate'

/** The events of a socket, as dgram has them, and `'messages'`: all that came with one system call. */
export interface SocketEvents {
  message: [data: Buffer, info: MessageInfo]
  messages: [messages: Message[]]
  listening: []
  connect: []
  close: []
  error: [error: Error]
}

const TYPES: Readonly<Record<SocketType, { family: 4 | 6; raw: boolean }>> = {
  udp4: { family: 4, raw: false },
  udp6: { family: 6, raw: false },
  raw4: { family: 4, raw: true },
  raw6: { family: 6, raw: true },
}

const DEFAULT_INFO: readonly ReceiveInfoName[] = ['destination', 'interface', 'cast', 'trafficClass']

/** Received in one turn of the loop at most, so that one socket starves nobody. */
const BATCH: Room = { ...WHOLE_ROOM, count: 32 }

const noop = (): void => undefined

/** The transport of a socket of ours, for the functions that take any socket. */
export const transportOf = Symbol('transport')
/** Refuses to pull from a socket that gives its messages to listeners. */
export const checkPull = Symbol('checkPull')

/**
 * A datagram socket that sends and receives control data. It has what `dgram.Socket` has, under the same names, and
 * the functions of this package as methods. Made by `createSocket`.
 */
export class Socket extends EventEmitter<SocketEvents> {
  /** @internal */
  readonly [transportOf]: Transport
  readonly type: SocketType
  private readonly facts: SocketFacts
  private readonly pull: boolean
  private readonly coalesces: boolean
  private readonly lookup: SocketOptions['lookup']
  private readonly reuseAddr: boolean
  private readonly reusePort: boolean
  private bindState: 'unbound' | 'binding' | 'bound' = 'unbound'
  private connectState: 'disconnected' | 'connecting' | 'connected' = 'disconnected'
  private closed = false
  /** Received, and not heard because a listener threw. */
  private unheard: Message[] | undefined
  private releaseSignal: () => void = noop

  constructor(options: SocketType | SocketOptions, listener?: (data: Buffer, info: MessageInfo) => void) {
    super()
    const checked = checkOptions(options)
    if (listener !== undefined) checkFunction(listener, 'listener')
    const { family, raw } = TYPES[checked.type]
    this.type = checked.type
    this.pull = checked.pull ?? false
    this.lookup = checked.lookup
    this.reuseAddr = checked.reuseAddr ?? false
    this.reusePort = checked.reusePort ?? false
    const names = checked.receiveInfo ?? DEFAULT_INFO
    this.coalesces = !raw && ((checked.coalesce ?? false) || names.includes('segmentSize'))

    const endpoint = new binding.Endpoint()
    const status = endpoint.open(family, raw ? 1 : 0, checked.protocol ?? 0)
    if (status !== 0) throw fromNative(status, 'socket')
    try {
      this.configure(endpoint, checked, names)
    } catch (error) {
      endpoint.close()
      throw error
    }
    this.facts = {
      ...factsOf(endpoint),
      borrowed: false,
      sendTime: checked.sendTime ?? false,
      ignoreUnsupported: checked.unsupported === 'ignore',
      local: undefined,
    }
    const whole = names.includes('segmentSize')
    const style = { whole, splits: this.coalesces && !whole, wantControl: names.includes('control') }
    this[transportOf] = new Transport(
      endpoint,
      this.facts,
      style,
      () => {
        this.prepareToSend()
      },
      (error) => {
        // Not from inside: a listener that throws must not keep the others from being settled.
        process.nextTick(() => {
          if (this.listenerCount('error') > 0) this.emit('error', error)
        })
      },
    )
    if (listener !== undefined) this.on('message', listener)
    if (checked.signal !== undefined) this.closeOn(checked.signal)
  }

  // --- life -------------------------------------------------------------------------------------

  /**
   * Binds to an address and port, and starts to receive. Emits `'listening'`.
   * @throws ERR_SOCKET_ALREADY_BOUND, ERR_SOCKET_BAD_PORT; what the system refuses is an `'error'` event
   */
  bind(port?: number, address?: string, callback?: () => void): this
  bind(port: number, callback?: () => void): this
  bind(callback?: () => void): this
  bind(options: { port?: number; address?: string }, callback?: () => void): this
  bind(...args: unknown[]): this {
    this.checkRunning()
    const { port, address, callback } = parseBindArguments(args)
    if (this.bindState !== 'unbound') throw alreadyBound()
    this.bindState = 'binding'
    if (callback !== undefined) this.once('listening', callback)
    const host = address ?? (this.facts.family === 4 ? '0.0.0.0' : '::')
    resolve(host, this.facts.family, this.lookup, (error, literal, parsed) => {
      if (this.closed) return
      const failure = parsed === undefined ? error : this.bindTo(parsed, literal, port)
      if (failure === null) return
      this.bindState = 'unbound'
      if (callback !== undefined) this.removeListener('listening', callback)
      process.nextTick(() => this.emit('error', failure))
    })
    return this
  }

  /**
   * Connects to a peer: messages go to it and come from it alone. Binds first if need be. Emits `'connect'`.
   * @throws ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_SOCKET_BAD_PORT; what the system refuses is an `'error'` event, or
   * goes to the callback
   */
  connect(port: number, address?: string, callback?: (error?: Error) => void): void
  connect(port: number, callback: (error?: Error) => void): void
  connect(...args: unknown[]): void {
    this.checkRunning()
    const { port, address, callback } = parseConnectArguments(args)
    if (this.connectState !== 'disconnected') throw isConnected()
    this.connectState = 'connecting'
    if (callback !== undefined) this.once('connect', callback)
    const failed = (error: Error): void => {
      this.connectState = 'disconnected'
      if (callback !== undefined) this.removeListener('connect', callback)
      process.nextTick(() => {
        if (callback === undefined) this.emit('error', error)
        else (callback as (error: Error) => void)(error)
      })
    }
    const host = address ?? (this.facts.family === 4 ? '127.0.0.1' : '::1')
    resolve(host, this.facts.family, this.lookup, (error, literal, parsed) => {
      if (this.closed) return
      const failure = parsed === undefined ? error : this.connectTo(parsed, literal, port)
      if (failure !== null) failed(failure)
    })
  }

  /** Dissolves the association. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  disconnect(): void {
    this.checkRunning()
    if (this.connectState !== 'connected') throw notConnected()
    const status = this[transportOf].endpoint.disconnect()
    if (status !== 0) throw fromNative(status, 'connect')
    this.connectState = 'disconnected'
    this.facts.peer = undefined
  }

  /** Closes the socket; what waits fails with ECANCELED. Emits `'close'`. @throws ERR_SOCKET_DGRAM_NOT_RUNNING */
  close(callback?: () => void): this {
    if (callback !== undefined) {
      checkFunction(callback, 'callback')
      this.once('close', callback)
    }
    this.checkRunning()
    this.closed = true
    this.releaseSignal()
    this[transportOf].close()
    process.nextTick(() => this.emit('close'))
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return
    await new Promise<void>((done) => {
      this.close(done)
    })
  }

  /** Keeps the event loop alive while the socket is open, as it does from the start. */
  ref(): this {
    if (!this.closed) this[transportOf].hold(true)
    return this
  }

  unref(): this {
    if (!this.closed) this[transportOf].hold(false)
    return this
  }

  // --- names and options ------------------------------------------------------------------------

  /** The bound address. @throws ERR_SOCKET_DGRAM_NOT_RUNNING; SocketError getsockname */
  address(): AddressInfo {
    this.checkRunning()
    return this.ask('getsockname', this[transportOf].endpoint.localAddress())
  }

  /** The connected peer. @throws ERR_SOCKET_DGRAM_NOT_CONNECTED */
  remoteAddress(): AddressInfo {
    this.checkRunning()
    if (this.connectState !== 'connected') throw notConnected()
    return this.ask('getpeername', this[transportOf].endpoint.remoteAddress())
  }

  /** SO_RCVBUF, in bytes, as the kernel counts them (socket(7): Linux doubles what it is given). */
  getRecvBufferSize(): number {
    return this.getOption(Option.receiveBuffer)
  }

  setRecvBufferSize(size: number): void {
    this.setOption(Option.receiveBuffer, checkBufferSize(size))
  }

  /** SO_SNDBUF. */
  getSendBufferSize(): number {
    return this.getOption(Option.sendBuffer)
  }

  setSendBufferSize(size: number): void {
    this.setOption(Option.sendBuffer, checkBufferSize(size))
  }

  /** SO_BROADCAST: whether datagrams may go to broadcast addresses. */
  setBroadcast(on: boolean): void {
    this.setOption(Option.broadcast, on ? 1 : 0)
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

  /** What is offloaded to the kernel now. Segmentation ends when it failed on this socket's path. */
  get offload(): Offload {
    return {
      segmentation: !this.closed && fieldSupport().segmentation && this[transportOf].endpoint.segmentation() === 1,
      coalescing: !this.closed && this.coalesces,
    }
  }

  // --- sending ----------------------------------------------------------------------------------

  /**
   * Sends a message, or in dgram's own forms a buffer. What goes wrong later is told to the callback; without one it is
   * not told, as in dgram. @throws what `sendmsg` rejects with for bad arguments
   */
  send(message: OutgoingMessage, callback?: SendCallback): void
  send(data: SendData | readonly SendData[], port?: number, address?: string, callback?: SendCallback): void
  send(data: SendData | readonly SendData[], port?: number, callback?: SendCallback): void
  send(data: SendData | readonly SendData[], callback?: SendCallback): void
  send(data: SendData, offset: number, length: number, port?: number, address?: string, callback?: SendCallback): void
  send(data: SendData, offset: number, length: number, port?: number, callback?: SendCallback): void
  send(data: SendData, offset: number, length: number, callback?: SendCallback): void
  send(...args: unknown[]): void {
    this.checkRunning()
    const [first, second] = args
    if (typeof first === 'object' && first !== null && !Array.isArray(first) && !ArrayBuffer.isView(first)) {
      if (second !== undefined) checkFunction(second, 'callback')
      this.sendAndTell(first as OutgoingMessage, second as SendCallback | undefined)
      return
    }
    const connected = this.connectState === 'connected'
    const { data, port, address, callback } = parseSendArguments(args, connected)
    if (connected) {
      this.sendAndTell({ data }, callback)
      return
    }
    if (this.bindState === 'binding') {
      this.once('listening', () => {
        this.send(data, port, address, callback)
      })
      return
    }
    const host = address ?? (this.facts.family === 4 ? '127.0.0.1' : '::1')
    resolve(host, this.facts.family, this.lookup, (error, literal) => {
      if (error === null && !this.closed) {
        this.sendAndTell({ data, address: literal, port: this.facts.raw ? undefined : port }, callback)
      } else if (callback !== undefined) {
        process.nextTick(callback, error ?? notRunning(), 0)
      } else if (error !== null) {
        process.nextTick(() => this.emit('error', error))
      }
    })
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
  async recvmsg(options: ReceiveOptions = {}): Promise<Message> {
    checkObject(options, 'options')
    const room = checkRoom(options, 1)
    this[checkPull]()
    const [message] = await this[transportOf].receive(room, 'recvmsg', options)
    return message!
  }

  /** See the function `tryRecvmsg`. */
  tryRecvmsg(options: ReceiveRoom = {}): Message | null {
    checkObject(options, 'options')
    const room = checkRoom(options, 1)
    this[checkPull]()
    return this[transportOf].tryReceive(room)[0] ?? null
  }

  /** See the function `recvmmsg`. */
  async recvmmsg(options: ReceiveManyOptions = {}): Promise<Message[]> {
    checkObject(options, 'options')
    const room = checkManyRoom(options)
    this[checkPull]()
    return this[transportOf].receive(room, 'recvmmsg', options)
  }

  /** See the function `tryRecvmmsg`. */
  tryRecvmmsg(options: ReceiveManyRoom = {}): Message[] {
    checkObject(options, 'options')
    const room = checkManyRoom(options)
    this[checkPull]()
    return this[transportOf].tryReceive(room)
  }

  /** Pulls message after message until the socket is closed; leaving the loop closes it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    this[checkPull]()
    try {
      while (!this.closed) yield await this.recvmsg()
    } catch (error) {
      if (!(this.closed && error instanceof SocketError && error.code === 'ECANCELED')) throw error
    } finally {
      if (!this.closed) this.close()
    }
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
    if (!this.pull)
      throw invalidState("The socket gives its messages to 'message'; pulling needs createSocket({ pull: true })")
    if (this.bindState === 'unbound') this.bindNow()
  }

  // --- inside -----------------------------------------------------------------------------------

  private configure(endpoint: Transport['endpoint'], options: SocketOptions, names: readonly ReceiveInfoName[]): void {
    const { family, raw } = TYPES[options.type]
    const set = (option: number, value: number, name: string): void => {
      const status = endpoint.setOption(option, value)
      if (status === 0) return
      const error = fromNative(status, 'setsockopt')
      if (error.code !== 'ENOPROTOOPT') throw error
      if (options.unsupported !== 'ignore') throw notSupported(name, { syscall: 'setsockopt' })
    }
    // Dual-stack unless asked otherwise, whatever the system's default is.
    if (family === 6 && !raw) set(Option.ipv6Only, options.ipv6Only === true ? 1 : 0, 'ipv6Only')
    if (options.recvBufferSize !== undefined) set(Option.receiveBuffer, options.recvBufferSize, 'recvBufferSize')
    if (options.sendBufferSize !== undefined) set(Option.sendBuffer, options.sendBufferSize, 'sendBufferSize')
    if (options.dontFragment !== undefined) set(Option.dontFragment, options.dontFragment ? 1 : 0, 'dontFragment')
    if (options.sendTime === true) set(Option.sendTime, 1, 'sendTime')
    // Before the socket is bound: kernels note what to tell when a datagram is queued.
    const wanted = names.reduce((bits, name) => bits | receiveFields[name], this.coalesces ? Field.segmentSize : 0)
    const missing = endpoint.enableReceive(wanted & ~Field.control)
    const refused = names.find((name) => (receiveFields[name] & missing) !== 0)
    const asked = options.receiveInfo !== undefined || this.coalesces
    if (refused !== undefined && asked && options.unsupported !== 'ignore') {
      throw notSupported(refused, { syscall: 'recvmsg' })
    }
  }

  private checkRunning(): void {
    if (this.closed) throw notRunning()
  }

  private checkListener(event: string | symbol): void {
    if (this.pull && (event === 'message' || event === 'messages')) {
      throw invalidState('A socket made with createSocket({ pull: true }) has no listeners for messages')
    }
  }

  private closeOn(signal: AbortSignal): void {
    const onAbort = (): void => {
      if (!this.closed) this.close()
    }
    if (signal.aborted) {
      process.nextTick(onAbort)
      return
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.releaseSignal = () => {
      signal.removeEventListener('abort', onAbort)
    }
  }

  private bindTo(address: ParsedAddress, text: string, port: number): Error | null {
    const { endpoint } = this[transportOf]
    const { family, ipv6Only, raw } = this.facts
    if (address.family === 6 ? family === 4 : ipv6Only) {
      return invalidArgValue('address', text, `must be ${family === 4 ? 'IPv4' : 'IPv6'} on this socket`)
    }
    if (this.reuseAddr) endpoint.setOption(Option.reuseAddress, 1)
    if (this.reusePort) {
      const status = endpoint.setOption(Option.reusePort, 1)
      if (status !== 0) return fromNative(status, 'setsockopt')
    }
    const status = endpoint.bind(address.family, bytesOf(address), raw ? 0 : port, address.scope)
    if (status !== 0) return fromNative(status, 'bind', { address: text, port })
    this.bindState = 'bound'
    this.facts.local = this.localAddress()
    const transport = this[transportOf]
    if (!this.pull) {
      transport.onReadable = () => {
        this.receive()
      }
    }
    // Where nothing can wait, the immediate functions still work on a socket that nobody listens to.
    if (canWait || this.listenerCount('message') + this.listenerCount('messages') > 0) transport.watch()
    process.nextTick(() => {
      if (!this.closed) this.emit('listening')
    })
    return null
  }

  /** To the wildcard, port 0. */
  private bindNow(): void {
    const wildcard = this.facts.family === 4 ? '0.0.0.0' : '::'
    const failure = this.bindTo(parseAddress(wildcard)!, wildcard, 0)
    if (failure !== null) throw failure
  }

  private prepareToSend(): void {
    this.checkRunning()
    if (this.bindState === 'unbound') this.bindNow()
    else if (this.bindState === 'binding') throw invalidState('bind() has not looked up its address yet')
  }

  private connectTo(address: ParsedAddress, text: string, port: number): Error | null {
    const { endpoint } = this[transportOf]
    const { family, ipv6Only, raw } = this.facts
    if (address.family === 6 ? family === 4 : ipv6Only) {
      return invalidArgValue('address', text, `must be ${family === 4 ? 'IPv4' : 'IPv6'} on this socket`)
    }
    try {
      this.prepareToSend()
    } catch (error) {
      return error as Error
    }
    const status = endpoint.connect(address.family, bytesOf(address), raw ? 0 : port, address.scope)
    if (status !== 0) return fromNative(status, 'connect', { address: text, port })
    this.connectState = 'connected'
    this.facts.peer = address
    this.facts.local = this.localAddress()
    process.nextTick(() => {
      if (!this.closed) this.emit('connect')
    })
    return null
  }

  private localAddress(): ParsedAddress | undefined {
    return this[transportOf].endpoint.localAddress() === 0 ? slotAddress() : undefined
  }

  private ask(syscall: string, status: number): AddressInfo {
    if (status !== 0) throw fromNative(status, syscall)
    // On a dual-stack socket the wildcard, and all that is not IPv4-mapped, is IPv6.
    return {
      address: receiveSlots.address(0),
      family: receiveSlots.family(0) === 4 ? 'IPv4' : 'IPv6',
      // Linux puts the protocol where a raw socket has no port.
      port: this.facts.raw ? 0 : receiveSlots.port(0),
    }
  }

  private getOption(option: number): number {
    this.checkRunning()
    const value = this[transportOf].endpoint.getOption(option)
    if (report.status() !== 0) throw fromNative(report.status(), 'getsockopt')
    return value
  }

  private setOption(option: number, value: number): void {
    this.checkRunning()
    const status = this[transportOf].endpoint.setOption(option, value)
    if (status !== 0) throw fromNative(status, 'setsockopt')
  }

  private sendAndTell(message: OutgoingMessage, callback: SendCallback | undefined): void {
    const sent = this[transportOf].sendmsg(message)
    if (callback === undefined) {
      sent.catch(noop)
      return
    }
    sent.then(
      (bytes) => {
        process.nextTick(callback, null, bytes)
      },
      (error: unknown) => {
        process.nextTick(callback, error, 0)
      },
    )
  }

  /** The socket is readable: one batch to the listeners. */
  private receive(): void {
    // What was left when a listener threw comes first; the kernel tells again of what it has.
    if (this.unheard !== undefined) {
      this.deliverUnheard()
      return
    }
    let messages: Message[]
    try {
      messages = this[transportOf].receiveAll(BATCH)
    } catch (error) {
      this.emit('error', error as Error)
      return
    }
    if (messages.length > 0) this.deliver(messages, true)
  }

  private deliver(messages: Message[], fresh: boolean): void {
    let next = 0
    try {
      if (fresh && this.listenerCount('messages') > 0) this.emit('messages', messages)
      while (next < messages.length && !this.closed) {
        const message = messages[next++]!
        this.emit('message', message.data, message)
      }
    } finally {
      // A listener threw: the others shall still be heard.
      if (next < messages.length && !this.closed) {
        this.unheard = messages.slice(next)
        setImmediate(() => {
          this.deliverUnheard()
        })
      }
    }
  }

  private deliverUnheard(): void {
    const messages = this.unheard
    this.unheard = undefined
    if (messages !== undefined && !this.closed) this.deliver(messages, false)
  }
}

const OPTION_NAMES = [
  'type',
  'reuseAddr',
  'reusePort',
  'ipv6Only',
  'recvBufferSize',
  'sendBufferSize',
  'lookup',
  'signal',
  'protocol',
  'receiveInfo',
  'pull',
  'coalesce',
  'dontFragment',
  'sendTime',
  'unsupported',
] as const satisfies readonly (keyof SocketOptions)[]

/** Each option is read once; it can be inherited, as with dgram. */
function readOptions(given: SocketType | SocketOptions): SocketOptions {
  if (typeof given === 'string') return { type: given }
  return Object.fromEntries(OPTION_NAMES.map((name) => [name, given[name]])) as unknown as SocketOptions
}

function checkOptions(given: SocketType | SocketOptions): SocketOptions {
  if (typeof given !== 'string' && (typeof given !== 'object' || (given as unknown) === null)) throw badSocketType()
  const options = readOptions(given)
  if (typeof options.type !== 'string' || !Object.hasOwn(TYPES, options.type)) throw badSocketType()
  const { raw, family } = TYPES[options.type]
  for (const name of ['reuseAddr', 'reusePort', 'ipv6Only', 'pull', 'coalesce', 'dontFragment', 'sendTime'] as const) {
    if (options[name] !== undefined) checkBoolean(options[name], `options.${name}`)
  }
  for (const name of ['recvBufferSize', 'sendBufferSize'] as const) {
    if (options[name] !== undefined) checkInteger(options[name], `options.${name}`, 1, 0x7fffffff)
  }
  if (options.lookup !== undefined) checkFunction(options.lookup, 'options.lookup')
  if (options.signal !== undefined) checkSignal(options.signal, 'options.signal')
  if (options.unsupported !== undefined && options.unsupported !== 'error' && options.unsupported !== 'ignore') {
    throw invalidArgValue('options.unsupported', options.unsupported, "must be 'error' or 'ignore'")
  }
  if (raw) checkInteger(options.protocol, 'options.protocol', 0, 255)
  else if (options.protocol !== undefined) {
    throw invalidArgValue('options.protocol', options.protocol, 'is for raw sockets')
  }
  if (options.ipv6Only === true && family === 4) {
    throw invalidArgValue('options.ipv6Only', true, 'is for IPv6 sockets')
  }
  const { receiveInfo } = options
  if (receiveInfo !== undefined) {
    if (!Array.isArray(receiveInfo)) throw invalidArgType('options.receiveInfo', 'Array', receiveInfo)
    const most = Object.keys(receiveFields).length
    if (receiveInfo.length > most) {
      throw outOfRange('options.receiveInfo.length', `<= ${String(most)}`, receiveInfo.length)
    }
    options.receiveInfo = Array.from<ReceiveInfoName>(receiveInfo)
    options.receiveInfo.forEach((name, index) => {
      if (typeof name !== 'string' || !Object.hasOwn(receiveFields, name)) {
        throw invalidArgValue(`options.receiveInfo[${String(index)}]`, name, 'is not a field of a received message')
      }
    })
  }
  return options
}

/**
 * Makes a socket.
 * @param options its type, or options with it
 * @param listener for `'message'`
 * @throws ERR_SOCKET_BAD_TYPE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE; SocketError of
 * socket(2) (EACCES or EPERM for raw sockets) and setsockopt(2), ENOTSUP for what this kernel does not tell
 */
export function createSocket(
  options: SocketType | SocketOptions,
  listener?: (data: Buffer, info: MessageInfo) => void,
): Socket {
  return new Socket(options, listener)
}
