import type { Acked } from '../acks.js'
import type { Sql } from '../sql.js'

/** Only for sessions whose fence still stands (OWN). */
export async function writeAcked(sql: Sql, batch: readonly Acked[]): Promise<void> {
  await sql.run(
    'write acked',
    `insert into cursors as c (peer, channel, side, epoch, revision, tag, unsettled)
     select n.peer, n.channel, n.side, n.epoch, n.revision, n.tag,
       array(select jsonb_array_elements_text(n.unsettled))
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::jsonb[], $8::text[],
         $9::bigint[])
       n (peer, channel, side, epoch, revision, tag, unsettled, fenced, fence)
     where n.fence is null
       or n.fence = (select f.fence from session_fence f where f.peer = n.fenced)
     order by n.peer, n.channel, n.side
     on conflict (peer, channel, side) do update set epoch = excluded.epoch, revision = excluded.revision,
       tag = excluded.tag, unsettled = excluded.unsettled
     where (c.epoch, c.revision, c.tag, c.unsettled)
       is distinct from (excluded.epoch, excluded.revision, excluded.tag, excluded.unsettled)`,
    [
      batch.map((acked) => acked.peer),
      batch.map((acked) => acked.channel),
      batch.map((acked) => acked.side),
      batch.map((acked) => acked.cursor.epoch),
      batch.map((acked) => acked.cursor.revision),
      batch.map((acked) => acked.cursor.tag),
      batch.map((acked) => JSON.stringify(acked.except ?? [])),
      // One stream of a plain zone has a fence of its own.
      batch.map((acked) => acked.fence?.peer ?? null),
      batch.map((acked) => acked.fence?.fence ?? null),
    ],
  )
}
