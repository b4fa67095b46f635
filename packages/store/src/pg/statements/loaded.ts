import { allTypes } from '@holdfast/model'
import type { Sql } from '../sql.js'

interface Shortfall {
  readonly what: string
  readonly said: number
  readonly found: number
}

const vipKinds = allTypes.filter((type) => type.vipKind).map((type) => type.name)

/**
 * Types of which the digests say that there are some, and there is none; a ledger without a row under services that have
 * VIPs; rows beyond the end of the log. An index lookup each, so it can be asked every few seconds: in the order of an
 * index, because an `exists` may become a join that reads the whole table.
 */
export async function emptyTables(sql: Sql): Promise<readonly Shortfall[]> {
  const { rows } = await sql.run<Shortfall>(
    'look for emptied tables',
    `select d.type as what, d.said, 0 as found
     from (select type, sum(count)::bigint as said from digests where part = 'held' group by type) d
     left join lateral (
       select true as any from resources r where r.type = d.type and not r.deleted order by r.mesh, r.export_name limit 1
     ) r on true
     where d.said > 0 and r.any is null
     union all
     select 'vip_ledger', 1, 0
     where (select count(*) from (select from vip_ledger limit 1) l) = 0
       and (select count(*) from (
         select from resources r where r.type = any($1::text[]) and not r.deleted and r.vips <> ''
         order by r.type, r.mesh, r.name limit 1) s) > 0
     union all
     select 'store_head', r.revision, h.revision from store_head h
     cross join lateral (select max(x.revision) as revision from resources x) r where r.revision > h.revision
     order by 1`,
    [vipKinds],
  )
  return rows
}

/** The same, counted: once, before anything is served. */
export async function shortTables(sql: Sql): Promise<readonly Shortfall[]> {
  const { rows } = await sql.run<Shortfall>(
    'count what digests say',
    `select coalesce(d.type, r.type) as what, coalesce(d.said, 0) as said, coalesce(r.found, 0) as found
     from (select type, sum(count)::bigint as said from digests where part = 'held' group by type) d
     full join (select type, count(*) as found from resources where not deleted group by type) r on r.type = d.type
     where coalesce(d.said, 0) > coalesce(r.found, 0)
     order by 1`,
  )
  return rows
}

/** Whether this connection can write at all. */
export async function isReadOnly(sql: Sql): Promise<boolean> {
  const { rows } = await sql.run<{ read_only: boolean }>(
    'can it be written',
    "select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as read_only",
  )
  return rows[0]?.read_only === true
}
