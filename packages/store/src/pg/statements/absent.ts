import { type Sql, timestamp } from '../sql.js'

export interface PlainSession {
  readonly peer: string
  readonly sessionId: string
  /** Key of its fence: the peer, or one stream of it. */
  readonly key: string
  readonly fence: number
  readonly stream: string
}

/** Open sessions with plain Kuma peers that have been heard of lately: only their silence about something counts. */
export async function healthyPlainSessions(sql: Sql, heardSinceMs: number): Promise<readonly PlainSession[]> {
  const { rows } = await sql.run<PlainSession>(
    'healthy plain sessions',
    `select s.peer, s.session_id as "sessionId", f.peer as key, f.fence, s.stream
     from sessions s join session_fence f using (session_id) join heartbeats b using (session_id)
     where s.closed_at is null and not s.extension and b.at >= $1 order by s.peer, s.stream`,
    [timestamp(heardSinceMs)],
  )
  return rows
}

/** Types of which something has been missing from whole lists since before a moment. */
export async function typesWithAbsent(sql: Sql, missingSinceMs: number): Promise<readonly string[]> {
  const { rows } = await sql.run<{ readonly type: string }>(
    'types with absent',
    `select distinct type from resources
     where not deleted and absent_since is not null and absent_since <= $1 and hold_id is null order by type`,
    [timestamp(missingSinceMs)],
  )
  return rows.map((row) => row.type)
}
