import type { ChannelContext, SettledFacts } from '@holdfast/kds'
import { findType, type Origin } from '@holdfast/model'
import type { RoleIdentity, Row } from '../plan/index.js'
import type { Image } from './image.js'
import type { LiveImage } from './live-image.js'
import type { MemoryStore } from './memory-store.js'

/** As on PostgreSQL: how far everybody has let go of what was ours and is gone; our head where there is nobody. */
export const lowestSettled = ({ image, identity }: MemoryStore): number =>
  lowestOf(image, identity, identity.name) ?? image.head.revision

function lowestOf(image: Image, { role }: RoleIdentity, origin: Origin): number | undefined {
  const waited = new Set<string>()
  if (role === 'global')
    for (const { name, storeId, decommissionedAtMs } of image.zones.values())
      if (storeId !== undefined && decommissionedAtMs === undefined) waited.add(name)
  const settled = new Map<string, number>()
  for (const { peer, side, cursor, except = [] } of image.cursors.values()) {
    waited.add(peer)
    if (side === 'settled' && cursor?.epoch === image.head.epoch && !except.includes(origin))
      settled.set(peer, cursor.revision)
  }
  // An origin does not wait for itself, and nobody is global's peer of the name of global.
  if (role === 'global') waited.delete(origin)
  let lowest: number | undefined
  for (const peer of waited) lowest = Math.min(lowest ?? Number.POSITIVE_INFINITY, settled.get(peer) ?? 0)
  return lowest
}

export function settledFacts(
  image: LiveImage,
  identity: RoleIdentity,
  { channel, peer }: ChannelContext,
): SettledFacts {
  const except = new Set<Origin>()
  for (const { origin } of image.sums.groups())
    if (
      origin !== identity.name &&
      (channel === 'down' || origin === peer) &&
      image.rowsByMarker.keys(`kept of ${origin}`).size > 0
    )
      except.add(origin)
  const head = image.head.revision
  return { except: [...except].sort(), head, others: lowestOf(image, identity, peer) ?? head }
}

/** A service that is here although its sender has removed or changed it: held, refused, or missed for a while. */
export const isKept = (row: Row): boolean =>
  !row.deleted &&
  findType(row.type)?.vipKind === true &&
  (row.absentSinceMs !== undefined ||
    (row.offeredEntry !== row.entry && (row.offeredEntry !== undefined || row.holdId !== undefined)))
