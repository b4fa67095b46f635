import type { Labels, ResourceKey } from '@holdfast/model'
import type { ReturnedRow } from '../../plan/returned.js'
import type { BlockRow, LedgerRow } from '../../plan/types.js'
import type { Sql } from '../sql.js'
import { plainBytes } from './columns.js'
import { type LedgerRecord, ledgerColumns, ledgerRowOf } from './ledger-read.js'

/** Canonical addresses of a zone's owners, those that rest included. @param after kind … family of the last one */
export async function ledgerOfZone(
  sql: Sql,
  zone: string,
  after: readonly string[],
  limit: number,
): Promise<readonly LedgerRow[]> {
  const { rows } = await sql.run<LedgerRecord>(
    'ledger of zone',
    `select ${ledgerColumns} from vip_ledger l
     where l.scope = 'canonical' and l.origin = $1
       and ($3::text is null or (l.kind, l.mesh, l.namespace, l.display_name, l.family)
         > ($3::text collate "C", $4::text collate "C", $5::text collate "C", $6::text collate "C", $7::smallint))
     order by l.kind, l.mesh, l.namespace, l.display_name, l.family limit $2`,
    [zone, limit, ...fiveOf(after)],
  )
  return rows.map(ledgerRowOf)
}

const fiveOf = (after: readonly string[]): readonly (string | null)[] =>
  Array.from({ length: 5 }, (_, i) => after[i] ?? null)

/**
 * A zone's resources by the names that everybody but it gives them. What was removed here with its mesh is alive there; what a hook has changed or holds back goes back as its zone wrote it.
 * @param after type, mesh and stored name of the last one
 */
export async function rowsOfZone(
  sql: Sql,
  zone: string,
  after: readonly string[],
  limit: number,
): Promise<readonly (ReturnedRow & { readonly storedName: string })[]> {
  const { rows } = await sql.run<{
    readonly type: string
    readonly mesh: string
    readonly name: string
    readonly export_name: string
    readonly labels: Labels
    readonly type_url: Buffer
    readonly spec: Buffer
    readonly status: Buffer | null
    readonly deleted: boolean
    readonly deleted_at: number | null
  }>(
    'rows of zone',
    `select r.type, r.mesh, r.name, r.export_name, coalesce(f.labels, r.labels) as labels,
       coalesce(f.type_url, r.type_url) as type_url, coalesce(f.spec, r.spec) as spec, case when f.type is null then r.key_id end as key_id, r.status,
       r.deleted and r.audience <> 'suspended' as deleted, r.deleted_at
     from resources r left join hook_forms f on f.type = r.type and f.mesh = r.mesh and f.name = r.name
     where r.origin = $1
       and ($3::text is null
         or (r.type, r.mesh, r.name) > ($3::text collate "C", $4::text collate "C", $5::text collate "C"))
     order by r.type, r.mesh, r.name limit $2`,
    [zone, limit, after[0] ?? null, after[1] ?? null, after[2] ?? null],
  )
  return rows.map((row) => ({
    type: row.type,
    mesh: row.mesh,
    name: row.export_name,
    storedName: row.name,
    labels: row.labels,
    typeUrl: row.type_url.toString('utf8'),
    spec: plainBytes(row.spec),
    ...(row.status === null ? {} : { status: plainBytes(row.status) }),
    deleted: row.deleted,
    ...(row.deleted_at === null ? {} : { deletedAtMs: row.deleted_at }),
  }))
}

/** Resources of a zone that were never taken: it has them all the same. */
export async function refusedOfZone(sql: Sql, zone: string): Promise<readonly ResourceKey[]> {
  const { rows } = await sql.run<ResourceKey>(
    'refused of zone',
    "select type, mesh, export_name as name from refused where peer = $1 and channel = 'up' and newcomer",
    [zone],
  )
  return rows
}

export async function blocksOfZone(sql: Sql, zone: string): Promise<readonly BlockRow[]> {
  const { rows } = await sql.run<
    Omit<BlockRow, 'storeId' | 'createdAtMs'> & { readonly store_id: string; readonly created_at: number }
  >(
    'blocks of zone',
    `select b.id, b.kind, b.family, b.cidr::text as cidr, b.owner, b.store_id, b.generation, b.created_at
     from vip_blocks b where b.owner = $1 order by b.created_at, b.id`,
    [zone],
  )
  return rows.map(({ store_id, created_at, ...block }) => ({ ...block, storeId: store_id, createdAtMs: created_at }))
}

/** Where we stood in a zone's log: forgotten, so that its next word is compared and not taken for a continuation. */
export async function forgetCursors(sql: Sql, zone: string): Promise<void> {
  await sql.run(
    'forget cursors',
    `update cursors set epoch = null, revision = null, tag = null, partial_revision = null, partial_type_order = null,
       partial_mesh = null, partial_name = null
     where peer = $1 and side = 'received'`,
    [zone],
  )
}

/** A zone that is out of service: nobody waits until it has stored our log. */
export async function dropCursors(sql: Sql, zone: string): Promise<void> {
  await sql.run('drop cursors', 'delete from cursors where peer = $1', [zone])
}

/** The fence of a peer, if this session has it. */
export async function fenceOf(sql: Sql, peer: string, sessionId: string): Promise<number | undefined> {
  const { rows } = await sql.run<{ readonly fence: number }>(
    'fence of session',
    'select fence from session_fence where peer = $1 and session_id = $2',
    [peer, sessionId],
  )
  return rows[0]?.fence
}
