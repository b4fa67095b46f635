import { addressBytes, addressText, findType, globalOrigin, type Problem } from '@holdfast/model'
import { contains } from '@holdfast/vip'
import { blockOfOffer } from './blocks.js'
import { ownerText, ownerWords } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import { ownBlockOf } from './remember.js'
import type { BlockRow, LedgerRow, Owner, Scope } from './types.js'
import type { Unit } from './unit.js'
import { servingUnit } from './upkeep.js'
import { familyOf } from './vips.js'
import type { WorkingSet } from './working-set.js'

/** An address that a service had in a zone of another control plane, which shall go on holding there. */
export interface ImportedVip extends Owner {
  /** Zone in which it holds. */
  readonly zone: string
  readonly address: string
}

export interface ImportVips {
  readonly claims: readonly ImportedVip[]
  readonly actor: string
  /** False: only what would happen. */
  readonly apply: boolean
}

/**
 * `alias`: it holds in its zone alone; `canonical`: it is everybody's; `here`: it was known before. `refused`: it cannot
 * be kept.
 */
export type ImportedVerdict =
  | { readonly verdict: 'alias' | 'canonical' | 'here' }
  | { readonly verdict: 'refused'; readonly reason: string }

/** So many claims are looked at in one transaction. */
export const importChunkMax = 2_000

/**
 * Takes over addresses that services have in a zone, as that zone's aliases. Where the owner's control plane is this one
 * and the address lies in a block of ours that nobody has, it is kept for the service and becomes everybody's with it.
 * Nothing that stands is moved or taken from anybody (VIP-1, VIP-2), and the same again does nothing.
 */
export const importVipsUnit = (request: ImportVips, options: PlanOptions): Unit<readonly ImportedVerdict[]> => ({
  needs: {
    ...nothingNeeded,
    owners: request.claims,
    addresses: [...new Set(request.claims.flatMap(({ address }) => canonicalAddress(address) ?? []))],
    blocks: true,
    // A zone's ledger has its own blocks only; those of the others it knows as resources.
    wholeTypes: [{ type: 'VipBlock', origin: globalOrigin }],
  },
  more: () => nothingNeeded,
  plan: (ws) =>
    ws.attempt(() => {
      const value = request.claims.map((claim) => planClaim(claim, ws, options))
      const counts = { aliases: countOf(value, 'alias'), canonical: countOf(value, 'canonical') }
      if (counts.aliases + counts.canonical > 0)
        ws.audit({
          atMs: options.nowMs,
          actor: request.actor,
          action: 'VIPs imported',
          subject: 'the ledger',
          detail: { ...counts, zones: [...new Set(request.claims.map(({ zone }) => zone))].sort() },
        })
      return { keep: request.apply, value }
    }),
})

const countOf = (verdicts: readonly ImportedVerdict[], verdict: ImportedVerdict['verdict']): number =>
  verdicts.filter((each) => each.verdict === verdict).length

function planClaim(claim: ImportedVip, ws: WorkingSet, { nowMs, identity }: PlanOptions): ImportedVerdict {
  const refused = (reason: string): ImportedVerdict => ({ verdict: 'refused', reason })
  const { zone, address: said, ...owner } = claim
  if (findType(claim.kind)?.vipKind !== true) return refused(`a ${claim.kind} has no virtual IP`)
  const address = canonicalAddress(said)
  if (address === undefined) return refused(`${JSON.stringify(said)} is no IP address`)
  if (identity.role === 'zone' && zone !== identity.name)
    return refused(`this is zone ${identity.name}; what holds in zone ${zone} is for that zone and for global to keep`)
  const family = familyOf(address)
  const scope: Scope = `zone:${zone}`
  if (ws.ledger.get(owner, 'canonical', family)?.address === address) return { verdict: 'here' }
  const before = ws.ledger.get(owner, scope, family)
  if (before !== undefined)
    return before.address === address
      ? { verdict: 'here' }
      : refused(`in zone ${zone} it has ${before.address} already, and an address is not moved`)
  for (const where of [scope, 'canonical'] as const) {
    const holder = ws.ledger.holder(where, family, address)
    if (holder !== undefined && ownerText(holder) !== ownerText(owner))
      return refused(
        `${ownerWords(holder)} has it${holder.state === 'tombstoned' ? '; it was deleted, and it rests' : ''}`,
      )
  }
  const row: LedgerRow = { ...owner, scope, family, address, generation: 0, state: 'active', allocatedAtMs: nowMs }
  const block = blocksKnown(ws).find((each) => each.family === family && contains(each.cidr, address))
  if (block === undefined) {
    ws.ledger.put(row, 'aliased', nowMs, `imported: it has it in zone ${zone}`)
    return { verdict: 'alias' }
  }
  const mine = owner.origin === identity.name ? ownBlockOf(owner.kind, family, address, ws) : undefined
  const has = ws.ledger.get(owner, 'canonical', family)
  if (mine === undefined || has !== undefined)
    return refused(
      has !== undefined
        ? `it has ${has.address} everywhere, and ${address} lies in block ${block.cidr}, out of which others get theirs`
        : `it lies in block ${block.cidr}, which is leased to ${block.owner === globalOrigin ? 'global' : `zone ${block.owner}`}: others get their addresses out of it`,
    )
  // An owner that is known from a witness alone: the address goes to nobody else, and is served when the service comes.
  const generation = (ws.ledger.pastGeneration(owner, 'canonical') ?? -1) + 1
  ws.ledger.put(
    { ...row, scope: 'canonical', generation, state: 'tombstoned', tombstonedAtMs: nowMs, blockId: mine },
    'witnessed',
    nowMs,
    `imported: it has it in zone ${zone}`,
  )
  return { verdict: 'canonical' }
}

const blocksKnown = (ws: WorkingSet): readonly Pick<BlockRow, 'cidr' | 'family' | 'owner'>[] => [
  ...ws.ledger.blocks(),
  ...ws.ofOrigin('VipBlock', globalOrigin).flatMap((row) => (row.deleted ? [] : (blockOfOffer(row) ?? []))),
]

/** Undefined: it is none. */
function canonicalAddress(address: string): string | undefined {
  try {
    return addressText(addressBytes(address))
  } catch (error) {
    if ((error as Partial<Problem>).kind === 'invalid') return undefined
    throw error
  }
}

/** Looks at any number of claims, a transaction for so many at a time; services that waited for an address are served. */
export async function importAddresses(
  request: ImportVips,
  store: { readonly options: () => PlanOptions; readonly run: <T>(unit: Unit<T>) => Promise<T> },
): Promise<readonly ImportedVerdict[]> {
  const verdicts: ImportedVerdict[] = []
  for (let from = 0; from < request.claims.length; from += importChunkMax) {
    const claims = request.claims.slice(from, from + importChunkMax)
    verdicts.push(...(await store.run(importVipsUnit({ ...request, claims }, store.options()))))
  }
  if (request.apply && countOf(verdicts, 'canonical') > 0) await store.run(servingUnit(store.options()))
  return verdicts
}
