import { type Sql, timestamp } from '../sql.js'

/** Tombstones in one transaction: more would hold the head's row for long. */
const tombstonesMax = 5_000

export interface CompactRules {
  /** Tombstones set before it may go once every zone has acked them. */
  readonly ackedBeforeMs: number
  /** Those set before it go although a zone has been away since: it will be compared by buckets when it returns. */
  readonly anywayBeforeMs: number
  /** Lowest revision that every zone has acked. */
  readonly ackedByAll: number
}

/**
 * Forgets old tombstones, oldest first, and notes from where the log is still whole. What a peer still offers although we
 * removed it stays. The head's row must be locked.
 * @returns how many are gone
 */
export async function compactLog(sql: Sql, rules: CompactRules): Promise<number> {
  const { rows } = await sql.run<{ gone: number }>(
    'compact log',
    `with due as (
       select type, mesh, name, revision from resources
       where deleted and offered_entry is null and offered_status_entry is null
         and (deleted_at < $1 and revision <= $3 or deleted_at < $2)
       order by revision limit ${tombstonesMax}
     ), gone as (
       delete from resources r using due d where (r.type, r.mesh, r.name) = (d.type, d.mesh, d.name) returning d.revision
     ), noted as (
       update store_head set log_from = greatest(log_from, (select max(revision) from gone))
       where exists (select from gone)
     )
     select count(*)::int as gone from gone`,
    [timestamp(rules.ackedBeforeMs), timestamp(rules.anywayBeforeMs), rules.ackedByAll],
  )
  return rows[0]?.gone ?? 0
}
