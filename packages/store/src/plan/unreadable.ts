import type { Batch, Unreadable } from '@holdfast/kds'
import { type Origin, parseWireKey, type ResourceKey } from '@holdfast/model'
import type { Hearing } from './attribution.js'
import { entryOfUnreadable } from './entries.js'
import type { PlanOptions } from './local.js'
import type { OfferOutcome } from './offers.js'
import { refuseOffer } from './refusals.js'
import type { WorkingSet } from './working-set.js'

/** Keys of what could not be read: it was offered, whatever it is, so nothing of it is absent. */
export const keysOfUnreadable = (batch: Batch): readonly ResourceKey[] =>
  (batch.unreadable ?? []).map(({ key }) => ({ type: batch.type, ...parseWireKey(key) }))

/**
 * A resource that could not be read is refused alone: what was there stays (LKG), it counts as offered with the entry
 * that its sender says of it (EQ), and it is asked for again when its pause has passed.
 */
export function planUnreadable(
  type: string,
  it: Unreadable,
  hearing: Hearing,
  ws: WorkingSet,
  options: PlanOptions,
): OfferOutcome {
  const key: ResourceKey = { type, ...parseWireKey(it.key) }
  const origin = originOfUnreadable(key, it, hearing, ws)
  const entry = entryOfUnreadable(type, key, origin, it)
  if (hearing.channel !== 'status')
    return refuseOffer(
      { key, exportName: key.name, origin, offeredEntry: entry, reason: it.reason },
      hearing,
      ws,
      options,
    )
  // As with any refused status: from here on the refusal counts what is offered, and the row's last good one is shown.
  const row = ws.row(key)
  if (row?.origin === origin && row.offeredStatusEntry !== undefined) ws.setStatus(row, row.status)
  return refuseOffer(
    { key, exportName: key.name, origin, offeredEntry: it.statusEntry ?? entry, reason: it.reason },
    hearing,
    ws,
    options,
  )
}

/** A zone speaks only for itself; global says beside the bytes whose it is, and what we know of the name stands in. */
function originOfUnreadable(key: ResourceKey, it: Unreadable, hearing: Hearing, ws: WorkingSet): Origin {
  if (hearing.channel !== 'down') return hearing.peer
  const origin = it.origin ?? ws.row(key)?.origin ?? ''
  // Nobody but us speaks of what is ours: our row is not touched, whatever its name.
  return origin === ws.identity.name ? '' : origin
}
