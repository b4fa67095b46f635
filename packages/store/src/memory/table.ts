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

/** A table of a store in memory: a map whose changes can be taken back, and that keeps others informed. */
export class MemoryTable<V> extends Map<string, V> {
  readonly #undo: UndoLog
  readonly #listeners: TableListener<V>[] = []

  constructor(undo: UndoLog, ...listeners: readonly TableListener<V>[]) {
    super()
    this.#undo = undo
    this.#listeners.push(...listeners)
  }

  listen(listener: TableListener<V>): void {
    this.#listeners.push(listener)
  }

  override set(key: string, value: V): this {
    const before = super.get(key)
    if (before === value) return this
    super.set(key, value)
    if (this.#undo.open) this.#undo.note(before === undefined ? () => this.delete(key) : () => this.set(key, before))
    for (const listener of this.#listeners) listener(key, before, value)
    return this
  }

  override delete(key: string): boolean {
    const before = super.get(key)
    if (before === undefined) return false
    super.delete(key)
    if (this.#undo.open) this.#undo.note(() => this.set(key, before))
    for (const listener of this.#listeners) listener(key, before, undefined)
    return true
  }

  override clear(): void {
    for (const key of [...this.keys()]) this.delete(key)
  }
}

/** Keys by a property of their rows. */
export class TableIndex {
  readonly #keys = new Map<string, Set<string>>()

  add(property: string, key: string): void {
    const keys = this.#keys.get(property)
    if (keys === undefined) this.#keys.set(property, new Set([key]))
    else keys.add(key)
  }

  remove(property: string, key: string): void {
    const keys = this.#keys.get(property)
    keys?.delete(key)
    if (keys?.size === 0) this.#keys.delete(property)
  }

  keys(property: string): ReadonlySet<string> {
    return this.#keys.get(property) ?? none
  }
}

const none: ReadonlySet<string> = new Set()
