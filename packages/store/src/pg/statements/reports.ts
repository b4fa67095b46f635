import type { PeerReportRow } from '../../guards.js'
import { type Sql, timestamp } from '../sql.js'

/** Of a zone that was deleted nobody wants to know any more. */
export const isReportOfNow = `not exists (select from zones s where s.name = p.peer and s.store_id is not null)
       or exists (select from resources z where z.type = 'Zone' and z.mesh = '' and z.name = p.peer and not z.deleted)`

export async function allReports(sql: Sql): Promise<readonly PeerReportRow[]> {
  const { rows } = await sql.run<{ peer: string; hash: string; body: string; at: number }>(
    'peer reports',
    `select p.peer, p.hash, p.body, p.at from peer_reports p where ${isReportOfNow} order by p.peer`,
  )
  return rows.map(({ at, ...row }) => ({ ...row, atMs: at }))
}

/** Of the newest session of the peer only, and only what is new. A plain zone's streams are fenced as `peer/stream`. */
export async function writeReport(sql: Sql, { peer, hash, body, atMs }: PeerReportRow, sessionId: string) {
  await sql.run(
    'write peer report',
    `insert into peer_reports as r (peer, hash, body, at)
     select $1, $2, $3, $4 where exists (select from session_fence f where f.session_id = $5)
     on conflict (peer) do update set hash = excluded.hash, body = excluded.body, at = excluded.at
     where r.hash <> excluded.hash`,
    [peer, hash, body, timestamp(atMs), sessionId],
  )
}
