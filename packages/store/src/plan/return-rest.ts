import { findType, upTypes } from '@holdfast/model'
import { holdId } from './holds.js'
import { ownerOf } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { words } from './return-rows.js'
import { isNewest, nothingReturned, type Returned, type ReturnRules, type ReturnSeen } from './returned.js'
import type { Row } from './types.js'
import type { Unit } from './unit.js'
import { restVips } from './vips.js'
import type { WorkingSet } from './working-set.js'

/**
 * After the last page: what a backup has and global does not know. Its address rests at global: it was deleted since. Else
 * nobody can tell whether it was deleted so long ago that the removal is forgotten: it goes on here, is told to nobody,
 * and waits for an operator (EMPTY: absence deletes nothing after a change of the log).
 */
export const returnRestUnit = (seen: ReturnSeen, rules: ReturnRules, options: PlanOptions): Unit<Returned> => ({
  needs:
    rules.forkMs === undefined
      ? nothingNeeded
      : { ...nothingNeeded, wholeTypes: upTypes().map((type) => ({ type, origin: options.identity.name })) },
  more: (ws) => ({ ...nothingNeeded, owners: unknown(seen, rules, ws).filter(isService).map(ownerOf) }),
  plan: (ws) => ws.wholly(() => planRest(seen, rules, ws, options)),
})

const isService = (row: Row): boolean => findType(row.type)?.vipKind === true

const unknown = (seen: ReturnSeen, rules: ReturnRules, ws: WorkingSet): readonly Row[] =>
  rules.forkMs === undefined
    ? []
    : upTypes()
        .flatMap((type) => ws.ofOrigin(type, ws.identity.name))
        .filter(
          (row) =>
            !row.deleted &&
            row.audience === 'all' &&
            !isNewest(row, rules) &&
            !seen.has({ type: row.type, mesh: row.mesh, name: row.exportName }),
        )

function planRest(seen: ReturnSeen, rules: ReturnRules, ws: WorkingSet, { nowMs }: PlanOptions): Returned {
  let removed = 0
  const held: Row[] = []
  for (const row of unknown(seen, rules, ws))
    if (isService(row) && seen.rests(ownerOf(row))) {
      ws.tombstone(row, { atMs: nowMs })
      restVips(ownerOf(row), ws, nowMs, 'deleted since the backup: its address rests at global')
      removed++
    } else held.push(row)
  for (const type of new Set(held.map((row) => row.type)))
    hold(
      type,
      held.filter((row) => row.type === type),
      ws,
      nowMs,
    )
  return { ...nothingReturned, removed, held: held.map(words) }
}

function hold(type: string, rows: readonly Row[], ws: WorkingSet, nowMs: number): void {
  const id = holdId('', type, ws.identity.name, nowMs)
  for (const row of rows) ws.put({ ...row, audience: 'none', holdId: id, modifiedAtMs: nowMs })
  ws.putHold({
    id,
    peer: '',
    type,
    origin: ws.identity.name,
    reason: `${rows.length} ${type} of this zone stand in the backup that was put back, and global does not know them: deleted since, or never sent. They go on here and are told to nobody; delete what was deleted, apply again what is to stay`,
    keyCount: rows.length,
    firstCount: rows.length,
    returnedCount: 0,
    sinceMs: nowMs,
    state: 'held',
  })
}
