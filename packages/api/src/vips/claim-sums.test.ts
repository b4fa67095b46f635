import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  bucketOfOwner,
  differingBuckets,
  inBuckets,
  readSums,
  rowsPage,
  type SumsReader,
  sumsOf,
  sumsPage,
} from './claim-sums.js'
import {
  type ClaimReader,
  type Claims,
  claimsAgainst,
  claimsWhere,
  readClaims,
  referenceClaims,
  type ShownClaim,
} from './claims.js'

interface Said {
  readonly ledger: readonly string[]
  /** Undefined: it is not shown. */
  readonly shown: ShownClaim | undefined
  readonly name: string
}

const ownerOf = (displayName: string) => ({
  ...{ kind: 'MeshService', mesh: 'default', origin: 'east', namespace: '', displayName },
})

/** In pages of three, so that each answer has many and an end in the middle. */
function reader(all: readonly Said[]): ClaimReader {
  const paged = <T>(items: readonly T[], after: string | undefined) => {
    const from = Number(after ?? 0)
    return { items: items.slice(from, from + 3), ...(from + 3 < items.length ? { next: String(from + 3) } : {}) }
  }
  return {
    ledgerPage: async (after) =>
      paged(
        all.flatMap(({ name, ledger }) => ledger.map((address) => ({ ...ownerOf(name), address }))),
        after,
      ),
    shownPage: async (kind, { after }) => {
      const ofKind = all.flatMap(({ shown }) => (shown?.kind === kind ? [shown] : []))
      return { total: ofKind.length, ...paged(ofKind, after) }
    },
    findings: async () => [],
  }
}

const asked = (own: ClaimReader): SumsReader & Pick<ClaimReader, 'findings'> => ({
  sumsPage: (part, after) => sumsPage(own, part, after),
  rowsPage: (part, buckets, after) => rowsPage(own, part, new Set(buckets), after),
  findings: () => own.findings(),
})

const address = fc.constantFrom('241.16.0.1', '241.16.0.2', 'fd00::1')
const said = fc
  .record({
    name: fc.nat(60).map((n) => `s-${n}`),
    ledger: fc.uniqueArray(address, { maxLength: 2 }),
    addresses: fc.uniqueArray(address, { maxLength: 2 }),
    audience: fc.constantFrom<ShownClaim['audience']>('all', 'none'),
    isShown: fc.boolean(),
  })
  .map(
    ({ name, ledger, addresses, audience, isShown }): Said => ({
      ...{ name, ledger },
      shown: isShown ? { ...ownerOf(name), addresses, audience } : undefined,
    }),
  )
const world = fc.uniqueArray(said, { selector: ({ name }) => name, maxLength: 60 })

const plain = (claims: Claims, keys: Iterable<string>) =>
  [...keys].sort().map((key) => [key, claims.suspects.has(key), claims.get(key)])

test('VIP-4: sums first says what reading everything says, whatever differs', async () => {
  let [equal, differing] = [0, 0]
  await fc.assert(
    fc.asyncProperty(world, fc.oneof(fc.constant([]), fc.array(said, { maxLength: 3 })), async (ours, changed) => {
      const names = new Set(changed.map(({ name }) => name))
      const theirs = [...ours.filter(({ name }) => !names.has(name)), ...changed.filter((one) => one.ledger.length < 2)]
      const known = new Map(theirs.map((one) => [one.name, one]))
      const zone = reader([...known.values()])
      const reference = referenceClaims(await readClaims(reader(ours)))
      const whole = claimsAgainst(reference, await readClaims(zone, reference))
      const { sums, services } = await readSums(asked(zone))
      const buckets = differingBuckets(sumsOf(reference.own.values()), sums)
      const some = await readClaims(inBuckets(asked(zone), buckets), reference)
      const isRead = (owner: Parameters<typeof bucketOfOwner>[0]): boolean => buckets.includes(bucketOfOwner(owner))
      const few = claimsWhere(reference, some, { isRead, services })
      expect(few.services).toBe(whole.services)
      expect([...few.suspects].sort()).toEqual([...whole.suspects].sort())
      const keys = new Set([...reference.own.keys(), ...whole.own.keys()])
      expect(plain(few, keys)).toEqual(plain(whole, keys))
      expect(buckets.length === 0).toBe(whole.suspects.size === 0)
      if (buckets.length === 0) equal++
      else differing++
    }),
    { seed: 20_261_129, numRuns: 120 },
  )
  expect(equal).toBeGreaterThan(20)
  expect(differing).toBeGreaterThan(20)
})

test('what is no sum is refused', async () => {
  const wrong: SumsReader = {
    sumsPage: async () => ({ sums: ['12'], count: 1 }),
    rowsPage: async () => ({ items: [] }),
  }
  await expect(readSums(wrong)).rejects.toThrow('the zone answered something else than sums of its ledger')
})
