// Promises that must be settled and callbacks that must be called.
import { inspect } from './failures'
import type { Report } from './report'

export interface Operation {
  readonly text: string
  readonly signal: { readonly aborted: boolean } | undefined
  /** Turns since its signal was found aborted. */
  turns: number
  /** A reason why it need not be settled, asked at the end. */
  readonly excuse: (() => boolean) | undefined
}

interface Fate<T> {
  readonly signal?: { readonly aborted: boolean } | undefined
  readonly excuse?: () => boolean
  readonly done?: (value: T) => void
  readonly failed?: (error: unknown) => void
}

/** Turns of the loop after which a call whose signal has aborted must be settled. */
const PATIENCE = 3

export class Operations {
  private readonly pending = new Set<Operation>()

  constructor(private readonly report: Report) {}

  get count(): number {
    return this.pending.size
  }

  /** Pending operations that nothing excuses. */
  get due(): Operation[] {
    return [...this.pending].filter(({ excuse }) => excuse?.() !== true)
  }

  promise<T>(text: string, promise: unknown, { signal, excuse, done, failed }: Fate<T>): void {
    if (!(promise instanceof Promise)) {
      this.report.violate('immediate', `${text} gave ${String(promise)}`)
      return
    }
    const operation: Operation = { text, signal, turns: 0, excuse }
    this.pending.add(operation)
    void (promise as Promise<T>).then(
      (value) => {
        this.pending.delete(operation)
        done?.(value)
      },
      (error: unknown) => {
        this.pending.delete(operation)
        inspect(error, text, this.report)
        failed?.(error)
      },
    )
  }

  /** A callback that is to be called once, until `drop` says that its call has thrown. */
  callback(
    text: string,
    then: (...args: unknown[]) => void,
    excuse?: () => boolean,
  ): { callback: (...args: unknown[]) => void; drop: () => void; forget: () => void } {
    const operation: Operation = { text: `the callback of ${text}`, signal: undefined, turns: 0, excuse }
    let calls = 0
    let dropped = false
    let forgotten = false
    this.pending.add(operation)
    return {
      callback: (...args) => {
        this.pending.delete(operation)
        if (forgotten) return
        if (dropped) this.report.violate('once', `${text} threw, and its callback is called`)
        else if (++calls > 1) this.report.violate('once', `${text}: its callback is called ${calls} times`)
        else then(...args)
      },
      drop: () => {
        dropped = true
        this.pending.delete(operation)
      },
      /** It may be called or not. */
      forget: () => {
        forgotten = true
        this.pending.delete(operation)
      },
    }
  }

  /** Once in a turn of the loop. */
  turn(): void {
    for (const operation of this.pending) {
      if (operation.signal?.aborted !== true) continue
      if (++operation.turns === PATIENCE) this.report.violate('abort', `${operation.text} goes on`)
    }
  }

  /** What nothing excuses is told. */
  finish(): void {
    for (const { text } of this.due) this.report.violate('settled', text)
    this.pending.clear()
  }
}
