import { canceled, notRunning } from '../errors/socket-error'
import type { Message, WaitOptions } from '../types'
import { LinkedList } from '../util/linked-list'
import { readWaitOptions } from '../util/validate'
import type { Room } from './room'
import type { ReceiveQueue } from './queue'
import { ReceiveRequest } from './receive-request'

/** The socket that messages are pulled from. */
export interface PullSource {
  readonly incoming: ReceiveQueue
  /** Whether it is bound and receives. */
  readonly active: boolean
  /** What waits to be received has changed. Where the socket cannot be polled, all that waits fails. */
  updateOrFail(): void
}

/** The calls that pull messages from a socket: they are served in order, and wait while there is nothing. */
export class PullQueue {
  private readonly requests = new LinkedList<ReceiveRequest>()

  constructor(private readonly source: PullSource) {}

  /** Whether a call waits. */
  get waits(): boolean {
    return this.requests.first !== undefined
  }

  /** Returns the messages that are there now, as many as `room` asks for. */
  tryReceive(room: Room): Message[] {
    const { incoming, active } = this.source
    if (incoming.closed) throw notRunning()
    if (!active || this.waits) return []
    incoming.fill(room, syscallOf(room))
    return incoming.take(room)
  }

  receive(room: Room, syscall: string, options?: WaitOptions): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      const { source } = this
      const wait = readWaitOptions(options)
      const messages = this.tryReceive(room)
      if (messages.length > 0) {
        resolve(messages)
        return
      }
      // The program's own block list can have closed the socket.
      if (source.incoming.closed) throw canceled(syscall)
      const request = new ReceiveRequest(room, syscall, resolve, reject)
      this.requests.push(request)
      source.updateOrFail()
      request.arm(wait, (error) => {
        if (this.remove(request)) request.failed(error)
        source.updateOrFail()
      })
    })
  }

  /** Gives the calls that wait what can be received now. */
  serve(): void {
    const { incoming } = this.source
    let request: ReceiveRequest | undefined
    while ((request = this.requests.first) !== undefined) {
      let failure: { error: unknown } | undefined
      try {
        incoming.fill(request.room, syscallOf(request.room))
      } catch (error) {
        failure = { error }
      }
      if (failure === undefined && incoming.count === 0) return
      // The program's own block list can settle what waits: the result is for the call that is first now.
      request = this.requests.first
      if (request === undefined) {
        if (failure !== undefined) incoming.putBack(failure)
        return
      }
      this.remove(request)
      if (failure === undefined) request.done(incoming.take(request.room))
      else request.failed(failure.error as Error)
    }
  }

  /** Rejects all calls that wait. */
  cancel(error: (syscall: string) => Error): void {
    let request: ReceiveRequest | undefined
    while ((request = this.requests.first) !== undefined) {
      this.remove(request)
      request.failed(error(request.syscall))
    }
  }

  /** False when the request is settled already. */
  private remove(request: ReceiveRequest): boolean {
    if (!request.waits) return false
    request.waits = false
    this.requests.remove(request)
    return true
  }
}

const syscallOf = (room: Room): string => (room.count === 1 ? 'recvmsg' : 'recvmmsg')
