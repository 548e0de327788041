// What the calls of one episode share.
import { OwnError, inspect } from './failures'
import type { Habit, Link } from './circumstances'
import type { Ledger } from './ledger'
import { Operations } from './operations'
import type { Player } from './player'
import type { Random } from './random'
import type { Report } from './report'

/** Code of the fuzzer's within calls within its code. */
const DEEPEST = 2
/** Datagrams on their way at a time: a CPU's backlog has room for 1,000 (net.core.netdev_max_backlog). */
const MOST_UNDER_WAY = 400

export interface Outcome<T> {
  value?: T
  error?: unknown
  threw: boolean
}

export class World {
  readonly operations: Operations
  readonly players: Player[] = []
  /** Aborts what still waits when the episode ends. */
  readonly aborts = new Set<() => void>()
  /** Ends what reads until the episode ends. */
  readonly stops = new Set<() => void>()
  /** Look-ups that are still to be answered. */
  readonly lookups = new Set<() => void>()
  /** Memory of messages that wait, to be taken away. */
  readonly spoils = new Set<() => void>()
  /** What to do when all is over. */
  readonly endings: (() => void)[] = []
  ending = false
  underWay = 0
  private depth = 0
  /** Runs calls at random from within a call; the episode sets it. */
  reenter: (random: Random) => void = () => undefined

  constructor(
    readonly random: Random,
    readonly report: Report,
    readonly ledger: Ledger,
    readonly link: Link,
    /** What is not to be done, to see what is behind it. */
    private readonly without: readonly Habit[],
  ) {
    this.operations = new Operations(report)
  }

  may(habit: Habit): boolean {
    return !this.without.includes(habit)
  }

  /** One call of the public interface; what it throws is looked at, unless it is of Node's own. */
  call<T>(text: string, make: () => T, ours = true): Outcome<T> {
    this.report.call(text)
    try {
      return { value: make(), threw: false }
    } catch (error) {
      if (ours) inspect(error, text, this.report)
      return { error, threw: true }
    }
  }

  /** Calls back into the package, where a program's event would do it. */
  run(text: string, callback: () => void): void {
    try {
      callback()
    } catch (error) {
      inspect(error, text, this.report)
    }
  }

  /** Code that a program could have in a getter, a listener, a signal. */
  code(random: Random, text: string): () => void {
    const own = random.fork()
    const throws = own.chance(0.05)
    return () => {
      if (this.ending || this.depth >= DEEPEST) return
      this.depth++
      try {
        this.report.note(`code of ${text}`)
        this.reenter(own)
      } finally {
        this.depth--
      }
      if (throws) throw new OwnError(text)
    }
  }

  /** Whether a player has room for so many bytes, in so many datagrams. */
  hasRoom(player: Player, cost: number, datagrams: number): boolean {
    return this.underWay + datagrams <= MOST_UNDER_WAY && player.load + player.errorLoad + cost <= player.room
  }

  /** Once in a turn of the loop. */
  turn(): void {
    this.operations.turn()
    for (const player of this.players) {
      // Errors of a socket that is pulled from are told by the next call.
      if (!player.description.receiveErrors || player.description.way !== 'pull') player.errorLoad = 0
    }
  }

  player(random: Random, wanted: (player: Player) => boolean): Player | undefined {
    const found = this.players.filter(wanted)
    return found.length === 0 ? undefined : random.one(found)
  }
}
