import { expect, test } from 'vitest'
import { type ClaimReader, claimsAgainst, readClaims, referenceClaims, type ShownClaim } from './claims.js'

const pageSize = 2
const services: readonly ShownClaim[] = ['a', 'b', 'c', 'd', 'e'].map((displayName, i) => ({
  ...{ kind: 'MeshService', mesh: 'default', origin: 'east', namespace: '', displayName },
  ...{ addresses: [`241.16.0.${i + 1}`, `fd00::${i + 1}`], audience: 'all' },
}))

/** @param counts whether it knows only how many came before, as versions before this one */
function reader(all: readonly ShownClaim[], counts: boolean): ClaimReader & { readonly asked: unknown[] } {
  const asked: unknown[] = []
  return {
    asked,
    ledgerPage: async () => ({
      items: all.flatMap(({ addresses, ...owner }) => addresses.map((address) => ({ ...owner, address }))),
    }),
    shownPage: async (kind, { after, offset }) => {
      const ofKind = all.filter((each) => each.kind === kind)
      asked.push(counts ? offset : after)
      const from = counts || after === undefined ? offset : ofKind.findIndex((each) => each.displayName === after) + 1
      const items = ofKind.slice(from, from + pageSize)
      const last = items.length < pageSize ? undefined : items.at(-1)
      return { items, total: ofKind.length, ...(counts || last === undefined ? {} : { next: last.displayName }) }
    },
    findings: async () => [],
  }
}

test.each([
  ['says where the next page begins', false, [undefined, 'b', 'd']],
  ['counts', true, [0, 2, 4]],
])('every page is read once of a control plane that %s', async (_, counts, asked) => {
  const from = reader(services, counts)
  const claims = await readClaims(from)
  expect([...claims.values()].map(({ owner, ledger, shown }) => [owner.displayName, ledger, shown])).toEqual(
    services.map(({ displayName, addresses }) => [displayName, addresses, addresses]),
  )
  expect(from.asked.slice(0, asked.length)).toEqual(asked)
  expect(from.asked.filter((each) => each !== undefined && each !== 0)).toEqual(asked.slice(1))
})

test('what a zone says as the reference says it is kept once', async () => {
  const reference = referenceClaims(await readClaims(reader(services, false)))
  const same = claimsAgainst(reference, await readClaims(reader(services, false), reference))
  expect([same.own.size, same.suspects.size, same.services]).toEqual([0, 0, 5])
  const fewer = claimsAgainst(reference, await readClaims(reader(services.slice(1), true), reference))
  expect([fewer.own.size, [...fewer.suspects].map((key) => reference.get(key)?.owner.displayName)]).toEqual([0, ['a']])
})
