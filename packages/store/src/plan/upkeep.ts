import { equalBytes, globalOrigin, type ResourceKey, type Violation, vipPoolKind } from '@holdfast/model'
import { freeLoad, type Pool } from '@holdfast/vip'
import { needsOfWaiting, serveKinds, waitingFor } from './blocks.js'
import { blockId, kindsOf } from './lease.js'
import type { BlockUse } from './ledger-set.js'
import { mergedNeeds, nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { Unit } from './unit.js'
import { adoptedBlocks, assumedPools, freeableRows, loadOf } from './vip-rules.js'
import { allocationNeeds, ownBlocks, wishOfRow } from './vips.js'
import type { WorkingSet } from './working-set.js'

/** The status of what is ours, by its own writer. Whether it changed. */
export const statusUnit = (key: ResourceKey, status: Uint8Array): Unit<boolean> => ({
  needs: { ...nothingNeeded, keys: [key] },
  more: () => nothingNeeded,
  plan: (ws) => {
    const row = ws.liveRow(key)
    if (row === undefined || row.origin !== ws.identity.name) return false
    if (row.status !== undefined && equalBytes(row.status, status)) return false
    ws.setStatus(row, status)
    return true
  },
})

/** Blocks that an operator gives a zone before its first contact; all of them, or none and why not. */
export const adoptUnit = (cidrs: readonly string[], options: PlanOptions): Unit<readonly Violation[]> => ({
  needs: {
    ...nothingNeeded,
    blocks: true,
    wholeTypes: [{ type: 'VipPool', origin: globalOrigin }],
    ...needsOfWaiting(kindsOf(options.identity)),
  },
  more: (ws) => {
    const { blocks } = adoptedBlocks(cidrs, poolsKnown(ws, cidrs), ws.ledger.blocks())
    const adopted = blocks.map((block) => ownBlock(block, options))
    const wishes = waitingFor(kindsOf(options.identity), ws).flatMap((row) => wishOfRow(row) ?? [])
    const owners = { ...nothingNeeded, owners: wishes.map((wish) => wish.owner) }
    return mergedNeeds([allocationNeeds(wishes, ws, adopted), owners])
  },
  plan: (ws) => {
    const { blocks, violations } = adoptedBlocks(cidrs, poolsKnown(ws, cidrs), ws.ledger.blocks())
    if (violations.length > 0) return violations
    for (const block of blocks) ws.ledger.putBlock({ ...ownBlock(block, options), createdAtMs: options.nowMs })
    serveKinds([...new Set(blocks.map((block) => block.kind))], ws, options)
    return []
  },
})

/** Gives VIPs to everything of ours that waits for one and can have it now: after recovery, after addresses came free. */
export const servingUnit = (options: PlanOptions): Unit<number> => ({
  needs: { ...nothingNeeded, blocks: true, ...needsOfWaiting(kindsOf(options.identity)) },
  more: (ws) => {
    const wishes = waitingFor(kindsOf(options.identity), ws).flatMap((row) => wishOfRow(row) ?? [])
    const owners = { ...nothingNeeded, owners: wishes.map((wish) => wish.owner) }
    return mergedNeeds([allocationNeeds(wishes, ws), owners])
  },
  plan: (ws) => ws.wholly(() => serveKinds(kindsOf(options.identity), ws, options)),
})

/** Not confirmed yet: generation 0. Global's VipBlock of the same name makes it 1. */
const ownBlock = (
  { kind, family, cidr }: { readonly kind: string; readonly family: 4 | 6; readonly cidr: string },
  { identity }: PlanOptions,
) => ({
  ...{ id: blockId(kind, cidr), kind, family, cidr },
  ...{ owner: identity.name, storeId: identity.storeId, generation: 0 },
})

/** Those that global has told us of; before that the default ones, and those of the IPv6 prefixes that are given. */
function poolsKnown(ws: WorkingSet, cidrs: readonly string[]): readonly Pool[] {
  const known = ws.ofType('VipPool').flatMap((row) => (row.deleted ? [] : (vipPoolKind.read(row.spec) ?? [])))
  return known.length > 0 ? known : assumedPools(cidrs)
}

/**
 * Frees addresses that have served their quarantine, oldest first, only where a block is crowded. How many.
 * @param lowestAckedRevision of our log, by every zone that is not decommissioned
 */
export const freeUnit = (options: PlanOptions, lowestAckedRevision: number): Unit<number> => ({
  needs: { ...nothingNeeded, blocks: true },
  more: (ws) => ({
    ...nothingNeeded,
    takenIn: ownBlocks(ws)
      .filter(isCrowded)
      .map((block) => block.cidr),
  }),
  plan: (ws) => {
    const blocks = ownBlocks(ws).filter(isCrowded)
    const rows = freeableRows(ws.ledger.rows(), blocks, {
      nowMs: options.nowMs,
      ackedByAll: lowestAckedRevision,
    })
    for (const row of rows) ws.ledger.free(row, options.nowMs, 'its quarantine is over')
    return rows.length
  },
})

const isCrowded = (block: BlockUse): boolean => block.family === 4 && loadOf(block) > freeLoad
