import { binding, type Endpoint } from '../native/addon'
import { Readiness } from '../native/constants'
import { Deadline } from '../util/deadline'
import {
  canceled,
  featureUnavailable,
  fromEither,
  invalidArgType,
  notRunning,
  SocketError,
} from '../errors/socket-error'
import type { SocketFacts } from './state'
import { LinkedList, ListNode } from '../util/linked-list'
import { OverlappedSendQueue } from '../send/overlapped-queue'
import type { ReceiveStyle } from '../receive/receive'
import { ReceiveQueue } from '../receive/queue'
import { SendQueue, type SendQueueListener } from '../send/queue'
import { CallbackSend, PromisedSend, type SendResult } from '../send/requests'
import type { Message, OutgoingMessage, WaitOptions } from '../types'
import type { Room } from '../receive/room'
import { readWaitOptions } from '../util/validate'

const { completesSends } = binding.kernel

/** Not 0: libuv has stopped to watch, and our side must hear of it, too. */
const UNKNOWN = -1
/** Milliseconds. */
const REST = 10

/** A recvmsg or recvmmsg that waits for messages. */
class ReceiveRequest extends ListNode {
  /** It stands in the queue. */
  waits = true
  private readonly deadline = new Deadline()

  constructor(
    readonly room: Room,
    readonly syscall: string,
    private readonly resolve: (messages: Message[]) => void,
    private readonly reject: (error: Error) => void,
  ) {
    super()
  }

  /** Once it stands in the queue. */
  arm(options: WaitOptions | undefined, stop: (error: Error) => void): void {
    if (options !== undefined) this.deadline.start(options, this.syscall, stop)
  }

  done(messages: Message[]): void {
    this.resolve(messages)
    this.deadline.end()
  }

  failed(error: Error): void {
    this.reject(error)
    this.deadline.end()
  }
}

/** One socket, ours or borrowed: sends and receives on its endpoint, and waits where the kernel makes it wait. */
export class Transport implements SendQueueListener {
  readonly queue: SendQueue
  readonly incoming: ReceiveQueue
  /** Called when the socket is readable and nobody pulls. Whether `onMore` is to be called, as a callback of its own. */
  onReadable: (() => boolean) | undefined
  onMore: (() => boolean) | undefined
  /** Called when the kernel has errors of earlier datagrams to tell. */
  onErrors: (() => void) | undefined
  /** Called when the event loop is to be held, or no longer. */
  onHold: ((on: boolean) => void) | undefined
  private readonly receivers = new LinkedList<ReceiveRequest>()
  private watched = 0
  /** While nothing is read because of an error that stays. */
  private rest: NodeJS.Timeout | undefined
  private closed = false
  private updating = false
  private holds = true
  /** What the endpoint was told last. */
  private held = true
  /** Errors of earlier datagrams were read and are to be reported in a turn of their own. */
  private errorsDue = false
  /** Of a descriptor that somebody else can close: told whether something waits to be received. */
  onWaiting: ((waits: boolean) => void) | undefined
  /** Called before what the socket is ready for is done. */
  onEvent: (() => void) | undefined
  /** The socket has nothing to receive from yet: bind() looks up its address. What is to be received waits. */
  asleep = false

  constructor(
    readonly endpoint: Endpoint,
    readonly facts: SocketFacts,
    style: ReceiveStyle,
    /** Brings the socket into a state to send from (bound), or throws. */
    private readonly prepare: () => void,
    readonly onBackgroundError: (error: Error) => void,
  ) {
    this.queue = completesSends ? new OverlappedSendQueue(endpoint, facts, this) : new SendQueue(endpoint, facts, this)
    this.incoming = new ReceiveQueue(endpoint, facts, style, () => {
      this.onEarlierErrors()
    })
    endpoint.owner = this
  }

  trySendmsg(message: OutgoingMessage): number | null {
    return this.queue.sendOne(message, this.prepare)
  }

  trySendmmsg(messages: readonly OutgoingMessage[]): number {
    if (!Array.isArray(messages)) throw invalidArgType('messages', 'Array', messages)
    return this.queue.sendMany(messages, this.prepare)
  }

  sendmsg(message: OutgoingMessage, options?: WaitOptions): Promise<number> {
    try {
      const wait = readWaitOptions(options)
      const { queue } = this
      let waiting: Promise<number> | undefined
      let request: PromisedSend | undefined
      const sent = queue.sendOne(message, this.prepare, wait?.signal, () => {
        waiting = new Promise((resolve, reject) => {
          request = new PromisedSend('sendmsg', resolve, reject)
        })
        return request!
      })
      if (waiting === undefined) return Promise.resolve(sent!)
      request!.arm(queue, wait)
      return waiting
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  /** As sendmsg, for dgram's kind of callback, which is never called from inside. What is wrong with the message is thrown. */
  send(message: OutgoingMessage, callback: SendResult): void {
    const { queue } = this
    try {
      const sent = queue.sendOne(message, this.prepare, undefined, () => new CallbackSend(callback))
      if (sent !== null) process.nextTick(callback, null, sent)
    } catch (error) {
      if (!(error instanceof SocketError) || error.nativeCode === undefined) throw error
      process.nextTick(callback, error, 0)
    }
  }

  sendmmsg(messages: readonly OutgoingMessage[], options?: WaitOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      if (!Array.isArray(messages)) throw invalidArgType('messages', 'Array', messages)
      const wait = readWaitOptions(options)
      const { queue } = this
      let request: PromisedSend | undefined
      const sent = queue.sendMany(messages, this.prepare, wait?.signal, (taken) => {
        request = new PromisedSend('sendmmsg', resolve, reject, taken)
        return request
      })
      if (request === undefined) resolve(sent)
      else request.arm(queue, wait)
    })
  }

  /** Messages that are there now, as many as `room` asks for. */
  tryReceive(room: Room): Message[] {
    if (this.closed) throw notRunning()
    if (this.asleep || this.receivers.first !== undefined) return []
    this.incoming.fill(room, syscallOf(room))
    return this.incoming.take(room)
  }

  receive(room: Room, syscall: string, options?: WaitOptions): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      const wait = readWaitOptions(options)
      const now = this.tryReceive(room)
      if (now.length > 0) {
        resolve(now)
        return
      }
      // By the program's own block list.
      if (this.closed) throw canceled(syscall)
      const request = new ReceiveRequest(room, syscall, resolve, reject)
      this.receivers.push(request)
      this.watchOrFail()
      request.arm(wait, (error) => {
        if (this.takeRequest(request)) request.failed(error)
        this.watchOrFail()
      })
    })
  }

  /** Takes a request that waits out of the queue; false: it has been settled. */
  private takeRequest(request: ReceiveRequest): boolean {
    if (!request.waits) return false
    request.waits = false
    this.receivers.remove(request)
    return true
  }

  /** Gives up what waits to be received. What waits to be sent goes on. */
  cancelReceivers(errorOf: (syscall: string) => Error): void {
    this.failReceivers(errorOf)
    this.watch()
  }

  /** Nothing waits here, and nothing was received that is not handed out. */
  get idle(): boolean {
    return this.queue.count === 0 && this.receivers.first === undefined && this.incoming.count === 0
  }

  /** Settles what waits and closes the endpoint; a borrowed socket stays open. */
  close(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.rest)
    this.incoming.close()
    // To settle a call can run code of the program.
    this.queue.close((syscall) => canceled(syscall))
    this.failReceivers((syscall) => canceled(syscall))
    this.endpoint.close()
  }

  hold(on: boolean): void {
    this.holds = on
    this.updateHold()
    this.queue.hold(on)
    this.onHold?.(on)
  }

  /** To watch for errors alone is nothing that a process goes on for. */
  private updateHold(): void {
    const hold = this.holds && this.watched !== Readiness.errors
    if (hold === this.held) return
    this.held = hold
    this.endpoint.setHold(hold ? 1 : 0)
  }

  /** Rejects what waits to receive. */
  failReceivers(error: (syscall: string) => Error): void {
    let request: ReceiveRequest | undefined
    while ((request = this.receivers.first) !== undefined) {
      this.takeRequest(request)
      request.failed(error(request.syscall))
    }
  }

  onChange(): void {
    this.watch()
  }

  /** In a turn of their own: not from inside of a call. */
  onEarlierErrors(): void {
    if (this.errorsDue || this.onErrors === undefined) return
    this.errorsDue = true
    setImmediate(() => {
      this.errorsDue = false
      if (!this.closed) this.onErrors?.()
    })
  }

  /** As watch(); where that fails so does all that waits. */
  private watchOrFail(): void {
    try {
      this.watch()
    } catch (error) {
      this.queue.close(() => error as SocketError)
      this.failReceivers(() => error as Error)
    }
  }

  /** The error queue takes room of what is received: it must be read while nothing else is waited for, too. */
  private get watchesErrors(): boolean {
    return this.onErrors !== undefined && this.facts.local !== undefined && canWait
  }

  /** Watches the descriptor for what is waited for. */
  watch(): void {
    if (this.closed || this.updating) return
    this.onWaiting?.(this.receivers.first !== undefined)
    const reads = this.onReadable !== undefined || this.receivers.first !== undefined
    const events =
      (this.watchesErrors ? Readiness.errors : 0) |
      (reads && this.rest === undefined ? Readiness.readable : 0) |
      (this.queue.watchesWritable ? Readiness.writable : 0) |
      (this.facts.borrowed && (this.queue.paused || this.rest !== undefined) ? Readiness.later : 0)
    if (events === this.watched) return
    if (events !== 0 && !canWait) throw featureUnavailable('waiting for a socket')
    if (this.asleep) return
    const status = this.endpoint.watch(events)
    this.watched = status === 0 ? events : 0
    this.updateHold()
    if (status !== 0) throw fromEither(status, 'poll')
  }

  /** Makes what watch() needs, which cannot fail then. @throws SocketError poll */
  makeWatcher(): void {
    if (!canWait) return
    const status = this.endpoint.makeWatcher()
    if (status !== 0) throw fromEither(status, 'poll')
  }

  onSettled(operation: number, status: number, sent: number): void {
    if (this.queue instanceof OverlappedSendQueue) this.queue.settled(operation, status, sent)
  }

  /** Whether to be called again at once, with neither status nor events. */
  onReady(status: number, events: number): boolean {
    if (status === 0 && events === 0) return this.onMore?.() ?? false
    this.onEvent?.()
    // With an error pending (EPOLLERR) libuv stops watching; the calls below fetch the error, and then it goes on.
    const failed = status < 0
    if (failed) this.watched = UNKNOWN
    // What is settled meanwhile changes what to watch for; look once, at the end.
    this.updating = true
    let moved = false
    let more = false
    try {
      if (failed) this.onErrors?.()
      if (this.queue.watchesWritable && (failed || (events & Readiness.writable) !== 0)) moved = this.queue.drain()
      if (failed || (events & Readiness.readable) !== 0) {
        this.serveReceivers()
        if (this.receivers.first === undefined) more = this.onReadable?.() ?? false
      }
    } finally {
      this.updating = false
      // An error that no call fetches would be told of without end (the owner of a borrowed socket asked for IP_RECVERR).
      if (failed && !moved && this.facts.borrowed) {
        this.queue.pauseAWhile()
        this.restFromReading()
      }
      this.watchOrFail()
    }
    return more
  }

  private restFromReading(): void {
    if (this.rest !== undefined || this.receivers.first === undefined) return
    this.rest = setTimeout(() => {
      this.rest = undefined
      this.serveReceivers()
      this.watchOrFail()
    }, REST)
  }

  private serveReceivers(): void {
    let request: ReceiveRequest | undefined
    while ((request = this.receivers.first) !== undefined) {
      let failure: { error: unknown } | undefined
      try {
        this.incoming.fill(request.room, syscallOf(request.room))
      } catch (error) {
        failure = { error }
      }
      if (failure === undefined && this.incoming.count === 0) return
      // The program's own block list can settle what waits: then this is for who waits now.
      request = this.receivers.first
      if (request === undefined) {
        if (failure !== undefined) this.incoming.putBack(failure)
        return
      }
      this.takeRequest(request)
      if (failure === undefined) request.done(this.incoming.take(request.room))
      else request.failed(failure.error as Error)
    }
  }
}

const syscallOf = (room: Room): string => (room.count === 1 ? 'recvmsg' : 'recvmmsg')

/** Bun has no libuv on POSIX, and ends the process at uv_poll_init_socket. */
export const canWait = !('bun' in process.versions) || process.platform === 'win32'
