import {
  type ExportedResource,
  findType,
  type Problem,
  type ResourceKey,
  type Vips,
  vipPins,
  wantsVip,
} from '@holdfast/model'
import { contains, growLoad, judgeReceived, quarantineMs } from '@holdfast/vip'
import { keyText, ownerOf, ownerText } from './keys.js'
import type { BlockUse } from './ledger-set.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { BlockRow, Family, LedgerRow, Needs, Owner, Row, Scope } from './types.js'
import { loadOf, plannedAllocation, singleAddresses } from './vip-rules.js'
import type { WorkingSet } from './working-set.js'

/** A service that should have a VIP, perhaps a certain one. */
export interface VipWish {
  readonly key: ResourceKey
  readonly owner: Owner
  readonly v4?: string | undefined
  readonly v6?: string | undefined
}

export interface Assigned {
  /** Why a service stays without, by key. */
  readonly pending: ReadonlyMap<string, string>
  /** A pin that cannot be had: the whole change is refused, by key. */
  readonly refused: ReadonlyMap<string, Problem>
}

/** The scope in which a control plane gives addresses to what is not its own, under a global that gives none. */
export const ownScope = ({ identity }: Pick<WorkingSet, 'identity'>): Scope => `zone:${identity.name}`

/** Addresses of an owner that are in force, IPv4 first; undefined: none. */
export function vipsOf(owner: Owner, ws: WorkingSet, scope: Scope = 'canonical'): Vips | undefined {
  const rows = ws.ledger.of(owner).filter((row) => row.scope === scope && row.state === 'active')
  return rows.length === 0
    ? undefined
    : { addresses: rows.map((row) => row.address), generation: Math.max(...rows.map((row) => row.generation)) }
}

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

export const hasFamily = (vips: Vips | undefined, family: Family): boolean =>
  vips?.addresses.some((address) => familyOf(address) === family) === true

export const wishOfRow = (row: Row): VipWish | undefined => {
  const type = findType(row.type)
  return type !== undefined && wantsVip(type, row.labels)
    ? { key: { type: row.type, mesh: row.mesh, name: row.name }, owner: ownerOf(row), ...vipPins(row.labels) }
    : undefined
}

/** Blocks that this control plane allocates from, oldest first. */
export const ownBlocks = (ws: WorkingSet): readonly BlockUse[] =>
  ws.ledger.blocks().filter((block) => block.owner === ws.identity.name && block.storeId === ws.identity.storeId)

/** Wishes on which a plan has something to decide: pinned, without a VIP, or without one of a family that we have blocks of. */
function openWishes(
  wishes: readonly VipWish[],
  blocks: readonly Pick<BlockUse, 'kind' | 'family'>[],
  ws: WorkingSet,
  scope: Scope,
): readonly VipWish[] {
  const families = new Map<string, Set<Family>>()
  for (const { kind, family } of blocks) families.set(kind, (families.get(kind) ?? new Set()).add(family))
  return wishes.filter((wish) => {
    if (wish.v4 !== undefined || wish.v6 !== undefined) return true
    const vips = vipsOf(wish.owner, ws, scope)
    return vips === undefined || [...(families.get(wish.owner.kind) ?? [])].some((family) => !hasFamily(vips, family))
  })
}

/** Up to so many single addresses are asked for; beyond it whole blocks are read, which then is less. */
const singleAddressesMax = 2_048

/**
 * What must be read before VIPs can be chosen: who has the addresses that the wishes may get. Two statements, whether
 * for one service or for 10,000.
 * @param arriving blocks that this very transaction brings
 * @param own blocks that are allocated from
 * @param scope in which addresses are given
 */
export function allocationNeeds(
  wishes: readonly VipWish[],
  ws: WorkingSet,
  arriving: readonly Omit<BlockRow, 'createdAtMs'>[] = [],
  own: readonly BlockUse[] = ownBlocks(ws),
  scope: Scope = 'canonical',
): Needs {
  const known = new Map([
    ...arriving.map((block): [string, BlockUse] => [
      block.id,
      { ...block, createdAtMs: Number.MAX_SAFE_INTEGER, used: 0 },
    ]),
    ...own.map((block): [string, BlockUse] => [block.id, block]),
  ])
  const fresh = openWishes(wishes, [...known.values()], ws, scope)
  if (fresh.length === 0) return nothingNeeded
  const pins = fresh.flatMap((wish) => [wish.v4 ?? [], wish.v6 ?? []].flat())
  const blocks = [...known.values()].filter((block) => fresh.some((wish) => wish.owner.kind === block.kind))
  // What a block that arrives has in it nobody has counted here: what a zone had before it lost its store, for one.
  const unknown = new Set(arriving.map(({ id }) => id))
  const crowded = blocks.filter((block) => block.family === 4 && (unknown.has(block.id) || loadOf(block) > growLoad))
  const single = singleAddresses(
    fresh.map((wish) => wish.owner),
    blocks,
    singleAddressesMax,
  )
  return single === undefined
    ? { ...nothingNeeded, addresses: pins, takenIn: blocks.map((block) => block.cidr) }
    : { ...nothingNeeded, addresses: [...pins, ...single], takenIn: crowded.map((block) => block.cidr) }
}

/**
 * Gives each wish its addresses: those it has, those that its tombstones keep for it, else new ones from our blocks.
 * Nothing that stands is moved (VIP-2); what cannot be served says why.
 */
export function assignVips(
  wishes: readonly VipWish[],
  ws: WorkingSet,
  nowMs: number,
  why: string,
  own: readonly BlockUse[] = ownBlocks(ws),
  scope: Scope = 'canonical',
): Assigned {
  const open = openWishes(wishes, own, ws, scope)
  const pending = new Map<string, string>()
  const refused = new Map<string, Problem>()
  if (open.length === 0) return { pending, refused }
  if (ws.state === 'recovering') {
    // A ledger that was lost or restored may not know who has what: its witnesses speak first.
    for (const wish of open)
      pending.set(keyText(wish.key), 'this control plane is recovering and allocates nothing yet')
    return { pending, refused }
  }
  const byOwner = new Map(open.map((wish) => [ownerText(wish.owner), wish]))
  const known: readonly Scope[] = ws.identity.role === 'zone' ? ['canonical', ownScope(ws)] : ['canonical']
  const plan = plannedAllocation(open, own, ws.ledger, nowMs, { scope, known })
  for (const { owner, problem } of plan.refused) {
    const wish = byOwner.get(ownerText(owner))
    if (wish !== undefined) refused.set(keyText(wish.key), problem)
  }
  for (const { owner, reason } of plan.pending) {
    const wish = byOwner.get(ownerText(owner))
    if (wish !== undefined) pending.set(keyText(wish.key), reason)
  }
  for (const row of plan.assigned) {
    const wish = byOwner.get(ownerText(row))
    if (wish === undefined || refused.has(keyText(wish.key))) continue
    ws.ledger.put(row, 'allocated', nowMs, why)
  }
  for (const row of plan.revived) ws.ledger.put(active(row), 'revived', nowMs, 'its owner is back')
  for (const { owner } of open) {
    levelGenerations(owner, ws, nowMs)
    if (vipsOf(owner, ws, scope) !== undefined) reviveAliases(owner, ws, nowMs, 'its owner is back')
  }
  return { pending, refused }
}

/** Both families of an owner travel with one generation, so they have one. */
export function levelGenerations(owner: Owner, ws: WorkingSet, nowMs: number): void {
  const vips = vipsOf(owner, ws)
  if (vips === undefined) return
  for (const row of ws.ledger.of(owner))
    if (row.scope === 'canonical' && row.state === 'active' && row.generation < vips.generation)
      ws.ledger.put({ ...row, generation: vips.generation }, 'replaced', nowMs, 'one generation for both families')
}

/** The owner is gone, or wants none any more: its addresses are kept for it and go to nobody else. */
export function releaseVips(owner: Owner, ws: WorkingSet, atMs: number, why: string): void {
  ws.ledger.tombstone(owner, atMs, why, ownScope(ws))
}

/**
 * The owner is gone: what it has everywhere rests, and so does what it has in one zone alone. In its own scope a Kuma zone
 * is the truth, nobody dials what it had there any more, and global forgets it.
 */
export function restVips(owner: Owner, ws: WorkingSet, atMs: number, why: string): void {
  releaseVips(owner, ws, atMs, why)
  const forgotten = ws.identity.role === 'global' && owner.origin !== '' ? `zone:${owner.origin}` : undefined
  for (const row of ws.ledger.of(owner).filter(isAlias)) {
    if (row.scope === forgotten) ws.ledger.free(row, atMs, why)
    else if (row.state === 'active') ws.ledger.rest(row, atMs, why)
  }
}

/**
 * The owner is back while its tombstones stand.
 * @param served what it is served with, if that is not everything that rests for it: of one family the other one may rest on
 */
export function reviveVips(owner: Owner, ws: WorkingSet, atMs: number, why: string, served?: readonly string[]): void {
  for (const row of ws.ledger.of(owner))
    if (row.scope === 'canonical' && row.state === 'tombstoned' && served?.includes(row.address) !== false)
      ws.ledger.put(active(row), 'revived', atMs, why)
  reviveAliases(owner, ws, atMs, why)
}

/** What it had in one zone alone holds there again, as soon as it is served. */
function reviveAliases(owner: Owner, ws: WorkingSet, atMs: number, why: string): void {
  for (const row of ws.ledger.of(owner))
    if (isAlias(row) && row.state === 'tombstoned') ws.ledger.put(active(row), 'revived', atMs, why)
}

/** It holds in one zone, and nobody here has given it. */
const isAlias = ({ scope, blockId }: LedgerRow): boolean => scope !== 'canonical' && blockId === undefined

const active = ({ tombstonedAtMs, tombstonedRevision, ...row }: LedgerRow): LedgerRow => ({ ...row, state: 'active' })

/** An origin that was put back may serve what it served with two families with one: the other address rests for it. */
function restUnsaid(owner: Owner, said: readonly string[], ws: WorkingSet, nowMs: number): void {
  for (const row of ws.ledger.of(owner))
    if (row.scope === 'canonical' && row.state === 'active' && !said.includes(row.address))
      ws.ledger.rest(row, nowMs, 'its origin serves it without')
}

/**
 * Enters the VIPs of a received service into our ledger, where we are a witness: never another address at the same
 * generation, never one that somebody else has. Returns why not, with what is remembered; undefined: they are in.
 */
export function receiveVips(
  owner: Owner,
  resource: ExportedResource,
  ws: WorkingSet,
  { nowMs }: PlanOptions,
): { readonly reason: string; readonly remembered?: string | undefined } | undefined {
  const { vips } = resource
  if (findType(resource.type)?.vipKind !== true)
    return vips === undefined ? undefined : { reason: `a ${resource.type} has no virtual IP, and it came with one` }
  if (vips === undefined) {
    releaseVips(owner, ws, nowMs, 'its origin serves it without')
    return undefined
  }
  const rows: { readonly row: LedgerRow; readonly event: 'witnessed' | 'revived' | 'replaced' }[] = []
  const freed: LedgerRow[] = []
  for (const address of vips.addresses) {
    const family = familyOf(address)
    const known = ws.ledger.get(owner, 'canonical', family)
    const resting = restingFor(owner, family, address, ws, nowMs)
    const holder = resting === undefined ? ws.ledger.holder('canonical', family, address) : undefined
    // Where it stands already it may stay: blocks are looked through, address by address, only for another one.
    const foreign = known?.address === address ? undefined : blockOfAnother(address, family, owner, ws)
    if (foreign !== undefined) return { reason: `${address} lies in a block of ${foreign}`, remembered: known?.address }
    const verdict = judgeReceived(owner, { address, generation: vips.generation }, known, holder)
    if (verdict.verdict === 'refuse') return verdict
    if (verdict.verdict === 'same' && known?.state === 'active') continue
    if (resting !== undefined) freed.push(resting)
    rows.push({
      row: {
        kind: owner.kind,
        mesh: owner.mesh,
        origin: owner.origin,
        namespace: owner.namespace,
        displayName: owner.displayName,
        scope: 'canonical',
        family,
        address,
        generation: vips.generation,
        state: 'active',
        allocatedAtMs: known?.address === address ? known.allocatedAtMs : nowMs,
      },
      event: known === undefined ? 'witnessed' : known.address === address ? 'revived' : 'replaced',
    })
  }
  for (const row of freed) ws.ledger.free(row, nowMs, 'given to another after its quarantine')
  for (const { row, event } of rows) ws.ledger.put(row, event, nowMs, 'said by its origin')
  restUnsaid(owner, vips.addresses, ws, nowMs)
  reviveAliases(owner, ws, nowMs, 'its owner is back')
  return undefined
}

/**
 * The row of a deleted owner whose address its control plane has given to another, as it may once the quarantine is
 * over: whoever allocates from a block is the truth about it, but never earlier than that (VIP-3).
 */
function restingFor(
  owner: Owner,
  family: Family,
  address: string,
  ws: WorkingSet,
  nowMs: number,
): LedgerRow | undefined {
  const row = ws.ledger.holder('canonical', family, address)
  if (row === undefined || row.state === 'active' || row.origin !== owner.origin) return undefined
  if (ownerText(row) === ownerText(owner)) return undefined
  return nowMs - (row.tombstonedAtMs ?? nowMs) >= quarantineMs ? row : undefined
}

/** A block that this address lies in and that is not of its owner's control plane, as far as we know the blocks. */
function blockOfAnother(address: string, family: Family, owner: Owner, ws: WorkingSet): string | undefined {
  const block = ws.ledger
    .blocks()
    .find((one) => one.family === family && one.owner !== owner.origin && contains(one.cidr, address))
  return block === undefined ? undefined : block.owner === '' ? 'global' : `zone ${block.owner}`
}
