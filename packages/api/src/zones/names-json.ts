import type { Adoption, Decommission, StoreCounts, ZoneRecord } from '@holdfast/store'
import { brakeJson } from '../brakes/json.js'
import type { PeerSync } from '../sync/sync-view.js'

const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())

/** Whose a zone's name is, who else asks for it, and who speaks for it now. */
export const zoneNameJson = (zone: ZoneRecord, peer: PeerSync | undefined) => ({
  name: zone.name,
  storeId: zone.storeId ?? null,
  everInStep: zone.everInStep,
  connected: peer?.connected === true,
  session: peer?.sessionId ?? null,
  address: peer?.address ?? null,
  claimant:
    zone.claimantStoreId === undefined ? null : { storeId: zone.claimantStoreId, since: time(zone.claimedAtMs) },
  adoptedAt: time(zone.adoptedAtMs),
  owesReturn: zone.owesReturn === true,
  decommissionedAt: time(zone.decommissionedAtMs),
  paused: brakeJson(zone.paused),
})

export const adoptionJson = (adoption: Adoption, counts: StoreCounts) => ({
  zone: adoption.zone,
  changed: adoption.changed,
  from: adoption.incumbent ?? null,
  to: adoption.storeId,
  claimedAt: time(adoption.claimedAtMs),
  blocks: adoption.blocks.map(({ id, kind, cidr, generation }) => ({ id, kind, cidr, generation })),
  /** What goes back to the new store. */
  resources: counts.resources
    .filter((row) => row.origin === adoption.zone && row.count > 0)
    .map(({ type, count }) => ({ type, count })),
})

export const decommissionJson = ({ zone, storeId, changed, resources, addresses, blocks }: Decommission) => ({
  zone,
  changed,
  storeId: storeId ?? null,
  resources,
  addresses,
  blocks: blocks.map(({ id, kind, cidr, generation }) => ({ id, kind, cidr, generation })),
})
