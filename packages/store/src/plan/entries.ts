import { hash } from 'node:crypto'
import {
  concatBytes,
  contentHash,
  digestEntry,
  type ExportedResource,
  exportLabels,
  hex,
  identityBytes,
  lengthPrefixed,
  type Origin,
  type Resource,
} from '@holdfast/model'

/** Digest entry (32 hex digits) of what is kept: what the database computes over the same bytes. */
export const entryOfRow = (row: Resource): string =>
  entryOf(row.type, row.mesh, row.exportName, row.origin, row, row.vips)

/** Digest entry (32 hex digits) of an offer that is attributed to an origin: equal to its sender's entry of the same. */
export const entryOfOffer = (offer: ExportedResource, origin: Origin): string =>
  entryOf(offer.type, offer.mesh, offer.name, origin, offer, offer.vips)

const entryOf = (
  type: string,
  mesh: string,
  exportName: string,
  origin: Origin,
  content: Content,
  vips: Resource['vips'],
): string => hex(digestEntry(identityBytes(type, mesh, exportName, origin), contentHashOnce(content), vips))

type Content = Pick<Resource, 'labels' | 'typeUrl' | 'spec'>

/** Hashes of contents by their labels: one content is hashed for the check, for the plan and for the commit. */
const hashed = new WeakMap<Content['labels'], Content & { readonly hash: Uint8Array }>()

function contentHashOnce({ labels, typeUrl, spec }: Content): Uint8Array {
  const known = hashed.get(labels)
  if (known !== undefined && known.spec === spec && known.typeUrl === typeUrl) return known.hash
  const hash = contentHash({ labels: exportLabels(labels), typeUrl, spec })
  hashed.set(labels, { labels, typeUrl, spec, hash })
  return hash
}

/**
 * What a status adds to the digest of the status channel, 32 hex digits: the first 16 bytes of
 * sha256(lp(identity) ‖ lp(status)), which SQL computes over the stored columns as well.
 */
export const statusEntry = (
  row: { readonly type: string; readonly mesh: string; readonly exportName: string; readonly origin: Origin },
  status: Uint8Array,
): string =>
  hex(
    hash(
      'sha256',
      concatBytes([
        lengthPrefixed(identityBytes(row.type, row.mesh, row.exportName, row.origin)),
        lengthPrefixed(status),
      ]),
      'buffer',
    ).subarray(0, 16),
  )
