import type { CursorRow, LedgerRow, MemoryStore, RefusedRow, Row } from '@holdfast/store'

/** One row of one table: what it was when it was last looked at, and what it is. */
export interface Change<V> {
  readonly key: string
  readonly before: V | undefined
  readonly after: V | undefined
}

export interface Changes {
  readonly rows: readonly Change<Row>[]
  readonly ledger: readonly Change<LedgerRow>[]
  readonly refused: readonly Change<RefusedRow>[]
  /** A zone was hidden or shown: what others see of it has changed without any of its rows. */
  readonly visibility: boolean
}

/** The one value that says so: most operations change nothing, and nobody has to look. */
export const nothing: Changes = { rows: [], ledger: [], refused: [], visibility: false }

class ShadowTable<V> {
  readonly #dirty = new Set<string>()
  readonly #seen = new Map<string, V>()

  touch(key: string): void {
    this.#dirty.add(key)
  }

  touchAll(now: ReadonlyMap<string, V>): void {
    for (const key of this.#seen.keys()) this.#dirty.add(key)
    for (const key of now.keys()) this.#dirty.add(key)
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0
  }

  drain(now: ReadonlyMap<string, V>): readonly Change<V>[] {
    if (this.#dirty.size === 0) return []
    const changes: Change<V>[] = []
    for (const key of this.#dirty) {
      const [before, after] = [this.#seen.get(key), now.get(key)]
      if (before === after) continue
      changes.push({ key, before, after })
      if (after === undefined) this.#seen.delete(key)
      else this.#seen.set(key, after)
    }
    this.#dirty.clear()
    return changes
  }

  /** A key whose row is another one than when it was last looked at. */
  difference(now: ReadonlyMap<string, V>): string | undefined {
    for (const key of this.#dirty) if (this.#seen.get(key) !== now.get(key)) return key
    return undefined
  }

  /** The same over everything, whether it was said to have changed or not. */
  differenceOfAll(now: ReadonlyMap<string, V>): string | undefined {
    this.touchAll(now)
    return this.difference(now)
  }
}

/** What a store kept when it was last looked at, so that a law looks at what has changed since and at nothing else. */
export class Shadow {
  readonly #store: MemoryStore
  readonly #tables = {
    rows: new ShadowTable<Row>(),
    ledger: new ShadowTable<LedgerRow>(),
    refused: new ShadowTable<RefusedRow>(),
    cursors: new ShadowTable<CursorRow>(),
  }
  #visibility = true

  constructor(store: MemoryStore) {
    this.#store = store
    this.#touchAll()
    store.watch({
      changed: (table, key) => {
        if (table === 'visibility') this.#visibility = true
        else this.#tables[table].touch(key)
      },
      replaced: () => this.#touchAll(),
    })
  }

  drain(): Changes {
    const { rows, ledger, refused, cursors } = this.#store.image
    if (this.#tables.cursors.isDirty) this.#tables.cursors.drain(cursors)
    const isDirty = this.#tables.rows.isDirty || this.#tables.ledger.isDirty || this.#tables.refused.isDirty
    if (!isDirty && !this.#visibility) return nothing
    const visibility = this.#visibility
    this.#visibility = false
    return {
      rows: this.#tables.rows.drain(rows),
      ledger: this.#tables.ledger.drain(ledger),
      refused: this.#tables.refused.drain(refused),
      visibility,
    }
  }

  /** What is not as it was when it was last looked at; undefined: nothing. */
  difference(): string | undefined {
    const { rows, ledger, refused, cursors } = this.#store.image
    return (
      this.#tables.rows.difference(rows) ??
      this.#tables.cursors.difference(cursors) ??
      this.#tables.ledger.difference(ledger) ??
      this.#tables.refused.difference(refused)
    )
  }

  /** Something that has changed and was not said to have: a law that looks at changes only would not have seen it. */
  unsaid(): string | undefined {
    const { rows, ledger, refused, cursors } = this.#store.image
    return (
      this.#tables.rows.differenceOfAll(rows) ??
      this.#tables.cursors.differenceOfAll(cursors) ??
      this.#tables.ledger.differenceOfAll(ledger) ??
      this.#tables.refused.differenceOfAll(refused)
    )
  }

  #touchAll(): void {
    const { rows, ledger, refused, cursors } = this.#store.image
    this.#tables.rows.touchAll(rows)
    this.#tables.ledger.touchAll(ledger)
    this.#tables.refused.touchAll(refused)
    this.#tables.cursors.touchAll(cursors)
    this.#visibility = true
  }
}
