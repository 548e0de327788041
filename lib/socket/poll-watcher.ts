import { featureUnavailable, fromEither } from '../errors/socket-error'
import type { Endpoint } from '../native/addon'
import { Readiness } from '../native/constants'

/** Bun has no libuv on POSIX, and ends the process at uv_poll_init_socket. */
export const canWait = !('bun' in process.versions) || process.platform === 'win32'

/** libuv stopped polling by itself; any value but 0 forces a re-arm. */
const STALE = -1

/** Polls the descriptor of an endpoint (uv_poll_t). */
export class PollWatcher {
  /** Whether the socket is bound. Until then nothing is polled. */
  active: boolean
  private events = 0
  private refed = true
  /** What the endpoint was set to last. */
  private endpointRefed = true

  constructor(
    private readonly endpoint: Endpoint,
    active: boolean,
  ) {
    this.active = active
  }

  /** Creates the watcher, so that watch() cannot fail for want of memory or descriptors. @throws SocketError poll */
  create(): void {
    if (!canWait) return
    const status = this.endpoint.makeWatcher()
    if (status !== 0) throw fromEither(status, 'poll')
  }

  /** Polls for these events from now on, and for no others. @throws SocketError poll; ENOTSUP where nothing can wait */
  watch(events: number): void {
    if (events === this.events) return
    if (events !== 0 && !canWait) throw featureUnavailable('waiting for a socket')
    if (!this.active) return
    const status = this.endpoint.watch(events)
    this.events = status === 0 ? events : 0
    this.updateRef()
    if (status !== 0) throw fromEither(status, 'poll')
  }

  /** libuv stops polling when a descriptor has an error pending (EPOLLERR). */
  onStopped(): void {
    this.events = STALE
  }

  setRef(on: boolean): void {
    this.refed = on
    this.updateRef()
  }

  /** Polling for errors alone does not keep the event loop alive. */
  private updateRef(): void {
    const refed = this.refed && this.events !== Readiness.errors
    if (refed === this.endpointRefed) return
    this.endpointRefed = refed
    this.endpoint.setHold(refed ? 1 : 0)
  }
}
