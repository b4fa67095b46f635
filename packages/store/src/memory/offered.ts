import type { BucketDigest, ChannelContext, KeyedEntry, TypeDigest } from '@holdfast/kds'
import { bucketOf, type Digest, wireKey } from '@holdfast/model'
import { maySpeakFor, type RefusedRow, type RoleIdentity, type Row } from '../plan/index.js'
import type { LiveImage } from './live-image.js'
import { Sum } from './sum.js'
import { perPrefix, perType } from './views.js'

interface OfferedEntry {
  readonly type: string
  readonly mesh: string
  readonly exportName: string
  readonly entry: string
}

/** What a peer has offered us on one channel, kept or not: what EQ and every proof speak of. */
export class Offered {
  readonly #image: LiveImage
  readonly #identity: RoleIdentity
  readonly #context: ChannelContext

  constructor(image: LiveImage, identity: RoleIdentity, context: ChannelContext) {
    this.#image = image
    this.#identity = identity
    this.#context = context
  }

  digest(): Digest {
    const sum = new Sum()
    for (const group of this.#image.sums.groups())
      if (maySpeakFor(group.origin, this.#context, this.#identity))
        sum.addAll(this.#context.channel === 'status' ? group.offeredStatus : group.offered)
    for (const row of this.#newcomers()) sum.add(row.entry)
    return sum.digest
  }

  types(): readonly TypeDigest[] {
    return perType(this.#entries())
  }

  *#rows(): Iterable<Row> {
    for (const row of this.#image.rows.values())
      if (this.#offered(row) !== undefined && maySpeakFor(row.origin, this.#context, this.#identity)) yield row
  }

  #offered(row: Row): string | undefined {
    return this.#context.channel === 'status' ? row.offeredStatusEntry : row.offeredEntry
  }

  *#newcomers(): Iterable<RefusedRow> {
    const { peer, channel } = this.#context
    for (const row of this.#image.refused.values())
      if (row.newcomer && row.peer === peer && row.channel === channel) yield row
  }

  #entries(): readonly OfferedEntry[] {
    const kept = [...this.#rows()].flatMap((row): OfferedEntry[] => {
      const { type, mesh, exportName } = row
      const entry = this.#offered(row)
      return entry === undefined ? [] : [{ type, mesh, exportName, entry }]
    })
    return [...kept, ...this.#newcomers()]
  }

  buckets(resourceType: string, level: number, prefixes: readonly number[]): readonly BucketDigest[] {
    return perPrefix(
      this.#entries()
        .filter((row) => row.type === resourceType)
        .map((row) => ({ entry: row.entry, bucket: bucketOfEntry(row) })),
      level,
      prefixes,
    )
  }

  /** Of the buckets named; of the whole type if none is. */
  entries(resourceType: string, buckets: readonly number[]): readonly KeyedEntry[] {
    const wanted = new Set(buckets)
    return this.#entries()
      .filter((row) => row.type === resourceType && (wanted.size === 0 || wanted.has(bucketOfEntry(row))))
      .map((row) => ({ key: wireKey(row.mesh, row.exportName), entry: row.entry }))
  }
}

const bucketOfEntry = ({ type, mesh, exportName }: OfferedEntry): number => bucketOf(type, mesh, exportName)
