import { tombstoneKeptMaxMs, tombstoneKeptMs } from '../plan/compaction.js'
import type { Upkeep } from '../port.js'
import type { MemoryStore } from './memory-store.js'
import { lowestSettled } from './settled.js'

/** One round of what has to be done now and then, as the database does it. */
export const upkeepOf = (store: MemoryStore): Upkeep => ({
  addressesFreed: store.freeQuarantined(store.nowMs(), lowestSettled(store)),
  absentDeleted: 0,
  tombstonesForgotten: forgetTombstones(store),
})

/**
 * Through which everybody has acked our log. Whoever was met and has acked nothing yet may hold any part of it;
 * without anybody there is nobody to wait for.
 */
export function lowestAcked({ image }: MemoryStore): number {
  let lowest = image.head.revision
  const acked = new Set<string>()
  for (const { peer, side, channel, cursor } of image.cursors.values()) {
    if (side !== 'acked' || channel === 'status') continue
    acked.add(peer)
    lowest = Math.min(lowest, cursor?.revision ?? 0)
  }
  for (const { peer } of image.cursors.values()) if (!acked.has(peer)) return 0
  return lowest
}

/** Tombstones that everybody has acked go after a day, the others after a week; the log begins after the last of them. */
function forgetTombstones(store: MemoryStore): number {
  const nowMs = store.nowMs()
  const acked = lowestAcked(store)
  return store.transaction(undefined, () => {
    const { image } = store
    const gone = [...image.rows].filter(
      ([, row]) =>
        row.deleted &&
        row.offeredEntry === undefined &&
        row.offeredStatusEntry === undefined &&
        ((nowMs - (row.deletedAtMs ?? nowMs) > tombstoneKeptMs && row.revision <= acked) ||
          nowMs - (row.deletedAtMs ?? nowMs) > tombstoneKeptMaxMs),
    )
    for (const [key, { revision }] of gone) {
      image.rows.delete(key)
      image.logFrom = Math.max(image.logFrom, revision)
    }
    return gone.length
  })
}
