/** A generator of numbers from 0 up to 1 that always gives the same ones for a seed (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The same things in an order that follows from the seed. */
export function shuffled<T>(things: readonly T[], seed: number): readonly T[] {
  const next = chance(seed)
  const keyed = things.map((thing) => ({ thing, key: next() }))
  return keyed.sort((one, other) => one.key - other.key).map(({ thing }) => thing)
}
