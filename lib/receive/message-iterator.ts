import type { Message } from '../types'

type Result = IteratorResult<Message, void>

/** The socket of an iterator. */
interface Source {
  readonly closed: boolean
  /** Throws unless messages can be pulled. */
  check(): void
  receive(): Promise<Message>
  close(): void
}

/** A call of next() that waits. */
interface Pending {
  readonly resolve: (result: Result) => void
}

const done = (): Result => ({ done: true, value: undefined })

/**
 * Pulls message after message until the socket is closed. An async generator would not do: its return() would wait for the
 * next message.
 */
export class MessageIterator implements AsyncGenerator<Message, void, undefined> {
  private readonly pending = new Set<Pending>()
  private state: 'new' | 'running' | 'done' = 'new'

  constructor(private readonly source: Source) {}

  next(): Promise<Result> {
    const { source } = this
    if (this.state === 'new') {
      this.state = 'running'
      try {
        source.check()
      } catch (error) {
        // The socket has listeners for its messages, or is closed: it stays as it is.
        this.state = 'done'
        const reason = error as Error
        return Promise.reject(reason)
      }
    }
    if (this.state === 'done' || source.closed) return Promise.resolve(done())
    return new Promise((resolve, reject) => {
      const call: Pending = { resolve }
      this.pending.add(call)
      source.receive().then(
        (value) => {
          if (this.pending.delete(call)) resolve({ done: false, value })
        },
        (error: unknown) => {
          if (!this.pending.delete(call)) return
          const reason = error as NodeJS.ErrnoException
          // A closed socket ends the loop without an error.
          if (source.closed && reason.code === 'ECANCELED') resolve(done())
          else reject(reason)
          this.end()
        },
      )
    })
  }

  /** Closes the socket. Calls of next() that wait are done. */
  return(): Promise<Result> {
    this.end()
    return Promise.resolve(done())
  }

  throw(error?: unknown): Promise<Result> {
    this.end()
    const reason = error as Error
    return Promise.reject(reason)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  private end(): void {
    this.state = 'done'
    const pending = [...this.pending]
    this.pending.clear()
    for (const { resolve } of pending) resolve(done())
    if (!this.source.closed) this.source.close()
  }
}
