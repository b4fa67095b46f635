/** A request that was committed with a revision: which types it changed, and the spans that it belongs to. */
export interface TracedWrite {
  readonly types: readonly string[]
  readonly traces: readonly string[]
}

/** Traces of one delta: more of them in one commit are not followed further. */
export const tracesMax = 16
/** Revisions that are remembered; at a hundred commits a second these are ten seconds. */
const revisionsMax = 1_024
/** Who reads a revision later than this does not do so because of the change: a zone that is back reads all of them. */
const rememberedMs = 60_000

interface Noted {
  readonly atMs: number
  readonly byType: ReadonlyMap<string, readonly string[]>
}

/**
 * The bridge between the commit of a change and the reader of the log that sends it: bounded, in this process only. What is
 * not found here is sent without a trace, and nothing else is different.
 */
export class RevisionTraces {
  readonly #nowMs: () => number
  readonly #noted = new Map<number, Noted>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get size(): number {
    return this.#noted.size
  }

  /** Before the revision is visible to any reader. No writes: it was not committed by us after all. */
  note(revision: number, writes: readonly TracedWrite[]): void {
    this.#noted.delete(revision)
    if (writes.length === 0) return
    const byType = new Map<string, string[]>()
    for (const { types, traces } of writes)
      for (const type of types) {
        const found = byType.get(type) ?? []
        for (const trace of traces) if (found.length < tracesMax && !found.includes(trace)) found.push(trace)
        byType.set(type, found)
      }
    this.#noted.set(revision, { atMs: this.#nowMs(), byType })
    for (const [oldest] of this.#noted) {
      if (this.#noted.size <= revisionsMax) return
      this.#noted.delete(oldest)
    }
  }

  /** By type, whatever has led to these rows: `tracesMax` for each at most. */
  of(items: readonly { readonly type: string; readonly revision: number }[]): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, string[]>()
    if (this.#noted.size === 0) return found
    const sinceMs = this.#nowMs() - rememberedMs
    let seen = ''
    for (const { type, revision } of items) {
      // Rows of one commit come together.
      const key = `${revision} ${type}`
      if (key === seen) continue
      seen = key
      const noted = this.#noted.get(revision)
      if (noted === undefined || noted.atMs < sinceMs) continue
      const ofType = found.get(type) ?? []
      for (const trace of noted.byType.get(type) ?? [])
        if (ofType.length < tracesMax && !ofType.includes(trace)) ofType.push(trace)
      if (ofType.length > 0) found.set(type, ofType)
    }
    return found
  }
}
