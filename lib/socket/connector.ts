import type { ConnectArguments } from '../dgram/arguments'
import { resolve } from '../dgram/resolve'
import { invalidAddress } from '../dgram/send'
import { fromNative, ipBlocked, isConnected, notRunning, type ErrorPlace } from '../errors/socket-error'
import { isBlocked } from '../message/block-list'
import { bytesOf, parseAddress, textOf, type ParsedAddress } from '../native/address'
import type { Binder } from './binder'
import type { Lifecycle } from './lifecycle'

const noop = (): void => undefined

/** Connects a socket to a peer, with dgram's events in dgram's order. */
export class Connector {
  /** connect() is under way. */
  private connecting = false
  /** Calls of connect(), and the one whose `'connect'` is emitted now. */
  private attempts = 0
  private announced = 0

  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly binder: Binder,
  ) {}

  checkDisconnected(): void {
    if (this.connecting || this.lifecycle.state.connected) throw isConnected()
  }

  connect(args: ConnectArguments): void {
    this.connecting = true
    this.binder.whenBound({
      proceed: () => {
        this.resolveAndConnect(args)
      },
      failed: (error) => {
        this.connecting = false
        if (args.callback !== undefined) process.nextTick(args.callback, error)
      },
      closed: noop, // as in dgram
    })
  }

  connectSync(address: string, port: number): void {
    const { lifecycle, binder } = this
    binder.checkNotBinding()
    const parsed = parseAddress(address)
    // The scope can name an interface that does not exist.
    if (parsed === undefined) throw invalidAddress('connect', address, port)
    binder.ensureBound()
    const failure = this.connectTo(parsed, address, { address, port })
    if (failure !== null) throw failure
    const attempt = ++this.attempts
    process.nextTick(() => {
      if (!lifecycle.closed) this.announce(attempt)
    })
  }

  disconnect(): void {
    const { handle, state } = this.lifecycle
    const status = handle.endpoint.disconnect()
    if (status !== 0) throw fromNative(status, 'connect')
    state.peer = undefined
    state.updateLocal(handle.endpoint)
  }

  private announce(attempt: number): void {
    this.announced = attempt
    this.lifecycle.socket.emit('connect')
  }

  /**
   * Adds a listener for the `'connect'` of this attempt alone: that of an earlier attempt can be still to come. Returns
   * what removes the listener.
   */
  private onConnect(attempt: number, callback: () => void): () => void {
    const { socket } = this.lifecycle
    const listener = Object.assign(
      () => {
        if (this.announced !== attempt) return
        socket.removeListener('connect', listener)
        callback.call(socket)
      },
      // As with once(), removeListener() finds it by the callback.
      { listener: callback },
    )
    socket.on('connect', listener)
    return () => {
      socket.removeListener('connect', listener)
    }
  }

  private resolveAndConnect({ port, address, callback }: ConnectArguments): void {
    const { lifecycle } = this
    const { socket, state, options } = lifecycle
    const attempt = ++this.attempts
    const remove = callback && this.onConnect(attempt, callback)
    const place = { address, port }
    resolve(address ?? state.loopback, state.family, options.lookup, (error, text, parsed) => {
      if (lifecycle.closed) return
      const found = parsed === undefined ? (error ?? invalidAddress('connect', address, port)) : null
      const failure = found ?? this.connectTo(parsed!, text, place)
      process.nextTick(() => {
        if (failure === null) {
          if (!lifecycle.ended) this.announce(attempt)
          return
        }
        this.connecting = false
        if (callback === undefined) {
          if (!lifecycle.ended) socket.emit('error', failure)
          return
        }
        remove?.()
        callback(failure)
      })
    })
  }

  private connectTo(address: ParsedAddress, text: string, place: ErrorPlace & { port: number }): Error | null {
    const { lifecycle } = this
    const { handle, state, options } = lifecycle
    const { port } = place
    if (!state.reaches(address)) return invalidAddress('connect', place.address, port)
    if (isBlocked(options.sendBlockList, textOf(address), address.family === 4 ? 'IPv4' : 'IPv6')) {
      return ipBlocked(text)
    }
    if (lifecycle.closed) return notRunning() // the block list is code of the program
    const { endpoint } = handle
    const status = endpoint.connect(address.family, bytesOf(address), state.raw ? 0 : port, address.scope)
    if (status !== 0) return fromNative(status, 'connect', place)
    this.connecting = false
    state.peer = address
    state.updateLocal(endpoint)
    return null
  }
}
