import type { EventEmitter } from 'node:events'
import { notConnected, notRunning } from '../errors/socket-error'
import type { MessageEmitter } from '../receive/message-emitter'
import type { SocketOptions } from '../types'
import { BindWaiters, isolate } from './bind-waiters'
import { coalesces, openEndpoint } from './endpoint-options'
import type { SocketHandle } from './handle'
import type { SocketState } from './state'

const noop = (): void => undefined

/** From the first descriptor to `'close'`. A descriptor is opened by the first call that needs one. */
export class Lifecycle {
  closed = false
  /** `'close'` was emitted: no event follows. */
  ended = false
  opened = false
  /** Whether the kernel coalesces; before the socket is open, whether the tables say so. */
  coalescing: boolean
  /** Calls that wait until the socket is bound. */
  readonly waiters = new BindWaiters()
  private removeAbortListener: () => void = noop

  constructor(
    readonly socket: EventEmitter,
    readonly handle: SocketHandle,
    readonly state: SocketState,
    readonly options: SocketOptions,
    readonly emitter: MessageEmitter,
  ) {
    this.coalescing = coalesces(options)
  }

  checkRunning(): void {
    if (this.closed) throw notRunning()
  }

  checkConnected(): void {
    if (!this.state.connected) throw notConnected()
  }

  /** Opens a descriptor, unless there is one. @throws SocketError socket, setsockopt; ENOTSUP */
  open(): void {
    if (this.opened) return
    this.coalescing = openEndpoint(this.handle.endpoint, this.options)
    this.opened = true
  }

  /**
   * Emits `'error'` in the next tick. Code of the program (getters, block lists, signals) can have closed the socket before the
   * error was known: then `'close'` comes first, and nothing after it. `uncaught`: also without a listener, which makes it
   * an uncaught exception.
   */
  emitError(error: Error, uncaught: boolean): void {
    const { socket } = this
    process.nextTick(() => {
      if (!this.ended && (uncaught || socket.listenerCount('error') > 0)) socket.emit('error', error)
    })
  }

  /** As in dgram, close() waits until a bind() that other calls wait for is done. */
  close(): void {
    if (this.waiters.any) {
      const close = (): void => {
        if (!this.closed) this.close()
      }
      this.waiters.push({ proceed: close, failed: close, closed: noop })
      return
    }
    this.checkRunning()
    this.closed = true
    this.emitter.stop()
    this.handle.close()
    process.nextTick(() => {
      this.ended = true
      this.socket.emit('close')
    })
    isolate(this.removeAbortListener)
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
    this.removeAbortListener = () => {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
