import type { Batch } from '@holdfast/kds'
import {
  canonicalLabels,
  type ExportedResource,
  equalBytes,
  isLimited,
  type Quota,
  quotaBytesLabel,
  quotaOf,
  quotaRateLabel,
  quotaResourcesLabel,
} from '@holdfast/model'
import { type Hearing, keyOfOffer } from './attribution.js'
import { zoneKey } from './deleted-zones.js'
import { keyText } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { Needs, Row, Usage } from './types.js'
import type { WorkingSet } from './working-set.js'

export const quotaWindowMs = 60_000
/** What came too fast is asked for again after this long, each time: it is nothing wrong, only too much at once. */
const rateAgainMs = 60_000
/** What is too much is asked for again, for the limit may have been raised or something deleted. */
const quotaAgainMs = 300_000

/** The limits that the Zone object of whoever speaks sets; undefined: none. Global only. */
function quotaFor(hearing: Hearing, ws: WorkingSet): Quota | undefined {
  if (ws.identity.role !== 'global' || hearing.channel !== 'up') return undefined
  const zone = ws.liveRow(zoneKey(hearing.peer))
  const quota = zone === undefined ? {} : quotaOf(zone.labels)
  return isLimited(quota) ? quota : undefined
}

/** Read only where there are limits: what a zone has is counted over all that global keeps of it. */
export const needsOfQuota = (hearing: Hearing, ws: WorkingSet): Needs =>
  quotaFor(hearing, ws) === undefined ? nothingNeeded : { ...nothingNeeded, usage: [hearing.peer] }

export interface OverQuota {
  readonly reason: string
  readonly againMs: number
}

/**
 * What of a batch would go over what its zone may have, by key, judged in order before anything is planned: no address is
 * looked for on behalf of what is not kept. A limit below what is there already takes nothing away; what does not grow
 * goes on, so a zone can get back below it. Removals are never refused.
 */
export function quotaRefusals(batch: Batch, hearing: Hearing, ws: WorkingSet): ReadonlyMap<string, OverQuota> {
  const quota = quotaFor(hearing, ws)
  const refused = new Map<string, OverQuota>()
  if (quota === undefined) return refused
  for (const { resource } of batch.offers) {
    const key = keyOfOffer(resource)
    const existing = ws.liveRow(key)
    if (existing !== undefined && isSame(existing, resource)) continue
    const usage = ws.usage(hearing.peer)
    const after: Usage = {
      origin: hearing.peer,
      resources: usage.resources + (existing === undefined ? 1 : 0),
      bytes: usage.bytes + resource.spec.length - (existing?.spec.length ?? 0),
      changedLately: usage.changedLately + 1,
    }
    const over = overQuota(hearing.peer, quota, usage, after)
    if (over === undefined) ws.noteUsage(after)
    else refused.set(keyText(key), over)
  }
  return refused
}

function overQuota(zone: string, quota: Quota, usage: Usage, after: Usage): OverQuota | undefined {
  const { resources, bytes, changesPerMinute } = quota
  // The numbers do not move with what is refused: the same refusal again is the same one.
  const over = (what: string, limit: number, label: string): OverQuota => ({
    reason: `zone "${zone}" may have at most ${limit} ${what} at global: delete some in the zone, or raise ${label} of Zone "${zone}"`,
    againMs: quotaAgainMs,
  })
  if (resources !== undefined && after.resources > resources && after.resources > usage.resources)
    return over('resources', resources, quotaResourcesLabel)
  if (bytes !== undefined && after.bytes > bytes && after.bytes > usage.bytes)
    return over('bytes of specs', bytes, quotaBytesLabel)
  if (changesPerMinute !== undefined && after.changedLately > changesPerMinute)
    return {
      reason: `zone "${zone}" may change at most ${changesPerMinute} resources a minute at global (${quotaRateLabel} of Zone "${zone}"): the last good version is kept, and it is asked for again in a minute`,
      againMs: rateAgainMs,
    }
  return undefined
}

const isSame = (row: Row, resource: ExportedResource): boolean =>
  equalBytes(row.spec, resource.spec) && equalBytes(canonicalLabels(row.labels), canonicalLabels(resource.labels))
