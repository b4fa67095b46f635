import { zoneLabel } from '@holdfast/model'
import type { Offer, Removal } from './messages.js'

/** Framing, hash, VIPs, type URL, origin label, status entry and field tags of one resource on the wire, rounded up. */
const resourceOverheadBytes = 288
const labelOverheadBytes = 10
const keyOverheadBytes = 24

/** What an offer takes on the wire in bytes, at most: a response that is cut by it stays under its bound. */
export function offerBytes({ resource }: Offer): number {
  // The name stands in it twice, once with the mesh as the key.
  let bytes = resourceOverheadBytes + resource.spec.length + 2 * (utf8Bytes(resource.name) + utf8Bytes(resource.mesh))
  bytes += resource.typeUrl.length + (resource.status?.length ?? 0)
  // Its zone stands beside the bytes once more.
  bytes += utf8Bytes(resource.labels[zoneLabel] ?? '')
  for (const [label, value] of Object.entries(resource.labels))
    bytes += utf8Bytes(label) + utf8Bytes(value) + labelOverheadBytes
  return bytes
}

/** At most: a code unit takes one byte, or up to three. */
const utf8Bytes = (text: string): number => (isAscii(text) ? text.length : 3 * text.length)
const isAscii = (text: string): boolean => !/[^ -~]/.test(text)

export const removalBytes = (removal: Removal): number => removal.key.length + keyOverheadBytes
export const keyBytes = (key: string): number => utf8Bytes(key) + keyOverheadBytes

/** Cuts into runs of at most `limit` bytes; what is larger on its own stands alone. */
export function cutBySize<T>(items: readonly T[], bytesOf: (item: T) => number, limit: number): readonly T[][] {
  const runs: T[][] = []
  let run: T[] = []
  let size = 0
  for (const item of items) {
    const bytes = bytesOf(item)
    if (run.length > 0 && size + bytes > limit) {
      runs.push(run)
      run = []
      size = 0
    }
    run.push(item)
    size += bytes
  }
  if (run.length > 0) runs.push(run)
  return runs
}

/** Cuts into runs of at most `max` items. */
export function chunked<T>(items: readonly T[], max: number): readonly (readonly T[])[] {
  const runs: (readonly T[])[] = []
  for (let at = 0; at < items.length; at += max) runs.push(items.slice(at, at + max))
  return runs
}
