import type { Family } from './address.js'
import { freeLoad, quarantineMs } from './constants.js'
import type { Owner } from './owner.js'

export interface Resting extends Owner {
  readonly family: Family
  readonly address: string
  readonly blockId?: string | undefined
  readonly tombstonedAtMs: number
  readonly tombstonedRevision: number
}

export interface QuarantineRules {
  readonly nowMs: number
  readonly quarantineMs?: number | undefined
  /** Lowest revision of our log that every zone which was not decommissioned has acked; undefined: nobody to wait for. */
  readonly ackedByAll: number | undefined
  /** Share of a block's addresses that somebody has or that rest. */
  readonly load: (blockId: string) => number
  /** How many addresses of a block to free at the most to get below the limit. */
  readonly excess: (blockId: string, limit: number) => number
}

/**
 * Which resting addresses may go to somebody else: those whose quarantine is over and whose removal every zone has acked, oldest
 * first, and only as many as their block needs. In a roomy block an owner that returns after weeks finds its address.
 */
export function freeable<Row extends Resting>(rows: readonly Row[], rules: QuarantineRules): readonly Row[] {
  const since = rules.nowMs - (rules.quarantineMs ?? quarantineMs)
  const over = rows.filter(
    (row) =>
      row.tombstonedAtMs <= since && (rules.ackedByAll === undefined || row.tombstonedRevision <= rules.ackedByAll),
  )
  const byBlock = new Map<string, Row[]>()
  for (const row of [...over].sort((a, b) => a.tombstonedAtMs - b.tombstonedAtMs)) {
    if (row.blockId === undefined) continue
    const resting = byBlock.get(row.blockId)
    if (resting === undefined) byBlock.set(row.blockId, [row])
    else resting.push(row)
  }
  return [...byBlock].flatMap(([blockId, resting]) =>
    rules.load(blockId) <= freeLoad ? [] : resting.slice(0, Math.max(0, rules.excess(blockId, freeLoad))),
  )
}
