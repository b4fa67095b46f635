import type { Channel, RepairTurns } from '@holdfast/kds'
import { repairTurns } from '../../plan/repairs.js'
import { type Sql, timestamp } from '../sql.js'

interface Repairs {
  readonly peer: string
  readonly channel: Channel
  readonly types: readonly string[]
  readonly nowMs: number
}

interface InLog {
  /** The sender's log that is compared with. */
  readonly epoch: string
}

/** Whose turn it is. */
export async function turnsOf(sql: Sql, of: Repairs & InLog): Promise<RepairTurns> {
  const { rows } = await sql.run<{ type: string; epoch: string; at: number }>(
    'last repairs',
    'select type, epoch, at from repairs where peer = $1 and channel = $2 and type = any($3::text[])',
    [of.peer, of.channel, of.types],
  )
  const last = new Map(rows.map((row) => [row.type, { epoch: row.epoch, atMs: row.at }]))
  return repairTurns(of, (type) => last.get(type))
}

export async function noteRepairs(sql: Sql, { peer, channel, epoch, types, nowMs }: Repairs & InLog): Promise<void> {
  await sql.run(
    'note repairs',
    `insert into repairs (peer, channel, type, epoch, at) select $1, $2, n.type, $5, $4 from unnest($3::text[]) n (type)
     order by n.type
     on conflict (peer, channel, type) do update set epoch = excluded.epoch, at = excluded.at`,
    [peer, channel, types, timestamp(nowMs), epoch],
  )
}

/** Since when is kept; which types may change from one try to the next. A verified mark ends it. */
export async function noteDivergence(sql: Sql, { peer, channel, types, nowMs }: Repairs): Promise<void> {
  await sql.run(
    'note divergence',
    `insert into cursors as c (peer, channel, side, diverged_at, diverged_types) values ($1, $2, 'received', $3, $4)
     on conflict (peer, channel, side) do update
       set diverged_at = coalesce(c.diverged_at, excluded.diverged_at), diverged_types = excluded.diverged_types`,
    [peer, channel, timestamp(nowMs), types],
  )
}
