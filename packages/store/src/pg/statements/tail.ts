import type { Audience, Origin } from '@holdfast/model'
import type { Sql } from '../sql.js'
import type { SeenDigest } from '../view.js'
import { sqlDamaged } from './damaged.js'
import { type Head, type HeadRecord, headColumns, headOf } from './head.js'
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
const seenDigests = `select d.part, d.type, d.origin, d.audience, d.lane0, d.lane1, d.lane2, d.lane3, d.count,
       coalesce(v.hidden, false) as hidden
     from digests d left join origin_visibility v on v.origin = d.origin
     where d.part in ('held', 'status') and d.audience = 'all'
     union all
     select 'held', x.type, x.origin, 'all', x.lane0, x.lane1, x.lane2, x.lane3, x.count, coalesce(v.hidden, false)
     from (
       select r.type, r.origin, ${[0, 1, 2, 3].map(correction).join(', ')}, count(*) - count(r.entry) as count
       from resources r where ${sqlDamaged} and r.audience = 'all' group by r.type, r.origin
     ) x left join origin_visibility v on v.origin = x.origin`

type SeenDigestRecord = DigestRecord & { readonly part: DigestPart; readonly hidden: boolean }

const seenDigestOf = (record: SeenDigestRecord): SeenDigest => ({
  ...digestRowOf(record),
  part: record.part,
  hidden: record.hidden,
})

export async function readSeenDigests(sql: Sql): Promise<readonly SeenDigest[]> {
  const { rows } = await sql.run<SeenDigestRecord>('read seen digests', seenDigests)
  return rows.map(seenDigestOf)
}

/** The newest part of the log: head, sums and rows of one moment. */
export interface Tail {
  readonly head: Head
  readonly digests: readonly SeenDigest[]
  /** Changed after the revision asked for, oldest first; one more than the limit tells that there are too many. */
  readonly records: readonly TailRecord[]
  /** An origin was hidden or shown after it: rows that are not among these have another place in the log. */
  readonly toggled: boolean
  /** Of the newest status. */
  readonly statusRevision: number
}

interface LookRecord {
  readonly toggled: boolean
  readonly newest_status: number | null
  /** On the first row alone. */
  readonly sums: readonly SeenDigestRecord[] | null
}

/** Beside the columns of the head, which has a name of its own. */
type RowRecord = Omit<TailRecord, 'name'> & { readonly row_name: string }

const recordOf = (row: RowRecord): TailRecord => ({
  ...{ at: row.at, type: row.type, type_order: row.type_order, mesh: row.mesh, name: row.row_name },
  ...{ export_name: row.export_name, labels: row.labels, type_url: row.type_url, spec: row.spec, vips: row.vips },
  ...{ status: row.status, content: row.content, deleted_at: row.deleted_at, origin: row.origin },
  ...{ audience: row.audience, deleted: row.deleted, exposed: row.exposed },
})

/**
 * In one statement, which sees one moment whatever is committed meanwhile, and costs one round trip.
 * @param after undefined: no rows are asked for
 * @returns undefined if the store has no head
 */
export async function readTail(sql: Sql, after: number | undefined, limit: number): Promise<Tail | undefined> {
  const { rows } = await sql.run<HeadRecord & LookRecord & (RowRecord | { readonly at: null })>(
    'read tail',
    `select ${headColumns}, t.*,
       exists (select from origin_visibility o where o.revision > $1::bigint) as toggled,
       (select max(x.status_revision) from resources x where x.status_revision > 0) as newest_status,
       case when t.place is null or t.place = 1 then (select json_agg(s) from (${seenDigests}) s) end as sums
     from store_head h left join lateral (
       select r.revision as at, r.type, r.type_order, r.mesh, r.name as row_name, r.export_name, r.labels, r.type_url, r.spec,
         r.key_id, r.vips, null::bytea as status, r.content, r.deleted_at, r.origin, r.audience, r.deleted, r.exposed,
         row_number() over (order by r.revision, r.type_order, r.mesh, r.export_name) as place
       from resources r where r.revision > $1::bigint
       order by r.revision, r.type_order, r.mesh, r.export_name limit $2
     ) t on true
     order by t.place`,
    [after ?? null, limit + 1],
  )
  const [first] = rows
  if (first === undefined) return undefined
  return {
    head: headOf(first),
    digests: (first.sums ?? []).map(seenDigestOf),
    records: rows.flatMap((row) => (row.at === null ? [] : [recordOf(row)])),
    toggled: first.toggled,
    statusRevision: first.newest_status ?? 0,
  }
}
