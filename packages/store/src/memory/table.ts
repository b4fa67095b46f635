/** Told of every change of a table, those that are taken back included. */
export type TableListener<V> = (key: string, before: V | undefined, after: V | undefined) => void

/** What a transaction has done so far, so that it can be taken back: a copy of everything would cost as much as everything. */
export class UndoLog {
  readonly #steps: (() => void)[] = []
  #open = false

  note(undo: () => void): void {
    if (this.#open) this.#steps.push(undo)
  }

  get open(): boolean {
    return this.#open
  }

  begin(): void {
    this.#open = true
  }

  keep(): void {
    this.#open = false
    this.#steps.length = 0
  }

  /** Newest first. */
  takeBack(): void {
    this.#open = false
    for (let at = this.#steps.length - 1; at >= 0; at--) this.#steps[at]?.()
    this.#steps.length = 0
  }
}

/**
 * A table of a store in memory: a map whose changes can be taken back, and that keeps others informed. It may lie over
 * another one that does not change any more: only what differs is kept, and many stores share what they have in common.
 */
export class MemoryTable<V> implements Map<string, V> {
  readonly #undo: UndoLog
  readonly #listeners: TableListener<V>[] = []
  readonly #base: ReadonlyMap<string, V> | undefined
  readonly #own = new Map<string, V>()
  /** Keys of the base that were deleted, also those that have come back since: they stand at the end, as in any map. */
  readonly #gone = new Set<string>()
  /** How many keys of the base are in `#own` and were not deleted. */
  #replaced = 0
  readonly [Symbol.toStringTag] = 'MemoryTable'

  constructor(undo: UndoLog, listeners: readonly TableListener<V>[] = [], base?: ReadonlyMap<string, V>) {
    this.#undo = undo
    this.#listeners.push(...listeners)
    this.#base = base
  }

  listen(listener: TableListener<V>): void {
    this.#listeners.push(listener)
  }

  get size(): number {
    return (this.#base?.size ?? 0) - this.#gone.size + this.#own.size - this.#replaced
  }

  get(key: string): V | undefined {
    const own = this.#own.get(key)
    if (own !== undefined || this.#base === undefined || this.#gone.has(key)) return own
    return this.#base.get(key)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  set(key: string, value: V): this {
    const before = this.get(key)
    if (before === value) return this
    if (!this.#own.has(key) && this.#isInPlace(key)) this.#replaced++
    this.#own.set(key, value)
    if (this.#undo.open) this.#undo.note(before === undefined ? () => this.delete(key) : () => this.set(key, before))
    for (const listener of this.#listeners) listener(key, before, value)
    return this
  }

  delete(key: string): boolean {
    const before = this.get(key)
    if (before === undefined) return false
    if (this.#isInPlace(key)) {
      if (this.#own.has(key)) this.#replaced--
      this.#gone.add(key)
    }
    this.#own.delete(key)
    if (this.#undo.open) this.#undo.note(() => this.set(key, before))
    for (const listener of this.#listeners) listener(key, before, undefined)
    return true
  }

  clear(): void {
    for (const key of [...this.keys()]) this.delete(key)
  }

  *entries(): MapIterator<[string, V]> {
    if (this.#base !== undefined)
      for (const [key, value] of this.#base) if (!this.#gone.has(key)) yield [key, this.#own.get(key) ?? value]
    for (const entry of this.#own) if (!this.#isInPlace(entry[0])) yield entry
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key
  }

  values(): MapIterator<V> {
    return this.#base === undefined ? this.#own.values() : this.#values()
  }

  *#values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.#base === undefined ? this.#own.entries() : this.entries()
  }

  forEach(callback: (value: V, key: string, map: Map<string, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this)
  }

  /** Stands where the base has it. */
  #isInPlace(key: string): boolean {
    return this.#base?.has(key) === true && !this.#gone.has(key)
  }
}

/** Keys by a property of their rows; may lie over another index that does not change any more. */
export class TableIndex {
  readonly #base: TableIndex | undefined
  readonly #keys = new Map<string, Set<string>>()

  constructor(base?: TableIndex) {
    this.#base = base
  }

  add(property: string, key: string): void {
    this.#own(property).add(key)
  }

  remove(property: string, key: string): void {
    const keys = this.#own(property)
    keys.delete(key)
    if (keys.size === 0 && this.#base === undefined) this.#keys.delete(property)
  }

  keys(property: string): ReadonlySet<string> {
    return this.#keys.get(property) ?? this.#base?.keys(property) ?? none
  }

  #own(property: string): Set<string> {
    const known = this.#keys.get(property)
    if (known !== undefined) return known
    const keys = new Set(this.#base?.keys(property))
    this.#keys.set(property, keys)
    return keys
  }
}

const none: ReadonlySet<string> = new Set()
