import { findType, globalOrigin, vipPoolKind } from '@holdfast/model'
import { confirmBlock, contains } from '@holdfast/vip'
import { deletedZoneWords, isZoneDeleted, zoneKey } from './deleted-zones.js'
import { ownerText, ownerWords } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { Owner } from './types.js'
import type { Unit } from './unit.js'
import { familyOf } from './vips.js'
import type { WorkingSet } from './working-set.js'

/** What a zone that runs by itself would bring to this global. */
export interface JoinRequest {
  readonly zone: string
  /** Of the zone's database. */
  readonly storeId: string
  /** CIDRs from which it has given out addresses. */
  readonly blocks: readonly string[]
  /** Meshes of its own making. */
  readonly meshes: readonly string[]
  /** Its services with the addresses in force, of one request; a large zone asks in several. */
  readonly services: readonly JoiningService[]
}

export interface JoiningService extends Omit<Owner, 'origin'> {
  readonly addresses: readonly string[]
}

/**
 * `canonical`: everybody's, as it is. `alias`: it goes on holding in the zone alone, and the service gets another one for
 * everybody once an operator says so (`zone federate`). `conflict`: global knows another owner or another address, and an
 * address does not move. `waiting`: the service has none yet.
 */
export type JoinFate = 'canonical' | 'alias' | 'conflict' | 'waiting'

export interface JoinPlan {
  /** Why the zone would not be let in; undefined: it would. */
  readonly refused?: string | undefined
  readonly blocks: readonly { readonly cidr: string; readonly confirmed: boolean; readonly reason?: string }[]
  /** `held`: global does not have it, so what lives in it is kept and told to nobody until it is made there. */
  readonly meshes: readonly { readonly name: string; readonly held: boolean }[]
  readonly services: readonly JoinVerdict[]
}

export interface JoinVerdict {
  readonly owner: Owner
  readonly addresses: readonly { readonly address: string; readonly fate: JoinFate; readonly reason?: string }[]
  /** Its mesh is not at global. */
  readonly held: boolean
  /** Why it joins with its name and without an address of everybody's: it has none. */
  readonly waiting: boolean
}

/** What would become of a zone that joins, told before it does. Reads only. Global only. */
export const joinPlanUnit = (request: JoinRequest): Unit<JoinPlan> => ({
  needs: {
    ...nothingNeeded,
    keys: [zoneKey(request.zone)],
    zones: [request.zone],
    blocks: true,
    aliases: true,
    meshes: [...new Set([...request.meshes, ...request.services.map(({ mesh }) => mesh)])],
    wholeTypes: [{ type: 'VipPool', origin: globalOrigin }],
    owners: request.services.map((service) => ownerOfJoining(service, request.zone)),
    addresses: [...new Set(request.services.flatMap(({ addresses }) => addresses))],
  },
  more: () => nothingNeeded,
  plan: (ws) => ws.attempt(() => ({ keep: false, value: planJoin(request, ws) })),
})

const ownerOfJoining = ({ kind, mesh, namespace, displayName }: JoiningService, origin: string): Owner => ({
  ...{ kind, mesh, origin, namespace, displayName },
})

function planJoin(request: JoinRequest, ws: WorkingSet): JoinPlan {
  const pools = ws
    .ofOrigin('VipPool', globalOrigin)
    .flatMap((row) => (row.deleted ? [] : (vipPoolKind.read(row.spec) ?? [])))
  const aliases = ws.ledger.rows().flatMap((row) => (row.scope === 'canonical' ? [] : [row.address]))
  const leased = ws.ledger.blocks()
  const blocks = request.blocks.map((cidr): JoinPlan['blocks'][number] => {
    if (leased.some((block) => block.cidr === cidr && block.owner === request.zone)) return { cidr, confirmed: true }
    const verdict = confirmBlock(cidr, pools, leased, aliases)
    return verdict.outcome === 'confirmed'
      ? { cidr, confirmed: true }
      : { cidr, confirmed: false, reason: verdict.reason }
  })
  const isHeld = (mesh: string): boolean => ws.mesh(mesh) !== 'live'
  const refused = refusal(request, ws)
  return {
    ...(refused === undefined ? {} : { refused }),
    blocks,
    meshes: request.meshes.map((name) => ({ name, held: isHeld(name) })),
    services: request.services.map((service) => {
      const owner = ownerOfJoining(service, request.zone)
      return {
        owner,
        held: isHeld(service.mesh),
        waiting: service.addresses.length === 0,
        addresses: service.addresses.map((address) => ({ address, ...fateOf(owner, address, blocks, ws) })),
      }
    }),
  }
}

function fateOf(
  owner: Owner,
  address: string,
  blocks: JoinPlan['blocks'],
  ws: WorkingSet,
): { readonly fate: JoinFate; readonly reason?: string } {
  if (findType(owner.kind)?.vipKind !== true) return { fate: 'conflict', reason: `a ${owner.kind} has no virtual IP` }
  const family = familyOf(address)
  const known = ws.ledger.get(owner, 'canonical', family)
  if (known !== undefined && known.address !== address)
    return { fate: 'conflict', reason: `global remembers ${known.address} for it, and an address does not move` }
  const block = blocks.find(({ cidr }) => contains(cidr, address))
  if (block?.confirmed === false) return { fate: 'alias', reason: block.reason ?? '' }
  const holder = ws.ledger.holder('canonical', family, address)
  return holder !== undefined && ownerText(holder) !== ownerText(owner)
    ? { fate: 'conflict', reason: `${ownerWords(holder)} has it at global` }
    : { fate: 'canonical' }
}

/** As the zone would hear it when it dials, but for what only its session can tell. */
function refusal({ zone, storeId }: JoinRequest, ws: WorkingSet): string | undefined {
  if (ws.state !== 'ready') return `global is ${ws.state}: it lets nobody join before it is ready`
  const known = ws.zone(zone)
  const isFree = known?.decommissionedAtMs !== undefined
  if (isFree)
    return known.storeId === storeId
      ? `zone "${zone}" was taken out of service with this very store; "holdfastctl zone adopt ${zone} --store-id ${storeId}" at global brings it back`
      : undefined
  if (isZoneDeleted(zone, ws)) return deletedZoneWords(zone)
  if (known?.storeId !== undefined && known.storeId !== storeId)
    return `the name "${zone}" belongs to the store ${known.storeId}: give this zone another name, or "holdfastctl zone adopt ${zone}" at global if that one is gone for good`
  return known !== undefined && known.storeId === undefined && known.hasSession
    ? `zone "${zone}" is a Kuma zone there, and it is connected: stop its control plane if this one is to take its place`
    : undefined
}
