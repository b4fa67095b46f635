import { globalOrigin, Problem } from '@holdfast/model'
import { overlap, ownerWords, rangeOf } from '@holdfast/vip'
import { blockOfOffer, serveKinds } from './blocks.js'
import { kindsOf } from './lease.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { BlockRow, LedgerRow, Row, Scope } from './types.js'
import type { Unit } from './unit.js'
import { allocationNeeds, wishOfRow } from './vips.js'
import type { WorkingSet } from './working-set.js'

export interface FederateRequest {
  readonly actor: string
  /** False: only what would happen. */
  readonly apply: boolean
}

/** What stands between a zone that ran by itself and its global. */
export interface Federation {
  /** Addresses in force that lie in another control plane's block: aliases of this zone, and new ones for everybody. */
  readonly collisions: readonly {
    readonly owner: string
    readonly address: string
    readonly leasedTo: string
    /** New address of this family; undefined: not yet, a block is asked for. */
    readonly becomes?: string | undefined
  }[]
  /** Meshes of this zone's own making that global does not have: they stay, and are told to nobody. */
  readonly meshes: readonly string[]
}

/**
 * A zone that ran by itself has given out addresses of a block that global has leased to somebody else. On an
 * operator's word they become aliases that hold in this zone, and their services get new ones for everybody, at a new
 * generation. Zones that are in step with their global only.
 * @throws Problem `conflict` before that: nobody has told yet which blocks are whose
 */
export const federateUnit = (request: FederateRequest, options: PlanOptions): Unit<Federation> => ({
  needs: {
    ...nothingNeeded,
    blocks: true,
    wholeTypes: [
      { type: 'VipBlock', origin: globalOrigin },
      { type: 'Mesh', origin: options.identity.name },
      ...kindsOf(options.identity).map((type) => ({ type, origin: options.identity.name })),
    ],
  },
  more: (ws) => {
    const lost = lostBlocks(ws)
    const kinds = [...new Set(lost.map(({ block }) => block.kind))]
    const wishes = kinds.flatMap((kind) => ws.ofOrigin(kind, ws.identity.name).flatMap((row) => wishOfRow(row) ?? []))
    // All of them may need another address: who has those is read in whole.
    const needs =
      lost.length === 0
        ? nothingNeeded
        : allocationNeeds(
            wishes.map((w) => ({ ...w, v4: undefined })),
            ws,
          )
    return {
      ...needs,
      owners: wishes.map((wish) => wish.owner),
      takenIn: ws.ledger.blocks().map((block) => block.cidr),
    }
  },
  plan: (ws) => ws.attempt(() => ({ keep: request.apply, value: planFederation(request, ws, options) })),
})

interface Lost {
  readonly block: BlockRow
  readonly leasedTo: string
}

/** Blocks that this zone took for its own, and that global has leased to somebody else. */
function lostBlocks(ws: WorkingSet): readonly Lost[] {
  const told = ws.ofOrigin('VipBlock', globalOrigin).flatMap((row) => (row.deleted ? [] : (blockOfOffer(row) ?? [])))
  const words = (owner: string): string => (owner === '' ? 'global' : `zone ${owner}`)
  return ws.ledger.blocks().flatMap(({ used, ...block }): readonly Lost[] => {
    // The very same slice: what arrived has made it the other one's already, and what we gave out stands in it.
    if (block.owner !== ws.identity.name) return used > 0 ? [{ block, leasedTo: words(block.owner) }] : []
    if (block.generation > 0) return []
    const other = told.find((one) => one.owner !== ws.identity.name && overlap(rangeOf(one.cidr), rangeOf(block.cidr)))
    return other === undefined ? [] : [{ block, leasedTo: words(other.owner) }]
  })
}

function planFederation(request: FederateRequest, ws: WorkingSet, options: PlanOptions): Federation {
  const { nowMs, identity } = options
  if (identity.role !== 'zone' || !ws.everInStep)
    throw new Problem('conflict', 'this zone was never in step with a global: start it with --global-address first')
  const lost = lostBlocks(ws)
  const moving = lost.flatMap(({ block, leasedTo }) =>
    ws.ledger
      .rows()
      .filter((row) => row.scope === 'canonical' && row.blockId === block.id)
      .map((row) => ({ row, leasedTo })),
  )
  for (const { row, leasedTo } of moving) giveUp(row, leasedTo, ws, nowMs)
  for (const { block } of lost) ws.ledger.removeBlock(block.id)
  serveKinds([...new Set(lost.map(({ block }) => block.kind))], ws, options)
  const collisions = moving.flatMap(({ row, leasedTo }) =>
    row.state === 'active'
      ? [
          {
            owner: ownerWords(row),
            address: row.address,
            leasedTo,
            becomes: ws.ledger.get(row, 'canonical', row.family)?.address,
          },
        ]
      : [],
  )
  if (collisions.length > 0)
    ws.audit({
      atMs: nowMs,
      actor: request.actor,
      action: 'zone federated',
      subject: `Zone "${identity.name}"`,
      detail: { addresses: collisions.length, blocks: lost.map(({ block }) => block.cidr) },
    })
  return { collisions, meshes: ownMeshes(ws) }
}

/** An address that holds here alone from now on. All families go, for a service has all of them from one choice. */
function giveUp(lost: LedgerRow, leasedTo: string, ws: WorkingSet, nowMs: number): void {
  const scope: Scope = `zone:${ws.identity.name}`
  for (const row of ws.ledger.of(lost)) {
    if (row.scope !== 'canonical') continue
    ws.ledger.free(row, nowMs, `${lost.address} lies in a block of ${leasedTo}`)
    if (row.state === 'active' && ws.ledger.get(row, scope, row.family) === undefined) {
      const { blockId: _, ...alias } = row
      ws.ledger.put({ ...alias, scope }, 'aliased', nowMs, `it lies in a block of ${leasedTo}; here it still holds`)
    }
  }
  const { kind: type, mesh, origin, namespace, displayName } = lost
  const service = ws.byDisplayName({ type, mesh, origin, namespace, displayName })
  if (service === undefined || service.origin !== ws.identity.name) return
  ws.put({
    ...service,
    vips: undefined,
    pendingReason: `${lost.address} lies in a block of ${leasedTo}; another address is on its way`,
    modifiedAtMs: nowMs,
  })
}

const ownMeshes = (ws: WorkingSet): readonly string[] =>
  ws.ofOrigin('Mesh', ws.identity.name).flatMap((row: Row) => (row.deleted ? [] : [row.name]))
