/** A random generator with a seed. What is forked off it goes its own way, whenever it is asked. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** 32 bits: a Weyl sequence, mixed. */
  next(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  fork(): Random {
    return new Random(this.next())
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32
  }

  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit)
  }

  /** Both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  one<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let at = this.below(choices.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, value] of choices) {
      if (at < weight) return value
      at -= weight
    }
    return choices.at(-1)![1]
  }
}
