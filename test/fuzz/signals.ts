// Signals: real ones, and what merely looks like one.
import type { Random } from './random'
import { OwnError } from './failures'
import type { World } from './world'

export interface Given {
  readonly signal: unknown
  readonly text: string
  /** Its own code runs, or it is none. */
  readonly strange: boolean
}

type Listener = (event: unknown) => void

/** Looks like a signal. Its methods run code. */
class Lookalike {
  aborted = false
  reason: unknown = 'no reason'
  private readonly listeners = new Set<Listener>()

  constructor(
    private readonly onAdd: () => void,
    private readonly onRemove: () => void,
  ) {}

  addEventListener(_type: string, listener: Listener): void {
    this.listeners.add(listener)
    this.onAdd()
  }

  removeEventListener(_type: string, listener: Listener): void {
    this.listeners.delete(listener)
    this.onRemove()
  }

  abort(): void {
    this.aborted = true
    for (const listener of [...this.listeners]) listener({ type: 'abort' })
  }
}

export function makeSignal(world: World, random: Random): Given {
  const kind = random.weighted([
    [10, 'real'],
    [3, 'aborted'],
    [3, 'timeout'],
    [world.may('lookalikes') ? 5 : 0, 'lookalike'],
    [world.may('lookalikes') ? 1 : 0, 'throws'],
    [world.may('lookalikes') ? 1 : 0, 'aborts at once'],
    [2, 'wrong'],
  ] as const)
  const text = `signal (${kind})`
  switch (kind) {
    case 'real': {
      const controller = new AbortController()
      const abort = (): void => {
        controller.abort(random.chance(0.2) ? undefined : 'enough')
        world.aborts.delete(abort)
      }
      world.aborts.add(abort)
      return { signal: controller.signal, text, strange: false }
    }
    case 'aborted':
      return { signal: AbortSignal.abort(), text, strange: false }
    case 'timeout':
      return { signal: AbortSignal.timeout(random.between(0, 5)), text, strange: false }
    case 'lookalike': {
      const none = (): void => undefined
      const run = (): (() => void) => (random.chance(0.5) ? world.code(random, text) : none)
      const lookalike = new Lookalike(run(), run())
      const abort = (): void => {
        lookalike.abort()
        world.aborts.delete(abort)
      }
      world.aborts.add(abort)
      return { signal: lookalike, text, strange: true }
    }
    case 'throws':
      return {
        signal: {
          aborted: false,
          addEventListener: () => {
            throw new OwnError(text)
          },
          removeEventListener: () => undefined,
        },
        text,
        strange: true,
      }
    case 'aborts at once': {
      const lookalike: Lookalike = new Lookalike(
        () => lookalike.abort(),
        () => undefined,
      )
      return { signal: lookalike, text, strange: true }
    }
    case 'wrong':
      return {
        signal: random.one<unknown>([
          null,
          {},
          'signal',
          { aborted: true },
          { aborted: false, addEventListener: 3 },
          0,
        ]),
        text,
        strange: true,
      }
  }
}

export interface Waiting {
  readonly options: object | undefined
  readonly signal: { readonly aborted: boolean } | undefined
  readonly text: string
  /** The call may end before it is done. */
  readonly hurried: boolean
  readonly strange: boolean
}

/** The last argument of the functions that wait. */
export function waitOptions(world: World, random: Random, more: object = {}): Waiting {
  const timeout = random.chance(0.2) ? random.between(0, 8) : undefined
  const given = random.chance(0.35) ? makeSignal(world, random) : undefined
  const some = timeout !== undefined || given !== undefined || Object.keys(more).length > 0 || random.chance(0.1)
  const options = {
    ...more,
    ...(timeout !== undefined && { timeout }),
    ...(given !== undefined && { signal: given.signal }),
  }
  const { signal } = given ?? {}
  return {
    options: some ? options : undefined,
    signal:
      typeof signal === 'object' && signal !== null && typeof (signal as { aborted?: unknown }).aborted === 'boolean'
        ? (signal as { aborted: boolean })
        : undefined,
    text: `${timeout === undefined ? '' : ` timeout ${timeout}`}${given === undefined ? '' : ` ${given.text}`}`,
    hurried: timeout !== undefined || given !== undefined,
    strange: given?.strange ?? false,
  }
}
