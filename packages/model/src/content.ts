import { hash } from 'node:crypto'
import { concatBytes, hex, lengthPrefixed, plainBytes, prefixedBytes } from './bytes.js'
import { canonicalLabels } from './labels.js'
import type { Origin, ResourceContent, Vips } from './resource.js'
import { encodeVips } from './vips.js'

/**
 * Hashes that are equal on every replica and in PostgreSQL: everything is SHA-256 over length-prefixed bytes, which
 * `sha256(int4send(length(x)) || x || …)` over stored `bytea` columns computes as well.
 * Frozen: a change of any of these is a new hash algorithm id on the wire and a rebuild of stored columns.
 */
export const hashAlgorithm = 1

const sha256 = (bytes: Uint8Array): Uint8Array => plainBytes(hash('sha256', bytes, 'buffer'))

/** Who a resource is in every control plane. `exportName`: the name it has everywhere but at its origin. */
export const identityBytes = (type: string, mesh: string, exportName: string, origin: Origin): Uint8Array =>
  prefixedBytes(type, mesh, exportName, origin)

/** Hash of what the origin owns, 32 bytes. `content.labels` in export form (`exportLabels`). */
export const contentHash = (content: ResourceContent): Uint8Array =>
  sha256(prefixedBytes(canonicalLabels(content.labels), content.typeUrl, content.spec))

/** The same over the bytes as they are stored. */
export const contentHashOf = (labels: Uint8Array, typeUrl: Uint8Array, spec: Uint8Array): Uint8Array =>
  sha256(prefixedBytes(labels, typeUrl, spec))

export const digestEntryLength = 16

/** What one resource adds to a digest, 16 bytes: who it is, what its origin owns of it, its VIPs and their generation. */
export const digestEntry = (identity: Uint8Array, content: Uint8Array, vips: Vips | undefined): Uint8Array =>
  digestEntryOf(identity, content, encodeVips(vips))

/** The same over the wire form of the VIPs as it is stored. */
export const digestEntryOf = (identity: Uint8Array, content: Uint8Array, vips: Uint8Array): Uint8Array =>
  sha256(concatBytes([lengthPrefixed(identity), content, lengthPrefixed(vips)])).subarray(0, digestEntryLength)

/**
 * What a status adds to the digest of the status channel, 32 hex digits: the first 16 bytes of
 * sha256(lp(identity) ‖ lp(status)), which SQL computes over the stored columns as well.
 */
export const statusEntry = (
  row: { readonly type: string; readonly mesh: string; readonly exportName: string; readonly origin: Origin },
  status: Uint8Array,
): string =>
  hex(
    sha256(prefixedBytes(identityBytes(row.type, row.mesh, row.exportName, row.origin), status)).subarray(
      0,
      digestEntryLength,
    ),
  )

export const bucketBits = 15

/** The first 15 bits of a hash over the key: three levels with a fan-out of 32 for repair. */
export function bucketOf(type: string, mesh: string, exportName: string): number {
  const [first = 0, second = 0] = sha256(prefixedBytes(type, mesh, exportName))
  return (first << 7) | (second >> 1)
}
