import type { Demand } from '@holdfast/kds'
import { audienceOf, globalOrigin, jsonSpec, typeOf, type VipPoolSpec, vipPoolKind } from '@holdfast/model'
import { confirmBlock, growLoad, planLease } from '@holdfast/vip'
import { serveKinds } from './blocks.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { BlockRow, Family, Needs, RoleIdentity } from './types.js'
import type { Unit } from './unit.js'
import { loadOf } from './vip-rules.js'
import { allocationNeeds, wishOfRow } from './vips.js'
import type { WorkingSet } from './working-set.js'

export interface LeaseRequest {
  /** Zone name, or '' for global itself. */
  readonly owner: string
  readonly storeId: string
  readonly demands: readonly Demand[]
  /** Blocks that an operator gave the zone before its first contact: confirmed, or refused with the reason. */
  readonly wantedCidrs: readonly string[]
}

export interface Leased {
  readonly granted: readonly BlockRow[]
  readonly refused: readonly string[]
}

/** Blocks for a control plane, as VipBlock resources and in the ledger, as one unit. Global only. */
export const leaseUnit = (request: LeaseRequest, options: PlanOptions): Unit<Leased> => ({
  needs: needsOfLease(request),
  more: (ws) => {
    const kinds = request.owner === globalOrigin ? request.demands.map((demand) => demand.kind) : []
    const wishes = ws.pending(kinds).flatMap((row) => wishOfRow(row) ?? [])
    return { ...allocationNeeds(wishes, ws), owners: wishes.map((wish) => wish.owner) }
  },
  plan: (ws) => ws.wholly(() => planLeases(request, ws, options)),
})

export const needsOfLease = (request: LeaseRequest): Needs => ({
  ...nothingNeeded,
  blocks: true,
  aliases: true,
  wholeTypes: [{ type: 'VipPool', origin: globalOrigin }],
  zones: request.owner === globalOrigin ? [] : [request.owner],
  pendingOfKinds: request.owner === globalOrigin ? request.demands.map((demand) => demand.kind) : [],
})

/** Plans what a control plane is given: what was confirmed first, then what its demand still asks for. */
export function planLeases(request: LeaseRequest, ws: WorkingSet, options: PlanOptions): Leased {
  const no = leaseProblem(request, ws)
  if (no !== undefined) return { granted: [], refused: [no] }
  const granted: BlockRow[] = []
  const refused: string[] = []
  const grant = (kind: string, family: Family, cidr: string): void => {
    const block = { kind, family, cidr, owner: request.owner, storeId: request.storeId, generation: 1 }
    const row: BlockRow = { ...block, id: blockId(kind, cidr), createdAtMs: options.nowMs }
    putBlockResource(row, ws, options)
    ws.ledger.putBlock(row)
    ws.audit({
      atMs: options.nowMs,
      actor: request.owner === globalOrigin ? 'global' : `zone ${request.owner}`,
      action: 'block leased',
      subject: `VipBlock "${row.id}"`,
      detail: { cidr, owner: request.owner, storeId: request.storeId },
    })
    granted.push(row)
  }
  const pools = poolsOf(ws)
  const aliases = ws.ledger.rows().flatMap((row) => (row.scope === 'canonical' ? [] : [row.address]))
  for (const cidr of request.wantedCidrs) {
    const blocks = ws.ledger.blocks()
    const mine = blocks.find((b) => b.cidr === cidr && b.owner === request.owner && b.storeId === request.storeId)
    if (mine !== undefined) continue
    const verdict = confirmBlock(cidr, pools, blocks, aliases)
    if (verdict.outcome === 'confirmed') grant(verdict.kind, verdict.family, cidr)
    else refused.push(verdict.reason)
  }
  for (const demand of request.demands) {
    const plan = planLease(pools, ws.ledger.blocks(), aliases, { ...request, ...demand })
    for (const { family, cidr } of plan.add) grant(demand.kind, family, cidr)
    refused.push(...plan.full)
  }
  if (request.owner === globalOrigin) serveKinds([...new Set(granted.map((block) => block.kind))], ws, options)
  return { granted, refused }
}

function leaseProblem(request: LeaseRequest, ws: WorkingSet): string | undefined {
  if (ws.identity.role !== 'global') return 'blocks are leased by global only'
  if (ws.state === 'uninitialised')
    return 'global is not initialised, so it has no pools to lease from: run "holdfast init" there'
  if (ws.state === 'recovering')
    return 'global is recovering and leases nothing until its zones have told it what they hold'
  const bound = request.owner === globalOrigin ? ws.identity.storeId : ws.zone(request.owner)?.storeId
  return bound === request.storeId
    ? undefined
    : `zone "${request.owner}" is bound to the store ${bound ?? '(none)'}, not to ${request.storeId}`
}

const poolsOf = (ws: WorkingSet): readonly VipPoolSpec[] =>
  ws.ofOrigin('VipPool', globalOrigin).flatMap((row) => (row.deleted ? [] : (vipPoolKind.read(row.spec) ?? [])))

/** Name of a block: what it is, so that a block given beforehand and the one that confirms it are the same. */
export const blockId = (kind: string, cidr: string): string =>
  `${kind.toLowerCase()}-${cidr.replaceAll(/[.:/]+/g, '-').replace(/^-|-$/g, '')}`

function putBlockResource(block: BlockRow, ws: WorkingSet, { nowMs }: PlanOptions): void {
  const type = typeOf('VipBlock')
  const { kind, family, cidr, owner, storeId, generation } = block
  const key = { type: type.name, mesh: '', name: block.id }
  const before = ws.row(key)
  ws.put({
    ...key,
    ...jsonSpec(type, { kind, family, cidr, owner, storeId, generation }),
    labels: {},
    origin: ws.identity.name,
    exportName: block.id,
    displayName: block.id,
    namespace: '',
    audience: audienceOf(type, {}, block.id, globalOrigin),
    revision: before?.revision ?? 0,
    deleted: false,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
    statusRevision: before?.statusRevision ?? 0,
    exposed: true,
  })
}

/** Kinds that a control plane allocates for. */
export const kindsOf = (identity: RoleIdentity): readonly string[] =>
  identity.role === 'global' ? ['MeshMultiZoneService', 'MeshExternalService'] : ['MeshService', 'MeshExternalService']

/**
 * What a control plane would ask for now: every kind of which it has no block, whose services wait, or whose blocks
 * are half full. Empty when nothing is needed.
 */
export function demandOf(
  identity: RoleIdentity,
  blocks: readonly (BlockRow & { readonly used: number })[],
  counts: ReadonlyMap<string, { readonly active: number; readonly pending: number }>,
): readonly Demand[] {
  return kindsOf(identity).flatMap((kind) => {
    const { active, pending } = counts.get(kind) ?? { active: 0, pending: 0 }
    const own = blocks.filter(
      (b) => b.kind === kind && b.owner === identity.name && b.storeId === identity.storeId && b.family === 4,
    )
    // What rests in quarantine takes its place as well: a demand without it would be answered with nothing, for ever.
    const used = own.reduce((sum, block) => sum + block.used, 0)
    return own.length === 0 || pending > 0 || own.every((block) => loadOf(block) > growLoad)
      ? [{ kind, active: Math.max(active, used), pending }]
      : []
  })
}
