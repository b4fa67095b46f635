import type { Channel } from '@holdfast/kds'
import type { LagRow } from '../../port.js'
import type { Sql } from '../sql.js'

/** Of a peer that is further behind, only that many changes are looked at, the oldest first: its age is exact all the same. */
export const lagChangesMax = 10_000

/**
 * What peers have not stored yet of our log, by type. Nothing of a peer that has never stored anything of this log: what it
 * lacks is the whole of it. @param own '' at global, which sends a zone nothing of its own; a zone sends only what is its own
 */
export async function readLag(sql: Sql, own: string): Promise<readonly LagRow[]> {
  const { rows } = await sql.run<{
    readonly peer: string
    readonly channel: Channel
    readonly type: string
    readonly changes: number
    readonly since: number
  }>(
    'lag of peers',
    `select a.peer, a.channel, r.type, count(*) as changes, min(coalesce(v.committed_at, r.modified_at)) as since
     from cursors a join store_head h on h.epoch = a.epoch
     cross join lateral (
       (select s.type, s.revision, s.modified_at from resources s
        where a.channel <> 'status' and s.revision > a.revision
          and case when $1 = '' then s.origin <> a.peer else s.origin = $1 end
        order by s.revision, s.type_order, s.mesh, s.export_name limit ${lagChangesMax})
       union all
       (select s.type, s.status_revision, s.modified_at from resources s
        where a.channel = 'status' and s.status_revision > 0 and s.status_revision > a.revision and s.origin = $1
        order by s.status_revision, s.type_order, s.mesh, s.export_name limit ${lagChangesMax})
     ) r
     left join revisions v on v.revision = r.revision
     where a.side = 'acked' and a.revision < h.revision
     group by a.peer, a.channel, r.type order by a.peer, a.channel, r.type`,
    [own],
  )
  return rows.map(({ since, ...row }) => ({ ...row, sinceMs: since }))
}
