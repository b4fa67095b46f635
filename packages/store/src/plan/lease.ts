import type { Demand } from '@holdfast/kds'
import { audienceOf, globalOrigin, jsonSpec, typeOf, type VipPoolSpec, vipPoolKind } from '@holdfast/model'
import { confirmBlock, growLoad, planLease } from '@holdfast/vip'
import { needsOfWaiting, serveKinds, waitingFor } from './blocks.js'
import { deletedZoneWords, isZoneDeleted, zoneKey } from './deleted-zones.js'
import type { BlockUse } from './ledger-set.js'
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
  /** For a zone that speaks plain Kuma KDS and has no store of ours: global allocates from the block in its name. */
  readonly onBehalf?: boolean | undefined
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
    const wishes = waitingFor(kinds, ws).flatMap((row) => wishOfRow(row) ?? [])
    return { ...allocationNeeds(wishes, ws), owners: wishes.map((wish) => wish.owner) }
  },
  plan: (ws) => ws.wholly(() => planLeases(request, ws, options)),
})

export const needsOfLease = (request: LeaseRequest): Needs => ({
  ...nothingNeeded,
  blocks: true,
  aliases: true,
  wholeTypes: [{ type: 'VipPool', origin: globalOrigin }],
  keys: request.owner === globalOrigin ? [] : [zoneKey(request.owner)],
  zones: request.owner === globalOrigin ? [] : [request.owner],
  ...needsOfWaiting(request.owner === globalOrigin ? request.demands.map((demand) => demand.kind) : []),
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
  if (request.owner !== globalOrigin && isZoneDeleted(request.owner, ws)) return deletedZoneWords(request.owner)
  const bound =
    request.owner === globalOrigin || request.onBehalf === true ? ws.identity.storeId : ws.zone(request.owner)?.storeId
  return bound === request.storeId
    ? undefined
    : `zone "${request.owner}" is bound to the store ${bound ?? '(none)'}, not to ${request.storeId}`
}

/** What must be read before a block may be leased to a control plane that is none of ours. */
export const needsOfBehalf = (owner: string): Needs => ({
  ...nothingNeeded,
  aliases: true,
  wholeTypes: [{ type: 'VipPool', origin: globalOrigin }],
  keys: [zoneKey(owner)],
})

const poolsOf = (ws: WorkingSet): readonly VipPoolSpec[] =>
  ws.ofOrigin('VipPool', globalOrigin).flatMap((row) => (row.deleted ? [] : (vipPoolKind.read(row.spec) ?? [])))

/** Name of a block: what it is, so that a block given beforehand and the one that confirms it are the same. */
export const blockId = (kind: string, cidr: string): string =>
  `${kind.toLowerCase()}-${cidr.replaceAll(/[.:/]+/g, '-').replace(/^-|-$/g, '')}`

/** Global's word on a block, as every zone hears it. */
export function putBlockResource(block: BlockRow, ws: WorkingSet, { nowMs }: PlanOptions): void {
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

/** Own services of a kind: with an active address of each family, and those that wait for any. */
export interface KindCounts {
  readonly v4: number
  readonly v6: number
  readonly pending: number
}

/**
 * What a control plane would ask for now: every kind of which it lacks a family that there is a pool of, whose services
 * wait, or whose blocks are half full. Empty when nothing is needed. A block that an operator gave and that global has
 * not confirmed is no lease: the same request has it confirmed, or is given one in its place.
 * @param pools as far as they are known; without any nobody can tell what there is, and every family is asked for
 */
export function demandOf(
  identity: RoleIdentity,
  blocks: readonly Pick<BlockUse, 'kind' | 'family' | 'cidr' | 'owner' | 'storeId' | 'generation' | 'used'>[],
  counts: ReadonlyMap<string, KindCounts>,
  pools: readonly Pick<VipPoolSpec, 'kind' | 'family'>[],
): readonly Demand[] {
  return kindsOf(identity).flatMap((kind) => {
    const { v4, v6, pending } = counts.get(kind) ?? { v4: 0, v6: 0, pending: 0 }
    const own = blocks.filter(
      (b) => b.kind === kind && b.owner === identity.name && b.storeId === identity.storeId && b.generation > 0,
    )
    const ofFamily = (family: Family) => own.filter((block) => block.family === family)
    const there = pools.filter((pool) => pool.kind === kind).map((pool) => pool.family)
    const families = new Set<Family>(pools.length === 0 ? [4, 6] : there)
    const missing = [...families].some((family) => ofFamily(family).length === 0)
    // Served with IPv6 alone: the block of IPv4 that has come meanwhile was too small for all.
    const waiting = pending + (families.has(4) ? Math.max(0, v6 - v4) : 0)
    const crowded = ofFamily(4).length > 0 && ofFamily(4).every((block) => loadOf(block) > growLoad)
    if (!missing && waiting === 0 && !crowded) return []
    // What rests in quarantine takes its place as well: a demand without it would be answered with nothing, for ever.
    const used = ofFamily(4).reduce((sum, block) => sum + block.used, 0)
    return [{ kind, active: Math.max(v4, used), pending: waiting }]
  })
}

/** The pools that this control plane knows of. */
export const knownPools = (specs: readonly Uint8Array[]): readonly VipPoolSpec[] =>
  specs.flatMap((spec) => vipPoolKind.read(spec) ?? [])
