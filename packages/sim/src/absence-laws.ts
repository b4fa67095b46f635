import type { Origin } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { holds } from './broken.js'
import type { Change } from './shadow.js'

/** As design says it, and not as the product computes it. */
const windowMs = 10 * 60_000
const most = (of: number): number => Math.max(10, Math.floor(0.2 * of))

/** HOLD: what goes by absence goes in small numbers, and a mesh never does. */
export class Absences {
  readonly #where: string
  readonly #own: Origin
  /** Live foreign rows, and when those went that went by absence, by type and origin. */
  readonly #live = new Map<string, number>()
  readonly #gone = new Map<string, number[]>()

  constructor(where: string, own: Origin) {
    this.#where = where
    this.#own = own
  }

  /** The store was put back: nothing of it has gone by absence now. */
  putBack(rows: readonly Change<Row>[]): void {
    // What went before it was put back is here again, and may go once more.
    this.#gone.clear()
    for (const change of rows) this.#count(change)
  }

  follow(rows: readonly Change<Row>[], nowMs: number): void {
    const touched = new Set<string>()
    for (const change of rows) {
      const group = this.#count(change)
      if (group === undefined) continue
      const { before, after } = change
      const was = isLive(before)
      if (!was || after?.deleted !== true || after.absentSinceMs === undefined) continue
      holds(after.type !== 'Mesh', 'HOLD', () => `${this.#where}: mesh ${after.name} went by absence`)
      const gone = this.#gone.get(group) ?? []
      this.#gone.set(group, gone)
      gone.push(nowMs)
      touched.add(group)
    }
    for (const group of touched) this.#check(group, nowMs)
  }

  #count({ before, after }: Change<Row>): string | undefined {
    const row = after ?? before
    if (row === undefined || row.origin === this.#own) return undefined
    const group = `${row.type} ${row.origin}`
    const [was, is] = [isLive(before), isLive(after)]
    if (was !== is) this.#live.set(group, (this.#live.get(group) ?? 0) + (is ? 1 : -1))
    return group
  }

  #check(group: string, nowMs: number): void {
    const gone = (this.#gone.get(group) ?? []).filter((atMs) => atMs > nowMs - windowMs)
    this.#gone.set(group, gone)
    const live = this.#live.get(group) ?? 0
    const bound = most(live + gone.length)
    holds(
      gone.length <= bound && live > 0,
      'HOLD',
      () =>
        `${this.#where}: ${gone.length} of ${live + gone.length} ${group} went by absence within 10 minutes; ${bound} may`,
    )
  }
}

const isLive = (row: Row | undefined): boolean => row !== undefined && !row.deleted
