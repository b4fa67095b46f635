import type { Origin } from '@holdfast/model'
import type { HistoryRow, LedgerRow, Row } from '../../plan/types.js'
import type { Sql } from '../sql.js'
import { type ResourceRecord, resourceColumns, rowOf } from './columns.js'
import { type LedgerRecord, ledgerColumns, ledgerRowOf } from './ledger-read.js'
import { Conditions } from './read.js'

/** What global owns, live or deleted, and what other zones have deleted: everything that a zone can testify to. */
export async function foreignPage(
  sql: Sql,
  page: { readonly own: Origin; readonly after: string | undefined; readonly limit: number },
): Promise<{ readonly rows: readonly Row[]; readonly next?: string | undefined }> {
  const conditions = new Conditions().add('r.origin <> ?', page.own).add("(r.origin = '' or r.deleted)")
  const after = page.after === undefined ? undefined : placeOf(page.after)
  if (after !== undefined)
    conditions.add(`(r.type, r.mesh, r.name) > (${after.map((value) => conditions.parameter(value)).join(', ')})`)
  const limit = conditions.parameter(page.limit + 1)
  const { rows } = await sql.run<ResourceRecord>(
    'foreign page',
    `select ${resourceColumns} from resources r ${conditions.where} order by r.type, r.mesh, r.name limit ${limit}`,
    conditions.values,
  )
  const items = rows.slice(0, page.limit).map(rowOf)
  const last = items.at(-1)
  return rows.length > page.limit && last !== undefined
    ? { rows: items, next: JSON.stringify([last.type, last.mesh, last.name]) }
    : { rows: items }
}

/** Undefined for what was never ours: then the first page is the answer. */
function placeOf(text: string): readonly string[] | undefined {
  try {
    const place: unknown = JSON.parse(text)
    return Array.isArray(place) && place.length === 3 ? place.map(String) : undefined
  } catch {
    return undefined
  }
}

/** The ledger in the canonical scope, tombstones included. */
export async function wholeLedger(sql: Sql): Promise<readonly LedgerRow[]> {
  const { rows } = await sql.run<LedgerRecord>(
    'whole ledger',
    `select ${ledgerColumns} from vip_ledger l where l.scope = 'canonical'`,
  )
  return rows.map(ledgerRowOf)
}

/** The last thing that happened to each owner's address of a family. */
export async function lastEvents(sql: Sql): Promise<readonly HistoryRow[]> {
  const { rows } = await sql.run<Omit<HistoryRow, 'displayName' | 'atMs'> & { display_name: string; at: number }>(
    'last events',
    `select distinct on (h.kind, h.mesh, h.origin, h.namespace, h.display_name, h.family)
       h.kind, h.mesh, h.origin, h.namespace, h.display_name, h.scope, h.family, host(h.address) as address,
       h.generation, h.event, h.at, h.revision, h.why
     from vip_history h where h.scope = 'canonical' and h.event <> 'refused'
     order by h.kind, h.mesh, h.origin, h.namespace, h.display_name, h.family, h.id desc`,
  )
  return rows.map(({ display_name, at, ...row }) => ({ ...row, displayName: display_name, atMs: at }))
}

/**
 * Zones that should be there and have not been proven in step in this log. A deleted zone is nobody to wait for, and a Kuma
 * zone remembers nothing: it has no store, and what it has was leased to global's.
 */
export async function missingZones(sql: Sql): Promise<readonly string[]> {
  const { rows } = await sql.run<{ name: string }>(
    'missing zones',
    `select known.name
     from (select b.owner as name from vip_blocks b join store_head h on h.store_id::text <> b.store_id
           union select name from zones where ever_in_step and store_id is not null) known
     where known.name <> ''
       and not exists (select from resources r where r.type = 'Zone' and r.mesh = '' and r.name = known.name and r.deleted)
       and not exists (
         select from cursors c
         where c.peer = known.name and c.channel = 'up' and c.side = 'received' and c.proven_at >= (
           select min(r.committed_at) from revisions r join store_head h on h.epoch = r.epoch))
     order by known.name`,
  )
  return rows.map(({ name }) => name)
}
