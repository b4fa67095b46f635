import { type AbsentCount, type HoldRow, holdFate, type KeptKey } from '@holdfast/store'
import { peerName } from '../sync/sync-json.js'

const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())
const zoneName = (origin: string): string | null => (origin === '' ? null : origin)

/** A hold as operators see it: what it keeps, why, and what became of it. */
export const holdJson = (row: HoldRow) => ({
  id: row.id,
  peer: peerName(row.peer),
  type: row.type,
  zone: zoneName(row.origin),
  resources: row.keyCount,
  state: row.state,
  since: time(row.sinceMs),
  reason: row.reason,
  first: row.firstCount,
  offeredAgain: row.returnedCount,
  deleted: row.deletedCount ?? 0,
  decidedBy: row.decidedBy ?? null,
  endedAt: time(row.endedAtMs),
  fate: holdFate(row),
})

export const heldKeyJson = ({ mesh, name, displayName }: KeptKey) => ({ mesh, name, displayName })

export const absentJson = (row: AbsentCount) => ({
  type: row.type,
  zone: zoneName(row.origin),
  resources: row.count,
  since: time(row.sinceMs),
})
