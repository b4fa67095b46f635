import { contentHashOf } from '@holdfast/model'
import type { OfferedWrite, RowWrite, TombstoneWrite, WritePlan } from '../../plan/types.js'
import { bytesOfHex, type Sql, timestamp } from '../sql.js'
import { hashedColumns, typeOrderOf } from './columns.js'

/** Position in the log and time that all rows of a commit get. */
export interface Commit {
  readonly revision: number
  readonly atMs: number
}

const rowTypes =
  '$1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], ' +
  '$10::smallint[], $11::bytea[], $12::jsonb[], $13::bytea[], $14::bytea[], $15::bytea[], $16::bytea[], ' +
  '$17::bytea[], $18::boolean[], $19::text[], $20::text[], $21::timestamptz[]'
const rowNames =
  'type, mesh, name, type_order, export_name, origin, namespace, display_name, audience, ' +
  'bucket, identity, labels, labels_canonical, type_url, spec, vips, ' +
  'offered_entry, exposed, pending_reason, hold_id, absent_since'

/** A spec as it is written: what is secret is sealed, beside the hash of what it was. */
function storedSpec(sql: Sql, row: RowWrite['row'], hashed: ReturnType<typeof hashedColumns>) {
  const { sealer } = sql
  if (sealer === undefined || !sealer.isSealed(row.type)) return { spec: row.spec, keyId: null, content: null }
  const { keyId, sealed } = sealer.seal(row.spec, row)
  return { spec: sealed, keyId, content: contentHashOf(hashed.labelsCanonical, hashed.typeUrl, row.spec) }
}

function rowColumns(sql: Sql, writes: readonly RowWrite[]) {
  const rows = writes.map(({ row }) => {
    const hashed = hashedColumns(row)
    return { row, hashed, stored: storedSpec(sql, row, hashed) }
  })
  const columns = rowValues(rows)
  return { columns, keys: [rows.map(({ stored }) => stored.keyId), rows.map(({ stored }) => stored.content)] }
}

function rowValues(
  rows: readonly {
    readonly row: RowWrite['row']
    readonly hashed: ReturnType<typeof hashedColumns>
    readonly stored: ReturnType<typeof storedSpec>
  }[],
): readonly (readonly unknown[])[] {
  return [
    rows.map(({ row }) => row.type),
    rows.map(({ row }) => row.mesh),
    rows.map(({ row }) => row.name),
    rows.map(({ row }) => typeOrderOf(row.type)),
    rows.map(({ row }) => row.exportName),
    rows.map(({ row }) => row.origin),
    rows.map(({ row }) => row.namespace),
    rows.map(({ row }) => row.displayName),
    rows.map(({ row }) => row.audience),
    rows.map(({ hashed }) => hashed.bucket),
    rows.map(({ hashed }) => hashed.identity),
    rows.map(({ row }) => JSON.stringify(row.labels)),
    rows.map(({ hashed }) => hashed.labelsCanonical),
    rows.map(({ hashed }) => hashed.typeUrl),
    rows.map(({ stored }) => stored.spec),
    rows.map(({ hashed }) => hashed.vips),
    rows.map(({ row }) => bytesOfHex(row.offeredEntry)),
    rows.map(({ row }) => row.exposed),
    rows.map(({ row }) => row.pendingReason ?? null),
    rows.map(({ row }) => row.holdId ?? null),
    rows.map(({ row }) => timestamp(row.absentSinceMs)),
  ]
}

/** Rows that the plan did not find. Fewer come back if somebody was faster. */
export async function insertRows(sql: Sql, writes: readonly RowWrite[], at: Commit): Promise<number> {
  const { columns, keys } = rowColumns(sql, writes)
  const { count } = await sql.run(
    'insert rows',
    `insert into resources (${rowNames}, key_id, plain_content, status_revision, revision, created_at, modified_at)
     select ${rowNames}, n.key_id, n.plain_content, case when n.status_moves then $22::bigint else 0 end, $22::bigint, $23::timestamptz, $23::timestamptz
     from unnest(${rowTypes}, $24::boolean[], $25::smallint[], $26::bytea[])
       n (${rowNames}, status_moves, key_id, plain_content)
     order by 1, 2, 3
     on conflict (type, mesh, name) do nothing`,
    [...columns, at.revision, timestamp(at.atMs), writes.map((write) => write.statusMoves), ...keys],
  )
  return count
}

/** Rows that the plan found, as it found them. */
export async function updateRows(sql: Sql, writes: readonly RowWrite[], at: Commit): Promise<number> {
  const { columns, keys } = rowColumns(sql, writes)
  const { count } = await sql.run(
    'update rows',
    `update resources r set
       type_order = n.type_order, export_name = n.export_name, origin = n.origin, namespace = n.namespace,
       display_name = n.display_name, audience = n.audience, bucket = n.bucket, identity = n.identity,
       labels = n.labels, labels_canonical = n.labels_canonical, type_url = n.type_url, spec = n.spec, key_id = n.key_id,
       plain_content = n.plain_content, vips = n.vips,
       offered_entry = n.offered_entry, exposed = n.exposed, pending_reason = n.pending_reason, hold_id = n.hold_id,
       absent_since = n.absent_since, deleted = false, deleted_at = null, revision = $22::bigint,
       created_at = case when r.deleted then $23::timestamptz else r.created_at end, modified_at = $23::timestamptz,
       status_revision = case when n.status_moves and r.status is not null then $22::bigint else r.status_revision end
     from unnest(${rowTypes}, $24::boolean[], $25::bigint[], $26::smallint[], $27::bytea[])
       n (${rowNames}, status_moves, expected, key_id, plain_content)
     where r.type = n.type and r.mesh = n.mesh and r.name = n.name and r.revision = n.expected`,
    [
      ...columns,
      at.revision,
      timestamp(at.atMs),
      writes.map((write) => write.statusMoves),
      writes.map((write) => write.expectedRevision ?? -1),
      ...keys,
    ],
  )
  return count
}

export async function tombstoneRows(sql: Sql, writes: readonly TombstoneWrite[], at: Commit): Promise<number> {
  const { count } = await sql.run(
    'tombstone rows',
    `update resources r set
       deleted = true, deleted_at = n.deleted_at, modified_at = $8::timestamptz, revision = $7::bigint,
       status_revision = case when r.status is not null then $7::bigint else r.status_revision end,
       offered_entry = n.offered_entry, absent_since = n.absent_since, hold_id = null, pending_reason = null,
       audience = case when n.suspended then 'suspended' when r.audience = 'suspended' then 'all' else r.audience end
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::bytea[], $9::timestamptz[],
       $10::boolean[]) n (type, mesh, name, expected, deleted_at, offered_entry, absent_since, suspended)
     where r.type = n.type and r.mesh = n.mesh and r.name = n.name and r.revision = n.expected`,
    [
      writes.map((write) => write.type),
      writes.map((write) => write.mesh),
      writes.map((write) => write.name),
      writes.map((write) => write.expectedRevision),
      writes.map((write) => timestamp(write.deletedAtMs)),
      writes.map((write) => bytesOfHex(write.offeredEntry)),
      at.revision,
      timestamp(at.atMs),
      writes.map((write) => timestamp(write.absentSinceMs)),
      writes.map((write) => write.suspended === true),
    ],
  )
  return count
}

/** Tombstones under another name: theirs is taken, and what was offered of them is still remembered. */
export async function moveTombstones(sql: Sql, moves: WritePlan['movedTombstones']): Promise<number> {
  const { count } = await sql.run(
    'move tombstones',
    `update resources r set name = n.moved_to
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) n (type, mesh, name, moved_to)
     where r.type = n.type and r.mesh = n.mesh and r.name = n.name and r.deleted`,
    [
      moves.map((move) => move.type),
      moves.map((move) => move.mesh),
      moves.map((move) => move.name),
      moves.map((move) => move.to),
    ],
  )
  return count
}

/** Tombstones whose place elsewhere is taken by a row of another name: one name would be removed and offered at once. */
export async function dropReplacedTombstones(sql: Sql, writes: readonly RowWrite[]): Promise<void> {
  await sql.run(
    'drop replaced tombstones',
    `delete from resources r using unnest($1::text[], $2::text[], $3::text[], $4::text[]) n (type, mesh, name, export_name)
     where r.type = n.type and r.mesh = n.mesh and r.export_name = n.export_name and r.name <> n.name
       and r.deleted and r.offered_entry is null`,
    [
      writes.map((write) => write.type),
      writes.map((write) => write.mesh),
      writes.map((write) => write.name),
      writes.map((write) => write.row.exportName),
    ],
  )
}

/** Bookkeeping of what was offered: no revision, for nobody else is concerned. */
export async function writeOffered(sql: Sql, writes: readonly OfferedWrite[]): Promise<void> {
  await sql.run(
    'write offered',
    `update resources r set offered_entry = n.offered_entry, hold_id = n.hold_id, absent_since = n.absent_since
     from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::timestamptz[])
       n (type, mesh, name, offered_entry, hold_id, absent_since)
     where r.type = n.type and r.mesh = n.mesh and r.name = n.name
       and (r.offered_entry, r.hold_id, r.absent_since) is distinct from (n.offered_entry, n.hold_id, n.absent_since)`,
    [
      writes.map((write) => write.type),
      writes.map((write) => write.mesh),
      writes.map((write) => write.name),
      writes.map((write) => bytesOfHex(write.offeredEntry)),
      writes.map((write) => write.holdId ?? null),
      writes.map((write) => timestamp(write.absentSinceMs)),
    ],
  )
}

export async function writeStatuses(sql: Sql, writes: WritePlan['statuses'], at: Commit): Promise<void> {
  await sql.run(
    'write statuses',
    `update resources r set status = n.status, offered_status_entry = n.offered_status_entry,
       status_revision = case when r.status is distinct from n.status then $6::bigint else r.status_revision end
     from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[])
       n (type, mesh, name, status, offered_status_entry)
     where r.type = n.type and r.mesh = n.mesh and r.name = n.name
       and (r.status, r.offered_status_entry) is distinct from (n.status, n.offered_status_entry)`,
    [
      writes.map((write) => write.type),
      writes.map((write) => write.mesh),
      writes.map((write) => write.name),
      writes.map((write) => write.status ?? null),
      writes.map((write) => bytesOfHex(write.offeredStatusEntry)),
      at.revision,
    ],
  )
}
