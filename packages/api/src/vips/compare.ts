import { type Audience, isVisibleTo, typeOf } from '@holdfast/model'
import type { Owner } from '@holdfast/store'
import type { Claim, Finding } from './claims.js'
import { ownerText } from './owners.js'

/** What one control plane says: '' is global. */
export interface Party {
  readonly name: string
  readonly claims: ReadonlyMap<string, Claim>
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
  const owners = new Map(
    parties.flatMap(({ claims }) => [...claims].map(([key, claim]) => [key, claim.owner] as const)),
  )
  return [
    ...parties.flatMap((party) =>
      party.findings.map(({ subject, problem }) => ({
        problem: `${partyText(party.name)}: ${subject}: ${problem}`,
        claims: [],
      })),
    ),
    ...[...owners].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([key, owner]) => ofOwner(parties, key, owner, hidden)),
    ...sharedAddresses(parties),
  ]
}

function ofOwner(parties: readonly Party[], key: string, owner: Owner, hidden: ReadonlySet<string>): Disagreement[] {
  const at = (name: string): Party | undefined => parties.find((party) => party.name === name)
  const home = at(owner.origin) ?? at('')
  const audience = (at(owner.origin)?.claims.get(key) ?? at('')?.claims.get(key))?.audience ?? 'none'
  const reference = home?.claims.get(key)
  const problems = parties.flatMap((party) => {
    const claim = party.claims.get(key)
    const here = partyText(party.name)
    if (claim !== undefined && claim.shown === undefined)
      return [`the ledger of ${here} gives it an address, and there is no such service`]
    if (claim !== undefined && !sameList(claim.ledger, claim.shown ?? [])) return [`ledger and API of ${here} differ`]
    if (home === undefined || party === home) return []
    const expected = reference?.shown !== undefined && shouldKnow(party.name, owner, audience, hidden)
    if (claim === undefined) return expected ? [`${here} does not know it`] : []
    if (reference?.shown === undefined) return [`${here} has it, and ${partyText(home.name)} does not`]
    return sameList(claim.shown ?? [], reference.shown) ? [] : [`${here} and ${partyText(home.name)} differ`]
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

/** VIP-1 over all control planes together: an address has one owner, whoever is asked. */
function sharedAddresses(parties: readonly Party[]): Disagreement[] {
  const holders = new Map<string, Map<string, { readonly owner: Owner; readonly sources: string[] }>>()
  for (const party of parties)
    for (const [key, claim] of party.claims)
      for (const address of new Set([...claim.ledger, ...(claim.shown ?? [])])) {
        const ofAddress = holders.get(address) ?? new Map()
        const holder = ofAddress.get(key) ?? { owner: claim.owner, sources: [] }
        holder.sources.push(partyText(party.name))
        holders.set(address, ofAddress.set(key, holder))
      }
  return [...holders].flatMap(([address, ofAddress]) => {
    if (ofAddress.size < 2) return []
    const all = [...ofAddress.values()]
    return [
      {
        problem: `${address} is given to ${all.map(({ owner }) => ownerText(owner)).join(' and to ')}`,
        claims: all.map(({ owner, sources: names }) => ({
          source: `${names.join(', ')}: ${ownerText(owner)}`,
          addresses: [address],
        })),
      },
    ]
  })
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i])
