import { hash } from 'node:crypto'

/**
 * Seeded chance (sfc32): the same seed gives the same run on every machine. `fork` gives a stream of its own for each
 * concern, so that one more draw in the network does not change what the workload does.
 */
export class Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: string) {
    this.#seed = seed
    const digest = hash('sha256', seed, 'buffer')
    this.#a = digest.readUInt32BE(0)
    this.#b = digest.readUInt32BE(4)
    this.#c = digest.readUInt32BE(8)
    for (let i = 0; i < 12; i++) this.uint32()
  }

  /** An independent stream; draws nothing from this one. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`)
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0
    this.#counter = (this.#counter + 1) >>> 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) >>> 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0
    return sum
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** A whole number, both bounds included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  /** One of a list, which must not be empty. */
  pick<T>(list: readonly [T, ...T[]]): T
  /** One of a list; undefined if it is empty. */
  pick<T>(list: readonly T[]): T | undefined
  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.fraction() * list.length)]
  }

  /** One of a table of weights. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights) as [K, number][]
    let at = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      at -= weight
      if (at < 0) return key
    }
    throw new Error('sim: a table of weights that sums to nothing')
  }

  /** Lowercase hex digits. */
  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.uint32().toString(16).padStart(8, '0')
    return text.slice(0, digits)
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff)
  }

  /** Version 4 in form, seeded in substance. */
  uuid(): string {
    const digits = this.hex(30)
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(12, 15)}-8${digits.slice(15, 18)}-${digits.slice(18)}`
  }
}
