import { allTypes, findType, isProtected, isZoneEnabled, Problem, protectionLabel } from '@holdfast/model'
import { connectedWords, knownZone } from './adopt.js'
import { ownerOf } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { BlockRow, Row } from './types.js'
import type { Unit } from './unit.js'
import { restVips } from './vips.js'
import type { WorkingSet } from './working-set.js'

export interface DecommissionRequest {
  readonly zone: string
  readonly actor: string
  /** False: only what would happen. */
  readonly apply: boolean
}

/** What goes with a zone. */
export interface Decommission {
  readonly zone: string
  /** Store that spoke for it; undefined: it was never met. */
  readonly storeId?: string | undefined
  /** False: it was taken out of service before. */
  readonly changed: boolean
  readonly resources: readonly { readonly type: string; readonly count: number }[]
  /** Addresses that rest from now on, those of services that were deleted before included. */
  readonly addresses: number
  readonly blocks: readonly BlockRow[]
}

/**
 * Takes a zone out of service for good: what it owned is removed everywhere by explicit removals, its addresses rest,
 * nobody waits for its acks any more, and its name is free. The blocks stay with the name: whoever takes it gets them
 * with what rests in them, so that the quarantine holds. Global only.
 * @throws Problem `missing` (no such zone), `conflict` (it is connected)
 */
export const decommissionUnit = (request: DecommissionRequest, options: PlanOptions): Unit<Decommission> => ({
  needs: {
    ...nothingNeeded,
    zones: [request.zone],
    keys: [{ type: 'Zone', mesh: '', name: request.zone }],
    blocks: true,
    wholeTypes: allTypes.map((type) => ({ type: type.name, origin: request.zone })),
  },
  more: (ws) => ({
    ...nothingNeeded,
    owners: ownedBy(request.zone, ws)
      .filter((row) => findType(row.type)?.vipKind === true)
      .map(ownerOf),
    takenIn: blocksOf(request.zone, ws).map((block) => block.cidr),
    holds: ownedBy(request.zone, ws).flatMap((row) => row.holdId ?? []),
  }),
  plan: (ws) => ws.attempt(() => ({ keep: request.apply, value: planDecommission(request, ws, options) })),
})

const ownedBy = (zone: string, ws: WorkingSet): readonly Row[] =>
  allTypes.flatMap((type) => ws.ofOrigin(type.name, zone)).filter((row) => !row.deleted)

const blocksOf = (zone: string, ws: WorkingSet): readonly BlockRow[] =>
  ws.ledger.blocks().flatMap(({ used: _, ...block }) => (block.owner === zone ? [block] : []))

function planDecommission(request: DecommissionRequest, ws: WorkingSet, { nowMs }: PlanOptions): Decommission {
  const { zone: name, actor } = request
  const zone = knownZone(name, ws)
  if (zone?.hasSession === true)
    throw new Problem(
      'conflict',
      `zone "${name}" is ${connectedWords(zone)}: stop it before it is taken out of service`,
    )
  const object = ws.liveRow({ type: 'Zone', mesh: '', name })
  if (object !== undefined && isProtected(object.labels))
    throw new Problem(
      'conflict',
      `zone "${name}" is protected from deletion: apply its Zone object without the label ${protectionLabel} first`,
    )
  const changed = zone?.decommissionedAtMs === undefined
  const owned = ownedBy(name, ws)
  const counts = new Map<string, number>()
  for (const row of owned) {
    counts.set(row.type, (counts.get(row.type) ?? 0) + 1)
    ws.tombstone(row, { atMs: nowMs })
    if (findType(row.type)?.vipKind === true) restVips(ownerOf(row), ws, nowMs, `zone ${name} was decommissioned`)
  }
  const resting = ws.ledger.rows().filter((row) => row.origin === name && row.scope === 'canonical')
  const report: Decommission = {
    zone: name,
    storeId: zone?.storeId,
    changed,
    resources: [...counts].sort().map(([type, count]) => ({ type, count })),
    addresses: resting.length,
    blocks: blocksOf(name, ws),
  }
  if (!changed) return report
  const resource = ws.liveRow({ type: 'Zone', mesh: '', name })
  if (resource !== undefined) {
    ws.tombstone(resource, { atMs: nowMs })
    if (!isZoneEnabled(resource.spec)) ws.setHidden(name, false)
  }
  ws.putZone({
    name,
    storeId: zone?.storeId,
    everInStep: false,
    owesReturn: true,
    decommissionedAtMs: nowMs,
    claimantStoreId: undefined,
    claimedAtMs: undefined,
    adoptedAtMs: undefined,
    paused: undefined,
  })
  ws.audit({
    atMs: nowMs,
    actor,
    action: 'zone decommissioned',
    subject: `Zone "${name}"`,
    detail: {
      storeId: zone?.storeId ?? null,
      resources: report.resources,
      addresses: report.addresses,
      blocks: report.blocks.map((block) => block.id),
    },
  })
  return report
}
