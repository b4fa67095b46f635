import type { Offer, Removal } from './messages.js'

/** Framing, hash, VIPs and field tags of one resource on the wire, rounded up. */
const resourceOverheadBytes = 192
const keyOverheadBytes = 24

/** What an offer takes on the wire, in bytes, close enough to keep a response under its bound. */
export function offerBytes({ resource }: Offer): number {
  let bytes = resourceOverheadBytes + resource.spec.length + resource.name.length + resource.mesh.length
  bytes += resource.typeUrl.length + (resource.status?.length ?? 0)
  for (const [label, value] of Object.entries(resource.labels)) bytes += label.length + value.length + 8
  return bytes
}

export const removalBytes = (removal: Removal): number => removal.key.length + keyOverheadBytes
export const keyBytes = (key: string): number => key.length + keyOverheadBytes

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
