/** How much more than it asked for one source may be sent at once, and per second. */
export const surplusBytesMax = 65_536
export const surplusBytesPerSecond = 262_144
/** Sources remembered; beyond it the one that was heard least recently is forgotten. */
export const sourcesMax = 10_000

interface Bucket {
  bytes: number
  atMs: number
}

/**
 * What may be sent to an address that nobody has proven to be the sender's (UDP). Answers larger than their question are
 * paid for by the source's budget; when that is used up the answer is "ask again over TCP", which is no larger than the
 * question. So nobody who forges a sender gets more out of this server than he puts in, budget apart.
 */
export class SourceLimit {
  readonly #buckets = new Map<string, Bucket>()

  /** @returns whether so many bytes more than were asked with may go to this source now */
  allows(source: string, surplusBytes: number, nowMs: number): boolean {
    if (surplusBytes <= 0) return true
    const key = networkOf(source)
    const before = this.#buckets.get(key)
    const refilled = before === undefined ? 0 : (Math.max(0, nowMs - before.atMs) / 1_000) * surplusBytesPerSecond
    const bytes = Math.min(surplusBytesMax, (before?.bytes ?? surplusBytesMax) + refilled)
    const allowed = bytes >= surplusBytes
    // Taken out and put back: the map's order is the order of last use.
    this.#buckets.delete(key)
    this.#buckets.set(key, { bytes: allowed ? bytes - surplusBytes : bytes, atMs: nowMs })
    if (this.#buckets.size > sourcesMax) {
      const oldest = this.#buckets.keys().next().value
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
    return allowed
  }

  get sources(): number {
    return this.#buckets.size
  }
}

/** Of IPv6 the first 64 bits: one host has as many addresses below them as it likes. */
function networkOf(source: string): string {
  if (!source.includes(':')) return source
  const [head = '', tail] = source.replace(/%.*$/, '').split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups =
    tail === undefined ? front : [...front, ...Array(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back]
  return groups.slice(0, 4).join(':')
}
