import { type Audience, isVisibleTo, typeOf } from '@holdfast/model'
import type { Owner } from '@holdfast/store'
import { type Claims, type Finding, sameAddresses } from './claims.js'
import { ownerText } from './owners.js'

/** What one control plane says: '' is global. */
export interface Party {
  readonly name: string
  readonly claims: Claims
  readonly findings: readonly Finding[]
}

export interface Disagreement {
  /** Undefined where the database itself was found out of order. */
  readonly owner?: Owner | undefined
  readonly problem: string
  readonly claims: readonly { readonly source: string; readonly addresses: readonly string[] | null }[]
}

export interface CompareOptions {
  /** Zones whose services are kept from other zones. */
  readonly hidden: ReadonlySet<string>
}

export const partyText = (name: string): string => (name === '' ? 'global' : `zone ${name}`)

/**
 * Everything in which any two of ledger, API and control planes disagree: within one, between an owner's control plane
 * and those that should see it, and addresses given to two owners. Pure.
 */
export function disagreements(parties: readonly Party[], { hidden }: CompareOptions): readonly Disagreement[] {
  const byName = new Map(parties.map((party) => [party.name, party]))
  // Of whom all say what the first one says, and that is right in itself, there is nothing to be told.
  const suspects = new Set(parties.flatMap(({ claims }) => [...claims.suspects]))
  return [
    ...parties.flatMap((party) =>
      party.findings.map(({ subject, problem }) => ({
        problem: `${partyText(party.name)}: ${subject}: ${problem}`,
        claims: [],
      })),
    ),
    ...[...suspects].sort().flatMap((key) => ofOwner(parties, byName, key, hidden)),
    ...sharedAddresses(parties),
  ]
}

function ofOwner(
  parties: readonly Party[],
  byName: ReadonlyMap<string, Party>,
  key: string,
  hidden: ReadonlySet<string>,
): Disagreement[] {
  const owner = ownerAt(parties, key)
  if (owner === undefined) return []
  const at = (name: string): Party | undefined => byName.get(name)
  const home = at(owner.origin) ?? at('')
  const audience = (at(owner.origin)?.claims.get(key) ?? at('')?.claims.get(key))?.audience ?? 'none'
  const reference = home?.claims.get(key)
  const problems = parties.flatMap((party) => {
    const claim = party.claims.get(key)
    const here = partyText(party.name)
    if (claim !== undefined && claim.shown === undefined)
      return [`the ledger of ${here} gives it an address, and there is no such service`]
    if (claim !== undefined && !sameAddresses(claim.ledger, claim.shown ?? []))
      return [`ledger and API of ${here} differ`]
    if (home === undefined || party === home) return []
    const expected = reference?.shown !== undefined && shouldKnow(party.name, owner, audience, hidden)
    if (claim === undefined) return expected ? [`${here} does not know it`] : []
    if (reference?.shown === undefined) return [`${here} has it, and ${partyText(home.name)} does not`]
    return sameAddresses(claim.shown ?? [], reference.shown) ? [] : [`${here} and ${partyText(home.name)} differ`]
  })
  if (problems.length === 0) return []
  return [{ owner, problem: `${ownerText(owner)}: ${problems.join('; ')}`, claims: sources(parties, key) }]
}

function shouldKnow(party: string, owner: Owner, audience: Audience, hidden: ReadonlySet<string>): boolean {
  const type = typeOf(owner.kind)
  if (party === owner.origin) return true
  if (party === '') return audience === 'all' && type.zoneToGlobal
  return !hidden.has(owner.origin) && isVisibleTo(type, owner.origin, audience, party)
}

const sources = (parties: readonly Party[], key: string): Disagreement['claims'] =>
  parties.flatMap((party) => {
    const claim = party.claims.get(key)
    return [
      { source: `${partyText(party.name)}, ledger`, addresses: claim?.ledger ?? null },
      { source: `${partyText(party.name)}, API`, addresses: claim?.shown ?? null },
    ]
  })

const ownerAt = (parties: readonly Party[], key: string): Owner | undefined => {
  for (const { claims } of parties) {
    const claim = claims.get(key)
    if (claim !== undefined) return claim.owner
  }
  return undefined
}

/** VIP-1 over all control planes together: an address has one owner, whoever is asked. */
function sharedAddresses(parties: readonly Party[]): Disagreement[] {
  const holder = new Map<string, string>()
  const shared = new Map<string, Set<string>>()
  for (const { claims } of parties)
    for (const [key, { ledger, shown = [] }] of claims.own)
      for (const address of [...ledger, ...shown]) {
        const first = holder.get(address)
        if (first === undefined) holder.set(address, key)
        else if (first !== key) shared.set(address, (shared.get(address) ?? new Set([first])).add(key))
      }
  return [...shared].map(([address, keys]) => {
    const holders = [...keys].flatMap((key) => {
      const owner = ownerAt(parties, key)
      const names = parties.filter(({ claims }) => {
        const { ledger = [], shown = [] } = claims.get(key) ?? {}
        return ledger.includes(address) || shown.includes(address)
      })
      return owner === undefined ? [] : [{ owner, names: names.map(({ name }) => partyText(name)) }]
    })
    return {
      problem: `${address} is given to ${holders.map(({ owner }) => ownerText(owner)).join(' and to ')}`,
      claims: holders.map(({ owner, names }) => ({
        source: `${names.join(', ')}: ${ownerText(owner)}`,
        addresses: [address],
      })),
    }
  })
}
