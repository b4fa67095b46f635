import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  candidates,
  defaultPools,
  freeable,
  lintLedger,
  type Owner,
  ownerText,
  planAllocation,
  planLease,
  type Wish,
} from './index.js'
import { ModelLedger, type ModelRow } from './testing/model-ledger.js'

const quarantineMs = 1_000
const owner = (n: number): Owner => ({
  kind: 'MeshService',
  mesh: 'default',
  origin: 'east',
  namespace: '',
  displayName: `s${n}`,
})

/** A small block, so that it fills up and quarantine matters. */
const smallBlock = {
  id: 'b1',
  kind: 'MeshService',
  family: 4,
  cidr: '241.16.0.0/27',
  owner: 'east',
  storeId: 'x',
  generation: 0,
} as const
const blockToCome = (n: number) => ({ ...smallBlock, id: `b${n + 2}`, cidr: `241.${17 + n}.0.0/27` })

type Act =
  | { readonly act: 'apply'; readonly ids: readonly number[] }
  | { readonly act: 'remove'; readonly id: number }
  | { readonly act: 'pass'; readonly ms: number }
  | { readonly act: 'free' }
  | { readonly act: 'block' }

const acts: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        act: fc.constant('apply' as const),
        ids: fc.array(fc.nat(60), { minLength: 1, maxLength: 12 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('remove' as const), id: fc.nat(60) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('pass' as const), ms: fc.nat(900) }) },
    { weight: 2, arbitrary: fc.constant({ act: 'free' as const }) },
    { weight: 1, arbitrary: fc.constant({ act: 'block' as const }) },
  ),
  { minLength: 30, maxLength: 120 },
)

interface Rules {
  readonly plan?: typeof planAllocation
  readonly free?: typeof freeable
}

/** Runs a story and tells every law that it broke. */
function broken(story: readonly Act[], rules: Rules = {}): readonly string[] {
  const ledger = new ModelLedger()
  ledger.blocks.push({ block: smallBlock })
  const found = new Set<string>()
  const addressOf = new Map<string, string>()
  let nowMs = 0
  for (const one of story) {
    if (one.act === 'pass') nowMs += one.ms
    else if (one.act === 'block' && ledger.blocks.length < 4)
      ledger.blocks.push({ block: blockToCome(ledger.blocks.length) })
    else if (one.act === 'free')
      for (const row of ledger.free(nowMs, quarantineMs, rules.free)) addressOf.delete(ownerText(row))
    else if (one.act === 'remove') ledger.remove(owner(one.id), nowMs)
    else if (one.act === 'apply')
      ledger.apply(
        [...new Set(one.ids)].map((id): Wish => ({ owner: owner(id) })),
        rules.plan,
      )
    for (const finding of lintLedger(
      [...ledger.rows.values()],
      ledger.blocks.map((b) => b.block),
    ))
      if (finding.severity === 'fatal') found.add('VIP-1')
    for (const row of ledger.rows.values()) {
      const key = ownerText(row)
      const first = addressOf.get(key)
      if (first !== undefined && first !== row.address) found.add('VIP-2')
      addressOf.set(key, row.address)
      const last = ledger.released.get(row.address)
      if (row.state === 'active' && last !== undefined && last.owner !== key && nowMs < last.atMs + quarantineMs)
        found.add('VIP-3')
    }
  }
  return [...found]
}

const breaks = (law: string, rules: Rules): boolean => {
  const result = fc.check(
    fc.property(acts, (story) => !broken(story, rules).includes(law)),
    { numRuns: 200, seed: 7, endOnFailure: true },
  )
  return result.failed
}

test('VIP-1 VIP-2 VIP-3: whatever is applied, deleted, recreated, leased and freed, no address is shared, moved or reused early', () => {
  fc.assert(
    fc.property(acts, (story) => {
      expect(broken(story)).toEqual([])
    }),
    { numRuns: 150 },
  )
})

describe('the property can fail: planted bugs', () => {
  const active = (row: ModelRow): boolean => row.state === 'active'

  test('VIP-3 breaks when tombstones are forgotten', () => {
    const forgetful: typeof planAllocation = (wishes, blocks, ledger) =>
      planAllocation(wishes, blocks, {
        get: (o, family) => ledger.get(o, family),
        holder: (family, address) => {
          const row = ledger.holder(family, address)
          return row?.state === 'tombstoned' ? undefined : row
        },
        pastGeneration: (o) => ledger.pastGeneration(o),
      })
    expect(breaks('VIP-3', { plan: forgetful })).toBe(true)
  })

  test('VIP-2 breaks when what stands is planned anew', () => {
    const restless: typeof planAllocation = (wishes, blocks, ledger) =>
      planAllocation(wishes, blocks, {
        get: () => undefined,
        holder: (f, a) => ledger.holder(f, a),
        pastGeneration: () => undefined,
      })
    expect(breaks('VIP-2', { plan: restless })).toBe(true)
  })

  test('VIP-1 breaks when nobody asks who has an address', () => {
    const blind: typeof planAllocation = (wishes, blocks, ledger) =>
      planAllocation(wishes, blocks, {
        get: (o, f) => ledger.get(o, f),
        holder: () => undefined,
        pastGeneration: () => undefined,
      })
    expect(breaks('VIP-1', { plan: blind })).toBe(true)
  })

  test('VIP-3 breaks when addresses are freed before their quarantine is over', () => {
    const hasty: typeof freeable = (rows) => rows
    expect(breaks('VIP-3', { free: hasty })).toBe(true)
  })

  test('the model itself tells active rows from resting ones', () => {
    const ledger = new ModelLedger()
    ledger.blocks.push({ block: smallBlock })
    ledger.apply([{ owner: owner(1) }])
    ledger.remove(owner(1), 5)
    expect([...ledger.rows.values()].filter(active)).toEqual([])
  })
})

test('an owner that returns while its tombstone stands gets its address back; after it was freed, a higher generation', () => {
  const ledger = new ModelLedger()
  ledger.blocks.push({ block: { ...smallBlock, cidr: '241.16.0.0/29' } })
  ledger.apply([1, 2, 3, 4, 5, 6].map((n) => ({ owner: owner(n) })))
  const before = ledger.get(owner(3), 4)
  ledger.remove(owner(3), 10)
  ledger.apply([{ owner: owner(3) }])
  expect(ledger.get(owner(3), 4)).toMatchObject({ address: before?.address, generation: 0, state: 'active' })
  ledger.remove(owner(3), 20)
  expect(ledger.free(20 + quarantineMs - 1, quarantineMs)).toEqual([])
  expect(ledger.free(20 + quarantineMs, quarantineMs)).toHaveLength(1)
  ledger.apply([{ owner: owner(3) }])
  expect(ledger.get(owner(3), 4)).toMatchObject({ generation: 1, state: 'active' })
})

test('a ledger that was lost mostly comes back by hash alone: at least 95 % at 5 % load of one block', () => {
  const rates = Array.from({ length: 40 }, (_, round) => {
    const names = Array.from({ length: 204 }, (_, i) => i * 41 + round * 100_003)
    const grow = (order: readonly number[]): ModelLedger => {
      const ledger = new ModelLedger()
      ledger.blocks.push({ block: { ...smallBlock, cidr: '241.16.0.0/20' } })
      for (const id of order) ledger.apply([{ owner: owner(id) }])
      return ledger
    }
    const before = grow(names)
    const after = grow([...names].reverse())
    return (
      names.filter((n) => before.get(owner(n), 4)?.address === after.get(owner(n), 4)?.address).length / names.length
    )
  })
  const mean = rates.reduce((a, b) => a + b, 0) / rates.length
  expect(mean).toBeGreaterThanOrEqual(0.95)
})

test('a full block makes new owners wait and says why; nothing else is affected', () => {
  const ledger = new ModelLedger()
  ledger.blocks.push({ block: { ...smallBlock, cidr: '241.16.0.0/29' } })
  const result = ledger.apply(Array.from({ length: 8 }, (_, n) => ({ owner: owner(n) })))
  expect(result.assigned).toHaveLength(6)
  expect(result.pending.map((p) => p.reason)).toEqual([
    expect.stringContaining('every address of 241.16.0.0/29 is taken or rests: a further block is needed'),
    expect.stringContaining('every address of 241.16.0.0/29 is taken or rests: a further block is needed'),
  ])
})

test('pins: taken, outside, and against what stands', () => {
  const ledger = new ModelLedger()
  ledger.blocks.push({ block: smallBlock })
  ledger.apply([{ owner: owner(1), v4: '241.16.0.9' }])
  const messages = (wish: Wish): readonly string[] =>
    ledger.apply([wish]).refused.map((r) => `${r.problem.kind}: ${r.problem.message}`)
  expect(ledger.get(owner(1), 4)?.address).toBe('241.16.0.9')
  expect(messages({ owner: owner(2), v4: '241.16.0.9' })).toEqual([
    'conflict: 241.16.0.9 belongs to MeshService "s1" of mesh default (zone east); choose another address',
  ])
  expect(messages({ owner: owner(2), v4: '10.0.0.1' })).toEqual([
    'invalid: 10.0.0.1 lies in no block of this control plane for MeshService; it has 241.16.0.0/27: choose an address there',
  ])
  expect(messages({ owner: owner(1), v4: '241.16.0.10' })).toEqual([
    'conflict: MeshService "s1" of mesh default (zone east) has 241.16.0.9 and keeps it; a pin cannot move it to 241.16.0.10',
  ])
  expect(messages({ owner: owner(2), v4: '241.16.0.0' })).toEqual([
    'invalid: 241.16.0.0 is the first or last address of its block, which are never given out; choose another address',
  ])
  const both = ledger.apply([{ owner: owner(3), v4: '241.16.0.9', v6: 'fd00::1' }]).refused.map((r) => r.problem)
  expect(both.map(({ kind, violations }) => [kind, violations])).toEqual([
    [
      'conflict',
      [
        {
          path: 'labels["holdfast.io/vip"]',
          message: '241.16.0.9 belongs to MeshService "s1" of mesh default (zone east); choose another address',
        },
        {
          path: 'labels["holdfast.io/vip6"]',
          message:
            "fd00::1 cannot be pinned: no IPv6 block of MeshService is leased to this control plane yet; global leases one by itself: is it connected ('holdfastctl status'), and have its pools room ('holdfastctl vip pool list' there)?",
        },
      ],
    ],
  ])
})

test('10,000 new services are planned in one go and all get different addresses', () => {
  const pools = defaultPools('fd00:1:2::/48')
  const lease = planLease(pools, [], [], {
    owner: 'east',
    storeId: 'x',
    kind: 'MeshService',
    active: 0,
    pending: 10_000,
  })
  const blocks = lease.add.map((b, i) => ({
    ...b,
    id: `b${i}`,
    kind: 'MeshService',
    owner: 'east',
    storeId: 'x',
    generation: 0,
    used: 0,
  }))
  const none = { get: () => undefined, holder: () => undefined, pastGeneration: () => undefined }
  const plan = planAllocation(
    Array.from({ length: 10_000 }, (_, n) => ({ owner: owner(n) })),
    blocks,
    none,
  )
  expect(new Set(plan.assigned.map((a) => a.address)).size).toBe(20_000)
  expect(plan.pending).toEqual([])
})

test('a full block costs one scan for all who wait, not one each', () => {
  const ledger = { get: () => undefined, pastGeneration: () => undefined }
  let asked = 0
  const full = {
    ...ledger,
    holder: () => {
      asked++
      return { ...owner(0), family: 4, address: '', generation: 0, state: 'active' } as const
    },
  }
  const block = { ...smallBlock, cidr: '241.16.0.0/20', used: 4_094 }
  const plan = planAllocation(
    Array.from({ length: 200 }, (_, n) => ({ owner: owner(n) })),
    [block],
    full,
  )
  expect(plan.pending).toHaveLength(200)
  expect(asked).toBeLessThanOrEqual(200 * 32 + 4_096)
})

test('all families or none: IPv4 full and IPv6 roomy makes a service wait', () => {
  const ledger = new ModelLedger()
  ledger.blocks.push({ block: { ...smallBlock, cidr: '241.16.0.0/29' } })
  ledger.blocks.push({ block: { ...smallBlock, id: 'v6', family: 6, cidr: 'fd00:1:2:3::/64' } })
  const result = ledger.apply(Array.from({ length: 7 }, (_, n) => ({ owner: owner(n) })))
  expect(result.assigned.map((a) => a.family).sort()).toEqual([4, 4, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6])
  expect(result.pending).toHaveLength(1)
})

test('all families or none: a control plane that got an IPv6 block only, because the pool of IPv4 is full, makes its services wait', () => {
  const ledger = new ModelLedger()
  const v6 = { ...smallBlock, id: 'v6', family: 6, cidr: 'fd00:1:2:3::/64', generation: 1 } as const
  ledger.blocks.push({ block: v6 })
  const result = ledger.apply([{ owner: owner(1) }])
  const reason = expect.stringMatching(`^no IPv4 block of ${v6.kind} is leased to this control plane yet; `)
  expect([result.assigned, result.pending]).toEqual([[], [{ owner: owner(1), reason }]])
})

test('VIP-1 an owner that is named twice gets one address; a pin is served before any hash, whatever their order', () => {
  const ledger = new ModelLedger()
  ledger.blocks.push({ block: smallBlock })
  expect(ledger.apply([{ owner: owner(1) }, { owner: owner(1) }]).assigned).toHaveLength(1)
  const other = new ModelLedger()
  other.blocks.push({ block: smallBlock })
  const wanted = ledger.get(owner(1), 4)?.address ?? ''
  const result = other.apply([{ owner: owner(1) }, { owner: owner(2), v4: wanted }])
  expect(result.refused).toEqual([])
  expect(other.get(owner(2), 4)?.address).toBe(wanted)
})

test('the choice of an address is frozen: a lost ledger must come back with the same ones', () => {
  // Computed apart: SHA-256 over the length-prefixed parts of the key, first and second eight bytes.
  expect([...candidates(owner(1), '241.16.0.0/20')].slice(0, 3)).toEqual([
    '241.16.13.164',
    '241.16.2.245',
    '241.16.8.70',
  ])
})

test('quarantine waits for the slowest zone, and nothing is freed in a roomy block', () => {
  const rows = [1, 2, 3, 4].map((n) => ({
    ...owner(n),
    family: 4 as const,
    address: `241.16.0.${n}`,
    blockId: 'b',
    tombstonedAtMs: n,
    tombstonedRevision: n,
  }))
  const rules = { nowMs: 10_000, quarantineMs: 100, load: () => 0.9, excess: () => 10 }
  expect(freeable(rows, { ...rules, ackedByAll: 2 }).map((r) => r.address)).toEqual(['241.16.0.1', '241.16.0.2'])
  expect(freeable(rows, { ...rules, ackedByAll: undefined, excess: () => 3 })).toHaveLength(3)
  expect(freeable(rows, { ...rules, ackedByAll: undefined, load: () => 0.75 })).toEqual([])
})
