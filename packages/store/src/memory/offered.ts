import type { BucketDigest, ChannelContext, KeyedEntry, TypeDigest } from '@holdfast/kds'
import { bucketOf, type Digest, wireKey } from '@holdfast/model'
import { maySpeakFor, type RoleIdentity } from '../plan/index.js'
import type { Image } from './image.js'
import { perPrefix, perType, sumOf } from './views.js'

interface OfferedEntry {
  readonly type: string
  readonly mesh: string
  readonly exportName: string
  readonly entry: string
}

/** What a peer has offered us on one channel, kept or not: what EQ and every proof speak of. */
export class Offered {
  readonly #entries: readonly OfferedEntry[]

  constructor(image: Image, identity: RoleIdentity, context: ChannelContext) {
    const entries: OfferedEntry[] = []
    for (const { type, mesh, exportName, origin, offeredEntry, offeredStatusEntry } of image.rows.values()) {
      const entry = context.channel === 'status' ? offeredStatusEntry : offeredEntry
      if (entry !== undefined && maySpeakFor(origin, context, identity)) entries.push({ type, mesh, exportName, entry })
    }
    for (const row of image.refused.values())
      if (row.newcomer && row.peer === context.peer && row.channel === context.channel) entries.push(row)
    this.#entries = entries
  }

  digest(): Digest {
    return sumOf(this.#entries.map((row) => row.entry))
  }

  types(): readonly TypeDigest[] {
    return perType(this.#entries)
  }

  buckets(resourceType: string, level: number, prefixes: readonly number[]): readonly BucketDigest[] {
    return perPrefix(
      this.#entries
        .filter((row) => row.type === resourceType)
        .map((row) => ({ entry: row.entry, bucket: bucketOfEntry(row) })),
      level,
      prefixes,
    )
  }

  /** Of the buckets named; of the whole type if none is. */
  entries(resourceType: string, buckets: readonly number[]): readonly KeyedEntry[] {
    const wanted = new Set(buckets)
    return this.#entries
      .filter((row) => row.type === resourceType && (wanted.size === 0 || wanted.has(bucketOfEntry(row))))
      .map((row) => ({ key: wireKey(row.mesh, row.exportName), entry: row.entry }))
  }
}

const bucketOfEntry = ({ type, mesh, exportName }: OfferedEntry): number => bucketOf(type, mesh, exportName)
