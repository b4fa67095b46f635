import type { BucketDigest, KeyedEntry, Offer, Removal, RepairParts, StoreState } from '@holdfast/kds'
import { audienceAt, findType, hex, parseWireKey, wireKey } from '@holdfast/model'
import { mustBeShown } from '../../plan/not-shown.js'
import type { Sql } from '../sql.js'
import type { View } from '../view.js'
import { laneSums, sqlDamaged } from './damaged.js'
import { offerOf, removalOf, type SeenRecord, seenColumns } from './views.js'

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

/** The buckets of some prefixes as ranges of an index: of a shifted column there is none. */
const rangesOf = (level: number, prefixes: readonly number[]): readonly [readonly number[], readonly number[]] => [
  prefixes.map((prefix) => prefix << shiftOf(level)),
  prefixes.map((prefix) => ((prefix + 1) << shiftOf(level)) - 1),
]

/** Sums of the view by bucket prefix, on demand: only a repair asks. */
export async function viewBuckets(
  sql: Sql,
  view: View,
  of: { readonly type: string; readonly level: number; readonly prefixes: readonly number[] },
): Promise<readonly BucketDigest[]> {
  const { rows } = await sql.run<BucketRecord>(
    'view buckets',
    `select (r.bucket::integer >> $5) as prefix, ${laneSums(`r.${view.entryColumn}`)}, count(*) as count
     from unnest($6::smallint[], $7::smallint[]) b (low, high)
     join resources r on r.type = $4 and r.bucket between b.low and b.high
     where ${view.sqlBase} and ${view.sqlVisible}
     group by 1 order by 1`,
    [...view.sqlValues, of.type, shiftOf(of.level), ...rangesOf(of.level, of.prefixes)],
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
     from (${offeredRows(of, 'join unnest($6::smallint[], $7::smallint[]) b (low, high) on bucket between b.low and b.high')}) o
     group by 1 order by 1`,
    [...offeredValues(of), shiftOf(of.level), ...rangesOf(of.level, of.prefixes)],
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

/** @param among a join that leaves only some buckets, in each half: from outside it would not reach their indexes */
function offeredRows({ channel }: OfferedBy, among = ''): string {
  const column = channel === 'status' ? 'offered_status_entry' : 'offered_entry'
  const damaged = channel === 'status' ? 'false' : sqlDamaged
  return `
    select r.bucket, r.mesh, r.export_name, r.${column} as entry from resources r ${among}
      where r.type = $1 and r.${column} is not null and ($4 or r.origin = $2) and not ${damaged}
    union all
    select f.bucket, f.mesh, f.export_name, f.entry from refused f ${among}
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
  of: {
    readonly type: string
    readonly buckets: readonly number[]
    readonly entries: readonly KeyedEntry[]
    /** Tombstones up to this revision the receiver had heard before it got what it holds. */
    readonly oldThrough: number | undefined
  },
): Promise<RepairParts> {
  return parts(
    await differing(
      sql,
      view,
      of.type,
      of.entries.map((entry) => ({ ...parseWireKey(entry.key), entry: Buffer.from(entry.entry, 'hex') })),
      {
        name: 'repair parts',
        from: 'resources',
        join: 'full join',
        where: '(cardinality($8::integer[]) = 0 or r.bucket = any($8::integer[]))',
        buckets: of.buckets,
      },
    ),
    view,
    of.oldThrough,
  )
}

/** Living rows and tombstones, each with its own index by name; of both together there is none. */
const named = 'select * from resources where type = $4 and mesh = k.mesh and export_name = k.name'
const byName = `(${named} and not deleted union all ${named} and deleted)`

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
      from: byName,
      join: 'left join lateral',
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
  readonly name: string
  readonly origin: string
  readonly audience: string
  readonly deleted: boolean
  readonly damaged: boolean
  readonly revision: number | null
  /** Of the store, at the moment of the rest; nothing is shown of one that is not ready. */
  readonly state: StoreState
}

async function differing(
  sql: Sql,
  view: View,
  type: string,
  keys: readonly { readonly mesh: string; readonly name: string; readonly entry: Buffer | null }[],
  how: {
    readonly name: string
    readonly from: string
    readonly join: string
    readonly where: string
    readonly buckets: readonly number[]
  },
): Promise<readonly Differing[]> {
  const { rows } = await sql.run<Differing>(
    how.name,
    `select k.mesh as key_mesh, k.name as key_name, (select state from store_head) as state, r.*
     from unnest($5::text[], $6::text[], $7::bytea[]) k (mesh, name, entry)
     ${how.join} (
       select ${seenColumns}, r.exposed, r.${view.entryColumn} as seen_entry, ${view.sqlVisible} as visible,
         r.name, r.origin, r.audience, r.deleted, r.revision, ${sqlDamaged} as damaged
       from ${how.from} r where r.type = $4 and ${view.sqlBase} and ${how.where}
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

/** Something has changed it behind the program's back: its bytes, or only who may see it. */
function isDamaged(row: Differing, typeName: string, view: View): boolean {
  if (row.damaged) return true
  // Who sends down is global.
  const role = view.channel === 'down' ? 'global' : 'zone'
  const type = findType(typeName)
  return type !== undefined && !row.deleted && row.audience === 'none' && audienceAt(role, type, row) === 'all'
}

function parts(rows: readonly Differing[], view: View, oldThrough = -1): RepairParts {
  const offers: Offer[] = []
  const removals: Removal[] = []
  const absent: string[] = []
  for (const row of rows) {
    mustBeShown(row.state)
    const { type, visible } = row
    // Neither shown as it is nor said to be gone: whoever has it keeps it until we have it back.
    if (type !== null && isDamaged(row, type, view)) continue
    if (type === null || visible === null) absent.push(wireKey(row.key_mesh ?? '', row.key_name ?? ''))
    else if (visible) offers.push(offerOf({ ...row, type, visible, at: 0 }, view.channel === 'status'))
    else if (row.exposed === true && !(row.deleted && (row.revision ?? 0) <= oldThrough))
      removals.push(removalOf({ ...row, type, visible, at: 0 }))
    else absent.push(wireKey(row.mesh, row.export_name))
  }
  return { offers, removals, absent }
}
