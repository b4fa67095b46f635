import type { HeldLease, LeaseRecord, LeaseTake } from '../../lease-port.js'
import { LeaseLost } from '../../plan/lease-lost.js'
import type { Sql } from '../sql.js'

/** A holder that comes back in time keeps its token, also if its lease had lapsed and nobody wanted it. */
export async function takeLeases(
  sql: Sql,
  { holder, place, names, ttlMs, gone }: LeaseTake,
): Promise<readonly HeldLease[]> {
  const { rows } = await sql.run<HeldLease>(
    'take leases',
    `insert into leases as l (name, holder, place, token, taken_at, expires_at)
     select n.name, $2, $3, 1, clock_timestamp(), clock_timestamp() + $4 * interval '1 millisecond'
     from unnest($1::text[]) n (name) order by n.name
     on conflict (name) do update set holder = excluded.holder, place = excluded.place,
       token = case when l.holder = excluded.holder then l.token else l.token + 1 end,
       taken_at = case when l.holder = excluded.holder then l.taken_at else excluded.taken_at end,
       expires_at = clock_timestamp() + $4 * interval '1 millisecond'
     where l.holder = excluded.holder or l.expires_at <= clock_timestamp() or l.holder = any($5::text[])
     returning l.name, l.holder, l.token`,
    [names, holder, place, ttlMs, gone],
  )
  return rows
}

export async function releaseLeases(sql: Sql, holder: string, names: readonly string[]): Promise<void> {
  await sql.run(
    'release leases',
    'update leases set expires_at = clock_timestamp() where holder = $1 and name = any($2::text[])',
    [holder, names],
  )
}

export async function listLeases(sql: Sql): Promise<readonly LeaseRecord[]> {
  const { rows } = await sql.run<{
    readonly name: string
    readonly holder: string
    readonly place: string
    readonly token: number
    readonly held_for: number
    readonly expires_in: number
  }>(
    'list leases',
    `select name, holder, place, token, extract(epoch from clock_timestamp() - taken_at)::float8 * 1000 as held_for,
       greatest(0, extract(epoch from expires_at - clock_timestamp())::float8 * 1000) as expires_in
     from leases order by name`,
  )
  return rows.map(({ held_for: heldForMs, expires_in: expiresInMs, ...row }) => ({ ...row, heldForMs, expiresInMs }))
}

/** Which of these are not held any more; the others are kept from being taken until the transaction ends. */
export async function lostLeases(sql: Sql, leases: readonly HeldLease[]): Promise<ReadonlySet<HeldLease>> {
  const { rows } = await sql.run<HeldLease>(
    'lock leases',
    'select name, holder, token from leases where name = any($1::text[]) order by name for share',
    [leases.map(({ name }) => name)],
  )
  return new Set(
    leases.filter(
      (lease) => !rows.some((r) => r.name === lease.name && r.holder === lease.holder && r.token === lease.token),
    ),
  )
}

/** @throws LeaseLost if another process has taken it */
export async function lockLease(sql: Sql, lease: HeldLease): Promise<void> {
  if ((await lostLeases(sql, [lease])).size > 0) throw new LeaseLost(lease.name)
}
