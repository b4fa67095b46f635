import type { Channel } from '@holdfast/kds'
import { addEntry, type Digest, emptyDigest, findType, isVisibleTo, upTypes, wireKey } from '@holdfast/model'
import { type Image, type RoleIdentity, type Row, statusEntry } from '@holdfast/store'

/** Digest entries by `type key`. */
export type Entries = ReadonlyMap<string, string>

const sentUp: ReadonlySet<string> = new Set(upTypes())

export const entryKey = (row: { readonly type: string; readonly mesh: string; readonly exportName: string }): string =>
  `${row.type} ${wireKey(row.mesh, row.exportName)}`

/** What a peer may see of a store, row by row: the meaning of a view, not the store's sums of it. */
export function viewOf(image: Image, identity: RoleIdentity, channel: Channel, peer: string): Entries {
  const entries = new Map<string, string>()
  for (const row of image.rows.values()) {
    const entry = seenEntry(row, image, identity, channel, peer)
    if (entry !== undefined) entries.set(entryKey(row), entry)
  }
  return entries
}

function seenEntry(row: Row, image: Image, identity: RoleIdentity, channel: Channel, peer: string): string | undefined {
  if (row.deleted) return undefined
  if (channel === 'down') {
    const type = findType(row.type)
    const hidden = image.visibility.get(row.origin)?.hidden ?? false
    return type !== undefined && !hidden && isVisibleTo(type, row.origin, row.audience, peer) ? row.entry : undefined
  }
  if (row.origin !== identity.name || row.audience !== 'all' || !sentUp.has(row.type)) return undefined
  if (channel === 'up') return row.entry
  return row.status === undefined ? undefined : statusEntry(row, row.status)
}

/** Whether a row of a receiver is one that this peer speaks of. */
export const isSpokenOf = (row: Row, identity: RoleIdentity, channel: Channel, peer: string): boolean =>
  channel === 'down' ? row.origin !== identity.name : row.origin === peer

/** What a receiver remembers that it was offered: rows, and refused newcomers. */
export function offeredOf(image: Image, identity: RoleIdentity, channel: Channel, peer: string): Entries {
  const entries = new Map<string, string>()
  for (const row of image.rows.values()) {
    const entry = channel === 'status' ? row.offeredStatusEntry : row.offeredEntry
    if (entry !== undefined && isSpokenOf(row, identity, channel, peer)) entries.set(entryKey(row), entry)
  }
  for (const row of image.refused.values())
    if (row.newcomer && row.peer === peer && row.channel === channel) entries.set(entryKey(row), row.entry)
  return entries
}

export function digestOf(entries: Entries): Digest {
  let sum = emptyDigest
  for (const entry of entries.values()) sum = addEntry(sum, Buffer.from(entry, 'hex'))
  return sum
}

export const digestText = ({ lanes, count }: Digest): string => `${lanes.join('-')}/${count}`

/** Keys whose entries differ, with both; undefined: not there. */
export function* differences(
  a: Entries,
  b: Entries,
): Iterable<{ readonly key: string; readonly a: string | undefined; readonly b: string | undefined }> {
  for (const [key, entry] of a) if (b.get(key) !== entry) yield { key, a: entry, b: b.get(key) }
  for (const [key, entry] of b) if (!a.has(key)) yield { key, a: undefined, b: entry }
}
