import type { Channel } from '@holdfast/kds'
import { findType, isVisibleTo, upTypes, wireKey } from '@holdfast/model'
import { type Image, type RoleIdentity, type Row, statusEntry } from '@holdfast/store'

const sentUp: ReadonlySet<string> = new Set(upTypes())

export const entryKey = (row: { readonly type: string; readonly mesh: string; readonly exportName: string }): string =>
  `${row.type} ${wireKey(row.mesh, row.exportName)}`

/** What a peer may see of one row: the meaning of a view, not the store's sums of it. */
export function seenEntry(
  row: Row,
  image: Image,
  identity: RoleIdentity,
  channel: Channel,
  peer: string,
): string | undefined {
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
