import { binding, Readiness, report, type Endpoint } from './binding'
import { Deadline } from './deadline'
import {
  canceled,
  featureUnavailable,
  fromNative,
  fromTransfer,
  invalidArgType,
  notRunning,
  SocketError,
} from './errors'
import type { SocketFacts } from './facts'
import { LinkedList, ListNode } from './linked-list'
import { OverlappedSendQueue } from './overlapped-send-queue'
import { receiveInto, shorten, type ReceiveStyle } from './receive'
import { SendQueue, type SendQueueListener } from './send-queue'
import { CallbackSend, PromisedSend, type SendResult } from './send-requests'
import type { Message, OutgoingMessage, WaitOptions } from './types'
import { readWaitOptions, type Room } from './validate'

const { slotCount } = binding.layout
const { completesSends } = binding.kernel

/** Not 0: libuv has stopped to watch, and our side must hear of it, too. */
const UNKNOWN = -1
/** Milliseconds. */
const REST = 10
/** Calls that brought nothing but what blocked senders sent. */
const MOST_FRUITLESS = 64

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
  /** Received and not yet handed out: the rest of a train. */
  private ready: Message[] = []
  /** Called when the socket is readable and nobody pulls. Whether `onMore` is to be called, as a callback of its own. */
  onReadable: (() => boolean) | undefined
  onMore: (() => boolean) | undefined
  /** Called when the kernel has errors of earlier datagrams to tell. */
  onErrors: (() => void) | undefined
  private readonly receivers = new LinkedList<ReceiveRequest>()
  /** The native error, negated, that came behind what is ready. */
  private failure = 0
  /** The kernel gave all that it was asked for, so that it may have more. */
  mayHaveMore = false
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

  constructor(
    readonly endpoint: Endpoint,
    readonly facts: SocketFacts,
    readonly style: ReceiveStyle,
    /** Brings the socket into a state to send from (bound), or throws. */
    private readonly prepare: () => void,
    readonly onBackgroundError: (error: Error) => void,
  ) {
    this.queue = completesSends ? new OverlappedSendQueue(endpoint, facts, this) : new SendQueue(endpoint, facts, this)
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
    if (this.receivers.first !== undefined) return []
    return this.takeReceived(room)
  }

  /** All that one system call brings: of trains that are split, more messages than `room` asks for. */
  receiveAll(room: Room): Message[] {
    this.fill(room, 'recvmsg')
    const { ready } = this
    this.ready = []
    return ready
  }

  receive(room: Room, syscall: string, options?: WaitOptions): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      const wait = readWaitOptions(options)
      const now = this.tryReceive(room)
      if (now.length > 0) {
        resolve(now)
        return
      }
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

  /** Nothing waits here, and nothing was received that is not handed out. */
  get idle(): boolean {
    return this.queue.count === 0 && this.receivers.first === undefined && this.ready.length === 0
  }

  /** Settles what waits and closes the endpoint; a borrowed socket stays open. */
  close(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.rest)
    this.ready.length = 0
    // To settle a call can run code of the program.
    this.queue.close((syscall) => canceled(syscall))
    this.failReceivers((syscall) => canceled(syscall))
    this.endpoint.close()
  }

  hold(on: boolean): void {
    this.holds = on
    this.updateHold()
    this.queue.hold(on)
  }

  /** To watch for errors alone is nothing that a process goes on for. */
  private updateHold(): void {
    const hold = this.holds && this.watched !== Readiness.errors
    if (hold === this.held) return
    this.held = hold
    this.endpoint.setHold(hold ? 1 : 0)
  }

  private failReceivers(error: (syscall: string) => Error): void {
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
    const reads = this.onReadable !== undefined || this.receivers.first !== undefined
    const events =
      (this.watchesErrors ? Readiness.errors : 0) |
      (reads && this.rest === undefined ? Readiness.readable : 0) |
      (this.queue.watchesWritable ? Readiness.writable : 0) |
      (this.facts.borrowed && (this.queue.paused || this.rest !== undefined) ? Readiness.later : 0)
    if (events === this.watched) return
    if (events !== 0 && !canWait) throw featureUnavailable('waiting for a socket')
    const status = this.endpoint.watch(events)
    this.watched = status === 0 ? events : 0
    this.updateHold()
    if (status !== 0) throw fromNative(status, 'poll')
  }

  onSettled(operation: number, status: number, sent: number): void {
    if (this.queue instanceof OverlappedSendQueue) this.queue.settled(operation, status, sent)
  }

  /** Whether to be called again at once, with neither status nor events. */
  onReady(status: number, events: number): boolean {
    if (status === 0 && events === 0) return this.onMore?.() ?? false
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
      let messages: Message[]
      try {
        messages = this.takeReceived(request.room)
      } catch (error) {
        if (this.takeRequest(request)) request.failed(error as Error)
        continue
      }
      if (messages.length === 0) return
      if (this.takeRequest(request)) request.done(messages)
      else this.ready.unshift(...messages)
    }
  }

  /** Receives until there is as much as `room` asks for, or nothing more. */
  private fill(room: Room, syscall: string): void {
    const { ready } = this
    if (ready.length > 0) return
    let status = this.failure
    this.failure = 0
    for (let fruitless = 0; status === 0 && ready.length < room.count && fruitless < MOST_FRUITLESS;) {
      const before = ready.length
      const most = room.count - before
      const received = receiveInto(ready, this.endpoint, most, room, this.style)
      if (report.earlierErrors() !== 0) this.onEarlierErrors()
      if (received < 0) status = received
      this.mayHaveMore = received >= Math.min(most, slotCount)
      if (received === 0) break
      if (ready.length === before) fruitless++
      else if (most <= slotCount) break
    }
    if (status === 0) return
    // What came before it goes first.
    if (ready.length > 0) this.failure = status
    else throw fromTransfer(status, syscall, this.facts.peer !== undefined)
  }

  private takeReceived(room: Room): Message[] {
    this.fill(room, room.count === 1 ? 'recvmsg' : 'recvmmsg')
    const { ready } = this
    if (ready.length === 0) return []
    let messages = ready
    if (ready.length > room.count) messages = ready.splice(0, room.count)
    else this.ready = []
    if (this.style.splits) for (const message of messages) shorten(message, room.length)
    return messages
  }
}

/** Bun has no libuv on POSIX, and ends the process at uv_poll_init_socket. */
export const canWait = !('bun' in process.versions) || process.platform === 'win32'
