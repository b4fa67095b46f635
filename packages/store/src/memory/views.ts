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
import { bucketOf, contentHash, type Digest, hex, toExported, typesKept, wireKey } from '@holdfast/model'
import type { RoleIdentity, Row } from '../plan/index.js'
import type { LiveImage } from './live-image.js'
import { typeOrder } from './load.js'
import { isShown, type OriginSums, statusEntryOf } from './row-sums.js'
import { Sum, sumOf } from './sum.js'

type Repair = Extract<StoreOp, { op: 'repair' }>

const { ofGlobal, ofZones, fromGlobal } = typesKept()
const kept = { ofGlobal: new Set(ofGlobal), ofZones: new Set(ofZones), fromGlobal: new Set(fromGlobal) }
const removalOverheadBytes = 24
/** Rows are never changed in place: what a row is in export form is computed once for all its readers. */
const offersWithStatus = new WeakMap<Row, Offer>()
const offersWithout = new WeakMap<Row, Offer>()

/** What one peer may see of a store on one channel, as a sender reads it. */
export class View {
  readonly #image: LiveImage
  readonly #identity: RoleIdentity
  readonly #context: ChannelContext

  constructor(image: LiveImage, identity: RoleIdentity, context: ChannelContext) {
    this.#image = image
    this.#identity = identity
    this.#context = context
  }

  /** Digest entry of a row on this channel; undefined: it is not in the view. */
  #entry(row: Row): string | undefined {
    if (!isShown(row) || !this.#mayBeSeenBy(row) || this.#isHidden(row)) return undefined
    return this.#context.channel === 'status' ? statusEntryOf(row) : row.entry
  }

  #mayBeSeenBy(row: Pick<Row, 'origin' | 'type'>): boolean {
    const { channel, peer } = this.#context
    if (channel !== 'down') return row.origin === this.#identity.name && !kept.fromGlobal.has(row.type)
    return row.origin === '' ? !kept.ofGlobal.has(row.type) : row.origin !== peer && !kept.ofZones.has(row.type)
  }

  #isHidden(row: Pick<Row, 'origin'>): boolean {
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
    for (const group of this.#groups()) sum.addAll(this.#sumOf(group))
    return sum.digest
  }

  *#groups(): Iterable<OriginSums> {
    for (const group of this.#image.sums.groups()) if (this.#mayBeSeenBy(group) && !this.#isHidden(group)) yield group
  }

  #sumOf(group: OriginSums): Sum {
    return this.#context.channel === 'status' ? group.status : group.content
  }

  mark(): Mark {
    return { cursor: this.#image.head, digest: this.digest() }
  }

  typeDigests(): readonly TypeDigest[] {
    const sums = new Map<string, Sum>()
    for (const group of this.#groups()) {
      const sum = sums.get(group.type) ?? new Sum()
      sums.set(group.type, sum)
      sum.addAll(this.#sumOf(group))
    }
    return digestsOf(sums)
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

  /** Rows that may stand at this revision of the channel's log or at a later one. */
  *#rowsFrom(revision: number): Iterable<Row> {
    const { rows, rowsByRevision, rowsByStatusRevision, visibility } = this.#image
    const { channel } = this.#context
    const hasHidings = channel === 'down' && [...visibility.values()].some((one) => one.revision >= revision)
    if (hasHidings) yield* rows.values()
    else
      for (const key of (channel === 'status' ? rowsByStatusRevision : rowsByRevision).from(revision))
        yield rows.get(key) as Row
  }

  changes(from: Position, limitBytes: number, withRemovals: boolean): LogPage {
    const after: { readonly row: Row; readonly position: Position }[] = []
    for (const row of this.#rowsFrom(from.revision)) {
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

interface Entry {
  readonly entry: string | undefined
}

export const perType = (entries: readonly (Entry & { readonly type: string })[]): readonly TypeDigest[] =>
  digestsOf(sumsBy(entries, ({ type }) => type))

const digestsOf = (sums: ReadonlyMap<string, Sum>): readonly TypeDigest[] =>
  [...sums]
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
