import type { Origin, ResourceKey } from '@holdfast/model'
import { type Hearing, wireKeyOf } from './attribution.js'
import type { PlanOptions } from './local.js'
import type { OfferOutcome } from './offers.js'
import type { WorkingSet } from './working-set.js'

/** First and longest pause before a refused resource is asked for again; each refusal of the same doubles it. */
export const refusalPauseMs = 30_000
export const refusalPauseMaxMs = 3_600_000

export interface Refusal {
  readonly key: ResourceKey
  readonly exportName: string
  readonly origin: Origin
  readonly offeredEntry: string
  readonly reason: string
  readonly remembered?: string | undefined
  /** When it is asked for again, each time; absent: ever later. */
  readonly againMs?: number | undefined
}

/**
 * What is refused is remembered with its reason and counts as offered (EQ); what was there stays as it was (LKG). A
 * newcomer never becomes half a row: its entry counts from here.
 */
export function refuseOffer(refusal: Refusal, hearing: Hearing, ws: WorkingSet, { nowMs }: PlanOptions): OfferOutcome {
  const { key, exportName, origin, offeredEntry, reason, remembered, againMs } = refusal
  // A status leaves no trace on the row: what was offered of the resource itself is another matter.
  const row = hearing.channel === 'status' ? undefined : ws.row(key)
  const mine = row !== undefined && row.origin === origin
  // What went with its mesh may have been refused before, and then counts as it did (RO).
  const counts = mine && (!row.deleted || row.offeredEntry === offeredEntry)
  const newcomer = !counts
  if (mine)
    ws.setOffered(row, {
      offeredEntry: counts ? offeredEntry : undefined,
      holdId: undefined,
      absentSinceMs: row.deleted ? row.absentSinceMs : undefined,
    })
  const before = ws.refusal({ ...key, peer: hearing.peer, channel: hearing.channel })
  const again = before !== undefined && before.entry === offeredEntry && before.reason === reason
  const outcome: OfferOutcome = {
    refused: { key: wireKeyOf({ mesh: key.mesh, name: key.name }), reason, remembered },
    warnings: [],
    written: false,
  }
  // RO: whoever says everything on every stream has not tried again, and nothing is known that was not.
  if (again && hearing.plain === true) return outcome
  const tries = again ? before.tries + 1 : 1
  ws.refuse({
    ...key,
    peer: hearing.peer,
    channel: hearing.channel,
    origin,
    exportName,
    newcomer,
    entry: offeredEntry,
    reason,
    remembered,
    sinceMs: again ? before.sinceMs : nowMs,
    nextTryMs: nowMs + (againMs ?? Math.min(refusalPauseMs * 2 ** (tries - 1), refusalPauseMaxMs)),
    tries,
  })
  return outcome
}
