import type { ReplicaRecord, ReplicaStore } from '../../replica-port.js'
import type { Sql } from '../sql.js'

/** Nobody waits so long for a stream, and nobody is missed who was silent so long. */
const forgottenMs = 60_000

/** Writes, forgets and reads in one statement: it is run every few seconds by each process. */
export async function beatReplica(
  sql: Sql,
  { instanceId, address, version, draining }: ReplicaRecord,
  silentMaxMs: number,
): Promise<readonly ReplicaRecord[]> {
  const { rows } = await sql.run<ReplicaRecord>(
    'beat of a replica',
    `with own as (
       insert into replicas as r (instance_id, address, version, draining, started_at, heard_at)
       values ($1, $2, $3, $4, clock_timestamp(), clock_timestamp())
       on conflict (instance_id) do update set address = $2, draining = $4, heard_at = clock_timestamp()
     ), gone as (
       delete from replicas where instance_id <> $1 and heard_at < clock_timestamp() - $6 * interval '1 millisecond'
     ), over as (
       delete from lone_streams where at < clock_timestamp() - $6 * interval '1 millisecond'
     )
     select instance_id as "instanceId", address, version, draining from replicas
     where instance_id <> $1 and heard_at > clock_timestamp() - $5 * interval '1 millisecond' order by instance_id`,
    [instanceId, address, version, draining, silentMaxMs, forgottenMs],
  )
  return rows
}

export async function leaveReplicas(sql: Sql, instanceId: string): Promise<void> {
  await sql.run('leave replicas', 'delete from replicas where instance_id = $1', [instanceId])
}

export async function replicaKey(sql: Sql, candidate: Uint8Array): Promise<Uint8Array> {
  await sql.run('make replica key', 'insert into replica_key (key) values ($1) on conflict do nothing', [
    Buffer.from(candidate),
  ])
  const { rows } = await sql.run<{ key: Buffer }>('replica key', 'select key from replica_key')
  const [row] = rows
  if (row === undefined) throw new Error('replica_key has no row')
  return row.key
}

export async function noteLoneStream(sql: Sql, session: string, instanceId: string): Promise<void> {
  await sql.run(
    'note a lone stream',
    `insert into lone_streams (session, instance_id, at) values ($1, $2, clock_timestamp())
     on conflict (session) do update set instance_id = excluded.instance_id, at = excluded.at`,
    [session, instanceId],
  )
}

export async function whereStreamWaits(sql: Sql, session: string): Promise<string | undefined> {
  const { rows } = await sql.run<{ instance_id: string }>(
    'where a stream waits',
    'select instance_id from lone_streams where session = $1',
    [session],
  )
  return rows[0]?.instance_id
}

export const pgReplicas = (sql: Sql): ReplicaStore => ({
  beat: (own, { silentMaxMs }) => beatReplica(sql, own, silentMaxMs),
  leave: (instanceId) => leaveReplicas(sql, instanceId),
  key: (candidate) => replicaKey(sql, candidate),
  waits: (session, instanceId) => noteLoneStream(sql, session, instanceId),
  whereWaits: (session) => whereStreamWaits(sql, session),
})
