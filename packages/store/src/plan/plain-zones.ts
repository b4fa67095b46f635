import type { Batch, Demand, Offer } from '@holdfast/kds'
import {
  type ExportedResource,
  emptyBytes,
  equalBytes,
  findType,
  statusVips,
  typeOf,
  type Vips,
  wantsVip,
} from '@holdfast/model'
import { growLoad, planLease } from '@holdfast/vip'
import { type Hearing, keyOfOffer, originOf, ownerOfOffer } from './attribution.js'
import { pausedWords } from './brakes.js'
import { clusterIdKey, makeClusterId } from './cluster-id.js'
import { deletedZoneWords, isZoneDeleted, zoneKey } from './deleted-zones.js'
import { keyText, ownerText, ownerWords } from './keys.js'
import { blockId, needsOfBehalf, planLeases } from './lease.js'
import type { BlockUse } from './ledger-set.js'
import { mergedNeeds, nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { asleepAs, offerProblem } from './offers.js'
import type { OverQuota } from './quota.js'
import type { LedgerRow, Needs, Owner, RoleIdentity, Scope } from './types.js'
import type { Unit } from './unit.js'
import { assumedPools, loadOf } from './vip-rules.js'
import { allocationNeeds, assignVips, familyOf, ownScope, type VipWish, vipsOf } from './vips.js'
import type { WorkingSet } from './working-set.js'
import { makeZone } from './zones.js'

/**
 * A zone that speaks plain Kuma KDS has no store of ours and knows nothing of canonical virtual IPs. Global gives its
 * services theirs from a block in its name, and remembers the zone's own addresses as aliases in its scope: seen, never
 * taken over and never fought. Its statuses come with the resources.
 *
 * Under a Kuma global, which gives no addresses at all, a zone of ours gives them to everything itself: to its own as
 * ever, to what is of others in its own scope, from a block that it takes where its name's hash says.
 */

export type PlainMeeting =
  | { readonly admitted: true; readonly created: boolean }
  | { readonly admitted: false; readonly reason: string }

/** A plain zone begins a stream: it is known from now on, or may not speak. Global only. */
export const meetPlainUnit = (zone: string, options: PlanOptions): Unit<PlainMeeting> => ({
  needs: { ...nothingNeeded, keys: [zoneKey(zone), clusterIdKey], zones: [zone] },
  more: () => nothingNeeded,
  plan: (ws) => ws.wholly(() => planMeeting(zone, ws, options)),
})

function planMeeting(name: string, ws: WorkingSet, { nowMs }: PlanOptions): PlainMeeting {
  // Nothing is written into a store that is not ready, and nothing of it is shown either.
  if (ws.identity.role !== 'global' || ws.state !== 'ready') return { admitted: true, created: false }
  const zone = ws.zone(name)
  if (zone?.paused !== undefined) return { admitted: false, reason: pausedWords(name, zone.paused) }
  const isFree = zone?.decommissionedAtMs !== undefined
  if (!isFree && isZoneDeleted(name, ws)) return { admitted: false, reason: deletedZoneWords(name) }
  // There is no proof of a name in plain KDS: a living zone of ours does not lose its session to whoever says it.
  if (!isFree && zone?.storeId !== undefined && zone.hasSession && zone.session?.plain !== true)
    return {
      admitted: false,
      reason: `zone "${name}" is connected with the store ${zone.storeId}, and this is a Kuma zone of the same name: give it another name, or stop the other one first`,
    }
  if (zone === undefined) ws.putZone({ name, everInStep: false })
  makeClusterId(ws, nowMs)
  return { admitted: true, created: makeZone(name, ws, nowMs) }
}

/** What a Kuma zone says to our global, or a Kuma global to our zone. */
export const isOfPlainPeer = (batch: Batch, hearing: Hearing, identity: RoleIdentity): boolean =>
  batch.plain === true && hearing.channel === (identity.role === 'global' ? 'up' : 'down')

const scopeOf = (zone: string): Scope => `zone:${zone}`

export function needsOfPlain(batch: Batch, hearing: Hearing): Needs {
  if (findType(batch.type)?.vipKind !== true) return nothingNeeded
  return {
    ...nothingNeeded,
    zones: hearing.peer === '' ? [] : [hearing.peer],
    addresses: [...new Set(batch.offers.flatMap(({ resource }) => statusVips(resource.status)))],
  }
}

/** Who has the addresses that the newcomers may get, and what a lease must know if the zone's block runs short. */
export function moreOfPlain(batch: Batch, hearing: Hearing, ws: WorkingSet): Needs {
  const wishes = wishesOf(batch, hearing, ws)
  if (wishes.length === 0) return nothingNeeded
  const own = blocksFor(hearing.peer, ws)
  const leases = ws.identity.role === 'global' && runsShort(batch.type, wishes.length, own, ws)
  return mergedNeeds([
    allocationNeeds(wishes, ws, [], own, scopeFor(ws)),
    leases ? needsOfBehalf(hearing.peer) : nothingNeeded,
  ])
}

/** Global allocates from the blocks in the zone's name, a zone from its own. */
const blocksFor = (peer: string, ws: WorkingSet): readonly BlockUse[] => {
  const { role, name, storeId } = ws.identity
  const owner = role === 'global' ? peer : name
  return ws.ledger.blocks().filter((block) => block.owner === owner && block.storeId === storeId)
}

/** Global gives addresses to everybody; a zone under a Kuma global can only give them to itself (decision 31). */
const scopeFor = (ws: WorkingSet): Scope => (ws.identity.role === 'global' ? 'canonical' : ownScope(ws))

function runsShort(kind: string, newcomers: number, own: readonly BlockUse[], ws: WorkingSet): boolean {
  const ofKind = own.filter((block) => block.kind === kind)
  const v4 = ofKind.filter((block) => block.family === 4)
  if (v4.length === 0) return true
  // A zone alone knows of no IPv6 prefix but one that an operator gave it.
  if (ws.identity.role === 'global' && !ofKind.some((block) => block.family === 6)) return true
  return v4.every((block) => loadOf({ ...block, used: block.used + newcomers }) > growLoad)
}

/** What was given to everybody holds, whoever global is now; what stands in for it is only used where there is none. */
const givenTo = (owner: Owner, ws: WorkingSet): Vips | undefined => vipsOf(owner, ws) ?? vipsOf(owner, ws, scopeFor(ws))

/** Services without a virtual IP that should have one. What a Kuma service asks for in labels is not ours to promise. */
const wishesOf = (batch: Batch, hearing: Hearing, ws: WorkingSet): readonly VipWish[] => {
  const type = findType(batch.type)
  if (type?.vipKind !== true) return []
  const wishes = new Map<string, VipWish>()
  for (const { resource } of batch.offers) {
    const origin = originOf(resource, hearing)
    const owner = ownerOfOffer(resource, origin)
    if (asleepAs(resource, origin, true, ws) !== undefined) continue
    if (wantsVip(type, resource.labels) && givenTo(owner, ws) === undefined)
      wishes.set(ownerText(owner), { key: keyOfOffer(resource), owner })
  }
  return [...wishes.values()]
}

/**
 * What a plain zone offers, with the virtual IPs that global gives it. What will be refused gets none: an address that
 * was given once is kept for its owner for ever.
 */
export function withVips(
  batch: Batch,
  hearing: Hearing,
  ws: WorkingSet,
  options: PlanOptions,
  over: ReadonlyMap<string, OverQuota>,
): { readonly offers: readonly Offer[]; readonly warnings: readonly string[] } {
  if (findType(batch.type)?.vipKind !== true) return { offers: batch.offers, warnings: [] }
  const byKey = new Map(batch.offers.map(({ resource }) => [keyText(keyOfOffer(resource)), resource]))
  const wishes = wishesOf(batch, hearing, ws).filter(({ key }) => {
    const resource = byKey.get(keyText(key))
    if (resource === undefined || over.has(keyText(key))) return false
    return offerProblem(resource, originOf(resource, hearing), ws.row(key), hearing, ws).problem === undefined
  })
  const warnings = allocated(batch.type, wishes, hearing.peer, ws, options)
  const offers = batch.offers.map((offer) => {
    const origin = originOf(offer.resource, hearing)
    const vips = asleepAs(offer.resource, origin, true, ws)?.vips ?? givenTo(ownerOfOffer(offer.resource, origin), ws)
    const wants = wantsVip(typeOf(batch.type), offer.resource.labels)
    return { ...offer, resource: { ...offer.resource, vips: wants ? vips : undefined } }
  })
  return { offers, warnings }
}

function allocated(
  kind: string,
  wishes: readonly VipWish[],
  peer: string,
  ws: WorkingSet,
  options: PlanOptions,
): readonly string[] {
  if (wishes.length === 0 || ws.state !== 'ready') return []
  const before = blocksFor(peer, ws)
  const active = before.filter((b) => b.kind === kind && b.family === 4).reduce((sum, { used }) => sum + used, 0)
  const demand = { kind, active, pending: wishes.length }
  const refused = runsShort(kind, wishes.length, before, ws) ? newBlocks(peer, demand, ws, options) : []
  const why = ws.identity.role === 'global' ? `allocated by global for Kuma zone ${peer}` : standInWhy
  const { pending } = assignVips(wishes, ws, options.nowMs, why, blocksFor(peer, ws), scopeFor(ws))
  return [...refused, ...[...pending].map(([key, reason]) => `${key} has no virtual IP: ${reason}`)]
}

const standInWhy = 'a Kuma global gives no addresses: this one holds in this zone alone'

/** @returns why there is none */
function newBlocks(peer: string, demand: Demand, ws: WorkingSet, options: PlanOptions): readonly string[] {
  const { role, name, storeId } = ws.identity
  if (role === 'global')
    return planLeases({ owner: peer, storeId, demands: [demand], wantedCidrs: [], onBehalf: true }, ws, options).refused
  // Where its name's hash says, so that the block is likely to be nobody else's when the zone gets a global of ours.
  const pools = assumedPools([])
  const { add, full } = planLease(pools, ws.ledger.blocks(), [], { owner: name, storeId, ...demand })
  for (const { family, cidr } of add) {
    const block = { kind: demand.kind, family, cidr, owner: name, storeId, generation: 0, createdAtMs: options.nowMs }
    ws.ledger.putBlock({ id: blockId(demand.kind, cidr), ...block })
  }
  return full
}

/** Statuses, and in them the zone's own addresses. @returns how many were not known as they are */
export function planPlainStatuses(batch: Batch, hearing: Hearing, ws: WorkingSet, options: PlanOptions): number {
  const type = findType(batch.type)
  // What comes down says nothing: a status is of whoever made the resource.
  if (type?.hasStatus !== true || ws.identity.role === 'zone') return 0
  let written = 0
  for (const { resource } of batch.offers) {
    const row = ws.liveRow(keyOfOffer(resource))
    if (row === undefined || row.origin !== hearing.peer || resource.status === undefined) continue
    if (!equalBytes(row.status ?? emptyBytes, resource.status)) {
      ws.setStatus(row, resource.status)
      written += 1
    }
    if (type.vipKind) rememberAliases(resource, hearing.peer, ws, options)
  }
  return written
}

/** In its own scope a Kuma zone is the truth: whatever it says now holds, and what it had said before is over. */
function rememberAliases(resource: ExportedResource, zone: string, ws: WorkingSet, { nowMs }: PlanOptions): void {
  const owner = ownerOfOffer(resource, zone)
  const scope = scopeOf(zone)
  for (const address of statusVips(resource.status)) {
    const family = familyOf(address)
    const known = ws.ledger.get(owner, scope, family)
    if (known?.address === address && known.state === 'active') continue
    const holder = ws.ledger.holder(scope, family, address)
    if (holder !== undefined && ownerText(holder) !== ownerText(owner)) {
      // Two services with one address is what a Kuma may come to. The one that had it first is shown.
      if (isTold(holder, ws)) continue
      ws.ledger.free(holder, nowMs, `zone ${zone} has given it to ${ownerWords(owner)}`)
    }
    if (known !== undefined) ws.ledger.free(known, nowMs, `zone ${zone} has given it another address`)
    const { kind, mesh, origin, namespace, displayName } = owner
    const row: LedgerRow = {
      ...{ kind, mesh, origin, namespace, displayName, scope, family, address },
      ...{ generation: known === undefined ? 0 : known.generation + 1, state: 'active', allocatedAtMs: nowMs },
    }
    ws.ledger.put(row, 'aliased', nowMs, `zone ${zone} has allocated it for itself`)
  }
}

/** Whether the owner of an alias is still there, and so may still have it. */
const isTold = ({ kind: type, mesh, origin, namespace, displayName }: LedgerRow, ws: WorkingSet): boolean =>
  ws.byDisplayName({ type, mesh, origin, namespace, displayName })?.deleted === false
