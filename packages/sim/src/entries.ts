import { type Lanes, lanesOf } from '@holdfast/model'

/** Digest entries by `type key`, kept up to date row by row, with their sum. */
export class Entries {
  readonly #now = new Map<string, string>()
  /** Who says so: several rows may have one name, a tombstone and its successor for example. */
  readonly #said = new Map<string, { readonly key: string; readonly entry: string }>()
  readonly #bySpeaker = new Map<string, Set<string>>()
  #text: string | undefined
  readonly #lanes: [number, number, number, number] = [0, 0, 0, 0]
  /** Keys that have changed since they were last asked for. */
  readonly #changed = new Set<string>()

  get now(): ReadonlyMap<string, string> {
    return this.#now
  }

  get(key: string): string | undefined {
    return this.#now.get(key)
  }

  /** What one row says now; undefined: nothing. */
  say(speaker: string, said: { readonly key: string; readonly entry: string } | undefined): void {
    const before = this.#said.get(speaker)
    if (before === undefined && said === undefined) return
    if (before !== undefined && before.key === said?.key && before.entry === said.entry) return
    if (before !== undefined) {
      const speakers = this.#bySpeaker.get(before.key)
      speakers?.delete(speaker)
      if (speakers?.size === 0) this.#bySpeaker.delete(before.key)
      this.#said.delete(speaker)
    }
    if (said !== undefined) {
      const speakers = this.#bySpeaker.get(said.key)
      if (speakers === undefined) this.#bySpeaker.set(said.key, new Set([speaker]))
      else speakers.add(speaker)
      this.#said.set(speaker, said)
    }
    if (before !== undefined && before.key !== said?.key) this.#settle(before.key)
    if (said !== undefined) this.#settle(said.key)
  }

  /** Everybody who says anything. */
  speakers(): Iterable<string> {
    return this.#said.keys()
  }

  get hasChanged(): boolean {
    return this.#changed.size > 0
  }

  /** Keys whose entry may be another one than when this was last asked. */
  takeChanged(): readonly string[] {
    if (this.#changed.size === 0) return []
    const keys = [...this.#changed]
    this.#changed.clear()
    return keys
  }

  /** Sum and count, as text: equal texts are equal sets of entries. */
  get digest(): string {
    const [a, b, c, d] = this.#lanes
    this.#text ??= `${a}-${b}-${c}-${d}/${this.#now.size}`
    return this.#text
  }

  /** The last who spoke of a key counts. */
  #settle(key: string): void {
    let entry: string | undefined
    for (const speaker of this.#bySpeaker.get(key) ?? []) entry = this.#said.get(speaker)?.entry
    const before = this.#now.get(key)
    if (before === entry) return
    this.#text = undefined
    if (before !== undefined) this.#add(before, -1)
    if (entry === undefined) this.#now.delete(key)
    else {
      this.#now.set(key, entry)
      this.#add(entry, 1)
    }
    this.#changed.add(key)
  }

  #add(entry: string, sign: 1 | -1): void {
    const lanes: Lanes = lanesOf(Buffer.from(entry, 'hex'))
    for (const at of [0, 1, 2, 3] as const) this.#lanes[at] = (this.#lanes[at] + sign * lanes[at]) >>> 0
  }
}

/** Keys whose entries differ, with both; undefined: not there. */
export function* differences(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): Iterable<{ readonly key: string; readonly a: string | undefined; readonly b: string | undefined }> {
  for (const [key, entry] of a) if (b.get(key) !== entry) yield { key, a: entry, b: b.get(key) }
  for (const [key, entry] of b) if (!a.has(key)) yield { key, a: undefined, b: entry }
}
