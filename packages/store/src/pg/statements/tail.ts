import type { Audience, Origin } from '@holdfast/model'
import type { Sql } from '../sql.js'
import type { SeenDigest } from '../view.js'
import { sqlDamaged } from './damaged.js'
import { type DigestPart, type DigestRecord, digestRowOf } from './sync-read.js'
import type { SeenRecord } from './views.js'

/** A row of the newest part of the log, before anybody's view. */
export interface TailRecord extends Omit<SeenRecord, 'visible'> {
  readonly name: string
  readonly origin: Origin
  readonly audience: Audience
  readonly deleted: boolean
  readonly exposed: boolean
}

const correction = (lane: number): string =>
  `sum(digest_lane(r.offered_entry, ${lane}) - coalesce(digest_lane(r.entry, ${lane}), 0))::bigint & 4294967295 as lane${lane}`

/**
 * Sums of what is held and of its status, each with whether its origin is hidden. A damaged copy counts as what its
 * origin offered, which it will be again: nobody else is to take the damage for a change.
 */
export async function readSeenDigests(sql: Sql): Promise<readonly SeenDigest[]> {
  const { rows } = await sql.run<DigestRecord & { readonly part: DigestPart; readonly hidden: boolean }>(
    'read seen digests',
    `select d.part, d.type, d.origin, d.audience, d.lane0, d.lane1, d.lane2, d.lane3, d.count,
       coalesce(v.hidden, false) as hidden
     from digests d left join origin_visibility v on v.origin = d.origin
     where d.part in ('held', 'status') and d.audience = 'all'
     union all
     select 'held', x.type, x.origin, 'all', x.lane0, x.lane1, x.lane2, x.lane3, x.count, coalesce(v.hidden, false)
     from (
       select r.type, r.origin, ${[0, 1, 2, 3].map(correction).join(', ')}, count(*) - count(r.entry) as count
       from resources r where ${sqlDamaged} and r.audience = 'all' group by r.type, r.origin
     ) x left join origin_visibility v on v.origin = x.origin`,
  )
  return rows.map((row) => ({ ...digestRowOf(row), part: row.part, hidden: row.hidden }))
}

/** Rows that have changed after a revision, oldest first; one more than `limit` tells that there are too many. */
export async function readTail(sql: Sql, after: number, limit: number): Promise<readonly TailRecord[]> {
  const { rows } = await sql.run<TailRecord>(
    'read tail',
    `select r.revision as at, r.type, r.type_order, r.mesh, r.name, r.export_name, r.labels, r.type_url, r.spec, r.key_id, r.vips,
       null::bytea as status, r.content, r.deleted_at, r.origin, r.audience, r.deleted, r.exposed
     from resources r where r.revision > $1
     order by r.revision, r.type_order, r.mesh, r.export_name limit $2`,
    [after, limit + 1],
  )
  return rows
}
