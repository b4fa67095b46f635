import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Block,
  confirmBlock,
  crowded,
  crowdedText,
  defaultPools,
  encloses,
  judgeReceived,
  lintLedger,
  overlap,
  planLease,
  poolProblems,
  rangeOf,
  ulaPrefix,
} from './index.js'

const pools = defaultPools('fd12:3456:789a::/48')

function grant(
  blocks: readonly Block[],
  owner: string,
  active: number,
  pending: number,
  kind = 'MeshService',
): readonly Block[] {
  const plan = planLease(pools, blocks, [], { owner, storeId: owner, kind, active, pending })
  return [...blocks, ...plan.add.map((b): Block => ({ ...b, id: b.cidr, kind, owner, storeId: owner, generation: 0 }))]
}

test('the pools of an installation are sound, and IPv6 is split by kind', () => {
  expect(poolProblems(pools)).toEqual([])
  expect(pools.map((p) => p.cidr)).toEqual([
    '241.0.0.0/8',
    '242.0.0.0/8',
    '243.0.0.0/8',
    'fd12:3456:789a::/50',
    'fd12:3456:789a:4000::/50',
    'fd12:3456:789a:8000::/50',
  ])
  expect(ulaPrefix(Uint8Array.of(1, 2, 3, 4, 5))).toBe('fd01:203:405::/48')
})

test('everything that is wrong with pools is told at once', () => {
  const bad = [
    { kind: 'MeshService', family: 4, cidr: '127.0.0.0/8', reserved: [] },
    { kind: 'Nope', family: 4, cidr: '241.0.0.0/8', reserved: [] },
    { kind: 'MeshExternalService', family: 4, cidr: '241.1.0.0/28', reserved: [] },
    { kind: 'MeshExternalService', family: 6, cidr: 'x/9', reserved: [] },
  ] as const
  expect(poolProblems(bad).map((p) => p.path)).toEqual([
    'pools[3].cidr',
    'pools[0].cidr',
    'pools[1].kind',
    'pools[2].cidr',
    'pools[2].cidr',
  ])
})

test('blocks of one pool never overlap, lie in it, and never where Kuma counts from', () => {
  const wish = fc.record({ zone: fc.nat(40), active: fc.nat(9_000), pending: fc.nat(3_000) })
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 60 }), (wishes) => {
      const blocks = wishes.reduce<readonly Block[]>((had, w) => grant(had, `z${w.zone}`, w.active, w.pending), [])
      expect(lintLedger([], blocks)).toEqual([])
      for (const b of blocks) {
        expect(pools.some((p) => encloses(rangeOf(p.cidr), rangeOf(b.cidr)))).toBe(true)
        expect(overlap(rangeOf(b.cidr), rangeOf('241.0.0.0/12'))).toBe(false)
      }
    }),
    { numRuns: 60 },
  )
})

test('a first block is the same whoever leases it again, and lies in the lower half; growth in the upper', () => {
  const first = grant([], 'east', 0, 1)
  expect(grant([], 'east', 0, 1)).toEqual(first)
  const [v4] = first
  expect(rangeOf(v4?.cidr ?? '').first).toBeLessThan(rangeOf('241.128.0.0/9').first)
  expect(v4?.cidr.endsWith('/20')).toBe(true)
  expect(grant(first, 'east', 2_000, 0)).toEqual(first)
  const grown = grant(first, 'east', 2_048, 0)
  expect(grown).toHaveLength(3)
  expect(rangeOf(grown[2]?.cidr ?? '').first).toBeGreaterThanOrEqual(rangeOf('241.128.0.0/9').first)
})

test('a block is at least twice what is there and what waits', () => {
  const [v4] = grant([], 'east', 0, 20_000)
  expect(v4?.cidr.endsWith('/16')).toBe(true)
})

test('a lease is bound to the store, not to the name', () => {
  const first = grant([], 'east', 0, 1)
  const plan = planLease(pools, first, [], {
    owner: 'east',
    storeId: 'another',
    kind: 'MeshService',
    active: 0,
    pending: 1,
  })
  expect(plan.add).toHaveLength(2)
  expect(plan.add.some((b) => first.some((f) => overlap(rangeOf(f.cidr), rangeOf(b.cidr))))).toBe(false)
})

test('no block is leased over an alias, and a pool without room says so', () => {
  const tiny = [{ kind: 'MeshService', family: 4, cidr: '10.0.0.0/19', reserved: [] }] as const
  const wish = { owner: 'east', storeId: 'x', kind: 'MeshService', active: 0, pending: 1 }
  expect(planLease(tiny, [], ['10.0.0.7'], wish).add).toEqual([{ family: 4, cidr: '10.0.16.0/20' }])
  expect(planLease(tiny, [], ['10.0.0.7', '10.0.17.1'], wish)).toEqual({
    add: [],
    full: [
      'no room for a /20 of MeshService in 10.0.0.0/19: add a pool of IPv4 at global, holdfastctl vip pool add MeshService=CIDR',
    ],
  })
})

test.each([
  ['241.32.0.0/20', 'confirmed'],
  ['10.0.0.0/20', 'lies in no pool'],
  ['241.32.0.5/20', 'write 241.32.0.0/20'],
  ['241.32.0.0/32', 'is no block'],
  ['fd12:3456:789a::/60', 'is no block'],
  ['241.32.0.0/99', 'is no CIDR'],
  ['241.1.0.0/20', 'overlaps 241.0.0.0/12, which is reserved'],
  ['241.40.0.0/16', 'overlaps 241.40.0.0/20, which is leased to zone west'],
])('a block given beforehand, %s: %s', (cidr, says) => {
  const leased: Block = {
    id: 'w',
    kind: 'MeshService',
    family: 4,
    cidr: '241.40.0.0/20',
    owner: 'west',
    storeId: 'w',
    generation: 0,
  }
  expect(JSON.stringify(confirmBlock(cidr, pools, [leased], []))).toContain(says)
})

const web = { kind: 'MeshService', mesh: 'default', origin: 'east', namespace: '', displayName: 'web' }
const api = { ...web, displayName: 'api' }
const row = (owner: typeof web, address: string, generation: number, state: 'active' | 'tombstoned' = 'active') =>
  ({ ...owner, family: 4, address, generation, state }) as const

test.each([
  ['new to us', undefined, undefined, 0, 'accept'],
  ['the same again', row(web, '241.16.0.5', 0), row(web, '241.16.0.5', 0), 0, 'same'],
  ['the same, of a later life', row(web, '241.16.0.5', 0), row(web, '241.16.0.5', 0), 1, 'accept'],
  ['another one at a higher generation', row(web, '241.16.0.9', 0), undefined, 1, 'accept'],
  [
    'another one at the same generation',
    row(web, '241.16.0.9', 0),
    undefined,
    0,
    '241.16.0.9 is remembered at generation 0',
  ],
  ['another one although ours only rests', row(web, '241.16.0.9', 0, 'tombstoned'), undefined, 0, 'is remembered'],
  ['an older generation', row(web, '241.16.0.5', 3), row(web, '241.16.0.5', 3), 2, 'which is older'],
  ['an address of somebody else', undefined, row(api, '241.16.0.5', 0), 5, 'belongs to MeshService'],
  ['an address that rests for somebody else', undefined, row(api, '241.16.0.5', 0, 'tombstoned'), 5, 'it rests'],
] as const)('VIP-2 a witness judges: %s', (_, known, holder, generation, says) => {
  expect(JSON.stringify(judgeReceived(web, { address: '241.16.0.5', generation }, known, holder))).toContain(says)
})

test('who runs out of addresses is told of all blocks of an owner and a kind together, for rows never move', () => {
  const block = (cidr: string, used: number, owner = 'east', kind = 'MeshService') => ({ cidr, used, owner, kind })
  const full = block('241.16.0.0/24', 254)
  expect(crowded([full]).map(crowdedText)).toEqual(['block 241.16.0.0/24 of zone east (MeshService) is 100 % full'])
  // One that has grown has room, and so has another kind; another owner's room is no help.
  expect(crowded([full, block('241.17.0.0/24', 10)])).toEqual([])
  expect(
    crowded([full, block('241.17.0.0/24', 10, 'west'), block('242.16.0.0/24', 1, 'east', 'MeshExternalService')]),
  ).toMatchObject([{ owner: 'east', kind: 'MeshService', cidrs: ['241.16.0.0/24'] }])
  expect(crowded([full, block('241.17.0.0/24', 160)]).map(crowdedText)).toEqual([
    'blocks 241.16.0.0/24, 241.17.0.0/24 of zone east (MeshService) are 81 % full',
  ])
  expect(crowded([block('241.17.0.0/24', 210, '')]).map(crowdedText)).toEqual([
    'block 241.17.0.0/24 of global (MeshService) is 83 % full',
  ])
})
