import cluster from 'node:cluster'
import type { AddressInfo } from 'node:net'
import type { BindArguments } from '../dgram/arguments'
import { literal, resolve } from '../dgram/resolve'
import { invalidAddress } from '../dgram/send'
import {
  alreadyBound,
  featureUnavailable,
  fromNative,
  invalidArgValue,
  invalidState,
  notSupported,
  SocketError,
  type ErrorPlace,
} from '../errors/socket-error'
import { bytesOf, parseAddress, type ParsedAddress } from '../native/address'
import { Option } from '../native/constants'
import type { BindWaiter } from './bind-waiters'
import { adoptDescriptor } from './endpoint-options'
import type { Lifecycle } from './lifecycle'
import { canWait } from './poll-watcher'
import { slotAddressInfo } from './state'

/** The error of a socket in a cluster worker. */
const NOT_SHARED = 'cluster workers share no handle here; reusePort lets their sockets share a port'

/** As in dgram, what opening a socket fails with is an error of bind(2). */
function asBindError(error: Error, place: ErrorPlace): Error {
  if (!(error instanceof SocketError) || error.syscall !== 'socket') return error
  const { code, nativeCode, nativeName } = error
  return new SocketError({ code, nativeCode, nativeName, syscall: 'bind', ...place })
}

/**
 * Binds a socket, with dgram's events in dgram's order. An address is bound to at once, a name after its look-up.
 * `'listening'` comes a tick later. Calls of dgram's own methods wait for it.
 */
export class Binder {
  /** The address as bindSync() returns it; undefined where getsockname(2) failed. */
  boundAddress: AddressInfo | undefined
  private phase: 'unbound' | 'binding' | 'bound' = 'unbound'
  /** Whether the socket has an address and receives; `'listening'` may be still to come. */
  private receives = false

  constructor(private readonly lifecycle: Lifecycle) {}

  /** Whether bind() looks up a name, so that sending has to wait. */
  get looksUp(): boolean {
    return this.phase === 'binding' && !this.receives
  }

  checkUnbound(): void {
    this.lifecycle.checkRunning()
    if (this.phase !== 'unbound') throw alreadyBound()
  }

  bind({ port, address, fd, exclusive, callback }: BindArguments): void {
    const { lifecycle } = this
    const { socket, state, options } = lifecycle
    if (fd !== undefined) {
      this.adopt(fd, exclusive)
      if (callback !== undefined) socket.once('listening', callback)
      this.onBound()
      return
    }
    if (callback !== undefined) socket.once('listening', callback)
    const host = address ?? state.wildcard
    const finish = (failure: Error | null): void => {
      if (lifecycle.closed) return
      if (failure === null) {
        this.onBound()
        return
      }
      this.onFailed(failure)
      if (callback !== undefined) socket.removeListener('listening', callback)
      socket.emit('error', failure)
    }
    this.phase = 'binding'
    const known = literal(host, options.lookup)
    if (known !== undefined) {
      process.nextTick(finish, this.bindTo(known, host, port, exclusive))
      return
    }
    resolve(host, state.family, options.lookup, (error, text, parsed) => {
      if (lifecycle.closed) return
      const failure = parsed === undefined ? (error ?? invalidAddress('bind', text, port)) : null
      finish(failure ?? this.bindTo(parsed!, text, port, exclusive))
    })
  }

  bindSync(address: string, port: number): void {
    const { lifecycle } = this
    const parsed = parseAddress(address)
    // The scope can name an interface that does not exist.
    const failure =
      parsed === undefined ? invalidAddress('bind', address, port) : this.bindTo(parsed, address, port, true)
    if (failure !== null) throw failure
    this.phase = 'bound'
    process.nextTick(() => {
      if (!lifecycle.closed) lifecycle.socket.emit('listening')
    })
  }

  /** Binds to the wildcard and port 0, unless the socket is bound. @throws ERR_INVALID_STATE while bind() looks up a name */
  ensureBound(): void {
    this.lifecycle.checkRunning()
    if (this.receives) return
    if (this.phase === 'binding') throw invalidState('bind() is under way')
    this.bindSync(this.lifecycle.state.wildcard, 0)
  }

  /** For connectSync(). @throws ERR_SOCKET_ALREADY_BOUND while bind() is under way */
  checkNotBinding(): void {
    if (this.phase === 'binding') throw alreadyBound()
  }

  /** Calls `waiter` at once if the socket is bound; otherwise binds it to the wildcard, unless that is under way. */
  whenBound(waiter: BindWaiter): void {
    if (this.phase === 'bound') {
      waiter.proceed()
      return
    }
    this.lifecycle.waiters.push(waiter)
    // A `lookup` that calls back at once can end it before this returns.
    if (this.phase === 'unbound') {
      this.bind({ port: 0, address: undefined, fd: undefined, exclusive: true, callback: undefined })
    }
  }

  private bindTo(address: ParsedAddress, text: string, port: number, exclusive: boolean): Error | null {
    const { lifecycle } = this
    const { handle, state, options } = lifecycle
    const place = { address: text, port }
    if (!state.reaches(address)) return invalidAddress('bind', text, port)
    try {
      lifecycle.open()
      this.setSharing(place)
      // First, so that a socket that cannot be polled is not bound, and can be tried again.
      if (!canWait && this.hasListeners) throw featureUnavailable('waiting for a socket')
      handle.watcher.create()
    } catch (error) {
      return asBindError(error as Error, place)
    }
    const status = handle.endpoint.bind(address.family, bytesOf(address), state.raw ? 0 : port, address.scope)
    if (status !== 0) {
      const error = fromNative(status, 'bind', place)
      const shares = cluster.isWorker && !exclusive && !options.reusePort && error.code === 'EADDRINUSE'
      return shares ? fromNative(status, 'bind', { ...place, detail: NOT_SHARED }) : error
    }
    this.startReceiving()
    return null
  }

  private setSharing(place: ErrorPlace): void {
    const { options, handle } = this.lifecycle
    const shared = [
      ['reuseAddr', Option.reuseAddress],
      ['reusePort', Option.reusePort],
    ] as const
    for (const [name, option] of shared) {
      const status = options[name] ? handle.endpoint.setOption(option, 1) : 0
      if (status === 0) continue
      const error = fromNative(status, 'bind', place)
      throw error.code === 'ENOPROTOOPT' ? notSupported(name, { syscall: 'bind', ...place }) : error
    }
  }

  private get hasListeners(): boolean {
    const { socket } = this.lifecycle
    return socket.listenerCount('message') + socket.listenerCount('messages') > 0
  }

  private startReceiving(): void {
    const { handle, state, options, emitter } = this.lifecycle
    this.receives = true
    handle.watcher.active = true
    state.updateLocal(handle.endpoint)
    this.boundAddress = state.local && slotAddressInfo(state.raw)
    if (options.pull !== true) emitter.start()
    // Where nothing can wait, the immediate functions still work on a socket without listeners.
    if (canWait) handle.update()
  }

  /** Takes over a descriptor that other code opened. */
  private adopt(descriptor: number, exclusive: boolean): void {
    const { lifecycle } = this
    const { handle, state, options } = lifecycle
    if (cluster.isWorker && !exclusive) {
      throw invalidArgValue('options.fd', descriptor, `needs options.exclusive: ${NOT_SHARED}`)
    }
    if (!canWait) throw featureUnavailable('bind({ fd })')
    lifecycle.coalescing = adoptDescriptor(handle.endpoint, descriptor, options)
    lifecycle.opened = true
    state.update(handle.endpoint)
    this.startReceiving()
  }

  private onBound(): void {
    const { lifecycle } = this
    this.phase = 'bound'
    try {
      lifecycle.socket.emit('listening')
    } finally {
      lifecycle.waiters.proceed(() => lifecycle.closed)
    }
  }

  /** What waits for bind() fails with it. */
  private onFailed(failure: Error): void {
    const { waiters, handle } = this.lifecycle
    this.phase = 'unbound'
    waiters.fail(failure)
    handle.pull.cancel(() => failure)
  }
}
