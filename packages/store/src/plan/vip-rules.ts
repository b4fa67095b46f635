import { invalid, type Problem, type Violation } from '@holdfast/model'
import {
  candidateAddresses,
  confirmBlock,
  defaultPools as defaultsOf,
  freeable,
  ipv6Pools,
  type Pool,
  planAllocation,
  poolProblems,
  rangeOf,
  reservedIn,
  ulaPrefix,
  ulaPrefixOf,
  usableSize,
} from '@holdfast/vip'
import type { PoolSetting } from '../port.js'
import type { BlockUse, LedgerSet } from './ledger-set.js'
import type { BlockRow, Family, LedgerRow, Owner, Scope } from './types.js'

/** The ledger's rules on the rows of a working set, in one scope, and rows as they are written. */
export interface Planned {
  readonly assigned: readonly LedgerRow[]
  readonly revived: readonly LedgerRow[]
  readonly pending: readonly { readonly owner: Owner; readonly reason: string }[]
  readonly refused: readonly { readonly owner: Owner; readonly problem: Problem }[]
}

export function plannedAllocation(
  wishes: Parameters<typeof planAllocation>[0],
  blocks: readonly BlockUse[],
  ledger: LedgerSet,
  nowMs: number,
  /** Of what is given; an address that anybody has in one of `known` is given to nobody else. */
  { scope, known }: { readonly scope: Scope; readonly known: readonly Scope[] },
): Planned {
  const plan = planAllocation<LedgerRow>(wishes, blocks, {
    get: (owner, family) => ledger.get(owner, scope, family),
    holder: (family, address) => {
      for (const each of known) {
        const holder = ledger.holder(each, family, address)
        if (holder !== undefined) return holder
      }
      return undefined
    },
    pastGeneration: (owner) => ledger.pastGeneration(owner, scope),
  })
  return {
    ...plan,
    pending: plan.pending,
    refused: plan.refused,
    revived: plan.revived,
    assigned: plan.assigned.map((row) => ({ ...row, scope, state: 'active', allocatedAtMs: nowMs })),
  }
}

/** Addresses to ask for one by one; undefined: so many that whole blocks are read instead. */
export function singleAddresses(
  owners: readonly Owner[],
  blocks: readonly BlockUse[],
  max: number,
): readonly string[] | undefined {
  // Each owner has at most 32 candidates in each block: counted before any is computed.
  if (owners.length * blocks.length * 32 > max) return undefined
  return candidateAddresses(owners, blocks)
}

/** Share of a block's addresses that somebody has or that rest. */
export const loadOf = (block: Pick<BlockUse, 'cidr' | 'used'>): number =>
  block.used / Number(usableSize(rangeOf(block.cidr)))

/** Stands for every kind in a setting: an IPv6 /48 that is split between them. */
const everyKind = '*'

/**
 * The pools of a new installation: the default ones, and in their place those that were asked for, by kind and family.
 * Throws with all that is wrong, by place in the settings.
 */
export function poolsOf(settings: readonly PoolSetting[] | undefined, random: Uint8Array): readonly Pool[] {
  const given = (settings ?? []).map((setting, index) => ({ setting, place: `pools[${index}]` }))
  const whole = given.find(({ setting }) => setting.kind === everyKind)
  const asked = given.filter(({ setting }) => setting.kind !== everyKind)
  const defaults = defaultsOf(whole?.setting.cidr ?? ulaPrefix(random)).filter(
    (pool) => !asked.some(({ setting }) => setting.kind === pool.kind && setting.family === pool.family),
  )
  const pools = [...defaults, ...asked.map(({ setting }) => poolOf(setting))]
  const places = [
    ...defaults.map(({ family }) => (family === 6 && whole !== undefined ? whole.place : 'a default pool')),
    ...asked.map(({ place }) => place),
  ]
  const violations = poolProblems(pools, (index) => places[index] ?? '')
  if (violations.length > 0) throw invalid('VIP pools', violations)
  return pools
}

/** As a pool, with what of it is never leased. */
export const poolOf = (setting: PoolSetting): Pool => ({ ...setting, reserved: reservedOf(setting) })

/** A CIDR that is none is told by the check of all pools. */
function reservedOf({ kind, cidr }: PoolSetting): readonly string[] {
  try {
    return reservedIn(kind, cidr)
  } catch {
    return []
  }
}

/**
 * The pools that a zone may assume before it has met its global. An installation's IPv6 prefix cannot be guessed, but
 * whoever gives a block of it has named it: the subnet bits tell the kind.
 */
export const assumedPools = (given: readonly string[]): readonly Pool[] => [
  ...defaultsOf(ulaPrefix(new Uint8Array(5))).filter((pool) => pool.family === 4),
  ...[...new Set(given.flatMap((cidr) => ulaPrefixOf(cidr) ?? []))].flatMap(ipv6Pools),
]

export interface Adopted {
  readonly blocks: readonly { readonly kind: string; readonly family: Family; readonly cidr: string }[]
  readonly violations: readonly Violation[]
}

/** Blocks that an operator gives; those that are there already are neither new nor wrong. */
export function adoptedBlocks(cidrs: readonly string[], pools: readonly Pool[], known: readonly BlockRow[]): Adopted {
  const blocks: BlockRow[] = []
  const violations: Violation[] = []
  for (const [i, cidr] of cidrs.entries()) {
    if (known.some((block) => block.cidr === cidr)) continue
    try {
      const verdict = confirmBlock(cidr, pools, [...known, ...blocks], [])
      if (verdict.outcome === 'refused') violations.push({ path: `vip-block[${i}]`, message: verdict.reason })
      else {
        const { kind, family } = verdict
        blocks.push({ id: cidr, kind, family, cidr, owner: '', storeId: '', generation: 0, createdAtMs: 0 })
      }
    } catch (error) {
      violations.push({ path: `vip-block[${i}]`, message: error instanceof Error ? error.message : String(error) })
    }
  }
  return { blocks, violations }
}

/** Resting addresses in crowded blocks that may go to somebody else now. */
export function freeableRows(
  rows: readonly LedgerRow[],
  blocks: readonly BlockUse[],
  at: { readonly nowMs: number; readonly ackedByAll: number },
): readonly LedgerRow[] {
  const byId = new Map(blocks.map((block) => [block.id, block]))
  const resting = rows.flatMap((row) =>
    row.state === 'tombstoned' &&
    row.scope === 'canonical' &&
    row.tombstonedAtMs !== undefined &&
    row.tombstonedRevision !== undefined
      ? [{ ...row, tombstonedAtMs: row.tombstonedAtMs, tombstonedRevision: row.tombstonedRevision }]
      : [],
  )
  return freeable(resting, {
    ...at,
    load: (id) => loadOf(byId.get(id) ?? { cidr: '0.0.0.0/0', used: 0 }),
    excess: (id, limit) => {
      const block = byId.get(id)
      return block === undefined ? 0 : Math.ceil(block.used - limit * Number(usableSize(rangeOf(block.cidr))))
    },
  })
}
