import cluster from 'node:cluster'
import type { EventEmitter } from 'node:events'
import { bytesOf, parseAddress, textOf, tryParseAddress, type ParsedAddress } from './address'
import { Option, type Endpoint } from './binding'
import { isBlocked } from './block-list'
import type { Delivery } from './delivery'
import type { BindArguments, ConnectArguments } from './dgram-arguments'
import { adoptDescriptor } from './endpoint-options'
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
} from './errors'
import { slotAddress, type SocketFacts } from './facts'
import { resolve } from './resolve'
import { canWait, type Transport } from './transport'
import type { SocketOptions } from './types'

/** Of a socket in a cluster worker. */
const NOT_SHARED = 'cluster workers share no handle here; reusePort lets their sockets share a port'

const noop = (): void => undefined

/** What libuv says of an address that is none of the socket's family. */
export const invalidAddress = (syscall: string, address: string | undefined, port: number): SocketError =>
  new SocketError({ code: 'EINVAL', syscall, address, port })

/**
 * From unbound to closed, with dgram's events in dgram's order. An address is bound to at once, a name after its look-up;
 * `'listening'` comes a tick later, and what dgram's own methods were asked for meanwhile waits for it.
 */
export class Lifecycle {
  closed = false
  private bindState: 'unbound' | 'binding' | 'bound' = 'unbound'
  private connectState: 'disconnected' | 'connecting' | 'connected' = 'disconnected'
  /** It has an address, and receives; `'listening'` may be still to come. */
  private receives = false
  /** What was asked for before the socket was bound, and waits for that. */
  private waiting: (() => void)[] | undefined
  private closesWhenBound = false
  private releaseSignal: () => void = noop

  constructor(
    private readonly socket: EventEmitter,
    private readonly transport: Transport,
    private readonly facts: SocketFacts,
    private readonly options: SocketOptions,
    private readonly delivery: Delivery,
  ) {}

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

  checkConnected(): void {
    if (!this.connected) throw notConnected()
  }

  // --- bind -------------------------------------------------------------------------------------

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
      this.bindFailed()
      if (callback !== undefined) socket.removeListener('listening', callback)
      socket.emit('error', failure)
    }
    this.bindState = 'binding'
    const literal = this.options.lookup === undefined ? tryParseAddress(host) : undefined
    if (literal !== undefined) {
      process.nextTick(finish, this.bindTo(literal, host, port, exclusive))
      return
    }
    resolve(host, this.facts.family, this.options.lookup, (error, text, parsed) => {
      if (this.closed) return
      const failure = parsed === undefined ? (error ?? invalidAddress('bind', text, port)) : null
      finish(failure ?? this.bindTo(parsed!, text, port, exclusive))
    })
  }

  bindSync(address: string, port: number): void {
    const failure = this.bindTo(parseAddress(address)!, address, port, true)
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
  whenBound(goOn: () => void): void {
    if (this.bindState === 'unbound') {
      this.bind({ port: 0, address: undefined, fd: undefined, exclusive: true, callback: undefined })
    }
    if (this.bindState === 'bound') goOn()
    else if (this.bindState === 'binding') (this.waiting ??= []).push(goOn)
    else if (this.connectState === 'connecting') this.connectState = 'disconnected' // bind() has failed at once
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
    const failure = this.prepareToShare(place)
    if (failure !== null) return failure
    const status = endpoint.bind(address.family, bytesOf(address), this.facts.raw ? 0 : port, address.scope)
    if (status !== 0) {
      const error = fromNative(status, 'bind', place)
      const shares = cluster.isWorker && !exclusive && !this.options.reusePort && error.code === 'EADDRINUSE'
      return shares ? fromNative(status, 'bind', { ...place, detail: NOT_SHARED }) : error
    }
    this.startToReceive()
    return null
  }

  private prepareToShare(place: ErrorPlace): Error | null {
    const { endpoint } = this
    const { reuseAddr, reusePort } = this.options
    if (reuseAddr) endpoint.setOption(Option.reuseAddress, 1)
    const status = reusePort ? endpoint.setOption(Option.reusePort, 1) : 0
    if (status === 0) return null
    const error = fromNative(status, 'bind', place)
    return error.code === 'ENOPROTOOPT' ? notSupported('reusePort', { syscall: 'bind', ...place }) : error
  }

  private startToReceive(): void {
    this.receives = true
    this.facts.local = this.localAddress()
    if (this.options.pull !== true) this.delivery.start()
    const listeners = this.socket.listenerCount('message') + this.socket.listenerCount('messages')
    // Where nothing can wait, the immediate functions still work on a socket that nobody listens to.
    if (canWait || listeners > 0) this.transport.watch()
  }

  /** Takes over a descriptor that somebody else opened. */
  private adopt(descriptor: number, exclusive: boolean): void {
    if (cluster.isWorker && !exclusive) {
      throw invalidArgValue('options.fd', descriptor, `needs options.exclusive: ${NOT_SHARED}`)
    }
    if (!canWait) throw featureUnavailable('bind({ fd })')
    adoptDescriptor(this.endpoint, descriptor, this.options)
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
      for (const goOn of waiting ?? []) {
        if (!this.closed) goOn()
      }
    }
  }

  /** What waited for it is given up, as dgram does. */
  private bindFailed(): void {
    this.bindState = 'unbound'
    this.waiting = undefined
    if (this.connectState === 'connecting') this.connectState = 'disconnected'
    if (this.closesWhenBound) this.close()
  }

  // --- connect ----------------------------------------------------------------------------------

  checkDisconnected(): void {
    if (this.connectState !== 'disconnected') throw isConnected()
  }

  connect(given: ConnectArguments): void {
    this.connectState = 'connecting'
    this.whenBound(() => {
      this.lookUpAndConnect(given)
    })
  }

  connectSync(address: string, port: number): void {
    if (this.bindState === 'binding') throw alreadyBound()
    if (this.bindState === 'unbound') this.bindSync(this.wildcard, 0)
    const failure = this.connectTo(parseAddress(address)!, address, { address, port })
    if (failure !== null) throw failure
    process.nextTick(() => {
      if (!this.closed) this.socket.emit('connect')
    })
  }

  disconnect(): void {
    const status = this.endpoint.disconnect()
    if (status !== 0) throw fromNative(status, 'connect')
    this.connectState = 'disconnected'
    this.facts.peer = undefined
    this.facts.local = this.localAddress()
  }

  private lookUpAndConnect({ port, address, callback }: ConnectArguments): void {
    const { socket } = this
    if (callback !== undefined) socket.once('connect', callback)
    const place = { address, port }
    resolve(address ?? this.loopback, this.facts.family, this.options.lookup, (error, text, parsed) => {
      if (this.closed) return
      const found = parsed === undefined ? (error ?? invalidAddress('connect', address, port)) : null
      const failure = found ?? this.connectTo(parsed!, text, place)
      process.nextTick(() => {
        if (failure === null) {
          socket.emit('connect')
          return
        }
        this.connectState = 'disconnected'
        if (callback === undefined) {
          socket.emit('error', failure)
          return
        }
        socket.removeListener('connect', callback)
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
      this.closesWhenBound = true
      this.waiting.push(() => {
        this.close()
      })
      return
    }
    this.checkRunning()
    this.closed = true
    this.delivery.stop()
    this.transport.close()
    process.nextTick(() => this.socket.emit('close'))
    this.releaseSignal()
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
