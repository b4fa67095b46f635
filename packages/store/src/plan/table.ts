/** Takes back what was done since it was opened, newest first. */
export class Journal {
  readonly #undo: (() => void)[] = []
  #depth = 0

  note(undo: () => void): void {
    if (this.#depth > 0) this.#undo.push(undo)
  }

  /** Runs `act`; if it answers `keep: false` or throws, everything noted meanwhile is taken back. */
  attempt<T>(act: () => { readonly keep: boolean; readonly value: T }): T {
    const start = this.#undo.length
    let keep = false
    this.#depth++
    try {
      const outcome = act()
      keep = outcome.keep
      return outcome.value
    } finally {
      this.#depth--
      if (!keep) for (const undo of this.#undo.splice(start).reverse()) undo()
      if (this.#depth === 0) this.#undo.length = 0
    }
  }
}

/** A map that remembers what it was loaded with, so that only what differs in the end is written. */
export class Table<V> {
  readonly #loaded = new Map<string, V>()
  readonly #now = new Map<string, V>()
  readonly #touched = new Set<string>()
  readonly #journal: Journal
  readonly #onChange: (key: string, before: V | undefined, after: V | undefined) => void

  /** @param onChange keeps indexes; told of loads, changes and what is taken back */
  constructor(
    journal: Journal,
    onChange: (key: string, before: V | undefined, after: V | undefined) => void = () => {},
  ) {
    this.#journal = journal
    this.#onChange = onChange
  }

  /** What was read. What has been planned on meanwhile stays. */
  load(key: string, value: V): void {
    if (this.#loaded.has(key) || this.#touched.has(key)) return
    this.#loaded.set(key, value)
    this.#now.set(key, value)
    this.#onChange(key, undefined, value)
  }

  get(key: string): V | undefined {
    return this.#now.get(key)
  }

  loaded(key: string): V | undefined {
    return this.#loaded.get(key)
  }

  set(key: string, value: V | undefined): void {
    const before = this.#now.get(key)
    this.#replace(key, value)
    this.#journal.note(() => this.#replace(key, before))
  }

  #replace(key: string, value: V | undefined): void {
    const before = this.#now.get(key)
    this.#touched.add(key)
    if (value === undefined) this.#now.delete(key)
    else this.#now.set(key, value)
    this.#onChange(key, before, value)
  }

  values(): IterableIterator<V> {
    return this.#now.values()
  }

  /** Every key that a plan has set, with what it was loaded with and what it is now. */
  *changes(): Iterable<{ readonly key: string; readonly before: V | undefined; readonly after: V | undefined }> {
    for (const key of this.#touched) {
      const before = this.#loaded.get(key)
      const after = this.#now.get(key)
      if (before !== after) yield { key, before, after }
    }
  }
}

/** What is only ever added to, until it is taken back. */
export class List<T> {
  readonly #items: T[] = []
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  push(item: T): void {
    this.#items.push(item)
    // Taken back newest first, so it is the last one then.
    this.#journal.note(() => this.#items.pop())
  }

  all(): readonly T[] {
    return this.#items
  }
}

/** Keys by a property of their rows. Most properties have one row: a set for each would be most of the memory. */
export class Index {
  readonly #keys = new Map<string, string | Set<string>>()

  add(property: string, key: string): void {
    const keys = this.#keys.get(property)
    if (keys === undefined) this.#keys.set(property, key)
    else if (typeof keys === 'string') this.#keys.set(property, new Set([keys, key]))
    else keys.add(key)
  }

  remove(property: string, key: string): void {
    const keys = this.#keys.get(property)
    if (keys === key) this.#keys.delete(property)
    else if (typeof keys === 'object') keys.delete(key)
  }

  keys(property: string): readonly string[] {
    const keys = this.#keys.get(property)
    return keys === undefined ? [] : typeof keys === 'string' ? [keys] : [...keys]
  }
}
