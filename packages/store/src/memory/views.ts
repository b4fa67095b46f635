import {
  type BucketDigest,
  type ChannelContext,
  comparePositions,
  endOf,
  type LogItem,
  type LogPage,
  type Mark,
  type Offer,
  offerBytes,
  type Position,
  type Removal,
  type RepairParts,
  type StoreOp,
  type TypeDigest,
} from '@holdfast/kds'
import {
  bucketOf,
  contentHash,
  type Digest,
  hex,
  type Lanes,
  lanesOf,
  toExported,
  typesKept,
  wireKey,
} from '@holdfast/model'
import { statusEntry } from '../plan/entries.js'
import type { RoleIdentity, Row } from '../plan/index.js'
import type { Image } from './image.js'
import { typeOrder } from './load.js'

type Repair = Extract<StoreOp, { op: 'repair' }>

const { ofGlobal, ofZones, fromGlobal } = typesKept()
const kept = { ofGlobal: new Set(ofGlobal), ofZones: new Set(ofZones), fromGlobal: new Set(fromGlobal) }
const removalOverheadBytes = 24
/** Rows are never changed in place: what a row is in export form is computed once for all its readers. */
const offersWithStatus = new WeakMap<Row, Offer>()
const offersWithout = new WeakMap<Row, Offer>()

/** What one peer may see of a store on one channel, as a sender reads it. */
export class View {
  readonly #image: Image
  readonly #identity: RoleIdentity
  readonly #context: ChannelContext

  constructor(image: Image, identity: RoleIdentity, context: ChannelContext) {
    this.#image = image
    this.#identity = identity
    this.#context = context
  }

  /** Digest entry of a row on this channel; undefined: it is not in the view. */
  #entry(row: Row): string | undefined {
    if (row.deleted || !this.#mayBeSeen(row) || this.#isHidden(row)) return undefined
    if (this.#context.channel !== 'status') return row.entry
    return row.status === undefined ? undefined : statusEntry(row, row.status)
  }

  #mayBeSeen(row: Row): boolean {
    return row.audience === 'all' && this.#mayBeSeenBy(row)
  }

  #mayBeSeenBy(row: Row): boolean {
    const { channel, peer } = this.#context
    if (channel !== 'down') return row.origin === this.#identity.name && !kept.fromGlobal.has(row.type)
    return row.origin === '' ? !kept.ofGlobal.has(row.type) : row.origin !== peer && !kept.ofZones.has(row.type)
  }

  #isHidden(row: Row): boolean {
    return this.#context.channel === 'down' && (this.#image.visibility.get(row.origin)?.hidden ?? false)
  }

  /** Whether its removal is said: it was once shown, and would be seen if it were there. */
  #wasSeen(row: Row): boolean {
    return row.exposed && this.#mayBeSeenBy(row)
  }

  #rows(): readonly Row[] {
    return [...this.#image.rows.values()]
  }

  digest(): Digest {
    const sum = new Sum()
    for (const row of this.#image.rows.values()) sum.add(this.#entry(row))
    return sum.digest
  }

  mark(): Mark {
    return { cursor: this.#image.head, digest: this.digest() }
  }

  typeDigests(): readonly TypeDigest[] {
    return perType(this.#rows().map((row) => ({ type: row.type, entry: this.#entry(row) })))
  }

  buckets(resourceType: string, level: number, prefixes: readonly number[]): readonly BucketDigest[] {
    const rows = this.#rows().filter((row) => row.type === resourceType)
    return perPrefix(
      rows.map((row) => ({ bucket: bucketOfRow(row), entry: this.#entry(row) })),
      level,
      prefixes,
    )
  }

  /** Where a row stands in this channel's log: its own revision, or that of its origin's hiding. */
  #revision(row: Row): number {
    const own = this.#context.channel === 'status' ? row.statusRevision : row.revision
    const shown = this.#context.channel === 'down' ? (this.#image.visibility.get(row.origin)?.revision ?? 0) : 0
    return Math.max(own, shown)
  }

  changes(from: Position, limitBytes: number, withRemovals: boolean): LogPage {
    const after: { readonly row: Row; readonly position: Position }[] = []
    for (const row of this.#image.rows.values()) {
      const revision = this.#revision(row)
      if (revision < from.revision || revision === 0) continue
      const position = { revision, typeOrder: typeOrder(row.type), mesh: row.mesh, name: row.exportName }
      if (comparePositions(position, from) > 0) after.push({ row, position })
    }
    const items = after
      .sort((a, b) => comparePositions(a.position, b.position))
      .flatMap(({ row, position }): LogItem[] => {
        if (this.#entry(row) !== undefined) {
          const offer = this.offer(row)
          return [{ type: row.type, position, sizeBytes: offerBytes(offer), change: { offer } }]
        }
        if (!withRemovals || !this.#wasSeen(row)) return []
        const removal = removalOf(row)
        const sizeBytes = removal.key.length + removalOverheadBytes
        return [{ type: row.type, position, sizeBytes, change: { removal } }]
      })
    const page: LogItem[] = []
    let size = 0
    for (const item of items) {
      if (page.length > 0 && size + item.sizeBytes > limitBytes) break
      page.push(item)
      size += item.sizeBytes
    }
    const epoch = this.#image.head.epoch
    const last = page.at(-1)
    return page.length === items.length || last === undefined
      ? { items: inOrder(page), epoch, through: endOf(this.#image.head.revision), head: this.mark() }
      : { items: inOrder(page), epoch, through: last.position }
  }

  /** Status has a channel of its own; peers without the extension get it in their whole list. */
  offer(row: Row, withStatus = this.#context.channel === 'status'): Offer {
    const offers = withStatus ? offersWithStatus : offersWithout
    const known = offers.get(row)
    if (known !== undefined) return known
    const resource = toExported(row, { status: withStatus ? row.status : undefined })
    const offer = { version: hex(contentHash(resource)), resource }
    offers.set(row, offer)
    return offer
  }

  /**
   * What a receiver that holds `entries` in these buckets (none named: in the whole type) has to be told.
   * @param oldThrough tombstones up to this revision it had heard before it got what it holds
   */
  repair(
    { resourceType, buckets, entries }: Pick<Repair, 'resourceType' | 'buckets' | 'entries'>,
    oldThrough: number | undefined,
  ): RepairParts {
    const wanted = new Set(buckets)
    const theirs = new Map(entries.map(({ key, entry }) => [key, entry]))
    const rows = this.#rows().filter(
      (row) => row.type === resourceType && (wanted.size === 0 || wanted.has(bucketOfRow(row))),
    )
    const differing = rows.filter((row) => {
      const entry = this.#entry(row)
      return entry === undefined ? theirs.has(keyOf(row)) : theirs.get(keyOf(row)) !== entry
    })
    const known = new Set(rows.map(keyOf))
    return this.#parts(
      differing,
      [...theirs.keys()].filter((key) => !known.has(key)),
      oldThrough,
    )
  }

  keys(resourceType: string, keys: readonly string[]): RepairParts {
    const rows = new Map(
      this.#rows()
        .filter((row) => row.type === resourceType)
        .map((row) => [keyOf(row), row]),
    )
    return this.#parts(
      keys.flatMap((key) => rows.get(key) ?? []),
      keys.filter((key) => !rows.has(key)),
    )
  }

  #parts(rows: readonly Row[], unknown: readonly string[], oldThrough = -1): RepairParts {
    const offered = rows.filter((row) => this.#entry(row) !== undefined)
    const gone = rows.filter((row) => this.#entry(row) === undefined)
    const isNews = (row: Row): boolean => this.#wasSeen(row) && !(row.deleted && row.revision <= oldThrough)
    return {
      offers: offered.map((row) => this.offer(row)),
      removals: gone.filter(isNews).map(removalOf),
      absent: [...unknown, ...gone.filter((row) => !isNews(row)).map(keyOf)],
    }
  }

  list(resourceType: string): { readonly offers: readonly Offer[]; readonly head: Mark } {
    const rows = this.#rows().filter((row) => row.type === resourceType && this.#entry(row) !== undefined)
    return { offers: rows.map((row) => this.offer(row, this.#context.channel !== 'down')), head: this.mark() }
  }
}

const keyOf = (row: Row): string => wireKey(row.mesh, row.exportName)
const bucketOfRow = (row: Row): number => bucketOf(row.type, row.mesh, row.exportName)
const removalOf = (row: Row): Removal => ({ key: keyOf(row), deletedAtMs: row.deletedAtMs ?? 0 })

/** Offers in dependency order, then removals in the reverse order (ORDER). */
function inOrder(items: readonly LogItem[]): readonly LogItem[] {
  const byType = (a: LogItem, b: LogItem): number =>
    a.position.typeOrder - b.position.typeOrder || comparePositions(a.position, b.position)
  return [
    ...items.filter((item) => 'offer' in item.change).sort(byType),
    ...items.filter((item) => 'removal' in item.change).sort((a, b) => byType(b, a)),
  ]
}

/** Lanes of entries (32 hex digits) that were added up before: most of them stay for long. */
const lanesByEntry = new Map<string, Lanes>()
const lanesMax = 50_000

function lanesOfHex(entry: string): Lanes {
  const known = lanesByEntry.get(entry)
  if (known !== undefined) return known
  const lanes = lanesOf(Buffer.from(entry, 'hex'))
  if (lanesByEntry.size >= lanesMax) lanesByEntry.clear()
  lanesByEntry.set(entry, lanes)
  return lanes
}

/** A digest that is being added up. */
export class Sum {
  #a = 0
  #b = 0
  #c = 0
  #d = 0
  #count = 0

  /** @param entry 32 hex digits; undefined counts for nothing */
  add(entry: string | undefined): void {
    if (entry === undefined) return
    const lanes = lanesOfHex(entry)
    this.#a = (this.#a + lanes[0]) >>> 0
    this.#b = (this.#b + lanes[1]) >>> 0
    this.#c = (this.#c + lanes[2]) >>> 0
    this.#d = (this.#d + lanes[3]) >>> 0
    this.#count++
  }

  get digest(): Digest {
    return { lanes: [this.#a, this.#b, this.#c, this.#d], count: this.#count }
  }
}

/** @param entries 32 hex digits each; undefined ones count for nothing */
export function sumOf(entries: Iterable<string | undefined>): Digest {
  const sum = new Sum()
  for (const entry of entries) sum.add(entry)
  return sum.digest
}

interface Entry {
  readonly entry: string | undefined
}

export const perType = (entries: readonly (Entry & { readonly type: string })[]): readonly TypeDigest[] =>
  [...sumsBy(entries, ({ type }) => type)]
    .map(([type, sum]) => ({ type, digest: sum.digest }))
    .filter(({ digest }) => digest.count > 0)
    .sort((a, b) => typeOrder(a.type) - typeOrder(b.type))

function sumsBy<E extends Entry>(entries: readonly E[], keyOfEntry: (entry: E) => string): ReadonlyMap<string, Sum> {
  const sums = new Map<string, Sum>()
  for (const one of entries) {
    const key = keyOfEntry(one)
    const sum = sums.get(key) ?? new Sum()
    sums.set(key, sum)
    sum.add(one.entry)
  }
  return sums
}

export function perPrefix(
  entries: readonly (Entry & { readonly bucket: number })[],
  level: number,
  prefixes: readonly number[],
): readonly BucketDigest[] {
  const shift = 15 - 5 * level
  return [...new Set(prefixes)]
    .sort((a, b) => a - b)
    .map((prefix) => ({
      prefix,
      digest: sumOf(entries.filter((e) => e.bucket >> shift === prefix).map((e) => e.entry)),
    }))
    .filter(({ digest }) => digest.count > 0)
}
