import type { Acked } from '../acks.js'
import type { Sql } from '../sql.js'

/** Only for sessions whose fence still stands (OWN). */
export async function writeAcked(sql: Sql, batch: readonly Acked[]): Promise<void> {
  await sql.run(
    'write acked',
    `insert into cursors as c (peer, channel, side, epoch, revision, tag)
     select n.peer, n.channel, 'acked', n.epoch, n.revision, n.tag
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
       n (peer, channel, epoch, revision, tag, fence)
     where n.fence is null
       or n.fence = (select f.fence from session_fence f where f.peer = n.peer)
     order by n.peer, n.channel
     on conflict (peer, channel, side) do update set epoch = excluded.epoch, revision = excluded.revision,
       tag = excluded.tag
     where (c.epoch, c.revision, c.tag) is distinct from (excluded.epoch, excluded.revision, excluded.tag)`,
    [
      batch.map((acked) => acked.peer),
      batch.map((acked) => acked.channel),
      batch.map((acked) => acked.cursor.epoch),
      batch.map((acked) => acked.cursor.revision),
      batch.map((acked) => acked.cursor.tag),
      batch.map((acked) => acked.fence?.fence ?? null),
    ],
  )
}
