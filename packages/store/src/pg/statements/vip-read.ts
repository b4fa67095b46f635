import { headlessLabel, type Labels, type Origin } from '@holdfast/model'
import type { ServiceRow } from '../../memory/verify.js'
import type { BlockUse } from '../../plan/ledger-set.js'
import type { Family, HistoryEvent, HistoryRow, LedgerRow, Owner, Scope } from '../../plan/types.js'
import type { VipQuery } from '../../port.js'
import type { Sql } from '../sql.js'
import { storedVips } from './columns.js'
import { type LedgerRecord, ledgerColumns, ledgerRowOf, ownerColumns, ownerList } from './ledger-read.js'
import { Conditions } from './read.js'

const ownerNames = ['kind', 'mesh', 'origin', 'namespace', 'display_name'] as const
const orderNames = [...ownerNames, 'scope', 'family'] as const
const columnsText = (names: readonly string[]): string => names.map((name) => `l.${name}`).join(', ')
const ownerText = columnsText(ownerNames)

/** A page of the ledger in the order of owners; `next` is where the following one begins. */
export async function ledgerPage(
  sql: Sql,
  query: VipQuery,
): Promise<{ readonly items: readonly LedgerRow[]; readonly next?: string | undefined }> {
  const conditions = owned(new Conditions(), 'l', query)
  if (!query.includeTombstoned) conditions.add("l.state = 'active'")
  const after = query.after === undefined ? undefined : afterOf(query.after)
  if (after !== undefined) {
    const values = after.map((value) => conditions.parameter(value))
    const owner = values.slice(0, ownerNames.length).join(', ')
    const [scope, family] = values.slice(ownerNames.length)
    // What only tells rows of one owner apart is kept out of the range: whatever statistics say, it is read in the order of the
    // index of owners from there on, and not sorted to the end of the ledger for each page.
    conditions.add(`(${ownerText}) >= (${owner})`)
    conditions.add(`((${ownerText}) <> (${owner}) or (l.scope, l.family) > (${scope}, ${family}::smallint))`)
  }
  const limit = conditions.parameter(query.limit + 1)
  const { rows } = await sql.run<LedgerRecord>(
    'ledger page',
    `select ${ledgerColumns} from (
       select l.* from vip_ledger l ${conditions.where} order by ${ownerText} fetch first (${limit}::bigint) rows with ties
     ) l order by ${columnsText(orderNames)} limit ${limit}`,
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

/** What tells how many addresses more a control plane needs. */
export interface DemandFacts {
  /** Own services that wait for an address, by kind; those that want none do not wait. */
  readonly pending: readonly { readonly kind: string; readonly count: number }[]
  /** Own addresses in force, as they are kept on write. */
  readonly active: readonly { readonly kind: string; readonly family: Family; readonly count: number }[]
  readonly blocks: readonly Pick<BlockUse, 'kind' | 'family' | 'cidr' | 'owner' | 'storeId' | 'generation' | 'used'>[]
  readonly pools: readonly Uint8Array[]
}

/** One moment, and no more than a few index lookups: it is asked for after every change. */
export async function demandFacts(sql: Sql, kinds: readonly string[], origin: Origin): Promise<DemandFacts> {
  const { rows } = await sql.run<Omit<DemandFacts, 'pools'> & { readonly pools: readonly string[] }>(
    'demand facts',
    `select
       (select coalesce(json_agg(p), '[]') from (
         select r.type as kind, count(*) from resources r
         where r.type = any($1::text[]) and r.origin = $2 and not r.deleted and r.pending_reason is not null
           and r.labels ->> $3 is distinct from 'true'
         group by r.type) p) as pending,
       (select coalesce(json_agg(a), '[]') from (
         select kind, family, active as count from vip_counts where origin = $2) a) as active,
       (select coalesce(json_agg(b), '[]') from (
         select kind, family, cidr, owner, store_id as "storeId", generation, used from vip_blocks where owner = $2
         ) b) as blocks,
       (select coalesce(json_agg(encode(spec, 'base64')), '[]') from resources
         where type = 'VipPool' and origin = '' and not deleted) as pools`,
    [kinds, origin, headlessLabel],
  )
  const [facts] = rows
  if (facts === undefined) throw new Error('no answer to what demands rest on')
  return { ...facts, pools: facts.pools.map((spec) => Buffer.from(spec, 'base64')) }
}

/** A count that is kept on write and is not that of the rows. */
export interface WrongCount {
  readonly what: string
  readonly said: number
  readonly counted: number
}

/** One statement, so one moment: exact whatever is written meanwhile, and nobody waits for it. Reads the whole ledger. */
export async function wrongCounts(sql: Sql): Promise<readonly WrongCount[]> {
  const { rows } = await sql.run<WrongCount>(
    'wrong counts of the ledger',
    `${counted} select what, said, counted from wrong order by what`,
  )
  return rows
}

/** Puts the right ones there. The caller has the lock of the head, so that nobody writes the ledger meanwhile. */
export async function mendCounts(sql: Sql): Promise<readonly WrongCount[]> {
  const { rows } = await sql.run<WrongCount>(
    'mend counts of the ledger',
    `${counted}, blocks as (
       update vip_blocks b set used = w.counted from wrong w where w.block_id = b.id
     ), counts as (
       insert into vip_counts as c (origin, kind, family, active)
       select origin, kind, family, counted from wrong where block_id is null order by origin, kind, family
       on conflict (origin, kind, family) do update set active = excluded.active
     )
     select what, said, counted from wrong order by what`,
  )
  return rows
}

const counted = `with wrong as (
       select b.id as block_id, null as origin, null as kind, null::smallint as family,
         'addresses taken in block ' || b.cidr as what, b.used as said, coalesce(l.used, 0) as counted
       from vip_blocks b
       left join (select block_id, count(*) as used from vip_ledger where block_id is not null group by block_id) l
         on l.block_id = b.id
       where b.used <> coalesce(l.used, 0)
       union all
       select null, origin, kind, family, 'IPv' || family || ' addresses in force of ' || kind || ' of '
         || case origin when '' then 'global' else 'zone ' || origin end, coalesce(c.active, 0), coalesce(l.active, 0)
       from vip_counts c
       full join (
         select origin, kind, family, count(*) as active from vip_ledger
         where state = 'active' and scope = 'canonical' group by origin, kind, family
       ) l using (origin, kind, family)
       where coalesce(c.active, 0) <> coalesce(l.active, 0)
     )`

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

interface ServiceRecord {
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
}

const serviceColumns =
  'r.type, r.mesh, r.name, r.origin, r.namespace, r.display_name, r.labels, r.vips, r.pending_reason, r.offered_entry'

const serviceRowOf = (row: ServiceRecord) => ({
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
})

/** Services with what they serve, without their specs: for the comparison with the ledger. */
export async function serviceRows(
  sql: Sql,
  kinds: readonly string[],
): Promise<readonly (ServiceRow & { readonly name: string })[]> {
  const { rows } = await sql.run<ServiceRecord>(
    'service rows',
    `select ${serviceColumns} from resources r where r.type = any($1::text[]) and not r.deleted
     order by r.type, r.mesh, r.name`,
    [kinds],
  )
  return rows.map(serviceRowOf)
}

/** The same of some owners. */
export async function servicesOfOwners(sql: Sql, owners: readonly Owner[]): Promise<readonly ServiceRow[]> {
  const { rows } = await sql.run<ServiceRecord>(
    'services of owners',
    `select ${serviceColumns} from resources r join ${ownerList} on r.type = k.kind and r.mesh = k.mesh
       and r.origin = k.origin and r.namespace = k.namespace and r.display_name = k.display_name
     where not r.deleted order by r.type, r.mesh, r.name`,
    ownerColumns(owners),
  )
  return rows.map(serviceRowOf)
}

export async function activeLedger(sql: Sql): Promise<readonly LedgerRow[]> {
  const { rows } = await sql.run<LedgerRecord>(
    'active ledger',
    `select ${ledgerColumns} from vip_ledger l where l.state = 'active' and (l.scope = 'canonical' or l.block_id is not null)
     order by l.kind, l.mesh, l.origin, l.namespace, l.display_name, l.family`,
  )
  return rows.map(ledgerRowOf)
}
