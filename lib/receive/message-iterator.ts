import type { Message } from '../types'

type Result = IteratorResult<Message, void>

/** The socket of an iterator. */
interface Source {
  readonly closed: boolean
  /** Throws where nothing can be pulled. */
  check(): void
  receive(): Promise<Message>
  close(): void
}

/** A call of next() that waits. */
interface Asked {
  readonly resolve: (result: Result) => void
}

const done = (): Result => ({ done: true, value: undefined })

/**
 * Pulls message after message until the socket is closed. Not an async generator: its return() would wait for the next
 * message.
 */
export class MessageIterator implements AsyncGenerator<Message, void, undefined> {
  private readonly asked = new Set<Asked>()
  private state: 'new' | 'running' | 'done' = 'new'

  constructor(private readonly source: Source) {}

  next(): Promise<Result> {
    const { source } = this
    if (this.state === 'new') {
      this.state = 'running'
      try {
        source.check()
      } catch (error) {
        // The socket is somebody's who does not pull, or closed: it stays as it is.
        this.state = 'done'
        const reason = error as Error
        return Promise.reject(reason)
      }
    }
    if (this.state === 'done' || source.closed) return Promise.resolve(done())
    return new Promise((resolve, reject) => {
      const asked: Asked = { resolve }
      this.asked.add(asked)
      source.receive().then(
        (value) => {
          if (this.asked.delete(asked)) resolve({ done: false, value })
        },
        (error: unknown) => {
          if (!this.asked.delete(asked)) return
          const reason = error as NodeJS.ErrnoException
          // That the socket was closed ends the loop; it is no error.
          if (source.closed && reason.code === 'ECANCELED') resolve(done())
          else reject(reason)
          this.end()
        },
      )
    })
  }

  /** Closes the socket; what waits in next() is done. */
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
    const asked = [...this.asked]
    this.asked.clear()
    for (const { resolve } of asked) resolve(done())
    if (!this.source.closed) this.source.close()
  }
}
