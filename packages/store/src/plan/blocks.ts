import type { Batch } from '@holdfast/kds'
import { type ExportedResource, vipBlockKind } from '@holdfast/model'
import { keyOfOffer } from './attribution.js'
import { keyText, ownerOf } from './keys.js'
import type { PlanOptions } from './local.js'
import type { BlockRow, Needs, Row } from './types.js'
import { assignVips, vipsOf, wishOfRow } from './vips.js'
import type { WorkingSet } from './working-set.js'

type BlockFacts = Omit<BlockRow, 'createdAtMs'>

/** The block that a VipBlock resource speaks of; undefined if a newer program wrote what we cannot read. */
export function blockOfOffer(resource: Pick<ExportedResource, 'type' | 'name' | 'spec'>): BlockFacts | undefined {
  if (resource.type !== 'VipBlock') return undefined
  const spec = vipBlockKind.read(resource.spec)
  if (spec === undefined) return undefined
  const { kind, family, cidr, owner, storeId, generation } = spec
  return { id: resource.name, kind, family, cidr, owner, storeId, generation }
}

/** A lease is bound to a store, not to a name: a block of another store of our name is not ours. */
const isOurs = (block: BlockFacts, ws: WorkingSet): boolean =>
  block.owner === ws.identity.name && block.storeId === ws.identity.storeId

/**
 * Blocks that arrive for us become blocks of our ledger, and in the same transaction every service that has waited for
 * one gets its VIP: it is never seen without, and never has one unseen. Returns how many services were served.
 */
export function servePending(batch: Batch, ws: WorkingSet, options: PlanOptions): number {
  const kinds = new Set<string>()
  for (const { resource } of batch.offers) {
    const block = blockOfOffer(resource)
    if (block === undefined || ws.liveRow(keyOfOffer(resource)) === undefined) continue
    if (isOurs(block, ws)) {
      ws.ledger.putBlock({ createdAtMs: options.nowMs, ...ws.ledger.block(block.id), ...block })
      kinds.add(block.kind)
    } else leaves(block, ws)
  }
  return serveKinds([...kinds], ws, options)
}

/**
 * Gives VIPs to own services of these kinds that wait for one, and the other family's to those that have one of a single
 * family. A store that was restored waits for its witnesses.
 */
export function serveKinds(kinds: readonly string[], ws: WorkingSet, { nowMs }: PlanOptions): number {
  if (kinds.length === 0) return 0
  const waiting = waitingFor(kinds, ws)
  const wishes = waiting.flatMap((row) => wishOfRow(row) ?? [])
  const assigned = assignVips(wishes, ws, nowMs, 'allocated with the first block')
  let served = 0
  for (const row of waiting) {
    const vips = vipsOf(ownerOf(row), ws)
    const key = keyText(row)
    const pendingReason =
      vips === undefined ? (assigned.pending.get(key) ?? assigned.refused.get(key)?.message) : undefined
    // A headless service was never asked for: its reason stays.
    if (vips === undefined && (pendingReason === undefined || pendingReason === row.pendingReason)) continue
    if (row.pendingReason === undefined && vips?.addresses.length === row.vips?.addresses.length) continue
    ws.put({ ...row, vips, pendingReason, modifiedAtMs: nowMs })
    served++
  }
  return served
}

/** Own services of these kinds that a block may serve. */
export const waitingFor = (kinds: readonly string[], ws: WorkingSet): readonly Row[] => [
  ...ws.pending(kinds),
  ...ws.lackingFamily(kinds),
]

/** What must be read for that, whichever family the block is of. */
export const needsOfWaiting = (kinds: readonly string[]): Pick<Needs, 'pendingOfKinds' | 'lackingFamily'> => ({
  pendingOfKinds: kinds,
  lackingFamily: kinds.flatMap((type) => [
    { type, family: 4 },
    { type, family: 6 },
  ]),
})

/** A block that is somebody else's now: nothing more is allocated from it; what was is looked after until it is gone. */
function leaves(block: BlockFacts, ws: WorkingSet): void {
  const known = ws.ledger.block(block.id)
  if (known === undefined || ws.identity.role === 'global') return
  if (known.used === 0) ws.ledger.removeBlock(block.id)
  else ws.ledger.putBlock({ ...known, ...block })
}

/** A block that was taken back. One that still holds addresses stays in the ledger until they are gone. */
export function blockGoes(row: Row, ws: WorkingSet): void {
  if (ws.ledger.block(row.name)?.used === 0) ws.ledger.removeBlock(row.name)
}
