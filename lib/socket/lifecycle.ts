import cluster from 'node:cluster'
import type { EventEmitter } from 'node:events'
import type { AddressInfo } from 'node:net'
import { bytesOf, parseAddress, textOf, type ParsedAddress } from '../native/address'
import type { Endpoint } from '../native/addon'
import { Option } from '../native/constants'
import { isBlocked } from '../message/block-list'
import type { Delivery } from '../receive/message-emitter'
import type { BindArguments, ConnectArguments } from '../dgram/arguments'
import { adoptDescriptor, coalesces, openEndpoint } from './endpoint-options'
import {
  alreadyBound,
  featureUnavailable,
  fromNative,
  invalidArgValue,
  invalidState,
  ipBlocked,
  isConnected,
  notConnected,
  notRunning,
  notSupported,
  SocketError,
  type ErrorPlace,
} from '../errors/socket-error'
import { slotAddress, slotAddressInfo, type SocketFacts } from './state'
import { literal, resolve } from '../dgram/resolve'
import { invalidAddress } from '../dgram/send'
import { canWait, type Transport } from './handle'
import type { SocketOptions } from '../types'

/** Of a socket in a cluster worker. */
const NOT_SHARED = 'cluster workers share no handle here; reusePort lets their sockets share a port'

const noop = (): void => undefined

/** A call that waits until the socket is bound. */
export interface WhenBound {
  goOn(): void
  /** bind() has failed. */
  failed(error: Error): void
  /** The socket was closed by a call that waited before this one. */
  closed(): void
}

/** Runs code that is not ours, or calls some: what it throws is an uncaught exception, and keeps nobody else from going on. */
function apart(call: () => void): void {
  try {
    call()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}

/** What opening a socket fails with is what bind(2) fails with, as in dgram. */
function asBind(error: Error, place: ErrorPlace): Error {
  if (!(error instanceof SocketError) || error.syscall !== 'socket') return error
  const { code, nativeCode, nativeName } = error
  return new SocketError({ code, nativeCode, nativeName, syscall: 'bind', ...place })
}

/**
 * From unbound to closed, with dgram's events in dgram's order. A descriptor is opened when one is needed first. An address is bound to at once, a name after its look-up;
 * `'listening'` comes a tick later, and what dgram's own methods were asked for meanwhile waits for it.
 */
export class Lifecycle {
  closed = false
  /** `'close'` was emitted: no event follows. */
  private ended = false
  /** Where the socket was bound, as bindSync() returns it; undefined where getsockname(2) failed. */
  boundAddress: AddressInfo | undefined
  opened = false
  /** Whether the kernel coalesces; before the socket is open, whether the tables say so. */
  coalescing: boolean
  private bindState: 'unbound' | 'binding' | 'bound' = 'unbound'
  private connectState: 'disconnected' | 'connecting' | 'connected' = 'disconnected'
  /** It has an address, and receives; `'listening'` may be still to come. */
  private receives = false
  private waiting: WhenBound[] | undefined
  /** Calls of connect(), and the one whose 'connect' is emitted. */
  private attempts = 0
  private announced = 0
  private releaseSignal: () => void = noop

  constructor(
    private readonly socket: EventEmitter,
    private readonly transport: Transport,
    private readonly facts: SocketFacts,
    private readonly options: SocketOptions,
    private readonly delivery: Delivery,
  ) {
    this.coalescing = coalesces(options)
    transport.asleep = true
  }

  get connected(): boolean {
    return this.connectState === 'connected'
  }

  /** Whether sending has to wait until a name was looked up. */
  get looksUp(): boolean {
    return this.bindState === 'binding' && !this.receives
  }

  checkRunning(): void {
    if (this.closed) throw notRunning()
  }

  /**
   * Emits `'error'` in a tick of its own. Code of the program (getters, block lists, signals) can have closed the socket before
   * the error was known: then its `'close'` comes first, and nothing behind it. `unheard`: also where nobody listens, which is an
   * uncaught exception.
   */
  emitError(error: Error, unheard: boolean): void {
    const { socket } = this
    process.nextTick(() => {
      if (!this.ended && (unheard || socket.listenerCount('error') > 0)) socket.emit('error', error)
    })
  }

  checkConnected(): void {
    if (!this.connected) throw notConnected()
  }

  // --- bind -------------------------------------------------------------------------------------

  /** Opens a descriptor, unless there is one. @throws SocketError socket, setsockopt; ENOTSUP */
  open(): void {
    if (this.opened) return
    this.coalescing = openEndpoint(this.endpoint, this.options)
    this.opened = true
  }

  checkUnbound(): void {
    this.checkRunning()
    if (this.bindState !== 'unbound') throw alreadyBound()
  }

  bind({ port, address, fd, exclusive, callback }: BindArguments): void {
    const { socket } = this
    if (fd !== undefined) {
      this.adopt(fd, exclusive)
      if (callback !== undefined) socket.once('listening', callback)
      this.listens()
      return
    }
    if (callback !== undefined) socket.once('listening', callback)
    const host = address ?? this.wildcard
    const finish = (failure: Error | null): void => {
      if (this.closed) return
      if (failure === null) {
        this.listens()
        return
      }
      this.bindFailed(failure)
      if (callback !== undefined) socket.removeListener('listening', callback)
      socket.emit('error', failure)
    }
    this.bindState = 'binding'
    const known = literal(host, this.options.lookup)
    if (known !== undefined) {
      process.nextTick(finish, this.bindTo(known, host, port, exclusive))
      return
    }
    resolve(host, this.facts.family, this.options.lookup, (error, text, parsed) => {
      if (this.closed) return
      const failure = parsed === undefined ? (error ?? invalidAddress('bind', text, port)) : null
      finish(failure ?? this.bindTo(parsed!, text, port, exclusive))
    })
  }

  bindSync(address: string, port: number): void {
    const parsed = parseAddress(address)
    // A scope can name an interface that is not there.
    const failure =
      parsed === undefined ? invalidAddress('bind', address, port) : this.bindTo(parsed, address, port, true)
    if (failure !== null) throw failure
    this.bindState = 'bound'
    process.nextTick(() => {
      if (!this.closed) this.socket.emit('listening')
    })
  }

  /** To the wildcard, port 0, unless it is bound. */
  bindNow(): void {
    this.checkRunning()
    if (this.receives) return
    if (this.bindState === 'binding') throw invalidState('bind() is under way')
    this.bindSync(this.wildcard, 0)
  }

  /** At once if the socket is bound; it is bound to the wildcard if it is not. */
  whenBound(call: WhenBound): void {
    if (this.bindState === 'bound') {
      call.goOn()
      return
    }
    ;(this.waiting ??= []).push(call)
    // A look-up that answers at once can end it before this returns.
    if (this.bindState === 'unbound') {
      this.bind({ port: 0, address: undefined, fd: undefined, exclusive: true, callback: undefined })
    }
  }

  get wildcard(): string {
    return this.facts.family === 4 ? '0.0.0.0' : '::'
  }

  get loopback(): string {
    return this.facts.family === 4 ? '127.0.0.1' : '::1'
  }

  /** Whether this socket can send there, or be bound to it. */
  reaches(address: ParsedAddress): boolean {
    const { family, ipv6Only } = this.facts
    return address.family === 6 ? family === 6 : !ipv6Only
  }

  private get endpoint(): Endpoint {
    return this.transport.endpoint
  }

  private bindTo(address: ParsedAddress, text: string, port: number, exclusive: boolean): Error | null {
    const { endpoint } = this
    const place = { address: text, port }
    if (!this.reaches(address)) return invalidAddress('bind', text, port)
    try {
      this.open()
      this.prepareToShare(place)
      // Before it is bound: a socket that cannot be watched is not bound, and can be tried again.
      if (!canWait && this.hears) throw featureUnavailable('waiting for a socket')
      this.transport.makeWatcher()
    } catch (error) {
      return asBind(error as Error, place)
    }
    const status = endpoint.bind(address.family, bytesOf(address), this.facts.raw ? 0 : port, address.scope)
    if (status !== 0) {
      const error = fromNative(status, 'bind', place)
      const shares = cluster.isWorker && !exclusive && !this.options.reusePort && error.code === 'EADDRINUSE'
      return shares ? fromNative(status, 'bind', { ...place, detail: NOT_SHARED }) : error
    }
    this.startToReceive()
    return null
  }

  private prepareToShare(place: ErrorPlace): void {
    const { endpoint, options } = this
    const shared = [
      ['reuseAddr', Option.reuseAddress],
      ['reusePort', Option.reusePort],
    ] as const
    for (const [name, option] of shared) {
      const status = options[name] ? endpoint.setOption(option, 1) : 0
      if (status === 0) continue
      const error = fromNative(status, 'bind', place)
      throw error.code === 'ENOPROTOOPT' ? notSupported(name, { syscall: 'bind', ...place }) : error
    }
  }

  /** Whether somebody listens for messages. */
  private get hears(): boolean {
    return this.socket.listenerCount('message') + this.socket.listenerCount('messages') > 0
  }

  private startToReceive(): void {
    this.receives = true
    this.transport.asleep = false
    this.facts.local = this.localAddress()
    this.boundAddress = this.facts.local && slotAddressInfo(this.facts.raw)
    if (this.options.pull !== true) this.delivery.start()
    // Where nothing can wait, the immediate functions still work on a socket that nobody listens to.
    if (canWait) this.transport.watch()
  }

  /** Takes over a descriptor that somebody else opened. */
  private adopt(descriptor: number, exclusive: boolean): void {
    if (cluster.isWorker && !exclusive) {
      throw invalidArgValue('options.fd', descriptor, `needs options.exclusive: ${NOT_SHARED}`)
    }
    if (!canWait) throw featureUnavailable('bind({ fd })')
    this.coalescing = adoptDescriptor(this.endpoint, descriptor, this.options)
    this.opened = true
    this.facts.update(this.endpoint)
    if (this.facts.peer !== undefined) this.connectState = 'connected'
    this.startToReceive()
  }

  /** Bound, and what waited for that goes on. */
  private listens(): void {
    this.bindState = 'bound'
    try {
      this.socket.emit('listening')
    } finally {
      const { waiting } = this
      this.waiting = undefined
      for (const call of waiting ?? []) {
        apart(() => {
          if (this.closed) call.closed()
          else call.goOn()
        })
      }
    }
  }

  /** What waited for it fails with it. */
  private bindFailed(failure: Error): void {
    this.bindState = 'unbound'
    const { waiting } = this
    this.waiting = undefined
    for (const call of waiting ?? []) {
      apart(() => {
        call.failed(failure)
      })
    }
    this.transport.failReceivers(() => failure)
  }

  // --- connect ----------------------------------------------------------------------------------

  checkDisconnected(): void {
    if (this.connectState !== 'disconnected') throw isConnected()
  }

  connect(given: ConnectArguments): void {
    this.connectState = 'connecting'
    this.whenBound({
      goOn: () => {
        this.lookUpAndConnect(given)
      },
      failed: (error) => {
        this.connectState = 'disconnected'
        if (given.callback !== undefined) process.nextTick(given.callback, error)
      },
      closed: noop, // as in dgram
    })
  }

  connectSync(address: string, port: number): void {
    if (this.bindState === 'binding') throw alreadyBound()
    const parsed = parseAddress(address)
    // A scope can name an interface that is not there.
    if (parsed === undefined) throw invalidAddress('connect', address, port)
    if (this.bindState === 'unbound') this.bindSync(this.wildcard, 0)
    const failure = this.connectTo(parsed, address, { address, port })
    if (failure !== null) throw failure
    const attempt = ++this.attempts
    process.nextTick(() => {
      if (!this.closed) this.announce(attempt)
    })
  }

  disconnect(): void {
    const status = this.endpoint.disconnect()
    if (status !== 0) throw fromNative(status, 'connect')
    this.connectState = 'disconnected'
    this.facts.peer = undefined
    this.facts.local = this.localAddress()
  }

  private announce(attempt: number): void {
    this.announced = attempt
    this.socket.emit('connect')
  }

  /** Adds a listener for the 'connect' of this attempt alone; an earlier one can still be announced. Returns what removes it. */
  private onConnect(attempt: number, callback: () => void): () => void {
    const { socket } = this
    const listener = Object.assign(
      () => {
        if (this.announced !== attempt) return
        socket.removeListener('connect', listener)
        callback.call(socket)
      },
      // As once() has it: removeListener() knows it by the callback.
      { listener: callback },
    )
    socket.on('connect', listener)
    return () => {
      socket.removeListener('connect', listener)
    }
  }

  private lookUpAndConnect({ port, address, callback }: ConnectArguments): void {
    const { socket } = this
    const attempt = ++this.attempts
    const remove = callback && this.onConnect(attempt, callback)
    const place = { address, port }
    resolve(address ?? this.loopback, this.facts.family, this.options.lookup, (error, text, parsed) => {
      if (this.closed) return
      const found = parsed === undefined ? (error ?? invalidAddress('connect', address, port)) : null
      const failure = found ?? this.connectTo(parsed!, text, place)
      process.nextTick(() => {
        if (failure === null) {
          if (!this.ended) this.announce(attempt)
          return
        }
        this.connectState = 'disconnected'
        if (callback === undefined) {
          if (!this.ended) socket.emit('error', failure)
          return
        }
        remove?.()
        callback(failure)
      })
    })
  }

  private connectTo(address: ParsedAddress, text: string, place: ErrorPlace & { port: number }): Error | null {
    const { endpoint } = this
    const { port } = place
    if (!this.reaches(address)) return invalidAddress('connect', place.address, port)
    if (isBlocked(this.options.sendBlockList, textOf(address), address.family === 4 ? 'IPv4' : 'IPv6')) {
      return ipBlocked(text)
    }
    if (this.closed) return notRunning() // by the list's own code
    const status = endpoint.connect(address.family, bytesOf(address), this.facts.raw ? 0 : port, address.scope)
    if (status !== 0) return fromNative(status, 'connect', place)
    this.connectState = 'connected'
    this.facts.peer = address
    this.facts.local = this.localAddress()
    return null
  }

  private localAddress(): ParsedAddress | undefined {
    return this.endpoint.localAddress() === 0 ? slotAddress() : undefined
  }

  // --- close ------------------------------------------------------------------------------------

  close(): void {
    if (this.waiting !== undefined) {
      const close = (): void => {
        if (!this.closed) this.close()
      }
      this.waiting.push({ goOn: close, failed: close, closed: noop })
      return
    }
    this.checkRunning()
    this.closed = true
    this.delivery.stop()
    this.transport.close()
    process.nextTick(() => {
      this.ended = true
      this.socket.emit('close')
    })
    apart(this.releaseSignal)
  }

  closeOn(signal: AbortSignal): void {
    const onAbort = (): void => {
      if (!this.closed) this.close()
    }
    if (signal.aborted) {
      onAbort()
      return
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.releaseSignal = () => {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
