import type { NamedConflicts } from '../../plan/types.js'
import type { WitnessRow } from '../../recovery-port.js'
import type { Sql } from '../sql.js'

/**
 * A zone that has moved to another process is its from then on: the last one that sees it counts. By the clock of the
 * database: the processes of one global need not agree about the time.
 */
export async function writeWitnesses(sql: Sql, rows: readonly WitnessRow[]): Promise<void> {
  await sql.run(
    'write witnesses',
    `insert into recovery_witnesses as w (zone, epoch, heard, in_step, conflicts, open_waits, at)
     select n.zone, h.epoch, n.heard, n.in_step, array(select jsonb_array_elements_text(n.conflicts)), n.open_waits, now()
     from unnest($1::text[], $2::boolean[], $3::boolean[], $4::jsonb[], $5::jsonb[])
       n (zone, heard, in_step, conflicts, open_waits)
     cross join store_head h
     order by n.zone
     on conflict (zone) do update set epoch = excluded.epoch, heard = excluded.heard, in_step = excluded.in_step,
       conflicts = case when excluded.heard or w.epoch <> excluded.epoch then excluded.conflicts else w.conflicts end,
       open_waits = excluded.open_waits, at = excluded.at`,
    [
      rows.map((row) => row.zone),
      rows.map((row) => row.heard),
      rows.map((row) => row.inStep),
      rows.map((row) => JSON.stringify(row.conflicts)),
      rows.map((row) => (row.open === undefined ? null : JSON.stringify(row.open))),
    ],
  )
}

/** What zones said against us since the present log began. */
export async function namedConflicts(sql: Sql, zones: readonly string[]): Promise<readonly NamedConflicts[]> {
  const { rows } = await sql.run<NamedConflicts>(
    'read named conflicts',
    `select w.zone, w.conflicts from recovery_witnesses w join store_head h on h.epoch = w.epoch
     where w.zone = any($1::text[])`,
    [zones],
  )
  return rows
}

/** While zones are being heard; that they were is for those to say who hear them. */
export async function nameConflicts(sql: Sql, named: readonly NamedConflicts[]): Promise<void> {
  await sql.run(
    'name conflicts',
    `insert into recovery_witnesses as w (zone, epoch, heard, in_step, conflicts, at)
     select n.zone, h.epoch, false, false, array(select jsonb_array_elements_text(n.conflicts)), now()
     from unnest($1::text[], $2::jsonb[]) n (zone, conflicts) cross join store_head h
     order by n.zone
     on conflict (zone) do update set conflicts = excluded.conflicts,
       heard = w.heard and w.epoch = excluded.epoch, in_step = w.in_step and w.epoch = excluded.epoch,
       open_waits = case when w.epoch = excluded.epoch then w.open_waits end, epoch = excluded.epoch, at = excluded.at`,
    [named.map(({ zone }) => zone), named.map(({ conflicts }) => JSON.stringify(conflicts))],
  )
}

export async function readWitnesses(sql: Sql, withinMs: number): Promise<readonly WitnessRow[]> {
  const { rows } = await sql.run<{
    readonly zone: string
    readonly heard: boolean
    readonly in_step: boolean
    readonly conflicts: readonly string[]
    readonly open_waits: WitnessRow['open'] | null
  }>(
    'read witnesses',
    `select w.zone, w.heard, w.in_step, w.conflicts, w.open_waits
     from recovery_witnesses w join store_head h on h.epoch = w.epoch 
     where w.at > now() - make_interval(secs => $1::float / 1000) order by w.zone`,
    [withinMs],
  )
  return rows.map(({ zone, heard, in_step, conflicts, open_waits }) => ({
    ...{ zone, heard, inStep: in_step, conflicts },
    ...(open_waits === null ? {} : { open: open_waits }),
  }))
}
