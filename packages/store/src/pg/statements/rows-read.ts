import type { Origin, ResourceKey } from '@holdfast/model'
import { vanishingWindowMs } from '../../plan/holds.js'
import { keyText } from '../../plan/keys.js'
import type { Vanishing } from '../../plan/loaded.js'
import type { Needs, Row } from '../../plan/types.js'
import { type Sql, timestamp } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'

const rowsWhere = async (sql: Sql, name: string, from: string, values: readonly unknown[]): Promise<readonly Row[]> => {
  const { rows } = await sql.run<ResourceRecord>(name, `select ${resourceColumns} from ${from}`, values)
  return rows.map(rowOf)
}

const columnsOf = (keys: readonly ResourceKey[]): readonly (readonly string[])[] => [
  keys.map((key) => key.type),
  keys.map((key) => key.mesh),
  keys.map((key) => key.name),
]

export const rowsByKey = (sql: Sql, keys: readonly ResourceKey[]): Promise<readonly Row[]> =>
  rowsWhere(
    sql,
    'rows by key',
    `resources r join unnest($1::text[], $2::text[], $3::text[]) k (type, mesh, name)
       on r.type = k.type and r.mesh = k.mesh and r.name = k.name`,
    columnsOf(keys),
  )

/** Rows that were asked for by a name: nearly always it is that of one which is read by its key in the same go (`own`), and once is enough. */
const withOwn = (known: readonly ResourceKey[]): ((key: ResourceKey) => string | null) => {
  const texts = new Set(known.map(keyText))
  return (key) => (texts.has(keyText(key)) ? key.name : null)
}

/** @param known keys whose rows are read beside it: those are left out */
export function rowsByExportName(
  sql: Sql,
  keys: readonly ResourceKey[],
  known: readonly ResourceKey[],
): Promise<readonly Row[]> {
  const named = 'unnest($1::text[], $2::text[], $3::text[], $4::text[]) k (type, mesh, name, own)'
  const same = 'r.type = k.type and r.mesh = k.mesh and r.export_name = k.name and r.name is distinct from k.own'
  return rowsWhere(
    sql,
    'rows by export name',
    `(select r.* from resources r join ${named} on ${same} where not r.deleted
     union all
     select r.* from resources r join ${named} on ${same} where r.deleted) r`,
    [...columnsOf(keys), keys.map(withOwn(known))],
  )
}

/** @param known keys whose rows are read beside it: those are left out */
export function rowsByDisplayName(
  sql: Sql,
  names: Needs['displayNames'],
  known: readonly ResourceKey[],
): Promise<readonly Row[]> {
  const ownOf = withOwn(known)
  return rowsWhere(
    sql,
    'rows by display name',
    `resources r join unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
         k (type, mesh, origin, namespace, display_name, own)
       on r.type = k.type and r.mesh = k.mesh and r.origin = k.origin and r.namespace = k.namespace
         and r.display_name = k.display_name and r.name is distinct from k.own
     where not r.deleted`,
    [
      names.map((name) => name.type),
      names.map((name) => name.mesh),
      names.map((name) => name.origin),
      names.map((name) => name.namespace),
      names.map((name) => name.displayName),
      names.map(({ type, mesh, name }) => (name === undefined ? null : ownOf({ type, mesh, name }))),
    ],
  )
}

export const rowsOfMeshes = (sql: Sql, meshes: readonly string[]): Promise<readonly Row[]> =>
  rowsWhere(
    sql,
    'rows of meshes',
    // No index begins with the mesh. Type after type, as PostgreSQL does by itself from 18 on, is a look into one for each.
    `resources r where r.type = any(array(
       with recursive present (type) as (
         select min(type) from resources
         union all
         select (select min(r.type) from resources r where r.type > p.type) from present p where p.type is not null)
       select type from present where type is not null)) and r.mesh = any($1::text[])
     and (not r.deleted or r.offered_entry is not null)`,
    [meshes],
  )

export const pendingRows = (sql: Sql, kinds: readonly string[], origin: Origin): Promise<readonly Row[]> =>
  rowsWhere(
    sql,
    'pending rows',
    'resources r where r.type = any($1::text[]) and r.origin = $2 and not r.deleted and r.pending_reason is not null',
    [kinds, origin],
  )

/** Own services that are served in the other family only: a block of this one has come. */
export const rowsLackingFamily = (sql: Sql, of: Needs['lackingFamily'], own: Origin): Promise<readonly Row[]> =>
  rowsWhere(
    sql,
    'rows lacking a family',
    // The ledger is gone through once: asked service by service, a table without statistics is gone through for each.
    `resources r join (
       select distinct l.kind, l.mesh, l.origin, l.namespace, l.display_name
       from vip_ledger l join unnest($1::text[], $2::smallint[]) k (type, family) on l.kind = k.type
       where l.origin = $3 and l.scope = 'canonical'
       group by l.kind, l.mesh, l.origin, l.namespace, l.display_name, k.family
       having bool_and(l.family <> k.family)
     ) lacking on lacking.kind = r.type and lacking.mesh = r.mesh and lacking.origin = r.origin
       and lacking.namespace = r.namespace and lacking.display_name = r.display_name
     where not r.deleted and r.pending_reason is null`,
    [of.map((one) => one.type), of.map((one) => one.family), own],
  )

/**
 * With them what a named origin still offers although we have deleted it.
 * @param own origin of our own rows: `foreign` is everybody else's
 */
export const rowsOfTypes = (sql: Sql, types: Needs['wholeTypes'], own: Origin): Promise<readonly Row[]> =>
  rowsWhere(
    sql,
    'rows of types',
    `resources r join unnest($1::text[], $2::text[], $3::boolean[]) k (type, origin, is_foreign)
       on r.type = k.type and case when k.is_foreign then r.origin <> $4 else r.origin = k.origin end
     where not r.deleted or (not k.is_foreign and r.offered_entry is not null)`,
    [
      types.map((one) => one.type),
      types.map((one) => (one.origin === 'foreign' ? '' : one.origin)),
      types.map((one) => one.origin === 'foreign'),
      own,
    ],
  )

export async function vanishingCounts(sql: Sql, of: Needs['vanishing'], nowMs: number): Promise<readonly Vanishing[]> {
  const { rows } = await sql.run<Vanishing>(
    'vanishing counts',
    `select k.type, k.origin,
       (select coalesce(sum(d.count), 0)::bigint from digests d
          where d.part = 'held' and d.type = k.type and d.origin = k.origin) as live,
       (select count(*) from resources r where r.type = k.type and r.origin = k.origin
          and r.deleted and r.absent_since is not null and r.deleted_at > $3) as vanished,
       (select count(*) from resources r where r.type = k.type and r.origin = k.origin
          and not r.deleted and r.absent_since is not null and r.hold_id is not null) as kept,
       (select count(*) from resources r where r.type = k.type and r.origin = k.origin
          and not r.deleted and r.hold_id is not null and r.absent_since > $3) as "keptLately"
     from unnest($1::text[], $2::text[]) k (type, origin)`,
    [of.map((one) => one.type), of.map((one) => one.origin), timestamp(nowMs - vanishingWindowMs)],
  )
  return rows
}
