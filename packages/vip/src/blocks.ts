import { hash } from 'node:crypto'
import { utf8 } from '@holdfast/model'
import { cidrOf, encloses, type Family, overlap, type Range, rangeOf } from './address.js'
import { firstBlockBits, growLoad, ipv6BlockBits, smallestBlockBits } from './constants.js'
import type { Pool } from './pools.js'

/** A slice of a pool, leased to one store of one control plane. */
export interface Block {
  readonly id: string
  readonly kind: string
  readonly family: Family
  readonly cidr: string
  /** Zone name, '' for global. */
  readonly owner: string
  readonly storeId: string
  readonly generation: number
}

export interface LeaseWish {
  readonly owner: string
  readonly storeId: string
  readonly kind: string
  /** Services that have a VIP, and those that wait for one. */
  readonly active: number
  readonly pending: number
}

export interface LeasePlan {
  readonly add: readonly { readonly family: Family; readonly cidr: string }[]
  /** Why something could not be leased, in words for the zone's log. */
  readonly full: readonly string[]
}

/** Addresses that may be given out: not the first one of a block (subnet), not the last one of an IPv4 block (broadcast). */
export const usableSize = (range: Range): bigint => (range.family === 4 ? range.size - 2n : range.size - 1n)

export const leaseGrowsAt = (capacity: bigint): bigint => BigInt(Math.floor(Number(capacity) * growLoad))

/**
 * Blocks that a control plane should get now. The first one lies where the hash of its owner's name says, in the lower half of
 * the pool: a global that lost everything leases the same one again. What it grows by comes from the upper half, so that
 * growth never takes the place of somebody's first. Disjoint from all blocks and from every alias.
 * @param aliases addresses in zone scopes that lie in the pools
 */
export function planLease(
  pools: readonly Pool[],
  blocks: readonly Block[],
  aliases: readonly string[],
  wish: LeaseWish,
): LeasePlan {
  const add: { family: Family; cidr: string }[] = []
  const full: string[] = []
  const taken = [...blocks.map((b) => rangeOf(b.cidr)), ...aliases.map(rangeOf)]
  for (const family of [4, 6] as const) {
    const own = blocks.filter(
      (b) => b.kind === wish.kind && b.family === family && b.owner === wish.owner && b.storeId === wish.storeId,
    )
    const wanted = wantedBits(family, own, wish)
    if (wanted === undefined) continue
    const kin = pools.filter((pool) => pool.kind === wish.kind && pool.family === family)
    if (kin.length === 0) continue
    const place = findPlace(kin, taken, wish, wanted, own.length === 0)
    if (place !== undefined) {
      add.push({ family, cidr: cidrOf(place) })
      taken.push(place)
    } else
      full.push(
        `no room for a /${wanted} of ${wish.kind} in ${kin.map((p) => p.cidr).join(', ')}: add a pool of IPv${family} at global, holdfastctl vip pool add ${wish.kind}=CIDR`,
      )
  }
  return { add, full }
}

/** Prefix length of the block to add; undefined: what there is will do. */
function wantedBits(family: Family, own: readonly Block[], { active, pending }: LeaseWish): number | undefined {
  if (family === 6) return own.length === 0 ? ipv6BlockBits : undefined
  const demand = BigInt(active + pending)
  const capacity = own.reduce((sum, b) => sum + usableSize(rangeOf(b.cidr)), 0n)
  if (own.length > 0 && demand <= leaseGrowsAt(capacity)) return undefined
  let bits = firstBlockBits
  while (bits > 1 && usableSize(rangeOf(`0.0.0.0/${bits}`)) < demand * 2n) bits--
  return bits
}

function findPlace(
  pools: readonly Pool[],
  taken: readonly Range[],
  { owner, kind }: LeaseWish,
  prefixBits: number,
  isFirst: boolean,
): Range | undefined {
  const digits = BigInt(`0x${hash('sha256', utf8(`${kind}\u0000${owner}`)).slice(0, 12)}`)
  for (const pool of pools) {
    const range = rangeOf(pool.cidr)
    if (prefixBits < range.prefixBits) continue
    const size = 1n << BigInt((range.family === 4 ? 32 : 128) - prefixBits)
    const slots = range.size / size
    const half = slots / 2n
    const hindrances = [...taken, ...pool.reserved.map(rangeOf)].filter((t) => overlap(t, range))
    const halves =
      half === 0n
        ? [[0n, slots]]
        : isFirst
          ? [
              [0n, half],
              [half, half],
            ]
          : [
              [half, half],
              [0n, half],
            ]
    for (const [from = 0n, count = 0n] of halves) {
      const free = firstFree(range, size, prefixBits, from, count, digits, hindrances)
      if (free !== undefined) return free
    }
  }
  return undefined
}

function firstFree(
  pool: Range,
  size: bigint,
  prefixBits: number,
  from: bigint,
  count: bigint,
  digits: bigint,
  hindrances: readonly Range[],
): Range | undefined {
  for (let i = 0n; i < count; i++) {
    const slot = from + ((digits + i) % count)
    const place: Range = { family: pool.family, first: pool.first + slot * size, size, prefixBits }
    if (!hindrances.some((h) => overlap(h, place))) return place
  }
  return undefined
}

/** Whether global can give a block that an operator has already given to a zone (`--vip-block`). */
export function confirmBlock(
  cidr: string,
  pools: readonly Pool[],
  blocks: readonly Block[],
  aliases: readonly string[],
):
  | { readonly outcome: 'confirmed'; readonly kind: string; readonly family: Family }
  | { readonly outcome: 'refused'; readonly reason: string } {
  const refused = (reason: string) => ({ outcome: 'refused', reason }) as const
  const range = readRange(cidr)
  if (typeof range === 'string') return refused(range)
  if (cidrOf(range) !== cidr.toLowerCase()) return refused(`${cidr} is not the name of a range: write ${cidrOf(range)}`)
  if (range.family === 6 ? range.prefixBits !== ipv6BlockBits : range.prefixBits > smallestBlockBits)
    return refused(
      `${cidr} is no block: an IPv4 block is a /${smallestBlockBits} or larger, an IPv6 block is a /${ipv6BlockBits}`,
    )
  const pool = pools.find((p) => encloses(rangeOf(p.cidr), range))
  if (pool === undefined)
    return refused(`${cidr} lies in no pool; there are ${pools.map((p) => `${p.cidr} (${p.kind})`).join(', ')}`)
  const reserved = pool.reserved.find((r) => overlap(rangeOf(r), range))
  if (reserved !== undefined) return refused(`${cidr} overlaps ${reserved}, which is reserved`)
  const other = blocks.find((b) => overlap(rangeOf(b.cidr), range))
  if (other !== undefined)
    return refused(
      `${cidr} overlaps ${other.cidr}, which is leased to ${other.owner === '' ? 'global' : `zone ${other.owner}`}`,
    )
  const alias = aliases.find((a) => encloses(range, rangeOf(a)))
  if (alias !== undefined) return refused(`${cidr} has ${alias} in it, which is an alias in the scope of a zone`)
  return { outcome: 'confirmed', kind: pool.kind, family: pool.family }
}

/** The range, or what is wrong with the text. */
function readRange(cidr: string): Range | string {
  try {
    return rangeOf(cidr)
  } catch (error) {
    return (error as Error).message
  }
}
