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
  readonly #entries: readonly (OfferedEntry & { readonly bucket: number })[]

  constructor(image: Image, identity: RoleIdentity, context: ChannelContext) {
    const rows = [...image.rows.values()].flatMap((row): OfferedEntry[] => {
      const entry = context.channel === 'status' ? row.offeredStatusEntry : row.offeredEntry
      return entry !== undefined && maySpeakFor(row.origin, context, identity) ? [{ ...row, entry }] : []
    })
    const newcomers = [...image.refused.values()].filter(
      (row) => row.newcomer && row.peer === context.peer && row.channel === context.channel,
    )
    this.#entries = [...rows, ...newcomers].map((row) => ({
      ...row,
      bucket: bucketOf(row.type, row.mesh, row.exportName),
    }))
  }

  digest(): Digest {
    return sumOf(this.#entries.map((row) => row.entry))
  }

  types(): readonly TypeDigest[] {
    return perType(this.#entries)
  }

  buckets(resourceType: string, level: number, prefixes: readonly number[]): readonly BucketDigest[] {
    return perPrefix(
      this.#entries.filter((row) => row.type === resourceType),
      level,
      prefixes,
    )
  }

  /** Of the buckets named; of the whole type if none is. */
  entries(resourceType: string, buckets: readonly number[]): readonly KeyedEntry[] {
    const wanted = new Set(buckets)
    return this.#entries
      .filter((row) => row.type === resourceType && (wanted.size === 0 || wanted.has(row.bucket)))
      .map((row) => ({ key: wireKey(row.mesh, row.exportName), entry: row.entry }))
  }
}
