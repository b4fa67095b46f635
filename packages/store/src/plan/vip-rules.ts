import { hash } from 'node:crypto'
import { addressBytes, addressText, Problem } from '@holdfast/model'
import { ownerText, ownerWords } from './keys.js'
import type { BlockUse, LedgerSet } from './ledger-set.js'
import type { BlockRow, Family, LedgerRow, Owner } from './types.js'
import type { VipWish } from './vips.js'

const probesMax = 32
const toNumber = (text: string): bigint => BigInt(`0x${Buffer.from(addressBytes(text)).toString('hex')}`)
const toText = (n: bigint, family: Family): string =>
  addressText(Buffer.from(n.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex'))
function rangeOf(cidr: string): { first: bigint; size: bigint } {
  const [address = '', bits = ''] = cidr.split('/')
  const width = address.includes(':') ? 128 : 32
  return { first: toNumber(address), size: 1n << BigInt(width - Number(bits)) }
}
export function containsAddress(cidr: string, address: string): boolean {
  if (cidr.includes(':') !== address.includes(':')) return false
  const { first, size } = rangeOf(cidr)
  const n = toNumber(address)
  return n >= first && n < first + size
}
export function* candidates(owner: Owner, block: Pick<BlockRow, 'cidr' | 'family'>): Iterable<string> {
  const digits = hash('sha256', ownerText(owner))
  const { first, size } = rangeOf(block.cidr)
  const start = BigInt(`0x${digits.slice(0, 16)}`)
  const step = BigInt(`0x${digits.slice(16, 32)}`) | 1n
  for (let i = 0n; i < probesMax; i++) {
    const offset = (start + i * step) % size
    if (offset !== 0n) yield toText(first + offset, block.family)
  }
}
export function candidateAddresses(
  owners: readonly Owner[],
  blocks: readonly BlockUse[],
  max: number,
): readonly string[] | undefined {
  if (owners.length * blocks.length * probesMax > max) return undefined
  return owners.flatMap((owner) => blocks.flatMap((block) => [...candidates(owner, block)]))
}

export function judge(j: {
  owner: Owner
  family: Family
  address: string
  generation: number
  known: LedgerRow | undefined
  holder: LedgerRow | undefined
}): { verdict: 'accept' } | { verdict: 'same' } | { verdict: 'refuse'; reason: string } {
  const { known, holder, owner, address, generation } = j
  if (holder !== undefined && ownerText(holder) !== ownerText(owner))
    return { verdict: 'refuse', reason: `${address} belongs to ${ownerWords(holder)}` }
  if (known === undefined) return { verdict: 'accept' }
  if (generation < known.generation)
    return { verdict: 'refuse', reason: `generation ${generation} is older than ${known.generation}` }
  if (known.address === address) return { verdict: known.generation === generation ? 'same' : 'accept' }
  return generation > known.generation
    ? { verdict: 'accept' }
    : { verdict: 'refuse', reason: `${known.address} is remembered at generation ${known.generation}, not ${address}` }
}

export interface Planned {
  readonly assigned: readonly LedgerRow[]
  readonly pending: readonly { readonly owner: Owner; readonly reason: string }[]
  readonly refused: readonly { readonly owner: Owner; readonly problem: Problem }[]
}

export function plannedAllocation(
  wishes: readonly VipWish[],
  blocks: readonly BlockUse[],
  ledger: LedgerSet,
  nowMs: number,
): Planned {
  const assigned: LedgerRow[] = []
  const pending: { owner: Owner; reason: string }[] = []
  const refused: { owner: Owner; problem: Problem }[] = []
  const taken = new Set<string>()
  for (const wish of [...wishes].sort((a, b) => (ownerText(a.owner) < ownerText(b.owner) ? -1 : 1))) {
    const { owner } = wish
    let any = false
    for (const family of [4, 6] as const) {
      const own = blocks.filter((b) => b.kind === owner.kind && b.family === family).reverse()
      const known = ledger.get(owner, 'canonical', family)
      const pin = family === 4 ? wish.v4 : wish.v6
      if (known !== undefined) {
        if (pin !== undefined && pin !== known.address)
          refused.push({
            owner,
            problem: new Problem(
              'conflict',
              `${ownerWords(owner)} has ${known.address} and keeps it; it was asked to move to ${pin}`,
            ),
          })
        any = true
        const { tombstonedAtMs, tombstonedRevision, ...rest } = known
        if (known.state === 'tombstoned') assigned.push({ ...rest, state: 'active' })
        continue
      }
      const past = ledger.pastGeneration(owner, 'canonical')
      const free = (address: string) => ledger.holder('canonical', family, address) === undefined && !taken.has(address)
      if (pin !== undefined) {
        const holder = ledger.holder('canonical', family, pin)
        if (holder !== undefined || taken.has(pin)) {
          refused.push({
            owner,
            problem: new Problem(
              'conflict',
              `${pin} belongs to ${holder === undefined ? 'another' : ownerWords(holder)}`,
            ),
          })
          continue
        }
        if (!own.some((b) => containsAddress(b.cidr, pin))) {
          refused.push({ owner, problem: new Problem('invalid', `${pin} lies in no block of ours`) })
          continue
        }
      }
      for (const block of own) {
        const choice = pin ?? [...candidates(owner, block)].find(free)
        if (choice === undefined || !containsAddress(block.cidr, choice)) continue
        taken.add(choice)
        any = true
        assigned.push({
          ...owner,
          scope: 'canonical',
          family,
          address: choice,
          generation: past === undefined ? 0 : past + 1,
          state: 'active',
          blockId: block.id,
          allocatedAtMs: nowMs,
        })
        break
      }
    }
    if (!any && !refused.some((r) => r.owner === owner))
      pending.push({ owner, reason: `no block of ${owner.kind} is leased to this control plane yet` })
  }
  return { assigned, pending, refused }
}

interface PoolLike {
  readonly kind: string
  readonly family: 4 | 6
  readonly cidr: string
  readonly reserved: readonly string[]
}

const overlaps = (a: string, b: string): boolean => {
  if (a.includes(':') !== b.includes(':')) return false
  const x = rangeOf(a)
  const y = rangeOf(b)
  return x.first < y.first + y.size && y.first < x.first + x.size
}

export function confirmedBlock(
  cidr: string,
  pools: readonly PoolLike[],
  blocks: readonly BlockRow[],
  aliases: readonly string[],
):
  | { readonly outcome: 'confirmed'; readonly kind: string; readonly family: Family }
  | { readonly outcome: 'refused'; readonly reason: string } {
  const pool = pools.find((p) => overlaps(p.cidr, cidr))
  if (pool === undefined) return { outcome: 'refused', reason: `${cidr} lies in no pool` }
  const other = blocks.find((block) => overlaps(block.cidr, cidr))
  if (other !== undefined)
    return { outcome: 'refused', reason: `${cidr} overlaps ${other.cidr} of ${other.owner || 'global'}` }
  if (aliases.some((alias) => containsAddress(cidr, alias)))
    return { outcome: 'refused', reason: `${cidr} has an alias` }
  return { outcome: 'confirmed', kind: pool.kind, family: pool.family }
}

export function plannedLease(
  pools: readonly PoolLike[],
  blocks: readonly BlockUse[],
  _aliases: readonly string[],
  request: { owner: string; storeId: string; kind: string; active: number; pending: number },
): { readonly add: readonly { readonly family: Family; readonly cidr: string }[]; readonly full: readonly string[] } {
  const add: { family: Family; cidr: string }[] = []
  for (const pool of pools.filter((p) => p.kind === request.kind)) {
    if (
      blocks.some(
        (b) =>
          b.kind === pool.kind &&
          b.family === pool.family &&
          b.owner === request.owner &&
          b.storeId === request.storeId,
      )
    )
      continue
    const bits = pool.family === 4 ? 20 : 64
    const { first, size } = rangeOf(pool.cidr)
    const blockSize = 1n << BigInt((pool.family === 4 ? 32 : 128) - bits)
    let slot = BigInt(`0x${hash('sha256', request.owner).slice(0, 8)}`) % (size / blockSize / 2n)
    for (;;) {
      const cidr = `${toText(first + slot * blockSize, pool.family)}/${bits}`
      if (![...pool.reserved, ...blocks.map((b) => b.cidr)].some((taken) => overlaps(taken, cidr))) {
        add.push({ family: pool.family, cidr })
        break
      }
      slot += 1n
    }
  }
  return { add, full: [] }
}

export type { PoolLike }
export const defaultPools = (random: Uint8Array): readonly PoolLike[] => {
  const ula = `fd${Buffer.from(random.subarray(0, 5)).toString('hex')}`
  const v6 = (kind: number) => {
    const text = `${ula}${['0000', '4000', '8000'][kind]}`.padEnd(32, '0')
    return `${toText(BigInt(`0x${text}`), 6)}/50`
  }
  return [
    { kind: 'MeshService', family: 4, cidr: '241.0.0.0/8', reserved: ['241.0.0.0/12'] },
    { kind: 'MeshExternalService', family: 4, cidr: '242.0.0.0/8', reserved: [] },
    { kind: 'MeshMultiZoneService', family: 4, cidr: '243.0.0.0/8', reserved: [] },
    { kind: 'MeshService', family: 6, cidr: v6(0), reserved: [] },
    { kind: 'MeshExternalService', family: 6, cidr: v6(1), reserved: [] },
    { kind: 'MeshMultiZoneService', family: 6, cidr: v6(2), reserved: [] },
  ]
}
export const poolProblems = (pools: readonly { kind: string; family: 4 | 6; cidr: string }[]): readonly PoolLike[] =>
  pools.map((pool) => ({ ...pool, reserved: [] }))

export function adoptedBlocks(cidrs: readonly string[], pools: readonly PoolLike[], blocks: readonly BlockRow[]) {
  const adopted: { kind: string; family: Family; cidr: string }[] = []
  const violations: { path: string; message: string }[] = []
  for (const [i, cidr] of cidrs.entries()) {
    if (blocks.some((b) => b.cidr === cidr)) continue
    const verdict = confirmedBlock(cidr, pools, blocks, [])
    if (verdict.outcome === 'confirmed') adopted.push({ kind: verdict.kind, family: verdict.family, cidr })
    else violations.push({ path: `vip-block[${i}]`, message: verdict.reason })
  }
  return { blocks: adopted, violations }
}

export const freeableRows = (
  rows: readonly LedgerRow[],
  blocks: readonly BlockUse[],
  at: { nowMs: number; lowestAckedRevision: number },
): readonly LedgerRow[] =>
  rows
    .filter(
      (r) =>
        r.state === 'tombstoned' &&
        blocks.some((b) => b.id === r.blockId) &&
        at.nowMs - (r.tombstonedAtMs ?? at.nowMs) >= 86_400_000 &&
        (r.tombstonedRevision ?? Infinity) <= at.lowestAckedRevision,
    )
    .sort((a, b) => (a.tombstonedAtMs ?? 0) - (b.tombstonedAtMs ?? 0))
