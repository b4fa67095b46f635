import type { Origin } from '@holdfast/model'
import type { AbsentCount, KeptKey, WaitingForMesh } from '../../guards.js'
import type { HoldRow, Row, WritePlan } from '../../plan/types.js'
import { type Sql, timestamp } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'

interface HoldRecord {
  readonly id: string
  readonly peer: string
  readonly type: string
  readonly origin: Origin
  readonly reason: string
  readonly key_count: number
  readonly first_count: number
  readonly returned_count: number
  readonly deleted_count: number | null
  readonly since: number
  readonly state: HoldRow['state']
  readonly ended_at: number | null
  readonly decided_by: string | null
}

const holdOf = (record: HoldRecord): HoldRow => ({
  id: record.id,
  peer: record.peer,
  type: record.type,
  origin: record.origin,
  reason: record.reason,
  keyCount: record.key_count,
  firstCount: record.first_count,
  returnedCount: record.returned_count,
  sinceMs: record.since,
  state: record.state,
  ...(record.ended_at === null ? {} : { endedAtMs: record.ended_at }),
  ...(record.decided_by === null ? {} : { decidedBy: record.decided_by }),
  ...(record.deleted_count === null ? {} : { deletedCount: record.deleted_count }),
})

const columns =
  'id, peer, type, origin, reason, key_count, first_count, returned_count, deleted_count, since, state, ended_at, decided_by'

async function holdsWhere(sql: Sql, name: string, rest: string, values: readonly unknown[]) {
  const { rows } = await sql.run<HoldRecord>(name, `select ${columns} from holds where ${rest}`, values)
  return rows.map(holdOf)
}

export const holdsById = (sql: Sql, ids: readonly string[]): Promise<readonly HoldRow[]> =>
  holdsWhere(sql, 'holds by id', 'id = any($1::text[])', [ids])

export const openHolds = (sql: Sql): Promise<readonly HoldRow[]> =>
  holdsWhere(sql, 'open holds', `state = 'held' order by since, id`, [])

export const approvedHolds = (sql: Sql): Promise<readonly HoldRow[]> =>
  holdsWhere(sql, 'approved holds', `state = 'approved'`, [])

/** Undecided ones, and those whose rows an operator has told to stay. */
export const keepingHolds = (sql: Sql): Promise<readonly HoldRow[]> =>
  holdsWhere(sql, 'keeping holds', 'key_count > 0', [])

/** Open ones first, then the newest. */
export const lastHolds = (sql: Sql, limit: number): Promise<readonly HoldRow[]> =>
  holdsWhere(sql, 'last holds', `true order by state = 'held' desc, since desc, id limit $1`, [limit])

export async function heldRows(sql: Sql, ids: readonly string[]): Promise<readonly Row[]> {
  const { rows } = await sql.run<ResourceRecord>(
    'held rows',
    `select ${resourceColumns} from resources r where r.hold_id = any($1::text[]) and not r.deleted`,
    [ids],
  )
  return rows.map(rowOf)
}

/** Names of what a hold keeps, in their order. */
export async function heldKeys(sql: Sql, id: string, limit: number): Promise<readonly KeptKey[]> {
  const { rows } = await sql.run<KeptKey>(
    'held keys',
    `select type, mesh, name, display_name as "displayName" from resources
     where hold_id = $1 and not deleted order by mesh, name limit $2`,
    [id, limit],
  )
  return rows
}

/** What plain Kuma peers have left out of their lists and is not decided yet, by type and origin. */
export async function absentCounts(sql: Sql): Promise<readonly AbsentCount[]> {
  const { rows } = await sql.run<{ type: string; origin: Origin; count: number; since: number }>(
    'absent counts',
    `select type, origin, count(*) as count, min(absent_since) as since from resources
     where not deleted and absent_since is not null and hold_id is null group by type, origin order by type, origin`,
  )
  return rows.map(({ since, ...row }) => ({ ...row, sinceMs: since }))
}

export async function writeHolds(sql: Sql, rows: WritePlan['holds']): Promise<void> {
  await sql.run(
    'write holds',
    `insert into holds (${columns})
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::integer[],
       $8::integer[], $9::integer[], $10::timestamptz[], $11::text[], $12::timestamptz[], $13::text[]) n
     order by 1
     on conflict (id) do update set reason = excluded.reason, key_count = excluded.key_count,
       first_count = excluded.first_count, returned_count = excluded.returned_count,
       deleted_count = excluded.deleted_count, state = excluded.state, ended_at = excluded.ended_at,
       decided_by = excluded.decided_by`,
    [
      rows.map((row) => row.id),
      rows.map((row) => row.peer),
      rows.map((row) => row.type),
      rows.map((row) => row.origin),
      rows.map((row) => row.reason),
      rows.map((row) => row.keyCount),
      rows.map((row) => row.firstCount),
      rows.map((row) => row.returnedCount),
      rows.map((row) => row.deletedCount ?? null),
      rows.map((row) => timestamp(row.sinceMs)),
      rows.map((row) => row.state),
      rows.map((row) => timestamp(row.endedAtMs)),
      rows.map((row) => row.decidedBy ?? null),
    ],
  )
}

/** Suspended copies whose mesh is not here. */
export async function waitingForMeshes(sql: Sql): Promise<readonly WaitingForMesh[]> {
  const { rows } = await sql.run<WaitingForMesh>(
    'waiting for meshes',
    `select r.origin, r.mesh, count(*)::int as count from resources r
     where r.audience = 'suspended' and not r.deleted and r.origin <> '' and r.mesh <> ''
       and not exists (select from resources m where m.type = 'Mesh' and m.mesh = '' and m.name = r.mesh and not m.deleted)
     group by r.origin, r.mesh order by r.origin, r.mesh`,
  )
  return rows
}
