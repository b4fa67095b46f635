/** Seeded chance for tests: the same seed, the same run, everywhere (mulberry32). */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, and without, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  below(max: number): number {
    return Math.floor(this.next() * max)
  }

  one<T>(of: readonly T[]): T {
    const index = this.below(of.length)
    return of[index] as T
  }

  isLucky(share: number): boolean {
    return this.next() < share
  }
}
