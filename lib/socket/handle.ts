import { canceled, type SocketError } from '../errors/socket-error'
import { binding, type Endpoint } from '../native/addon'
import { Readiness } from '../native/constants'
import { PullQueue, type PullSource } from '../receive/pull-queue'
import { ReceiveQueue } from '../receive/queue'
import type { ReceiveStyle } from '../receive/receive'
import type { SendListener } from '../send/backlog'
import { CompletionQueue } from '../send/completion-queue'
import type { SendQueue } from '../send/queue'
import { ReadinessQueue } from '../send/readiness-queue'
import { Sender } from '../send/sender'
import { Submitter } from '../send/submit'
import { Backoff } from '../util/backoff'
import { canWait, PollWatcher } from './poll-watcher'
import type { SocketState } from './state'

const Queue = binding.kernel.completesSends ? CompletionQueue : ReadinessQueue

/** Milliseconds. */
const READ_DELAY = 10

/** One socket, ours or borrowed: its endpoint, what it sends and receives, and what it is polled for. */
export class SocketHandle implements SendListener, PullSource {
  readonly sender: Sender
  readonly queue: SendQueue
  readonly incoming: ReceiveQueue
  readonly pull: PullQueue
  readonly watcher: PollWatcher
  /** Called when the socket is readable and no call pulls. Returns whether to call `onMore`, as a callback of its own. */
  onReadable: (() => boolean) | undefined
  onMore: (() => boolean) | undefined
  /** Called when the kernel has errors of earlier datagrams to report. */
  onErrors: (() => void) | undefined
  /** Called by setRef(). */
  onRef: ((on: boolean) => void) | undefined
  /** Called with whether a call waits to receive. */
  onWaiting: ((waits: boolean) => void) | undefined
  /** Called before an event of the socket is handled. */
  onEvent: (() => void) | undefined
  /** While nothing is read because of an error that stays. */
  private readonly readBackoff = new Backoff(() => {
    this.pull.serve()
    this.updateOrFail()
  }, READ_DELAY)
  private closed = false
  private handlesEvent = false
  /** `onErrors` will be called. */
  private errorsDue = false

  constructor(
    readonly endpoint: Endpoint,
    readonly state: SocketState,
    style: ReceiveStyle,
    /** Binds the socket, or throws when it cannot send. */
    ensureBound: () => void,
    readonly onBackgroundError: (error: Error) => void,
  ) {
    const onEarlierErrors = (): void => {
      this.onEarlierErrors()
    }
    const submitter = new Submitter(endpoint, onEarlierErrors)
    this.queue = new Queue(state, submitter, this)
    this.sender = new Sender(state, submitter, this.queue, ensureBound)
    this.incoming = new ReceiveQueue(endpoint, state, style, onEarlierErrors)
    this.pull = new PullQueue(this)
    this.watcher = new PollWatcher(endpoint, state.borrowed)
    endpoint.owner = this
  }

  get active(): boolean {
    return this.watcher.active
  }

  /** Whether nothing waits, and all messages that were received are handed out. */
  get idle(): boolean {
    return this.queue.backlog.messages.count === 0 && !this.pull.waits && this.incoming.count === 0
  }

  /** Settles what waits and closes the endpoint. A borrowed socket stays open. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.readBackoff.stop()
    this.incoming.close()
    // Settling a call can run code of the program.
    this.queue.close((syscall) => canceled(syscall))
    this.pull.cancel((syscall) => canceled(syscall))
    this.endpoint.close()
  }

  /** Whether the socket keeps the event loop alive. */
  setRef(on: boolean): void {
    this.watcher.setRef(on)
    this.queue.backlog.setRef(on)
    this.onRef?.(on)
  }

  /** Polls the descriptor for what is waited for. @throws SocketError poll */
  update(): void {
    if (this.closed || this.handlesEvent) return
    this.onWaiting?.(this.pull.waits)
    this.watcher.watch(this.wantedEvents())
  }

  /** As update(). Where that fails, all that waits fails. */
  updateOrFail(): void {
    try {
      this.update()
    } catch (error) {
      this.queue.close(() => error as SocketError)
      this.pull.cancel(() => error as Error)
    }
  }

  /** Has `onErrors` called in a turn of its own, not inside of a call. */
  onEarlierErrors(): void {
    if (this.errorsDue || this.onErrors === undefined) return
    this.errorsDue = true
    setImmediate(() => {
      this.errorsDue = false
      if (!this.closed) this.onErrors?.()
    })
  }

  /** Called by the addon: an overlapped send has completed. */
  onSettled(operation: number, status: number, sent: number): void {
    this.queue.onCompleted?.(operation, status, sent)
  }

  /** Called by the addon: the descriptor is ready. Returns whether to call again at once, with neither status nor events. */
  onReady(status: number, events: number): boolean {
    if (status === 0 && events === 0) return this.onMore?.() ?? false
    this.onEvent?.()
    const failed = status < 0
    // The calls below fetch the error.
    if (failed) this.watcher.onStopped()
    // What is settled meanwhile changes what to poll for: that is looked at once, at the end.
    this.handlesEvent = true
    let moved = false
    let more = false
    try {
      if (failed) this.onErrors?.()
      if (this.queue.watchesWritable && (failed || (events & Readiness.writable) !== 0)) moved = this.queue.drain()
      if (failed || (events & Readiness.readable) !== 0) {
        this.pull.serve()
        if (!this.pull.waits) more = this.onReadable?.() ?? false
      }
    } finally {
      this.handlesEvent = false
      // An error that no call reads would be reported without end (the owner of a borrowed socket has set IP_RECVERR).
      if (failed && !moved && this.state.borrowed) {
        this.queue.backlog.pause()
        if (this.pull.waits) this.readBackoff.start()
      }
      this.updateOrFail()
    }
    return more
  }

  private wantedEvents(): number {
    const { queue, state, readBackoff } = this
    const reads = this.onReadable !== undefined || this.pull.waits
    // The error queue takes room of what is received: it must be read also while nothing else is waited for.
    const watchesErrors = this.onErrors !== undefined && state.local !== undefined && canWait
    return (
      (watchesErrors ? Readiness.errors : 0) |
      (reads && !readBackoff.active ? Readiness.readable : 0) |
      (queue.watchesWritable ? Readiness.writable : 0) |
      (state.borrowed && (queue.backlog.paused || readBackoff.active) ? Readiness.later : 0)
    )
  }
}
