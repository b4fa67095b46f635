import { Problem } from '@holdfast/model'
import { putBlockResource } from './lease.js'
import type { ZoneFacts } from './loaded.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { BlockRow } from './types.js'
import type { Unit } from './unit.js'
import type { WorkingSet } from './working-set.js'
import { makeZone } from './zones.js'

export interface AdoptRequest {
  readonly zone: string
  /** The store that is to have the name; undefined: the one that has asked for it last. */
  readonly storeId?: string | undefined
  readonly actor: string
  /** False: only what would happen. */
  readonly apply: boolean
}

export interface Adoption {
  readonly zone: string
  /** Store that the name was bound to; undefined: none. */
  readonly incumbent?: string | undefined
  /** Store that has the name now, or would have it. */
  readonly storeId: string
  /** When that store asked for the name. */
  readonly claimedAtMs?: number | undefined
  /** False: the name is that store's already. */
  readonly changed: boolean
  /** Blocks as they are leased then. */
  readonly blocks: readonly BlockRow[]
}

/**
 * Gives a zone's name, and with it the leases, to another store: the one of before is gone for good. What it had written
 * goes back to the new one before that says anything (`owesReturn`). Global only.
 * @throws Problem `missing` (no such zone), `conflict` (it is connected, or nobody has asked for its name)
 */
export const adoptZoneUnit = (request: AdoptRequest, options: PlanOptions): Unit<Adoption> => ({
  needs: {
    ...nothingNeeded,
    zones: [request.zone],
    keys: [{ type: 'Zone', mesh: '', name: request.zone }],
    blocks: true,
  },
  more: (ws) => ({
    ...nothingNeeded,
    keys: blocksOf(request.zone, ws).map(({ id }) => ({ type: 'VipBlock', mesh: '', name: id })),
  }),
  plan: (ws) => ws.attempt(() => ({ keep: request.apply, value: planAdoption(request, ws, options) })),
})

const blocksOf = (zone: string, ws: WorkingSet) => ws.ledger.blocks().filter((block) => block.owner === zone)

function planAdoption(request: AdoptRequest, ws: WorkingSet, options: PlanOptions): Adoption {
  const { zone: name, actor } = request
  const { nowMs } = options
  const zone = knownZone(name, ws)
  // Nobody else asks for the name of one that lives, or of one that was adopted before: it is that store's already.
  const settled = zone?.adoptedAtMs !== undefined || zone?.hasSession === true
  const storeId = request.storeId ?? zone?.claimantStoreId ?? (settled ? zone?.storeId : undefined)
  if (zone !== undefined && storeId !== undefined && zone.storeId === storeId && zone.decommissionedAtMs === undefined)
    return { zone: name, incumbent: storeId, storeId, changed: false, blocks: blocksOf(name, ws) }
  if (zone?.hasSession === true) throw new Problem('conflict', livingText(name, zone))
  if (storeId === undefined)
    throw new Problem(
      'conflict',
      `no other store has asked for the name of zone "${name}": start the new one first (it is refused, and that is how its store becomes known), or name the store with --store-id`,
    )
  rebindBlocks(name, storeId, ws, options)
  if (zone?.decommissionedAtMs !== undefined) makeZone(name, ws, nowMs)
  ws.putZone({
    name,
    storeId,
    everInStep: zone?.everInStep ?? false,
    owesReturn: true,
    adoptedAtMs: nowMs,
    claimantStoreId: undefined,
    claimedAtMs: undefined,
    decommissionedAtMs: undefined,
  })
  ws.audit({
    atMs: nowMs,
    actor,
    action: 'zone adopted',
    subject: `Zone "${name}"`,
    detail: { storeId, before: zone?.storeId ?? null, blocks: blocksOf(name, ws).map((block) => block.id) },
  })
  return {
    zone: name,
    incumbent: zone?.storeId,
    storeId,
    claimedAtMs: zone?.claimedAtMs,
    changed: true,
    blocks: blocksOf(name, ws),
  }
}

/** A lease is bound to a store: the blocks of a name become another one's, at a new generation. */
export function rebindBlocks(zone: string, storeId: string, ws: WorkingSet, options: PlanOptions): void {
  for (const { used: _, ...block } of blocksOf(zone, ws)) {
    if (block.storeId === storeId) continue
    const row: BlockRow = { ...block, storeId, generation: block.generation + 1 }
    putBlockResource(row, ws, options)
    ws.ledger.putBlock(row)
  }
}

/** @throws Problem `missing` */
export function knownZone(name: string, ws: WorkingSet): ZoneFacts | undefined {
  const zone = ws.zone(name)
  if (zone === undefined && ws.liveRow({ type: 'Zone', mesh: '', name }) === undefined)
    throw new Problem('missing', `there is no zone "${name}"; "holdfastctl zone list" shows those that are there`)
  return zone
}

/** By whom it is, as far as this store knows. */
export const connectedWords = ({ session }: ZoneFacts): string =>
  session === undefined ? 'connected' : `connected (session ${session.id} of process ${session.instanceId})`

const livingText = (name: string, zone: ZoneFacts): string =>
  `zone "${name}" is ${connectedWords(zone)} and ${zone.storeId === undefined ? 'is a Kuma zone' : `belongs to the store ${zone.storeId}`}: stop it first if it is to give its name away`

/** The zone has stored everything again: what it says from here on counts, and begins with a comparison. */
export const returnDoneUnit = (zone: string, options: PlanOptions): Unit<boolean> => ({
  needs: { ...nothingNeeded, zones: [zone] },
  more: () => nothingNeeded,
  plan: (ws) => {
    const facts = ws.zone(zone)
    if (facts === undefined) return false
    if (facts.owesReturn === true) ws.putZone({ ...facts, owesReturn: false })
    ws.audit({
      atMs: options.nowMs,
      actor: `zone ${zone}`,
      action: 'zone returned',
      subject: `Zone "${zone}"`,
      detail: { storeId: facts.storeId ?? null },
    })
    return true
  },
})
