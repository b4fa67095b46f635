import type { ResourceKey, Vips } from '@holdfast/model'
import type { Derived } from '../../plan/scrub.js'
import type { Owner } from '../../plan/types.js'
import type { ScrubFinding } from '../../port.js'
import { type Sql, timestamp } from '../sql.js'
import { laneSums } from './damaged.js'
import { bucketsOfType, type Page, type ScrubRow } from './scrub-read.js'

/** Columns that follow from others, as they should be; what the database computes from them follows. */
export async function mendDerived(sql: Sql, key: ResourceKey, is: Derived): Promise<void> {
  await sql.run(
    'mend derived columns',
    `update resources set origin = $4, export_name = $5, namespace = $6, display_name = $7, audience = $8, exposed = $9,
       identity = $10, bucket = $11, type_order = $12, spec = spec, status = status
     where type = $1 and mesh = $2 and name = $3`,
    [
      ...[key.type, key.mesh, key.name, is.origin, is.exportName, is.namespace, is.displayName, is.audience],
      ...[is.exposed, Buffer.from(is.identity), is.bucket, is.typeOrder],
    ],
  )
}

/** A status that is not what its origin offered counts as not offered: the proof fails, and the repair asks for it. */
export async function disbelieveStatus(sql: Sql, key: ResourceKey): Promise<void> {
  await sql.run(
    'disbelieve a status',
    'update resources set offered_status_entry = null where type = $1 and mesh = $2 and name = $3',
    [key.type, key.mesh, key.name],
  )
}

/** What is hashed is what its labels say now. */
export async function relabelRow(sql: Sql, key: ResourceKey, labels: Uint8Array): Promise<void> {
  await sql.run('relabel', 'update resources set labels_canonical = $4 where type = $1 and mesh = $2 and name = $3', [
    key.type,
    key.mesh,
    key.name,
    Buffer.from(labels),
  ])
}

/** A copy that nobody has offered counts as offered, so that the next proof fails and its origin says whether it is so. */
export async function bringUp(sql: Sql, key: ResourceKey): Promise<void> {
  await sql.run(
    'bring up a stray row',
    'update resources set offered_entry = entry where type = $1 and mesh = $2 and name = $3',
    [key.type, key.mesh, key.name],
  )
}

/** Books what the row says, family by family. @returns false if somebody else has one of the addresses */
export async function book(sql: Sql, owner: Owner, vips: Vips | undefined, atMs: number): Promise<boolean> {
  const addresses = vips?.addresses ?? []
  const of = [owner.kind, owner.mesh, owner.origin, owner.namespace, owner.displayName]
  const { rows } = await sql.run<{ taken: boolean }>(
    'addresses of others',
    `select exists (select from vip_ledger l where l.scope = 'canonical' and l.address = any($6::inet[])
       and (l.kind, l.mesh, l.origin, l.namespace, l.display_name) <> ($1, $2, $3, $4, $5)) as taken`,
    [...of, addresses],
  )
  if (rows[0]?.taken === true) return false
  await sql.run(
    'book again',
    `with gone as (
       delete from vip_ledger l where l.scope = 'canonical'
         and (l.kind, l.mesh, l.origin, l.namespace, l.display_name) = ($1, $2, $3, $4, $5)
         and l.address <> all($6::inet[]) and l.block_id is null
     )
     insert into vip_ledger (scope, kind, mesh, origin, namespace, display_name, family, address, generation, state,
       allocated_at)
     select 'canonical', $1, $2, $3, $4, $5, family(a.address), a.address, $7, 'active', $8
     from unnest($6::inet[]) a (address)
     on conflict (scope, kind, mesh, origin, namespace, display_name, family) do update set address = excluded.address,
       generation = excluded.generation, state = 'active', tombstoned_at = null, tombstoned_revision = null`,
    [...of, addresses, vips?.generation ?? 0, timestamp(atMs)],
  )
  return true
}

/** Adds a page to the sums of what is done, as its rows are now. */
export async function addPage(sql: Sql, { type, from, to }: Page): Promise<void> {
  await sql.run(
    'scrub sums',
    `select scrub_add((select array_agg(s) from (
       select row(p.part, r.type, r.origin, p.part_audience,
         sum(digest_lane(p.part_entry, 0))::bigint, sum(digest_lane(p.part_entry, 1))::bigint,
         sum(digest_lane(p.part_entry, 2))::bigint, sum(digest_lane(p.part_entry, 3))::bigint, count(*))::digest_sum s
       from resources r
       cross join lateral resource_parts(r.audience, r.entry, r.offered_entry, r.status_entry, r.offered_status_entry) p
       where r.type = $1 and r.bucket >= $2::integer and r.bucket < $3::integer
       group by p.part, r.type, r.origin, p.part_audience
     ) x))`,
    [type, from, to],
  )
}

export interface WrongSum {
  readonly part: string
  readonly origin: string
  readonly audience: string
  readonly said: number
  readonly counted: number
}

/** At the end of a type: sums that are not those of the rows, and puts the right ones there. */
export async function mendSums(sql: Sql, type: string): Promise<readonly WrongSum[]> {
  const { rows } = await sql.run<WrongSum>(
    'mend sums',
    `with counted as (
       select u.part, u.origin, u.audience, sum(u.lane0)::bigint & 4294967295 as lane0,
         sum(u.lane1)::bigint & 4294967295 as lane1, sum(u.lane2)::bigint & 4294967295 as lane2,
         sum(u.lane3)::bigint & 4294967295 as lane3, sum(u.count)::bigint as count
       from (
         select part, origin, audience, lane0, lane1, lane2, lane3, count from scrub_sums where type = $1
         union all
         select case f.channel when 'status' then 'offered_status' else 'offered' end, f.origin, '',
           ${laneSums('f.entry')}, count(*)
         from refused f where f.type = $1 and f.newcomer and f.bucket >= 0
         group by 1, 2
       ) u group by u.part, u.origin, u.audience
     ), wrong as (
       select part, origin, audience, coalesce(c.lane0, 0) as lane0, coalesce(c.lane1, 0) as lane1,
         coalesce(c.lane2, 0) as lane2, coalesce(c.lane3, 0) as lane3, coalesce(c.count, 0) as count,
         coalesce(d.count, 0) as said
       from counted c full join (select * from digests where type = $1) d using (part, origin, audience)
       where (coalesce(c.lane0, 0), coalesce(c.lane1, 0), coalesce(c.lane2, 0), coalesce(c.lane3, 0), coalesce(c.count, 0))
         <> (coalesce(d.lane0, 0), coalesce(d.lane1, 0), coalesce(d.lane2, 0), coalesce(d.lane3, 0), coalesce(d.count, 0))
     ), mended as (
       insert into digests as d (part, type, origin, audience, lane0, lane1, lane2, lane3, count)
       select part, $1, origin, audience, lane0, lane1, lane2, lane3, count from wrong
       order by part, origin, audience
       on conflict (part, type, origin, audience) do update set lane0 = excluded.lane0, lane1 = excluded.lane1,
         lane2 = excluded.lane2, lane3 = excluded.lane3, count = excluded.count
     )
     select part, origin, audience, said, count as counted from wrong order by part, origin, audience`,
    [type],
  )
  await sql.run('forget scrub sums', 'delete from scrub_sums where type = $1', [type])
  return rows
}

/** @param round every finding of an older one is over */
export async function writeFindings(
  sql: Sql,
  found: readonly Omit<ScrubFinding, 'sinceMs' | 'lastAtMs'>[],
  round: number,
  atMs: number,
): Promise<void> {
  await sql.run(
    'write scrub findings',
    `insert into scrub_findings as f (subject, problem, outcome, since, last_at, round)
     select n.subject, n.problem, n.outcome, $4, $4, $5
     from unnest($1::text[], $2::text[], $3::text[]) n (subject, problem, outcome)
     on conflict (subject) do update set problem = excluded.problem, outcome = excluded.outcome,
       last_at = excluded.last_at, round = excluded.round`,
    [found.map((f) => f.subject), found.map((f) => f.problem), found.map((f) => f.outcome), timestamp(atMs), round],
  )
}

export async function forgetFindings(sql: Sql, before: number): Promise<void> {
  await sql.run('forget scrub findings', 'delete from scrub_findings where round < $1', [before])
}

export async function moveScrub(sql: Sql, to: ScrubRow, wasMended: boolean): Promise<void> {
  await sql.run(
    'move scrub',
    `update scrub set type = $1, bucket = $2, ledger_after = $3, round = $4, round_started_at = $5, round_ended_at = $6,
       rows = $7, ticked_at = $8`,
    [
      ...[to.type, Math.min(to.bucket, bucketsOfType), to.ledgerAfter ?? null, to.round],
      ...[timestamp(to.roundStartedAtMs), timestamp(to.roundEndedAtMs), to.rows, timestamp(to.tickedAtMs)],
    ],
  )
  if (wasMended) await hasMended(sql)
}

/** A plan that was made on what was there before is made again. */
export async function hasMended(sql: Sql): Promise<void> {
  await sql.run('scrub has mended', 'update store_head set write_sequence = write_sequence + 1')
}
