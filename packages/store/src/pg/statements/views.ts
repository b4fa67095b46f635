import { comparePositions, type LogItem, type Offer, offerBytes, type Position, type Removal } from '@holdfast/kds'
import { decodeVips, type ExportedResource, exportLabels, hex, type Labels, wireKey } from '@holdfast/model'
import type { Sql } from '../sql.js'
import type { View } from '../view.js'
import { plainBytes } from './columns.js'
import { sqlDamaged } from './damaged.js'

/** A row as a view sees it. Without what is hashed and shown where it is not in the view. */
export interface SeenRecord {
  readonly at: number
  readonly type: string
  readonly type_order: number
  readonly mesh: string
  readonly export_name: string
  readonly labels: Labels
  readonly type_url: Buffer
  readonly spec: Buffer
  readonly vips: Buffer
  readonly status: Buffer | null
  readonly content: Buffer
  readonly deleted_at: number | null
  readonly visible: boolean
}

export const seenColumns =
  'r.type, r.type_order, r.mesh, r.export_name, r.labels, r.type_url, r.spec, r.key_id, r.vips, r.status, r.content, r.deleted_at'

/** @param withStatus status has a channel of its own; only plain peers get it with the resource */
export function offerOf(record: SeenRecord, withStatus: boolean): Offer {
  const vips = decodeVips(record.vips)
  const resource: ExportedResource = {
    type: record.type,
    mesh: record.mesh,
    name: record.export_name,
    labels: exportLabels(record.labels),
    typeUrl: record.type_url.toString('utf8'),
    spec: plainBytes(record.spec),
    ...(withStatus && record.status !== null ? { status: plainBytes(record.status) } : {}),
    ...(vips === undefined ? {} : { vips }),
  }
  return { version: hex(record.content), resource }
}

export const removalOf = (record: SeenRecord): Removal => ({
  key: wireKey(record.mesh, record.export_name),
  deletedAtMs: record.deleted_at ?? 0,
})

export const positionOf = (record: SeenRecord): Position => ({
  revision: record.at,
  typeOrder: record.type_order,
  mesh: record.mesh,
  name: record.export_name,
})

export function itemOf(record: SeenRecord, withStatus: boolean): LogItem {
  const base = { type: record.type, position: positionOf(record) }
  if (record.visible) {
    const offer = offerOf(record, withStatus)
    return { ...base, sizeBytes: offerBytes(offer), change: { offer } }
  }
  const removal = removalOf(record)
  return { ...base, sizeBytes: removal.key.length + removalOverheadBytes, change: { removal } }
}

/** Offers in dependency order, then removals in the reverse order (ORDER). */
export function inPageOrder(items: readonly LogItem[]): readonly LogItem[] {
  const byType = (a: LogItem, b: LogItem): number =>
    a.position.typeOrder - b.position.typeOrder || comparePositions(a.position, b.position)
  return [
    ...items.filter((item) => 'offer' in item.change).sort(byType),
    ...items.filter((item) => 'removal' in item.change).sort((a, b) => byType(b, a)),
  ]
}

export interface PageQuery {
  readonly from: Position
  readonly limitBytes: number
  readonly withRemovals: boolean
  /** Origins that were hidden or shown since: their rows stand at that revision. */
  readonly toggled: readonly string[]
}

/** Rows of a page at most. The sum over their sizes is what usually ends a page. */
const pageRowsMax = 4_096
const removalOverheadBytes = 24

/** A page in range order; `complete`: it reaches the head. */
export interface LogRows {
  readonly items: readonly LogItem[]
  readonly complete: boolean
}

/** What fits; the first item always does. */
export function cutToSize(items: readonly LogItem[], limitBytes: number): LogRows {
  let bytes = 0
  for (const [index, item] of items.entries()) {
    bytes += item.sizeBytes
    if (index > 0 && bytes > limitBytes) return { items: items.slice(0, index), complete: false }
  }
  return { items, complete: true }
}

/** A page of the log, as one index range scan. The database ends it early, by what is surely larger than the limit. */
export async function logPage(sql: Sql, view: View, query: PageQuery): Promise<LogRows> {
  const { from, limitBytes, withRemovals, toggled } = query
  const own = view.channel === 'status' ? 'r.status_revision' : 'r.revision'
  const select = (at: string, where: string): string =>
    `select ${at} as at, ${seenColumns}, ${view.sqlVisible} as visible,
       case when ${view.sqlVisible} then octet_length(r.spec) + octet_length(r.labels_canonical)
         + coalesce(octet_length(r.status), 0) else 0 end as size
     from resources r ${where}
       and ${view.sqlBase} and (${at}, r.type_order, r.mesh, r.export_name) > ($4::bigint, $5::integer, $6::text, $7::text)
       and (${view.sqlVisible} or ($8 and r.exposed)) and not ${sqlDamaged}`
  const inRange = 'order by at, type_order, mesh, export_name limit $10'
  const plain = select(own, `where ${own} > 0 and r.origin <> all($11::text[])`)
  const moved = select(
    'greatest(r.revision, v.revision)',
    'join origin_visibility v on v.origin = r.origin where v.origin = any($11::text[])',
  )
  const rows =
    toggled.length === 0 ? `${plain} ${inRange}` : `(${plain} ${inRange}) union all (${moved} ${inRange}) ${inRange}`
  const { rows: records } = await sql.run<SeenRecord & { readonly total: number }>(
    'log page',
    `select * from (
       select c.*, count(*) over () as total,
         sum(c.size) over (order by c.at, c.type_order, c.mesh, c.export_name) as through_size
       from (${rows}) c
     ) p where p.through_size - p.size < $9 order by p.at, p.type_order, p.mesh, p.export_name`,
    [
      ...view.sqlValues,
      ...[from.revision, from.typeOrder, from.mesh, from.name],
      ...[withRemovals, limitBytes, pageRowsMax, toggled],
    ],
  )
  const total = records[0]?.total ?? 0
  const all = records.map((record) => itemOf(record, view.channel === 'status'))
  const { items, complete } = cutToSize(all, limitBytes)
  return { items, complete: complete && records.length === total && total < pageRowsMax }
}

/** Origins whose visibility has changed after a revision. */
export async function toggledOrigins(sql: Sql, after: number): Promise<readonly string[]> {
  const { rows } = await sql.run<{ origin: string }>(
    'toggled origins',
    'select origin from origin_visibility where revision > $1 order by origin',
    [after],
  )
  return rows.map((row) => row.origin)
}

/** The whole view of a type, for a peer without the extension. */
export async function wholeList(sql: Sql, view: View, type: string): Promise<readonly Offer[]> {
  const { rows } = await sql.run<SeenRecord>(
    'whole list',
    `select 0 as at, ${seenColumns}, true as visible from resources r
     where r.type = $4 and ${view.sqlBase} and ${view.sqlVisible} and not ${sqlDamaged} order by r.mesh, r.export_name`,
    [...view.sqlValues, type],
  )
  return rows.map((row) => offerOf(row, view.channel !== 'down'))
}
