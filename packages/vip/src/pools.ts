import type { Violation } from '@holdfast/model'
import { cidrOf, type Family, overlap, type Range, rangeOf } from './address.js'
import { firstBlockBits, ipv6BlockBits, kumaCountsFrom } from './constants.js'

/** Kinds whose owners get VIPs, in the order in which they split an IPv6 prefix. */
export const vipKinds = ['MeshService', 'MeshExternalService', 'MeshMultiZoneService'] as const

export interface Pool {
  readonly kind: string
  readonly family: Family
  readonly cidr: string
  /** Parts of it that are never leased. */
  readonly reserved: readonly string[]
}

const ipv4Pools: Readonly<Record<(typeof vipKinds)[number], string>> = {
  MeshService: '241.0.0.0/8',
  MeshExternalService: '242.0.0.0/8',
  MeshMultiZoneService: '243.0.0.0/8',
}

/**
 * A unique local /48 (RFC 4193): `fd` and 40 random bits.
 * @param random at least 5 random bytes
 */
export function ulaPrefix(random: Uint8Array): string {
  const hex = Buffer.from(random.subarray(0, 5)).toString('hex')
  return cidrOf(rangeOf(`fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}::/48`))
}

/** The unique local /48 that a range lies in; undefined: it lies in none. */
export function ulaPrefixOf(cidr: string): string | undefined {
  try {
    const { family, first, prefixBits } = rangeOf(cidr)
    if (family !== 6 || prefixBits < 48 || first >> 120n !== 0xfdn) return undefined
    return cidrOf({ family, first: (first >> 80n) << 80n, prefixBits: 48 })
  } catch {
    return undefined
  }
}

/** What of a pool is never leased, whatever its own size. */
export const reservedIn = (kind: string, cidr: string): readonly string[] =>
  kind === 'MeshService' && overlap(rangeOf(cidr), rangeOf(kumaCountsFrom)) ? [kumaCountsFrom] : []

/** Two of the sixteen subnet bits of a /48 tell the kind; the other fourteen, the owner. */
export function ipv6Pools(prefix48: string): readonly Pool[] {
  const { first } = rangeOf(prefix48)
  return vipKinds.map((kind, index) => ({
    kind,
    family: 6,
    cidr: cidrOf({ family: 6, first: first + (BigInt(index) << 78n), prefixBits: 50 }),
    reserved: [],
  }))
}

/** What an installation starts with unless it is told otherwise. */
export const defaultPools = (prefix48: string): readonly Pool[] => [
  ...vipKinds.map(
    (kind): Pool => ({
      kind,
      family: 4,
      cidr: ipv4Pools[kind],
      reserved: reservedIn(kind, ipv4Pools[kind]),
    }),
  ),
  ...ipv6Pools(prefix48),
]

/** Addresses that mean something else to every host. */
const forbidden: readonly (readonly [cidr: string, why: string])[] = [
  ['127.0.0.0/8', 'loopback addresses'],
  ['0.0.0.0/8', 'addresses of "this host"'],
  ['224.0.0.0/4', 'multicast addresses'],
  ['169.254.0.0/16', 'link-local addresses'],
  ['255.255.255.255/32', 'the broadcast address'],
  ['::/127', 'the unspecified and the loopback address'],
  ['ff00::/8', 'multicast addresses'],
  ['fe80::/10', 'link-local addresses'],
]
/** A pool has room for one first block at least. */
const smallestBits: Readonly<Record<Family, number>> = { 4: firstBlockBits, 6: ipv6BlockBits }

/**
 * Everything that is wrong with a set of pools.
 * @param placeOf what whoever gave them calls the pool at that index
 */
export function poolProblems(
  pools: readonly Pool[],
  placeOf: (index: number) => string = (index) => `pools[${index}]`,
): readonly Violation[] {
  const problems: Violation[] = []
  const ranges: (Range | undefined)[] = pools.map((pool, i) => {
    try {
      return rangeOf(pool.cidr)
    } catch (error) {
      problems.push({ path: `${placeOf(i)}.cidr`, message: (error as Error).message })
      return undefined
    }
  })
  for (const [i, range] of ranges.entries()) {
    const pool = pools[i]
    if (range === undefined || pool === undefined) continue
    const path = `${placeOf(i)}.cidr`
    if (!vipKinds.some((kind) => kind === pool.kind))
      problems.push({
        path: `${placeOf(i)}.kind`,
        message: `must be one of ${vipKinds.join(', ')}, got "${pool.kind}"`,
      })
    if (range.family !== pool.family)
      problems.push({ path, message: `${pool.cidr} is IPv${range.family}, the pool says IPv${pool.family}` })
    if (range.prefixBits > smallestBits[range.family])
      problems.push({ path, message: `${pool.cidr} is too small: a pool is at least a /${smallestBits[range.family]}` })
    for (const [cidr, why] of forbidden)
      if (overlap(range, rangeOf(cidr))) problems.push({ path, message: `${pool.cidr} has ${why} (${cidr}) in it` })
    for (const [j, other] of ranges.entries())
      if (j < i && other !== undefined && overlap(range, other))
        problems.push({ path, message: `${pool.cidr} overlaps ${pools[j]?.cidr ?? ''} (${placeOf(j)})` })
  }
  return problems
}
