import type { Brake } from '../../plan/types.js'
import { type ZoneObject, zoneObjectsOf } from '../../plan/zone-objects.js'
import type { SessionRecord, ZoneRecord } from '../../port.js'
import { type Sql, timestamp } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'
import { type ZoneRecordColumns, zoneColumns, zoneRowOf } from './sync-read.js'

const sessionsPerPeerMax = 10

/**
 * The session's row and its fence in one statement: every older session of the peer is void from here on. The streams of a
 * plain zone have a fence each (`peer/down`, `peer/up`), and leave each other alone; a session of both voids them, and
 * the reverse.
 */
export async function openSession(
  sql: Sql,
  session: Omit<SessionRecord, 'counters' | 'closedAtMs' | 'closeReason' | 'lastHeartbeatMs'> & {
    readonly stream?: 'down' | 'up' | undefined
  },
): Promise<number> {
  const { rows } = await sql.run<{ fence: number }>(
    'open session',
    `with opened as (
       insert into sessions (session_id, peer, opened_at, instance_id, peer_instance_id, peer_version, extension, stream)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (session_id) do update set closed_at = null, close_reason = null
     ), superseded as (
       update sessions set closed_at = $3, close_reason = 'a newer session has opened'
       where peer = $2 and closed_at is null and session_id <> $1 and (stream = $8 or stream = '' or $8 = '')
     ), forgotten as (
       delete from sessions where peer = $2 and session_id in (
         select session_id from sessions where peer = $2 and session_id <> $1
         order by opened_at desc, session_id offset ${sessionsPerPeerMax - 1})
       returning session_id
     ), silenced as (
       delete from heartbeats where session_id in (select session_id from forgotten)
     ), voided as (
       update session_fence set fence = fence + 1, session_id = $1
       where $8 = '' and peer in ($2 || '/down', $2 || '/up') or $8 <> '' and peer = $2
     )
     insert into session_fence as f (peer, fence, session_id)
     values (case when $8 = '' then $2 else $2 || '/' || $8 end, 1, $1)
     on conflict (peer) do update set fence = f.fence + 1, session_id = excluded.session_id
     returning f.fence`,
    [
      session.sessionId,
      session.peer,
      timestamp(session.openedAtMs),
      session.instanceId,
      session.peerInstanceId,
      session.peerVersion,
      session.extension,
      session.stream ?? '',
    ],
  )
  const [row] = rows
  if (row === undefined) throw new Error('the fence of a session was not written')
  return row.fence
}

/** Fences as they stand, kept from moving until the transaction ends. */
export async function lockFences(sql: Sql, peers: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql.run<{ peer: string; fence: number }>(
    'lock fences',
    'select peer, fence from session_fence where peer = any($1::text[]) order by peer for share',
    [peers],
  )
  return new Map(rows.map((row) => [row.peer, row.fence]))
}

export interface Beat {
  readonly sessionId: string
  readonly peer: string
  readonly ackedRevision: number
  readonly counters: SessionRecord['counters']
}

export async function writeHeartbeats(sql: Sql, beats: readonly Beat[], atMs: number): Promise<void> {
  await sql.run(
    'write heartbeats',
    `insert into heartbeats (session_id, peer, at, acked_revision, counters)
     select n.session_id, n.peer, $5, n.acked_revision, n.counters
     from unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[]) n (session_id, peer, acked_revision, counters)
     where exists (select from sessions s where s.session_id = n.session_id and s.closed_at is null)
     order by 1
     on conflict (session_id) do update set at = excluded.at, acked_revision = excluded.acked_revision,
       counters = excluded.counters`,
    [
      beats.map((beat) => beat.sessionId),
      beats.map((beat) => beat.peer),
      beats.map((beat) => beat.ackedRevision),
      beats.map((beat) => JSON.stringify(beat.counters)),
      timestamp(atMs),
    ],
  )
}

export async function closeSession(sql: Sql, sessionId: string, reason: string, atMs: number): Promise<void> {
  await sql.run(
    'close session',
    'update sessions set closed_at = $2, close_reason = $3 where session_id = $1 and closed_at is null',
    [sessionId, timestamp(atMs), reason],
  )
}

export async function lastSessions(sql: Sql): Promise<readonly SessionRecord[]> {
  const { rows } = await sql.run<{
    readonly session_id: string
    readonly peer: string
    readonly opened_at: number
    readonly closed_at: number | null
    readonly close_reason: string | null
    readonly instance_id: string
    readonly peer_instance_id: string
    readonly peer_version: string
    readonly extension: boolean
    readonly at: number | null
    readonly counters: SessionRecord['counters'] | null
  }>(
    'last sessions',
    `select s.session_id, s.peer, s.opened_at, s.closed_at, s.close_reason, s.instance_id, s.peer_instance_id,
       s.peer_version, s.extension, b.at, b.counters
     from sessions s left join heartbeats b using (session_id)
     order by s.peer, s.opened_at desc, s.session_id`,
  )
  return rows.map((row) => ({
    sessionId: row.session_id,
    peer: row.peer,
    openedAtMs: row.opened_at,
    instanceId: row.instance_id,
    peerInstanceId: row.peer_instance_id,
    peerVersion: row.peer_version,
    extension: row.extension,
    counters: row.counters ?? {},
    ...(row.closed_at === null ? {} : { closedAtMs: row.closed_at }),
    ...(row.close_reason === null ? {} : { closeReason: row.close_reason }),
    ...(row.at === null ? {} : { lastHeartbeatMs: row.at }),
  }))
}

export async function zoneRecords(sql: Sql): Promise<readonly ZoneRecord[]> {
  const { rows } = await sql.run<ZoneRecordColumns>('zone records', `select ${zoneColumns} from zones z order by name`)
  return rows.map(zoneRowOf)
}

export async function deletedZones(sql: Sql, names: readonly string[]): Promise<readonly string[]> {
  const { rows } = await sql.run<{ name: string }>(
    'deleted zones',
    `select n.name from unnest($1::text[]) n (name)
     left join resources r on r.type = 'Zone' and r.mesh = '' and r.name = n.name
     left join zones z on z.name = n.name
     where coalesce(r.deleted, z.store_id is not null)`,
    [names],
  )
  return rows.map((row) => row.name)
}

/** A label or another spec than the usual one: which, is decided on the row. */
export async function zoneObjects(sql: Sql): Promise<readonly ZoneObject[]> {
  const { rows } = await sql.run<ResourceRecord>(
    'zone objects',
    `select ${resourceColumns} from resources r where r.type = 'Zone' and r.mesh = '' and not r.deleted order by r.name`,
  )
  return zoneObjectsOf(rows.map(rowOf))
}

/** Of these, the zones that are paused. */
export async function pausedZones(
  sql: Sql,
  names: readonly string[],
): Promise<readonly { readonly zone: string; readonly brake: Brake }[]> {
  const { rows } = await sql.run<{ name: string; paused_at: number; paused_by: string; pause_reason: string }>(
    'paused zones',
    'select name, paused_at, paused_by, pause_reason from zones where name = any($1::text[]) and paused_at is not null',
    [names],
  )
  return rows.map((row) => ({
    zone: row.name,
    brake: { by: row.paused_by, atMs: row.paused_at, reason: row.pause_reason },
  }))
}

/** Every session that a zone has now is void from here on, those of the single streams of a plain one too. */
export async function voidFences(sql: Sql, peer: string): Promise<void> {
  await sql.run(
    'void fences',
    "update session_fence set fence = fence + 1 where peer in ($1, $1 || '/down', $1 || '/up')",
    [peer],
  )
}
