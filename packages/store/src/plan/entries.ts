import type { Unreadable } from '@holdfast/kds'
import {
  contentHash,
  digestEntry,
  type ExportedResource,
  exportLabels,
  hex,
  identityBytes,
  type Origin,
  type Resource,
  type ResourceKey,
  utf8,
} from '@holdfast/model'

export { statusEntry } from '@holdfast/model'

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
): string => {
  const { labels, typeUrl, spec } = content
  const known = hashed.get(labels)
  const isKnown = known !== undefined && known.spec === spec && known.typeUrl === typeUrl
  if (
    isKnown &&
    known.vips === vips &&
    known.exportName === exportName &&
    known.origin === origin &&
    known.mesh === mesh &&
    known.type === type
  )
    return known.entry
  const hash = isKnown ? known.hash : contentHash({ labels: exportLabels(labels), typeUrl, spec })
  const entry = hex(digestEntry(identityBytes(type, mesh, exportName, origin), hash, vips))
  hashed.set(labels, { type, mesh, exportName, origin, typeUrl, spec, vips, hash, entry })
  return entry
}

type Content = Pick<Resource, 'labels' | 'typeUrl' | 'spec'>

/**
 * What was computed last of a content, by its labels: one content is hashed for the check, for the plan and for the
 * commit. Nothing of a resource is ever changed in place.
 */
const hashed = new WeakMap<
  Content['labels'],
  Omit<Content, 'labels'> &
    Pick<Resource, 'type' | 'mesh' | 'exportName' | 'origin' | 'vips'> & {
      readonly hash: Uint8Array
      readonly entry: string
    }
>()

/**
 * The same of what could not be read, as far as its sender has told what it counts: with another content hash than a
 * hash the sums differ, and that is what is told then.
 */
export function entryOfUnreadable(type: string, { mesh, name }: ResourceKey, origin: Origin, it: Unreadable): string {
  const content = /^[0-9a-f]{64}$/.test(it.version) ? Buffer.from(it.version, 'hex') : contentHashOf(utf8(it.version))
  return hex(digestEntry(identityBytes(type, mesh, name, origin), content, it.vips))
}

const contentHashOf = (text: Uint8Array): Uint8Array => contentHash({ labels: {}, typeUrl: '', spec: text })
