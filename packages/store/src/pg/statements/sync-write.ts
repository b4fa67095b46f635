import { bucketOf } from '@holdfast/model'
import type { CursorRow, WritePlan } from '../../plan/types.js'
import { bytesOfHex, type Sql, timestamp } from '../sql.js'
import type { Commit } from './rows-write.js'

export async function writeRefused(sql: Sql, rows: WritePlan['refused']): Promise<void> {
  await sql.run(
    'write refused',
    `insert into refused (peer, channel, type, mesh, name, origin, export_name, bucket, newcomer, entry, reason,
       remembered, since, next_try, tries)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::smallint[], $9::boolean[], $10::bytea[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[],
       $15::integer[]) n
     order by 1, 2, 3, 4, 5
     on conflict (peer, channel, type, mesh, name) do update set origin = excluded.origin,
       export_name = excluded.export_name, bucket = excluded.bucket, newcomer = excluded.newcomer,
       entry = excluded.entry, reason = excluded.reason, remembered = excluded.remembered, since = excluded.since,
       next_try = excluded.next_try, tries = excluded.tries`,
    [
      rows.map((row) => row.peer),
      rows.map((row) => row.channel),
      rows.map((row) => row.type),
      rows.map((row) => row.mesh),
      rows.map((row) => row.name),
      rows.map((row) => row.origin),
      rows.map((row) => row.exportName),
      rows.map((row) => bucketOf(row.type, row.mesh, row.exportName)),
      rows.map((row) => row.newcomer),
      rows.map((row) => bytesOfHex(row.entry)),
      rows.map((row) => row.reason),
      rows.map((row) => row.remembered ?? null),
      rows.map((row) => timestamp(row.sinceMs)),
      rows.map((row) => timestamp(row.nextTryMs)),
      rows.map((row) => row.tries),
    ],
  )
}

export async function clearRefused(sql: Sql, keys: WritePlan['refusedCleared']): Promise<void> {
  await sql.run(
    'clear refused',
    `delete from refused f using unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
       n (peer, channel, type, mesh, name)
     where f.peer = n.peer and f.channel = n.channel and f.type = n.type and f.mesh = n.mesh and f.name = n.name`,
    [
      keys.map((key) => key.peer),
      keys.map((key) => key.channel),
      keys.map((key) => key.type),
      keys.map((key) => key.mesh),
      keys.map((key) => key.name),
    ],
  )
}

/** A row only where something changes: hiding what is hidden is no entry of the log. */
export async function writeVisibility(sql: Sql, rows: WritePlan['visibility'], at: Commit): Promise<void> {
  await sql.run(
    'write visibility',
    `insert into origin_visibility as v (origin, hidden, revision)
     select n.origin, n.hidden, $3 from unnest($1::text[], $2::boolean[]) n (origin, hidden)
     order by n.origin
     on conflict (origin) do update set hidden = excluded.hidden, revision = excluded.revision
     where v.hidden <> excluded.hidden`,
    [rows.map((row) => row.origin), rows.map((row) => row.hidden), at.revision],
  )
}

/** After the rows themselves, which get the time of the commit. */
export async function writeZoneTimes(sql: Sql, rows: WritePlan['zoneTimes']): Promise<void> {
  await sql.run(
    'write zone times',
    `update resources r set created_at = n.created_at, modified_at = n.modified_at
     from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) n (name, created_at, modified_at)
     where r.type = 'Zone' and r.mesh = '' and r.name = n.name`,
    [
      rows.map(({ name }) => name),
      rows.map(({ createdAtMs }) => timestamp(createdAtMs)),
      rows.map(({ modifiedAtMs }) => timestamp(modifiedAtMs)),
    ],
  )
}

export async function writeZones(sql: Sql, rows: WritePlan['zones']): Promise<void> {
  await sql.run(
    'write zones',
    `insert into zones as z (name, store_id, ever_in_step, claimant_store_id, claimed_at, adopted_at, owes_return,
       decommissioned_at, paused_at, paused_by, pause_reason)
     select * from unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::timestamptz[], $6::timestamptz[],
       $7::boolean[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[]) n
     order by 1
     on conflict (name) do update set store_id = excluded.store_id,
       ever_in_step = (z.ever_in_step or excluded.ever_in_step) and excluded.decommissioned_at is null,
       claimant_store_id = excluded.claimant_store_id, claimed_at = excluded.claimed_at,
       adopted_at = excluded.adopted_at, owes_return = excluded.owes_return,
       decommissioned_at = excluded.decommissioned_at,
       paused_at = excluded.paused_at, paused_by = excluded.paused_by, pause_reason = excluded.pause_reason`,
    [
      rows.map((row) => row.name),
      rows.map((row) => row.storeId ?? null),
      rows.map((row) => row.everInStep),
      rows.map((row) => row.claimantStoreId ?? null),
      rows.map((row) => timestamp(row.claimedAtMs)),
      rows.map((row) => timestamp(row.adoptedAtMs)),
      rows.map((row) => row.owesReturn === true),
      rows.map((row) => timestamp(row.decommissionedAtMs)),
      rows.map((row) => timestamp(row.paused?.atMs)),
      rows.map((row) => row.paused?.by ?? null),
      rows.map((row) => row.paused?.reason ?? null),
    ],
  )
}

export async function setZonesInStep(sql: Sql, names: readonly string[]): Promise<void> {
  await sql.run(
    'set zones in step',
    'update zones set ever_in_step = true where name = any($1::text[]) and not ever_in_step',
    [names],
  )
}

export async function insertAudit(sql: Sql, rows: WritePlan['audit'], at: Commit): Promise<void> {
  await sql.run(
    'insert audit',
    // Numbered first, for the number is part of what is hashed. Whoever writes holds the row of the head, so no two
    // chains grow side by side.
    `with numbered as materialized (
       select nextval(pg_get_serial_sequence('audit', 'id')) as id, n.*, $6::bigint as revision
       from (select * from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::jsonb[])
         with ordinality n (at, actor, action, subject, detail, place) order by place) n
     ), chained as (
       select max(id) as last, sha256(
         coalesce((select a.chain from audit a where a.chain is not null order by a.id desc limit 1), '')
         || convert_to(string_agg(audit_line(id, at, actor, action, subject, detail, revision), e'\n' order by id), 'UTF8')
       ) as hash
       from numbered
     )
     insert into audit (id, at, actor, action, subject, detail, revision, chain) overriding system value
     select n.id, n.at, n.actor, n.action, n.subject, n.detail, n.revision, case when n.id = c.last then c.hash end
     from numbered n cross join chained c`,
    [
      rows.map((row) => timestamp(row.atMs)),
      rows.map((row) => row.actor),
      rows.map((row) => row.action),
      rows.map((row) => row.subject),
      rows.map((row) => JSON.stringify(row.detail)),
      at.revision,
    ],
  )
}

/** A verified mark (`provenAtMs` set) ends what was said of a divergence. */
export async function writeCursors(sql: Sql, rows: readonly CursorRow[]): Promise<void> {
  await sql.run(
    'write cursors',
    `insert into cursors as c (peer, channel, side, epoch, revision, tag, partial_revision, partial_type_order,
       partial_mesh, partial_name, proven_at)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[],
       $8::integer[], $9::text[], $10::text[], $11::timestamptz[]) n
     order by 1, 2, 3
     on conflict (peer, channel, side) do update set epoch = excluded.epoch, revision = excluded.revision,
       tag = excluded.tag, partial_revision = excluded.partial_revision,
       partial_type_order = excluded.partial_type_order, partial_mesh = excluded.partial_mesh,
       partial_name = excluded.partial_name, proven_at = coalesce(excluded.proven_at, c.proven_at),
       diverged_at = case when excluded.proven_at is null then c.diverged_at end,
       diverged_type = case when excluded.proven_at is null then c.diverged_type end,
       diverged_types = case when excluded.proven_at is null then c.diverged_types else '{}' end`,
    [
      rows.map((row) => row.peer),
      rows.map((row) => row.channel),
      rows.map((row) => row.side),
      rows.map((row) => row.cursor?.epoch ?? null),
      rows.map((row) => row.cursor?.revision ?? null),
      rows.map((row) => row.cursor?.tag ?? null),
      rows.map((row) => row.partial?.revision ?? null),
      rows.map((row) => row.partial?.typeOrder ?? null),
      rows.map((row) => row.partial?.mesh ?? null),
      rows.map((row) => row.partial?.name ?? null),
      rows.map((row) => timestamp(row.provenAtMs)),
    ],
  )
}
