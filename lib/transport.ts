import { AsyncResource } from 'node:async_hooks'
import { onAbort } from './aborts'
import { binding, Readiness, type Endpoint } from './binding'
import {
  abortError,
  canceled,
  featureUnavailable,
  fromNative,
  fromTransfer,
  invalidArgType,
  notRunning,
  SocketError,
  timedOut,
} from './errors'
import type { SocketFacts } from './facts'
import { receiveInto, shorten, type ReceiveStyle } from './receive'
import { SendQueue, Waiter } from './send-queue'
import type { Message, OutgoingMessage, WaitOptions } from './types'
import { readWaitOptions, type Room } from './validate'

const { slotCount } = binding.layout

/** Not 0: libuv has stopped to watch, and our side must hear of it, too. */
const UNKNOWN = -1
/** Milliseconds. */
const REST = 10
/** Calls that brought nothing but what blocked senders sent. */
const MOST_FRUITLESS = 64

/** A call that waits, until it is settled once. */
class Pending {
  private timer: NodeJS.Timeout | undefined
  private readonly releaseSignal: (() => void) | undefined

  /** `stop` is called with the reason when time is up or the signal aborts. */
  constructor(options: WaitOptions | undefined, syscall: string, stop: (error: Error) => void) {
    const signal = options?.signal
    const timeout = options?.timeout
    if (timeout !== undefined) {
      this.timer = setTimeout(() => {
        stop(timedOut(syscall))
      }, timeout)
      // What waits holds the event loop as its socket does.
      this.timer.unref()
    }
    if (signal !== undefined) {
      this.releaseSignal = onAbort(signal, (reason) => {
        stop(abortError(reason))
      })
    }
  }

  settled(): void {
    clearTimeout(this.timer)
    this.releaseSignal?.()
  }
}

/** A sendmsg or sendmmsg that waits for room. */
class SendWaiter extends Waiter {
  private readonly pending: Pending

  constructor(
    readonly syscall: 'sendmsg' | 'sendmmsg',
    queue: SendQueue,
    options: WaitOptions | undefined,
    private readonly resolve: (result: number) => void,
    private readonly reject: (error: Error) => void,
    taken = 0,
  ) {
    super()
    this.taken = taken
    this.pending = new Pending(options, syscall, (error) => {
      queue.giveUp(this, error)
    })
  }

  done(): void {
    this.pending.settled()
    this.resolve(this.syscall === 'sendmsg' ? this.bytes : this.taken)
  }

  failed(error: Error): void {
    this.pending.settled()
    this.reject(error)
  }
}

/** What a callback of `send` is told. */
export type Told = (error: Error | null, bytes: number) => void

/** A `send` with a callback that waits for room. */
class CallbackWaiter extends Waiter {
  readonly syscall = 'sendmsg'
  private readonly told: Told

  constructor(told: Told) {
    super()
    // Called in the async context of the call that waits, as where it need not wait.
    this.told = AsyncResource.bind(told, 'SENDMSG')
  }

  done(): void {
    process.nextTick(this.told, null, this.bytes)
  }

  failed(error: Error): void {
    process.nextTick(this.told, error, 0)
  }
}

/** A recvmsg or recvmmsg that waits for messages. */
interface Receiver {
  readonly room: Room
  readonly syscall: string
  readonly pending: Pending
  resolve(messages: Message[]): void
  reject(error: Error): void
}

/** One socket, ours or borrowed: sends and receives on its endpoint, and waits where the kernel makes it wait. */
export class Transport {
  readonly queue: SendQueue
  /** Received and not yet handed out: the rest of a train. */
  private ready: Message[] = []
  /** Called when the socket is readable and nobody pulls. Whether `onMore` is to be called, as a callback of its own. */
  onReadable: (() => boolean) | undefined
  onMore: (() => boolean) | undefined
  /** Called when the kernel has errors of earlier datagrams to tell. */
  onErrors: (() => void) | undefined
  private receivers: Receiver[] = []
  /** The native error, negated, that came behind what is ready. */
  private failure = 0
  /** The kernel gave all that it was asked for, so that it may have more. */
  mayHaveMore = false
  private watched = 0
  /** While nothing is read because of an error that stays. */
  private rest: NodeJS.Timeout | undefined
  private closed = false
  private updating = false
  /** The socket has nothing to receive from yet: bind() looks up its address. What is to be received waits. */
  asleep = false

  constructor(
    readonly endpoint: Endpoint,
    readonly facts: SocketFacts,
    readonly style: ReceiveStyle,
    /** Brings the socket into a state to send from (bound), or throws. */
    private readonly prepare: () => void,
    lost: (error: Error) => void,
  ) {
    this.queue = new SendQueue(
      endpoint,
      facts,
      () => {
        this.watch()
      },
      lost,
    )
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
      const sent = queue.sendOne(message, this.prepare, () => {
        let waiter: SendWaiter | undefined
        waiting = new Promise((resolve, reject) => {
          waiter = new SendWaiter('sendmsg', queue, wait, resolve, reject)
        })
        return waiter!
      })
      return waiting ?? Promise.resolve(sent!)
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  /** As sendmsg, for dgram's kind of callback, which is never called from inside. What is wrong with the message is thrown. */
  send(message: OutgoingMessage, told: Told): void {
    const { queue } = this
    try {
      const sent = queue.sendOne(message, this.prepare, () => new CallbackWaiter(told))
      if (sent !== null) process.nextTick(told, null, sent)
    } catch (error) {
      if (!(error instanceof SocketError) || error.nativeCode === undefined) throw error
      process.nextTick(told, error, 0)
    }
  }

  sendmmsg(messages: readonly OutgoingMessage[], options?: WaitOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      if (!Array.isArray(messages)) throw invalidArgType('messages', 'Array', messages)
      const wait = readWaitOptions(options)
      const { queue } = this
      let waiter: SendWaiter | undefined
      const sent = queue.sendMany(messages, this.prepare, (taken) => {
        waiter = new SendWaiter('sendmmsg', queue, wait, resolve, reject, taken)
        return waiter
      })
      if (waiter === undefined) resolve(sent)
    })
  }

  /** Messages that are there now, as many as `room` asks for. */
  tryReceive(room: Room): Message[] {
    if (this.closed) throw notRunning()
    if (this.asleep || this.receivers.length > 0) return []
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
      const receiver: Receiver = {
        room,
        syscall,
        resolve,
        reject,
        pending: new Pending(wait, syscall, (error) => {
          this.receivers = this.receivers.filter((other) => other !== receiver)
          receiver.pending.settled()
          reject(error)
          this.watch()
        }),
      }
      this.receivers.push(receiver)
      try {
        this.watch()
      } catch (error) {
        this.receivers.pop()
        receiver.pending.settled()
        receiver.reject(error as Error)
      }
    })
  }

  /** Nothing waits here, and nothing was received that is not handed out. */
  get idle(): boolean {
    return this.queue.count === 0 && this.receivers.length === 0 && this.ready.length === 0
  }

  /** Settles what waits and closes the endpoint; a borrowed socket stays open. */
  close(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.rest)
    this.queue.clear((syscall) => canceled(syscall))
    const { receivers } = this
    this.receivers = []
    this.ready.length = 0
    for (const receiver of receivers) {
      receiver.pending.settled()
      receiver.reject(canceled(receiver.syscall))
    }
    this.endpoint.close()
  }

  hold(on: boolean): void {
    this.endpoint.setHold(on ? 1 : 0)
    this.queue.hold(on)
  }

  /** Watches the descriptor for what is waited for. */
  watch(): void {
    if (this.closed || this.updating) return
    const reads = this.onReadable !== undefined || this.receivers.length > 0
    const events =
      (reads && this.rest === undefined ? Readiness.readable : 0) |
      (this.queue.watchesWritable ? Readiness.writable : 0) |
      (this.facts.borrowed && (this.queue.paused || this.rest !== undefined) ? Readiness.later : 0)
    if (events === this.watched) return
    if (events !== 0 && !canWait) throw featureUnavailable('waiting for a socket')
    if (this.asleep) return
    const status = this.endpoint.watch(events)
    this.watched = status === 0 ? events : 0
    if (status !== 0) throw fromNative(status, 'poll')
  }

  /** Makes what watch() needs, which cannot fail then. @throws SocketError poll */
  makeWatcher(): void {
    if (!canWait) return
    const status = this.endpoint.makeWatcher()
    if (status !== 0) throw fromNative(status, 'poll')
  }

  /** Rejects what waits to receive. */
  failReceivers(error: Error): void {
    const { receivers } = this
    this.receivers = []
    for (const receiver of receivers) {
      receiver.pending.settled()
      receiver.reject(error)
    }
  }

  onSettled(operation: number, status: number, sent: number): void {
    this.queue.settled(operation, status, sent)
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
        if (this.receivers.length === 0) more = this.onReadable?.() ?? false
      }
    } finally {
      this.updating = false
      // An error that no call fetches would be told of without end (the owner of a borrowed socket asked for IP_RECVERR).
      if (failed && !moved && this.facts.borrowed) {
        this.queue.pauseAWhile()
        this.restFromReading()
      }
      this.watch()
    }
    return more
  }

  private restFromReading(): void {
    if (this.rest !== undefined || this.receivers.length === 0) return
    this.rest = setTimeout(() => {
      this.rest = undefined
      this.serveReceivers()
      this.watch()
    }, REST)
  }

  private serveReceivers(): void {
    let receiver: Receiver | undefined
    while ((receiver = this.receivers[0]) !== undefined) {
      let messages: Message[]
      try {
        messages = this.takeReceived(receiver.room)
      } catch (error) {
        this.receivers.shift()
        receiver.pending.settled()
        receiver.reject(error as Error)
        continue
      }
      if (messages.length === 0) return
      this.receivers.shift()
      receiver.pending.settled()
      receiver.resolve(messages)
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
      let received = receiveInto(ready, this.endpoint, most, room, this.style)
      // What an earlier datagram of an unconnected socket met is nobody's answer; it is told once.
      if (received < 0 && this.facts.peer === undefined) {
        received = receiveInto(ready, this.endpoint, most, room, this.style)
      }
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
