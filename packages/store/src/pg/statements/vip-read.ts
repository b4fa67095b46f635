import type { Labels, Origin } from '@holdfast/model'
import type { ServiceRow } from '../../memory/verify.js'
import type { Family, HistoryEvent, HistoryRow, LedgerRow, Owner, Scope } from '../../plan/types.js'
import type { VipQuery } from '../../port.js'
import type { Sql } from '../sql.js'
import { storedVips } from './columns.js'
import { type LedgerRecord, ledgerColumns, ledgerRowOf } from './ledger-read.js'
import { Conditions } from './read.js'

const orderNames = ['kind', 'mesh', 'origin', 'namespace', 'display_name', 'scope', 'family'] as const
const orderText = orderNames.map((name) => `l.${name}`).join(', ')

/** A page of the ledger in the order of owners; `next` is where the following one begins. */
export async function ledgerPage(
  sql: Sql,
  query: VipQuery,
): Promise<{ readonly items: readonly LedgerRow[]; readonly next?: string | undefined }> {
  const conditions = owned(new Conditions(), 'l', query)
  if (!query.includeTombstoned) conditions.add("l.state = 'active'")
  const after = query.after === undefined ? undefined : afterOf(query.after)
  if (after !== undefined)
    conditions.add(`(${orderText}) > (${after.map((value) => conditions.parameter(value)).join(', ')}::smallint)`)
  const limit = conditions.parameter(query.limit + 1)
  const { rows } = await sql.run<LedgerRecord>(
    'ledger page',
    `select ${ledgerColumns} from vip_ledger l ${conditions.where} order by ${orderText} limit ${limit}`,
    conditions.values,
  )
  const items = rows.slice(0, query.limit).map(ledgerRowOf)
  const last = items.at(-1)
  return rows.length > query.limit && last !== undefined ? { items, next: placeOf(last) } : { items }
}

const placeOf = ({ kind, mesh, origin, namespace, displayName, scope, family }: LedgerRow): string =>
  Buffer.from(JSON.stringify([kind, mesh, origin, namespace, displayName, scope, family])).toString('base64url')

/** Undefined for what was never ours: then the first page is the answer. */
function afterOf(text: string): readonly unknown[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return Array.isArray(parts) && parts.length === orderNames.length ? parts : undefined
  } catch {
    return undefined
  }
}

type OwnerQuery = { readonly [K in keyof Owner]?: string | undefined } & { readonly address?: string | undefined }

const owned = (conditions: Conditions, table: string, query: OwnerQuery): Conditions =>
  conditions
    .addIf(`${table}.kind = ?`, query.kind)
    .addIf(`${table}.mesh = ?`, query.mesh)
    .addIf(`${table}.origin = ?`, query.origin)
    .addIf(`${table}.namespace = ?`, query.namespace)
    .addIf(`${table}.display_name = ?`, query.displayName)
    .addIf(`${table}.address = ?::inet`, query.address)

/** Newest first. */
export async function historyOf(sql: Sql, query: OwnerQuery, limit: number): Promise<readonly HistoryRow[]> {
  const conditions = owned(new Conditions(), 'h', query)
  const { rows } = await sql.run<{
    readonly kind: string
    readonly mesh: string
    readonly origin: Origin
    readonly namespace: string
    readonly display_name: string
    readonly scope: Scope
    readonly family: Family
    readonly address: string
    readonly generation: number
    readonly event: HistoryEvent
    readonly at: number
    readonly revision: number
    readonly why: string
  }>(
    'history',
    `select h.kind, h.mesh, h.origin, h.namespace, h.display_name, h.scope, h.family, host(h.address) as address,
       h.generation, h.event, h.at, h.revision, h.why
     from vip_history h ${conditions.where} order by h.id desc limit ${conditions.parameter(limit)}`,
    conditions.values,
  )
  return rows.map(({ display_name, at, ...row }) => ({ ...row, displayName: display_name, atMs: at }))
}

export interface ActiveVips {
  readonly byKind: ReadonlyMap<string, { readonly v4: number; readonly v6: number }>
  /** Rows of the whole ledger, of everybody, as the planner estimates them; 0: it has not looked yet. */
  readonly ledgerRows: number
}

/** Addresses in force per kind and family, of one origin. Reads the ledger: see who asks how often. */
export async function activeVips(sql: Sql, origin: Origin): Promise<ActiveVips> {
  const { rows } = await sql.run<{ kind: string | null; v4: number; v6: number }>(
    'active vips',
    `select kind, count(*) filter (where family = 4) as v4, count(*) filter (where family = 6) as v6 from vip_ledger
     where origin = $1 and state = 'active' and scope = 'canonical' group by kind
     union all
     select null, greatest(reltuples, 0)::bigint, 0 from pg_class where oid = 'vip_ledger'::regclass`,
    [origin],
  )
  return {
    byKind: new Map(rows.flatMap(({ kind, v4, v6 }) => (kind === null ? [] : [[kind, { v4, v6 }] as const]))),
    ledgerRows: rows.find(({ kind }) => kind === null)?.v4 ?? 0,
  }
}

export async function poolSpecs(sql: Sql): Promise<readonly Uint8Array[]> {
  const { rows } = await sql.run<{ spec: Buffer }>(
    'vip pools',
    "select spec from resources where type = 'VipPool' and origin = '' and not deleted",
  )
  return rows.map(({ spec }) => spec)
}

/**
 * Through which revision of our log everybody has acked; our head where there is nobody. Whoever was met and has acked nothing
 * yet may hold any part of it.
 */
export async function lowestAcked(sql: Sql): Promise<number> {
  const { rows } = await sql.run<{ lowest: number }>(
    'lowest acked',
    `with acked as (
       select peer, coalesce(revision, 0) as revision from cursors where side = 'acked' and channel <> 'status'
       union all
       select peer, 0 from cursors r where not exists (
         select from cursors a where a.peer = r.peer and a.side = 'acked' and a.channel <> 'status')
     )
     select coalesce((select min(revision) from acked), (select revision from store_head)) as lowest`,
  )
  return rows[0]?.lowest ?? 0
}

/** Services with what they serve, without their specs: for the comparison with the ledger. */
export async function serviceRows(
  sql: Sql,
  kinds: readonly string[],
): Promise<readonly (ServiceRow & { readonly name: string })[]> {
  const { rows } = await sql.run<{
    readonly type: string
    readonly mesh: string
    readonly name: string
    readonly origin: Origin
    readonly namespace: string
    readonly display_name: string
    readonly labels: Labels
    readonly vips: Buffer
    readonly pending_reason: string | null
    readonly offered_entry: Buffer | null
  }>(
    'service rows',
    `select type, mesh, name, origin, namespace, display_name, labels, vips, pending_reason, offered_entry
     from resources where type = any($1::text[]) and not deleted order by type, mesh, name`,
    [kinds],
  )
  return rows.map((row) => ({
    type: row.type,
    mesh: row.mesh,
    name: row.name,
    origin: row.origin,
    namespace: row.namespace,
    displayName: row.display_name,
    labels: row.labels,
    vips: storedVips(row.vips),
    pendingReason: row.pending_reason ?? undefined,
    offeredEntry: row.offered_entry?.toString('hex'),
    deleted: false,
  }))
}

export async function activeLedger(sql: Sql): Promise<readonly LedgerRow[]> {
  const { rows } = await sql.run<LedgerRecord>(
    'active ledger',
    `select ${ledgerColumns} from vip_ledger l where l.state = 'active' and (l.scope = 'canonical' or l.block_id is not null)
     order by l.kind, l.mesh, l.origin, l.namespace, l.display_name, l.family`,
  )
  return rows.map(ledgerRowOf)
}
