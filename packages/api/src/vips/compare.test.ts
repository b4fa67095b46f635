import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Claim, claimsAgainst, referenceClaims } from './claims.js'
import { type CompareOptions, type Party, disagreements as told } from './compare.js'
import { ownerKey } from './owners.js'

const owner = (name: string, origin: string, kind = 'MeshService') => ({
  kind,
  mesh: 'default',
  origin,
  namespace: '',
  displayName: name,
})
const claim = (name: string, origin: string, address: string | undefined, more: Partial<Claim> = {}): Claim => {
  const addresses = address === undefined ? [] : [address]
  return { owner: owner(name, origin), ledger: addresses, shown: addresses, audience: 'all', ...more }
}
interface Said {
  readonly name: string
  readonly claims: ReadonlyMap<string, Claim>
  readonly findings: Party['findings']
}
const party = (name: string, claims: readonly Claim[], findings: Party['findings'] = []): Said => ({
  name,
  claims: new Map(claims.map((each) => [ownerKey(each.owner), each])),
  findings,
})
/** The first one is what the others are kept against, as global is. */
function disagreements([first, ...others]: readonly Said[], options: CompareOptions) {
  if (first === undefined) return []
  const reference = referenceClaims(first.claims)
  return told(
    [
      { ...first, claims: reference },
      ...others.map((each) => ({ ...each, claims: claimsAgainst(reference, each.claims) })),
    ],
    options,
  )
}
/** The same with everything kept of everybody, and everybody suspected. */
function slowly(parties: readonly Said[], options: CompareOptions) {
  const suspects = new Set(parties.flatMap(({ claims }) => [...claims.keys()]))
  return told(
    parties.map((each) => ({
      ...each,
      claims: { own: each.claims, suspects, services: 0, get: (key: string) => each.claims.get(key) },
    })),
    options,
  )
}
const web = claim('web', 'east', '241.16.0.1')
const db = claim('db', 'west', '241.32.0.1')
const all = [web, db]
const problems = (...parties: readonly Said[]) =>
  disagreements(parties, { hidden: new Set() }).map(({ problem }) => problem)

test('VIP-4: where all say the same there is nothing to tell', () => {
  expect(disagreements([party('', all), party('east', all), party('west', all)], { hidden: new Set() })).toEqual([])
})

test('another address in one zone is told with what each says', () => {
  const moved = claim('web', 'east', '241.16.0.9')
  expect(
    disagreements([party('', all), party('east', all), party('west', [moved, db])], { hidden: new Set() }),
  ).toEqual([
    {
      owner: owner('web', 'east'),
      problem: 'MeshService "web" in mesh "default" of zone east: zone west and zone east differ',
      claims: [
        { source: 'global, ledger', addresses: ['241.16.0.1'] },
        { source: 'global, API', addresses: ['241.16.0.1'] },
        { source: 'zone east, ledger', addresses: ['241.16.0.1'] },
        { source: 'zone east, API', addresses: ['241.16.0.1'] },
        { source: 'zone west, ledger', addresses: ['241.16.0.9'] },
        { source: 'zone west, API', addresses: ['241.16.0.9'] },
      ],
    },
  ])
})

const of = 'MeshService "web" in mesh "default" of zone east'
test.each<readonly [string, readonly Said[], readonly string[]]>([
  [
    'a ledger that says another address than the API',
    [party('', [claim('web', 'east', '241.16.0.1', { ledger: ['241.16.0.2'] })])],
    [`${of}: ledger and API of global differ`],
  ],
  [
    'a ledger row without a service',
    [party('', [claim('web', 'east', '241.16.0.1', { shown: undefined, audience: undefined })])],
    [`${of}: the ledger of global gives it an address, and there is no such service`],
  ],
  [
    'a service without a ledger row',
    [party('', [claim('web', 'east', '241.16.0.1', { ledger: [] })])],
    [`${of}: ledger and API of global differ`],
  ],
  ['a zone that does not know a service', [party('', [web]), party('west', [])], [`${of}: zone west does not know it`]],
  ['global does not know a service', [party('', []), party('east', [web])], [`${of}: global does not know it`]],
  [
    'a zone that still has what its owner has not',
    [party('', [web]), party('east', [])],
    [`${of}: global has it, and zone east does not`],
  ],
  [
    'what the database itself found',
    [party('', [], [{ subject: 'vip_ledger', problem: 'row 3' }])],
    ['global: vip_ledger: row 3'],
  ],
  [
    'an address with two owners',
    [party('', [web]), party('west', [web, claim('api', 'east', '241.16.0.1')])],
    [
      `MeshService "api" in mesh "default" of zone east: zone west has it, and global does not`,
      `241.16.0.1 is given to ${of} and to MeshService "api" in mesh "default" of zone east`,
    ],
  ],
])('VIP-4: %s', (_, parties, expected) => {
  expect(problems(...parties)).toEqual(expected)
})

test('what a zone may not see is not missed there', () => {
  const kept = claim('kept', 'east', '241.16.0.3', { audience: 'none' })
  const external = { ...claim('ext', 'east', '242.16.0.3'), owner: owner('ext', 'east', 'MeshExternalService') }
  expect(problems(party('', [web, external]), party('east', [web, kept, external]), party('west', [web]))).toEqual([])
  expect(
    disagreements([party('', [web]), party('east', [web]), party('west', [])], { hidden: new Set(['east']) }),
  ).toEqual([])
})

test('a service that waits for its address is no disagreement as long as nobody gave it one', () => {
  const pending = claim('web', 'east', undefined)
  expect(problems(party('', [pending]), party('east', [pending]))).toEqual([])
  expect(problems(party('', [pending]), party('east', [web]))).toEqual([`${of}: global and zone east differ`])
})

test('VIP-4: any single address that is changed, at any place, is found', () => {
  const services = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), zone: fc.constantFrom('east', 'west') }),
    {
      minLength: 1,
      selector: ({ name, zone }) => `${name}/${zone}`,
    },
  )
  fc.assert(
    fc.property(services, fc.nat(), fc.nat(2), fc.boolean(), (chosen, at, where, inLedger) => {
      const claims = chosen.map(({ name, zone }, i) => claim(name, zone, `241.16.0.${i + 1}`))
      const names = ['', 'east', 'west']
      const parties = names.map((name) => party(name, claims))
      expect(disagreements(parties, { hidden: new Set() })).toEqual([])
      const broken = names.map((name, i) =>
        party(
          name,
          claims.map((each, j) =>
            i === where && j === at % claims.length
              ? { ...each, [inLedger ? 'ledger' : 'shown']: ['241.99.0.1'] }
              : each,
          ),
        ),
      )
      expect(disagreements(broken, { hidden: new Set() }).length).toBeGreaterThan(0)
    }),
  )
})

test('VIP-4: what all say is kept once, and the same is told as if it was kept of everybody', () => {
  const address = fc.constantFrom('241.16.0.1', '241.16.0.2', 'fd00::1')
  const addresses = fc.uniqueArray(address, { maxLength: 2 }).map((all) => all.sort())
  const one = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    zone: fc.constantFrom('', 'east', 'west'),
    ledger: addresses,
    shown: fc.option(addresses, { nil: undefined }),
    audience: fc.constantFrom('all' as const, 'none' as const),
  })
  const claims = fc
    .uniqueArray(one, { selector: ({ name, zone }) => `${name}/${zone}`, maxLength: 5 })
    .map((all) =>
      all.map(({ name, zone, ledger, shown, audience }) =>
        claim(name, zone, undefined, { ledger, shown, audience: shown === undefined ? undefined : audience }),
      ),
    )
  /** What most say, and what a few say instead. */
  const parties = fc
    .tuple(claims, claims, fc.nat(3))
    .map(([common, other, who]) =>
      ['', 'east', 'west', 'north'].map((name, i) => party(name, i === who ? other : common)),
    )
  fc.assert(
    fc.property(parties, fc.subarray(['east', 'west']), (said, hidden) => {
      const options = { hidden: new Set(hidden) }
      const sorted = (found: ReturnType<typeof told>) => found.map((each) => JSON.stringify(each)).sort()
      expect(sorted(disagreements(said, options))).toEqual(sorted(slowly(said, options)))
    }),
    { numRuns: 1_000 },
  )
})
