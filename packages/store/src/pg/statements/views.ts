import {
  type BucketDigest,
  comparePositions,
  type KeyedEntry,
  type LogItem,
  type Offer,
  offerBytes,
  type Position,
  type Removal,
  type RepairParts,
} from '@holdfast/kds'
import {
  decodeVips,
  type ExportedResource,
  exportLabels,
  hex,
  type Labels,
  parseWireKey,
  wireKey,
} from '@holdfast/model'
import type { Sql } from '../sql.js'
import type { View } from '../view.js'
import { plainBytes } from './columns.js'

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

const seenColumns =
  'r.type, r.type_order, r.mesh, r.export_name, r.labels, r.type_url, r.spec, r.vips, r.status, r.content, r.deleted_at'

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
       and (${view.sqlVisible} or ($8 and r.exposed))`
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

const laneSums = (entry: string): string =>
  [0, 1, 2, 3].map((lane) => `sum(digest_lane(${entry}, ${lane}))::bigint & 4294967295 as lane${lane}`).join(', ')

export interface BucketRecord {
  readonly prefix: number
  readonly lane0: number
  readonly lane1: number
  readonly lane2: number
  readonly lane3: number
  readonly count: number
}

export const bucketDigestOf = ({ prefix, lane0, lane1, lane2, lane3, count }: BucketRecord): BucketDigest => ({
  prefix,
  digest: { lanes: [lane0, lane1, lane2, lane3], count },
})

/** Levels of five bits each over the fifteen of a bucket. */
const shiftOf = (level: number): number => 15 - 5 * level

/** Sums of the view by bucket prefix, on demand: only a repair asks. */
export async function viewBuckets(
  sql: Sql,
  view: View,
  of: { readonly type: string; readonly level: number; readonly prefixes: readonly number[] },
): Promise<readonly BucketDigest[]> {
  const { rows } = await sql.run<BucketRecord>(
    'view buckets',
    `select (r.bucket::integer >> $5) as prefix, ${laneSums(`r.${view.entryColumn}`)}, count(*) as count
     from resources r
     where r.type = $4 and ${view.sqlBase} and ${view.sqlVisible} and (r.bucket::integer >> $5) = any($6::integer[])
     group by 1 order by 1`,
    [...view.sqlValues, of.type, shiftOf(of.level), of.prefixes],
  )
  return rows.map(bucketDigestOf)
}

/** The same over what a peer has offered us: rows, and newcomers that were refused. */
export async function offeredBuckets(
  sql: Sql,
  of: OfferedBy & { readonly level: number; readonly prefixes: readonly number[] },
): Promise<readonly BucketDigest[]> {
  const { rows } = await sql.run<BucketRecord>(
    'offered buckets',
    `select (o.bucket::integer >> $5) as prefix, ${laneSums('o.entry')}, count(*) as count
     from (${offeredRows(of)}) o
     where (o.bucket::integer >> $5) = any($6::integer[])
     group by 1 order by 1`,
    [...offeredValues(of), shiftOf(of.level), of.prefixes],
  )
  return rows.map(bucketDigestOf)
}

/** Of the buckets named; of the whole type if none is. */
export async function offeredEntries(
  sql: Sql,
  of: OfferedBy & { readonly buckets: readonly number[] },
): Promise<readonly KeyedEntry[]> {
  const { rows } = await sql.run<{ mesh: string; export_name: string; entry: Buffer }>(
    'offered entries',
    `select o.mesh, o.export_name, o.entry from (${offeredRows(of)}) o
     where cardinality($5::integer[]) = 0 or o.bucket = any($5::integer[])
     order by o.mesh, o.export_name`,
    [...offeredValues(of), of.buckets],
  )
  return rows.map((row) => ({ key: wireKey(row.mesh, row.export_name), entry: hex(row.entry) }))
}

export interface OfferedBy {
  readonly type: string
  readonly peer: string
  readonly channel: View['channel']
}

function offeredRows({ channel }: OfferedBy): string {
  const column = channel === 'status' ? 'offered_status_entry' : 'offered_entry'
  return `
    select r.bucket, r.mesh, r.export_name, r.${column} as entry from resources r
      where r.type = $1 and r.${column} is not null and ($4 or r.origin = $2)
    union all
    select f.bucket, f.mesh, f.export_name, f.entry from refused f
      where f.type = $1 and f.newcomer and f.peer = $2 and f.channel = $3`
}

const offeredValues = ({ type, peer, channel }: OfferedBy): readonly unknown[] => [
  type,
  peer,
  channel,
  channel === 'down',
]

/**
 * What a receiver that holds `entries` in these buckets (none named: in the whole type) has to be told, in one
 * statement over its entries and our rows.
 */
export async function repairParts(
  sql: Sql,
  view: View,
  of: { readonly type: string; readonly buckets: readonly number[]; readonly entries: readonly KeyedEntry[] },
): Promise<RepairParts> {
  return parts(
    await differing(
      sql,
      view,
      of.type,
      of.entries.map((entry) => ({ ...parseWireKey(entry.key), entry: Buffer.from(entry.entry, 'hex') })),
      {
        name: 'repair parts',
        join: 'full join',
        where: '(cardinality($8::integer[]) = 0 or r.bucket = any($8::integer[]))',
        buckets: of.buckets,
      },
    ),
    view,
  )
}

/** The named keys as they are now. */
export async function keyParts(
  sql: Sql,
  view: View,
  of: { readonly type: string; readonly keys: readonly string[] },
): Promise<RepairParts> {
  const keys = of.keys.map((key) => ({ ...parseWireKey(key), entry: null }))
  return parts(
    await differing(sql, view, of.type, keys, {
      name: 'key parts',
      join: 'left join',
      where: 'cardinality($8::integer[]) = 0',
      buckets: [],
    }),
    view,
  )
}

type Differing = Omit<SeenRecord, 'at' | 'visible' | 'type'> & {
  readonly key_mesh: string | null
  readonly key_name: string | null
  readonly type: string | null
  readonly visible: boolean | null
  readonly exposed: boolean | null
}

async function differing(
  sql: Sql,
  view: View,
  type: string,
  keys: readonly { readonly mesh: string; readonly name: string; readonly entry: Buffer | null }[],
  how: { readonly name: string; readonly join: string; readonly where: string; readonly buckets: readonly number[] },
): Promise<readonly Differing[]> {
  const { rows } = await sql.run<Differing>(
    how.name,
    `select k.mesh as key_mesh, k.name as key_name, r.*
     from unnest($5::text[], $6::text[], $7::bytea[]) k (mesh, name, entry)
     ${how.join} (
       select ${seenColumns}, r.exposed, r.${view.entryColumn} as seen_entry, ${view.sqlVisible} as visible
       from resources r where r.type = $4 and ${view.sqlBase} and ${how.where}
         and not (r.deleted and exists (select from resources l where l.type = r.type and l.mesh = r.mesh
           and l.export_name = r.export_name and not l.deleted))
     ) r on r.mesh = k.mesh and r.export_name = k.name
     where r.type is null or case when r.visible then k.entry is distinct from r.seen_entry else k.name is not null end
     order by coalesce(r.mesh, k.mesh), coalesce(r.export_name, k.name)`,
    [
      ...view.sqlValues,
      type,
      keys.map((key) => key.mesh),
      keys.map((key) => key.name),
      keys.map((key) => key.entry),
      how.buckets,
    ],
  )
  return rows
}

function parts(rows: readonly Differing[], view: View): RepairParts {
  const offers: Offer[] = []
  const removals: Removal[] = []
  const absent: string[] = []
  for (const row of rows) {
    const { type, visible } = row
    if (type === null || visible === null) absent.push(wireKey(row.key_mesh ?? '', row.key_name ?? ''))
    else if (visible) offers.push(offerOf({ ...row, type, visible, at: 0 }, view.channel === 'status'))
    else if (row.exposed === true) removals.push(removalOf({ ...row, type, visible, at: 0 }))
    else absent.push(wireKey(row.mesh, row.export_name))
  }
  return { offers, removals, absent }
}

/** The whole view of a type, for a peer without the extension. */
export async function wholeList(sql: Sql, view: View, type: string): Promise<readonly Offer[]> {
  const { rows } = await sql.run<SeenRecord>(
    'whole list',
    `select 0 as at, ${seenColumns}, true as visible from resources r
     where r.type = $4 and ${view.sqlBase} and ${view.sqlVisible} order by r.mesh, r.export_name`,
    [...view.sqlValues, type],
  )
  return rows.map((row) => offerOf(row, view.channel !== 'down'))
}
