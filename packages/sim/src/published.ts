import { authoredEntryOf, type Row } from '@holdfast/store'
import { LawBroken } from './broken.js'
import type { KumaAuthored } from './kuma-laws.js'
import type { Change } from './shadow.js'
import { entryKey } from './truth.js'

/** What each control plane has ever kept of its own: nobody else may say anything in its name (ATTR, UNKNOWN). */
export class Published {
  readonly #entries = new Map<string, Map<string, Row>>()
  readonly #rows = new Map<string, Map<string, Row>>()
  /** Zones that speak plain Kuma KDS: global computes their entries, and gives the addresses that are in them. */
  readonly kumas = new Map<string, KumaAuthored>()

  record(origin: string, rows: readonly Change<Row>[]): void {
    const entries = this.#of(this.#entries, origin, () => new Map<string, Row>())
    const known = this.#of(this.#rows, origin, () => new Map<string, Row>())
    for (const { after } of rows) {
      if (after === undefined || after.origin !== origin || after.entry === undefined) continue
      entries.set(after.entry, after)
      known.set(entryKey(after), after)
    }
  }

  /** A copy that says what its origin never said: which law that breaks, and how; undefined if there is none. */
  strayIn(where: string, own: string, rows: readonly Change<Row>[]): LawBroken | undefined {
    for (const { after } of rows) {
      if (after === undefined || after.origin === own) continue
      const entry = authoredEntryOf(after)
      if (own === '' && this.kumas.get(after.origin)?.has(after) === true) this.#publish(after.origin, entry, after)
      if (!this.has(after.origin, entry)) return this.altered(where, after)
      // What a hook has let through last, with the addresses of now: no version of its origin, and nobody's invention.
      if (after.form !== undefined && after.entry !== undefined)
        this.#entries.get(after.origin)?.set(after.entry, after)
    }
    return undefined
  }

  #publish(origin: string, entry: string | undefined, row: Row): void {
    if (entry !== undefined) this.#of(this.#entries, origin, () => new Map<string, Row>()).set(entry, row)
    this.#of(this.#rows, origin, () => new Map<string, Row>()).set(entryKey(row), row)
  }

  altered(where: string, row: Row): LawBroken {
    const key = entryKey(row)
    const original = this.rowOf(row.origin, key)
    const origin = row.origin || 'global'
    if (original === undefined)
      return new LawBroken('ATTR', `${where}: ${key} is said to be ${origin}'s, which never had it`)
    return JSON.stringify(row.vips) === JSON.stringify(original.vips)
      ? new LawBroken('UNKNOWN', `${where}: ${key} is not what ${origin} wrote`)
      : new LawBroken('VIP-4', `${where}: ${key} has other VIPs than at ${origin}`)
  }

  has(origin: string, entry: string | undefined): boolean {
    return entry === undefined || (this.#entries.get(origin)?.has(entry) ?? false)
  }

  /** What an origin has said like this. */
  saidAs(origin: string, entry: string): Row | undefined {
    return this.#entries.get(origin)?.get(entry)
  }

  /** The newest that an origin had under this key, deleted or not. */
  rowOf(origin: string, key: string): Row | undefined {
    return this.#rows.get(origin)?.get(key)
  }

  #of<V>(map: Map<string, V>, key: string, make: () => V): V {
    const value = map.get(key) ?? make()
    map.set(key, value)
    return value
  }
}
