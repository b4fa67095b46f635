import type { Origin } from '@holdfast/model'
import { statusEntry } from '../plan/entries.js'
import type { Row } from '../plan/index.js'
import { Sum } from './sum.js'

/** Digests of what one origin has of one type: of what may be shown to others, and of what was offered to us. */
export interface OriginSums {
  readonly origin: Origin
  readonly type: string
  readonly content: Sum
  readonly status: Sum
  readonly offered: Sum
  readonly offeredStatus: Sum
}

/** Digests kept on write, by origin and type, as the triggers of PostgreSQL keep them: a proof costs nothing per row. */
export class RowSums {
  readonly #groups = new Map<string, OriginSums>()

  /** @param base sums to begin with */
  constructor(base?: RowSums) {
    for (const { origin, type, ...sums } of base?.groups() ?? []) {
      const group = this.#of(origin, type)
      for (const name of ['content', 'status', 'offered', 'offeredStatus'] as const) group[name].addAll(sums[name])
    }
  }

  groups(): Iterable<OriginSums> {
    return this.#groups.values()
  }

  changed(before: Row | undefined, after: Row | undefined): void {
    if (before !== undefined) this.#count(before, 'remove')
    if (after !== undefined) this.#count(after, 'add')
  }

  #count(row: Row, how: 'add' | 'remove'): void {
    const group = this.#of(row.origin, row.type)
    if (isShown(row)) {
      group.content[how](row.entry)
      group.status[how](statusEntryOf(row))
    }
    group.offered[how](row.offeredEntry)
    group.offeredStatus[how](row.offeredStatusEntry)
  }

  #of(origin: Origin, type: string): OriginSums {
    const key = `${origin} ${type}`
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const group: OriginSums = {
      ...{ origin, type, content: new Sum(), status: new Sum() },
      ...{ offered: new Sum(), offeredStatus: new Sum() },
    }
    this.#groups.set(key, group)
    return group
  }
}

/** Whether anybody may see it, whoever asks. */
export const isShown = (row: Pick<Row, 'deleted' | 'audience'>): boolean => !row.deleted && row.audience === 'all'

/** Rows are never changed in place: the hash over a status is computed once. */
const statusEntries = new WeakMap<Row, string>()

/** Digest entry of a row's status, 32 hex digits; undefined: it has none. */
export function statusEntryOf(row: Row): string | undefined {
  if (row.status === undefined) return undefined
  const known = statusEntries.get(row)
  if (known !== undefined) return known
  const entry = statusEntry(row, row.status)
  statusEntries.set(row, entry)
  return entry
}
