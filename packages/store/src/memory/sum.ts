import { type Digest, type Lanes, lanesOf } from '@holdfast/model'

/** Lanes of entries (32 hex digits) that were added up before: most of them stay for long. */
const lanesByEntry = new Map<string, Lanes>()
const lanesMax = 50_000

function lanesOfHex(entry: string): Lanes {
  const known = lanesByEntry.get(entry)
  if (known !== undefined) return known
  const lanes = lanesOf(Buffer.from(entry, 'hex'))
  if (lanesByEntry.size >= lanesMax) lanesByEntry.clear()
  lanesByEntry.set(entry, lanes)
  return lanes
}

/** A digest that is being added up. */
export class Sum {
  #a = 0
  #b = 0
  #c = 0
  #d = 0
  #count = 0

  /** @param entry 32 hex digits; undefined counts for nothing */
  add(entry: string | undefined): void {
    if (entry === undefined) return
    const lanes = lanesOfHex(entry)
    this.#a = (this.#a + lanes[0]) >>> 0
    this.#b = (this.#b + lanes[1]) >>> 0
    this.#c = (this.#c + lanes[2]) >>> 0
    this.#d = (this.#d + lanes[3]) >>> 0
    this.#count++
  }

  /** @param entry one that was added before */
  remove(entry: string | undefined): void {
    if (entry === undefined) return
    const lanes = lanesOfHex(entry)
    this.#a = (this.#a - lanes[0]) >>> 0
    this.#b = (this.#b - lanes[1]) >>> 0
    this.#c = (this.#c - lanes[2]) >>> 0
    this.#d = (this.#d - lanes[3]) >>> 0
    this.#count--
  }

  addAll(other: Sum): void {
    this.#a = (this.#a + other.#a) >>> 0
    this.#b = (this.#b + other.#b) >>> 0
    this.#c = (this.#c + other.#c) >>> 0
    this.#d = (this.#d + other.#d) >>> 0
    this.#count += other.#count
  }

  get digest(): Digest {
    return { lanes: [this.#a, this.#b, this.#c, this.#d], count: this.#count }
  }
}

/** @param entries 32 hex digits each; undefined ones count for nothing */
export function sumOf(entries: Iterable<string | undefined>): Digest {
  const sum = new Sum()
  for (const entry of entries) sum.add(entry)
  return sum.digest
}
