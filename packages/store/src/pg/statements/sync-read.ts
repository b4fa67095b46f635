import type { Channel } from '@holdfast/kds'
import { type Digest, hex, type Origin } from '@holdfast/model'
import type { Due } from '../../plan/due.js'
import type { ZoneFacts } from '../../plan/loaded.js'
import type { AuditRow, CursorRow, Needs, RefusedRow, ZoneRow } from '../../plan/types.js'
import type { AuditFilter } from '../../port.js'
import { type Sql, timestamp } from '../sql.js'
import { laneSums, sqlDamaged } from './damaged.js'

interface RefusedRecord {
  readonly peer: string
  readonly channel: Channel
  readonly type: string
  readonly mesh: string
  readonly name: string
  readonly origin: Origin
  readonly export_name: string
  readonly newcomer: boolean
  readonly entry: Buffer
  readonly reason: string
  readonly remembered: string | null
  readonly since: number
  readonly next_try: number
  readonly tries: number
}

const refusedOf = (record: RefusedRecord): RefusedRow => ({
  peer: record.peer,
  channel: record.channel,
  type: record.type,
  mesh: record.mesh,
  name: record.name,
  origin: record.origin,
  exportName: record.export_name,
  newcomer: record.newcomer,
  entry: hex(record.entry),
  reason: record.reason,
  sinceMs: record.since,
  nextTryMs: record.next_try,
  tries: record.tries,
  ...(record.remembered === null ? {} : { remembered: record.remembered }),
})

const refusedColumns =
  'f.peer, f.channel, f.type, f.mesh, f.name, f.origin, f.export_name, f.newcomer, f.entry, f.reason, ' +
  'f.remembered, f.since, f.next_try, f.tries'

export async function refusedOfPeers(sql: Sql, of: Needs['refusedOf']): Promise<readonly RefusedRow[]> {
  const { rows } = await sql.run<RefusedRecord>(
    'refused of peers',
    `select ${refusedColumns} from refused f join unnest($1::text[], $2::text[]) k (peer, type)
       on f.peer = k.peer and f.type = k.type`,
    [of.map((one) => one.peer), of.map((one) => one.type)],
  )
  return rows.map(refusedOf)
}

export async function allRefused(sql: Sql): Promise<readonly RefusedRow[]> {
  const { rows } = await sql.run<RefusedRecord>(
    'all refused',
    `select ${refusedColumns} from refused f order by f.peer, f.channel, f.type, f.mesh, f.name`,
  )
  return rows.map(refusedOf)
}

export async function oldestRefused(sql: Sql, limit: number): Promise<readonly RefusedRow[]> {
  const { rows } = await sql.run<RefusedRecord>(
    'oldest refused',
    `select ${refusedColumns} from refused f order by f.since, f.peer, f.channel, f.type, f.mesh, f.name limit $1`,
    [limit],
  )
  return rows.map(refusedOf)
}

export async function refusedCounts(
  sql: Sql,
): Promise<readonly { readonly peer: string; readonly type: string; readonly count: number }[]> {
  const { rows } = await sql.run<{ peer: string; type: string; count: number }>(
    'refused counts',
    'select peer, type, count(*) as count from refused group by peer, type order by peer, type',
  )
  return rows
}

/** Refusals whose back-off has passed, oldest first. */
export async function dueRefusals(
  sql: Sql,
  of: { readonly peer: string; readonly channel: Channel; readonly due: Due; readonly limit: number },
): Promise<readonly { readonly type: string; readonly mesh: string; readonly name: string }[]> {
  const { rows } = await sql.run<{ type: string; mesh: string; name: string }>(
    'due refusals',
    `select type, mesh, export_name as name from refused where peer = $1 and channel = $2
       and (next_try <= $3 or next_try > $4)
     order by next_try, type, mesh, export_name limit $5`,
    [of.peer, of.channel, timestamp(of.due.untilMs), timestamp(of.due.afterMs), of.limit],
  )
  return rows
}

interface CursorRecord {
  readonly peer: string
  readonly channel: Channel
  readonly side: CursorRow['side']
  readonly epoch: string | null
  readonly revision: number | null
  readonly tag: string | null
  readonly partial_revision: number | null
  readonly partial_type_order: number | null
  readonly partial_mesh: string | null
  readonly partial_name: string | null
  readonly proven_at: number | null
  readonly diverged_at: number | null
  readonly diverged_types: readonly string[]
  readonly unsettled: readonly Origin[]
}

export const cursorColumns =
  'c.peer, c.channel, c.side, c.epoch, c.revision, c.tag, c.partial_revision, c.partial_type_order, c.partial_mesh, ' +
  'c.partial_name, c.proven_at, c.diverged_at, c.diverged_types, c.unsettled'

const cursorOf = (record: CursorRecord): CursorRow => {
  const { epoch, revision, tag, partial_revision, partial_type_order, partial_mesh, partial_name, proven_at } = record
  const { diverged_at, diverged_types, unsettled } = record
  const partial =
    partial_revision === null || partial_type_order === null || partial_mesh === null || partial_name === null
      ? {}
      : {
          partial: {
            revision: partial_revision,
            typeOrder: partial_type_order,
            mesh: partial_mesh,
            name: partial_name,
          },
        }
  return {
    peer: record.peer,
    channel: record.channel,
    side: record.side,
    ...(epoch === null || revision === null || tag === null ? {} : { cursor: { epoch, revision, tag } }),
    ...partial,
    ...(proven_at === null ? {} : { provenAtMs: proven_at }),
    ...(unsettled.length === 0 ? {} : { except: unsettled }),
    ...(diverged_at === null ? {} : { diverged: { sinceMs: diverged_at, types: diverged_types } }),
  }
}

export async function cursorsOf(sql: Sql, of: Needs['cursors']): Promise<readonly CursorRow[]> {
  const { rows } = await sql.run<CursorRecord>(
    'cursors of',
    `select ${cursorColumns} from cursors c join unnest($1::text[], $2::text[]) k (peer, channel)
       on c.peer = k.peer and c.channel = k.channel
     where c.side = 'received'`,
    [of.map((one) => one.peer), of.map((one) => one.channel)],
  )
  return rows.map(cursorOf)
}

/** The log of ours of which each of these zones has acked something last. */
export async function ackedLogsOf(sql: Sql, zones: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql.run<{ readonly peer: string; readonly epoch: string }>(
    'acked logs',
    `select c.peer, c.epoch from cursors c
     where c.peer = any($1::text[]) and c.channel = 'down' and c.side = 'acked' and c.epoch is not null`,
    [zones],
  )
  return new Map(rows.map(({ peer, epoch }) => [peer, epoch]))
}

/** Whether any zone of ours has acked something of our log; plain Kuma zones have no store. */
export async function wasFollowed(sql: Sql): Promise<boolean> {
  const { rows } = await sql.run<{ readonly followed: boolean }>(
    'was followed',
    `select exists (
       select from cursors c join zones z on z.name = c.peer
       where c.channel = 'down' and c.side = 'acked' and c.epoch is not null and z.store_id is not null) as followed`,
  )
  return rows[0]?.followed === true
}

export async function hasFollowed(sql: Sql, peer: string): Promise<boolean> {
  const { rows } = await sql.run<{ readonly followed: boolean }>(
    'has followed',
    `select exists (
       select from cursors c where c.peer = $1 and c.side = 'received' and c.epoch is not null) as followed`,
    [peer],
  )
  return rows[0]?.followed === true
}

export async function allCursors(sql: Sql): Promise<readonly CursorRow[]> {
  const { rows } = await sql.run<CursorRecord>(
    'all cursors',
    `select ${cursorColumns} from cursors c order by c.peer, c.channel, c.side`,
  )
  return rows.map(cursorOf)
}

export interface ZoneRecordColumns {
  readonly name: string
  readonly store_id: string | null
  readonly ever_in_step: boolean
  readonly claimant_store_id: string | null
  readonly claimed_at: number | null
  readonly adopted_at: number | null
  readonly owes_return: boolean
  readonly decommissioned_at: number | null
  readonly paused_at: number | null
  readonly paused_by: string | null
  readonly pause_reason: string | null
}

export const zoneColumns =
  'z.name, z.store_id, z.ever_in_step, z.claimant_store_id, z.claimed_at, z.adopted_at, z.owes_return, z.decommissioned_at, ' +
  'z.paused_at, z.paused_by, z.pause_reason'

export const zoneRowOf = (record: ZoneRecordColumns): ZoneRow => ({
  name: record.name,
  everInStep: record.ever_in_step,
  ...(record.store_id === null ? {} : { storeId: record.store_id }),
  ...(record.claimant_store_id === null ? {} : { claimantStoreId: record.claimant_store_id }),
  ...(record.claimed_at === null ? {} : { claimedAtMs: record.claimed_at }),
  ...(record.adopted_at === null ? {} : { adoptedAtMs: record.adopted_at }),
  ...(record.owes_return ? { owesReturn: true } : {}),
  ...(record.decommissioned_at === null ? {} : { decommissionedAtMs: record.decommissioned_at }),
  ...(record.paused_at === null
    ? {}
    : { paused: { by: record.paused_by ?? '', atMs: record.paused_at, reason: record.pause_reason ?? '' } }),
})

/** @param aliveSince a session without a sign of life since then is not there any more, whatever it says */
export async function zoneFacts(sql: Sql, names: readonly string[], aliveSince: number): Promise<readonly ZoneFacts[]> {
  const { rows } = await sql.run<
    ZoneRecordColumns & {
      readonly session_id: string | null
      readonly peer_instance_id: string | null
      readonly extension: boolean | null
      readonly superseded: readonly string[]
    }
  >(
    'zone facts',
    `select ${zoneColumns}, s.session_id, s.peer_instance_id, s.extension, array(
       select l.peer_instance_id from (
         select distinct on (o.peer_instance_id) o.peer_instance_id, o.close_reason
         from sessions o where o.peer = z.name order by o.peer_instance_id, o.opened_at desc) l
       where l.close_reason like 'a newer session%') as superseded
     from zones z left join lateral (
       select s.session_id, s.peer_instance_id, s.extension from sessions s left join heartbeats b using (session_id)
       where s.peer = z.name and s.closed_at is null and coalesce(b.at, s.opened_at) > $2
       order by s.opened_at desc limit 1) s on true
     where z.name = any($1::text[])`,
    [names, timestamp(aliveSince)],
  )
  return rows.map(({ session_id: id, peer_instance_id: instanceId, extension, superseded, ...zone }) => ({
    ...zoneRowOf(zone),
    superseded,
    hasSession: id !== null,
    ...(id === null || instanceId === null ? {} : { session: { id, instanceId, plain: extension === false } }),
  }))
}

export async function lastAudit(sql: Sql, limit: number, filter: AuditFilter = {}): Promise<readonly AuditRow[]> {
  const { actor, action, subject, sinceMs } = filter
  const { rows } = await sql.run<{
    readonly at: number
    readonly actor: string
    readonly action: string
    readonly subject: string
    readonly detail: AuditRow['detail']
  }>(
    'last audit',
    `select at, actor, action, subject, detail from audit
     where ($2::text is null or actor = $2) and ($3::text is null or action = $3)
       and ($4::text is null or strpos(subject, $4) > 0) and ($5::float8 is null or at >= to_timestamp($5 / 1000.0))
     order by id desc limit $1`,
    [limit, actor ?? null, action ?? null, subject ?? null, sinceMs ?? null],
  )
  return rows.map(({ at, ...row }) => ({ atMs: at, ...row }))
}

export interface AuditLine extends AuditRow {
  readonly id: number
  readonly revision: number
  /** As it is hashed. */
  readonly line: string
  /** On the last row of each commit. */
  readonly chain: Uint8Array | undefined
}

/** The log from its start, or after a row. */
export async function auditLines(sql: Sql, after: number, limit: number): Promise<readonly AuditLine[]> {
  const { rows } = await sql.run<{
    readonly id: number
    readonly at: number
    readonly actor: string
    readonly action: string
    readonly subject: string
    readonly detail: AuditRow['detail']
    readonly revision: number
    readonly line: string
    readonly chain: Buffer | null
  }>(
    'audit lines',
    `select id, at, actor, action, subject, detail, revision, chain,
       audit_line(id, at, actor, action, subject, detail, revision) as line
     from audit where id > $1 order by id limit $2`,
    [after, limit],
  )
  return rows.map(({ at, chain, ...row }) => ({
    ...row,
    atMs: at,
    chain: chain === null ? undefined : new Uint8Array(chain),
  }))
}

export type DigestPart = 'held' | 'offered' | 'status' | 'offered_status'

export interface DigestRow {
  readonly type: string
  readonly origin: Origin
  readonly audience: string
  readonly digest: Digest
}

export interface DigestRecord {
  readonly type: string
  readonly origin: Origin
  readonly audience: string
  readonly lane0: number
  readonly lane1: number
  readonly lane2: number
  readonly lane3: number
  readonly count: number
}

export const digestRowOf = ({
  type,
  origin,
  audience,
  lane0,
  lane1,
  lane2,
  lane3,
  count,
}: DigestRecord): DigestRow => ({
  ...{ type, origin, audience },
  digest: { lanes: [lane0, lane1, lane2, lane3], count },
})

export async function readDigests(sql: Sql, part: DigestPart): Promise<readonly DigestRow[]> {
  const { rows } = await sql.run<DigestRecord>(
    'read digests',
    'select type, origin, audience, lane0, lane1, lane2, lane3, count from digests where part = $1',
    [part],
  )
  return rows.map(digestRowOf)
}

/** What peers have offered us, by type and origin. Copies that were damaged since then count as if they were lost. */
const offeredSums: Readonly<Record<'content' | 'status', string>> = {
  content: `select type, origin, audience, lane0, lane1, lane2, lane3, count from digests where part = 'offered'
     union all
     select d.type, d.origin, '', -lane0 & 4294967295, -lane1 & 4294967295, -lane2 & 4294967295, -lane3 & 4294967295, -count
     from (select r.type, r.origin, ${laneSums('r.offered_entry')}, count(*) as count
       from resources r where ${sqlDamaged} group by r.type, r.origin) d`,
  status: "select type, origin, audience, lane0, lane1, lane2, lane3, count from digests where part = 'offered_status'",
}
const sumsOf = (channel: Channel): string => offeredSums[channel === 'status' ? 'status' : 'content']

export async function readOffered(sql: Sql, channel: Channel): Promise<readonly DigestRow[]> {
  const { rows } = await sql.run<DigestRecord>('read offered', sumsOf(channel))
  return rows.map(digestRowOf)
}

/** Where we stand with a peer, and the sums of what peers have offered us on this channel: both of one moment. */
export async function readStanding(
  sql: Sql,
  { peer, channel }: { readonly peer: string; readonly channel: Channel },
): Promise<{ readonly cursor: CursorRow | undefined; readonly offered: readonly DigestRow[] }> {
  const { rows } = await sql.run<
    (CursorRecord | { readonly peer: null }) & { readonly sums: readonly DigestRecord[] | null }
  >(
    'read standing',
    `select ${cursorColumns}, (select json_agg(s) from (${sumsOf(channel)}) s) as sums
     from (values (1)) one left join cursors c on c.peer = $1 and c.channel = $2 and c.side = 'received'`,
    [peer, channel],
  )
  const [row] = rows
  return {
    cursor: row === undefined || row.peer === null ? undefined : cursorOf(row),
    offered: (row?.sums ?? []).map(digestRowOf),
  }
}
