import { contentHashOf, utf8 } from '@holdfast/model'
import { type Sql, timestamp } from '../sql.js'
import { plainBytes } from './columns.js'

export interface DataKeyRecord {
  readonly id: number
  readonly masterId: string
  readonly wrapped: Uint8Array
  readonly activeFromMs: number
}

export async function readDataKeys(sql: Sql): Promise<readonly DataKeyRecord[]> {
  const { rows } = await sql.run<{ id: number; master_id: string; wrapped: Buffer; active_from: number }>(
    'read data keys',
    'select id, master_id, wrapped, active_from from data_keys order by id',
  )
  return rows.map((row) => ({
    id: row.id,
    masterId: row.master_id,
    wrapped: plainBytes(row.wrapped),
    activeFromMs: row.active_from,
  }))
}

/** @returns whether it was written: of two that make the same one the first wins */
export async function insertDataKey(sql: Sql, key: DataKeyRecord, nowMs: number): Promise<boolean> {
  const { count } = await sql.run(
    'insert data key',
    `insert into data_keys (id, master_id, wrapped, created_at, active_from)
     values ($1, $2, $3, $4::timestamptz, $5::timestamptz) on conflict (id) do nothing`,
    [key.id, key.masterId, key.wrapped, timestamp(nowMs), timestamp(key.activeFromMs)],
  )
  return count === 1
}

/** Only over the wrapping that was read: two replicas may do so at once. */
export async function rewrapDataKey(sql: Sql, before: DataKeyRecord, after: DataKeyRecord): Promise<void> {
  await sql.run(
    'rewrap data key',
    'update data_keys set master_id = $2, wrapped = $3 where id = $1 and master_id = $4',
    [before.id, after.masterId, after.wrapped, before.masterId],
  )
}

/** Types whose specs are sealed. */
export const sealedTypes: readonly string[] = ['Secret', 'GlobalSecret']

export interface UnsealedRow {
  readonly type: string
  readonly mesh: string
  readonly name: string
  readonly export_name: string
  readonly revision: number
  /** Plain: opened on the way here. */
  readonly spec: Uint8Array
  readonly content: Uint8Array
}

/** Secrets, tombstones among them, that are not sealed with this key. */
export async function rowsToSeal(sql: Sql, keyId: number, limit: number): Promise<readonly UnsealedRow[]> {
  const { rows } = await sql.run<
    Omit<UnsealedRow, 'content' | 'spec'> & { labels_canonical: Buffer; type_url: Buffer; spec: Buffer }
  >(
    'rows to seal',
    `select r.type, r.mesh, r.name, r.export_name, r.revision, r.labels_canonical, r.type_url, r.spec, r.key_id
     from resources r where r.type = any($1::text[]) and r.key_id is distinct from $2::smallint
     order by r.type, r.mesh, r.name limit $3`,
    [sealedTypes, keyId, limit],
  )
  return rows.map(({ labels_canonical, type_url, spec, ...row }) => ({
    ...row,
    spec: plainBytes(spec),
    content: contentHashOf(plainBytes(labels_canonical), utf8(type_url.toString('utf8')), plainBytes(spec)),
  }))
}

/** The same content under another key: no hash moves, so it is no change to anybody. */
export async function writeSealed(
  sql: Sql,
  rows: readonly (Omit<UnsealedRow, 'spec'> & { readonly sealed: Uint8Array; readonly keyId: number })[],
): Promise<number> {
  const { count } = await sql.run(
    'write sealed',
    `update resources r set spec = n.spec, key_id = n.key_id, plain_content = n.content
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::smallint[], $7::bytea[])
       n (type, mesh, name, revision, spec, key_id, content)
     where r.type = n.type and r.mesh = n.mesh and r.name = n.name and r.revision = n.revision`,
    [
      rows.map((row) => row.type),
      rows.map((row) => row.mesh),
      rows.map((row) => row.name),
      rows.map((row) => row.revision),
      rows.map((row) => row.sealed),
      rows.map((row) => row.keyId),
      rows.map((row) => row.content),
    ],
  )
  return count
}

/** Secrets by the key that they are sealed with; 0: with none. */
export async function sealedCounts(sql: Sql): Promise<readonly { readonly keyId: number; readonly count: number }[]> {
  const { rows } = await sql.run<{ keyId: number; count: number }>(
    'sealed counts',
    `select coalesce(key_id, 0)::integer as "keyId", count(*) as count from resources where type = any($1::text[])
     group by 1 order by 1`,
    [sealedTypes],
  )
  return rows
}
