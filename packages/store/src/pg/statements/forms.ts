import type { ResourceKey } from '@holdfast/model'
import { dueForm, dueRefusedForm } from '../../plan/due.js'
import type { FormState } from '../../plan/forms.js'
import type { FormWrite, Row } from '../../plan/types.js'
import type { HookClaim, HookCount, HookHealth } from '../../port.js'
import { bytesOfHex, type Sql, timestamp } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'

export async function writeForms(sql: Sql, writes: readonly FormWrite[]): Promise<void> {
  await sql.run(
    'write forms',
    `insert into hook_forms (type, mesh, name, labels, type_url, spec, state, published, hook, reason, since, next_try,
       tries, row_entry)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::bytea[], $6::bytea[], $7::text[],
       $8::boolean[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::integer[], $14::bytea[])
     order by 1, 2, 3
     on conflict (type, mesh, name) do update set
       labels = excluded.labels, type_url = excluded.type_url, spec = excluded.spec, state = excluded.state,
       published = excluded.published, hook = excluded.hook, reason = excluded.reason, since = excluded.since,
       next_try = excluded.next_try, tries = excluded.tries, row_entry = excluded.row_entry`,
    [
      writes.map((write) => write.type),
      writes.map((write) => write.mesh),
      writes.map((write) => write.name),
      writes.map(({ form }) => JSON.stringify(form.labels)),
      writes.map(({ form }) => Buffer.from(form.typeUrl, 'utf8')),
      writes.map(({ form }) => form.spec),
      writes.map(({ form }) => form.state),
      writes.map(({ form }) => form.published),
      writes.map(({ form }) => form.hook ?? null),
      writes.map(({ form }) => form.reason ?? null),
      writes.map(({ form }) => timestamp(form.sinceMs)),
      writes.map(({ form }) => timestamp(form.nextTryMs)),
      writes.map(({ form }) => form.tries),
      writes.map((write) => bytesOfHex(write.rowEntry)),
    ],
  )
}

export async function removeForms(sql: Sql, keys: readonly ResourceKey[]): Promise<void> {
  await sql.run(
    'remove forms',
    `delete from hook_forms f using unnest($1::text[], $2::text[], $3::text[]) k (type, mesh, name)
     where f.type = k.type and f.mesh = k.mesh and f.name = k.name`,
    [keys.map((key) => key.type), keys.map((key) => key.mesh), keys.map((key) => key.name)],
  )
}

/**
 * Takes forms that wait for a hook and are due, fewest tries first and then in dependency order, and moves their next
 * try on: two who claim at once get different ones, and what a dead process has claimed is due again by itself. Nobody
 * claims whose hooks are not those that the store was last swept for.
 */
export async function claimForms(sql: Sql, claim: HookClaim, nowMs: number): Promise<readonly Row[]> {
  const { rows } = await sql.run<ResourceRecord>(
    'claim forms',
    `with due as (
       select f.type, f.mesh, f.name, f.tries, q.type_order from hook_forms f
       join resources q on q.type = f.type and q.mesh = f.mesh and q.name = f.name
       where f.hook = $1 and f.state = any($3::text[]) and not q.deleted
         and (f.next_try <= $2 or f.next_try > $7 and (f.state <> 'refused' or f.next_try > $8))
         and exists (select from hook_sweep s where s.fingerprint = $6)
       order by f.tries, q.type_order, f.next_try, f.type, f.mesh, f.name
       limit $4 for update of f skip locked
     ), claimed as (
       update hook_forms f set next_try = $5 from due d where f.type = d.type and f.mesh = d.mesh and f.name = d.name
     )
     select ${resourceColumns} from due d join resources r on r.type = d.type and r.mesh = d.mesh and r.name = d.name
     order by d.tries, d.type_order, r.mesh, r.name`,
    [
      ...[claim.hook, timestamp(nowMs), claim.states, claim.limit, timestamp(nowMs + claim.claimMs), claim.fingerprint],
      ...[timestamp(dueForm(nowMs, claim.claimMs).afterMs), timestamp(dueRefusedForm(nowMs).afterMs)],
    ],
  )
  return rows.map(rowOf)
}

/** Everything that waits for a hook is due at once: it answers again. */
export async function makeFormsDue(sql: Sql, hook: string, nowMs: number): Promise<void> {
  await sql.run(
    'make forms due',
    "update hook_forms set next_try = $2 where hook = $1 and state in ('waiting', 'bypassed') and next_try > $2",
    [hook, timestamp(nowMs)],
  )
}

export async function hookHealth(sql: Sql): Promise<readonly HookHealth[]> {
  const { rows } = await sql.run<{ hook: string; answers: boolean; since: number; reason: string | null }>(
    'hook health',
    'select hook, answers, since, reason from hook_health order by hook',
  )
  return rows.map(({ since, reason, ...row }) => ({ ...row, sinceMs: since, reason: reason ?? undefined }))
}

/** @returns whether that is news: only who brings it says so in the log */
export async function noteHealth(sql: Sql, health: HookHealth): Promise<boolean> {
  const { count } = await sql.run(
    'note hook health',
    `insert into hook_health as h (hook, answers, since, reason) values ($1, $2, $3, $4)
     on conflict (hook) do update set answers = excluded.answers, since = excluded.since, reason = excluded.reason
     where h.answers <> excluded.answers`,
    [health.hook, health.answers, timestamp(health.sinceMs), health.reason ?? null],
  )
  return count > 0
}

export async function countForms(sql: Sql): Promise<readonly HookCount[]> {
  const { rows } = await sql.run<{ type: string; hook: string | null; state: FormState; count: number; since: number }>(
    'count forms',
    `select f.type, f.hook, f.state, count(*) as count, min(f.since) as since
     from hook_forms f join resources r on r.type = f.type and r.mesh = f.mesh and r.name = f.name
     where not r.deleted group by 1, 2, 3 order by 1, 2, 3`,
  )
  return rows.map(({ since, hook, ...row }) => ({ ...row, hook: hook ?? undefined, oldestMs: since }))
}

/** Oldest first; those that are settled are left out. */
export async function openForms(sql: Sql, limit: number): Promise<readonly Row[]> {
  const { rows } = await sql.run<ResourceRecord>(
    'open forms',
    `select ${resourceColumns} from hook_forms f
     join resources r on r.type = f.type and r.mesh = f.mesh and r.name = f.name
     where f.state <> 'changed' and not r.deleted order by f.since, r.type_order, r.mesh, r.name limit $1`,
    [limit],
  )
  return rows.map(rowOf)
}

export interface Sweep {
  readonly fingerprint: string
  readonly typeOrder: number
  readonly mesh: string
  readonly name: string
  readonly done: boolean
}

/** Undefined: no hook was ever configured. */
export async function readSweep(sql: Sql): Promise<Sweep | undefined> {
  const { rows } = await sql.run<{
    fingerprint: string
    type_order: number
    mesh: string
    name: string
    done: boolean
  }>('read sweep', 'select fingerprint, type_order, mesh, name, done from hook_sweep')
  const [row] = rows
  if (row === undefined) return undefined
  const { type_order, ...rest } = row
  return { ...rest, typeOrder: type_order }
}

export async function writeSweep(sql: Sql, sweep: Sweep): Promise<void> {
  await sql.run(
    'write sweep',
    `insert into hook_sweep (fingerprint, type_order, mesh, name, done) values ($1, $2, $3, $4, $5)
     on conflict (one) do update set fingerprint = excluded.fingerprint, type_order = excluded.type_order,
       mesh = excluded.mesh, name = excluded.name, done = excluded.done`,
    [sweep.fingerprint, sweep.typeOrder, sweep.mesh, sweep.name, sweep.done],
  )
}

/** Live resources of these types, and whatever has a form, after a place in the order of types and names. */
export async function sweepPage(
  sql: Sql,
  after: Pick<Sweep, 'typeOrder' | 'mesh' | 'name'>,
  types: readonly string[],
  limit: number,
): Promise<readonly (ResourceKey & { readonly typeOrder: number })[]> {
  const { rows } = await sql.run<ResourceKey & { type_order: number }>(
    'sweep page',
    `select r.type, r.type_order, r.mesh, r.name from resources r
     where not r.deleted and (r.type_order, r.mesh, r.name) > ($1::integer, $2::text, $3::text)
       and (r.type = any($4::text[]) or exists (select from hook_forms f
         where f.type = r.type and f.mesh = r.mesh and f.name = r.name))
     order by r.type_order, r.mesh, r.name limit $5`,
    [after.typeOrder, after.mesh, after.name, types, limit],
  )
  return rows.map(({ type_order, ...key }) => ({ ...key, typeOrder: type_order }))
}

/** Forms that wait for a hook that is none of these: of older hooks, or written by a process that still has those. */
export async function orphanForms(sql: Sql, hooks: readonly string[], limit: number): Promise<readonly ResourceKey[]> {
  const { rows } = await sql.run<ResourceKey>(
    'orphan forms',
    `select f.type, f.mesh, f.name from hook_forms f
     join resources r on r.type = f.type and r.mesh = f.mesh and r.name = f.name
     where f.next_try is not null and f.hook <> all($1::text[]) and not r.deleted
     order by f.since, f.type, f.mesh, f.name limit $2`,
    [hooks, limit],
  )
  return rows
}
