import { type Audience, allTypes } from '@holdfast/model'
import type { Owner } from '@holdfast/store'
import { ownerKey, sortedAddresses } from './owners.js'

/** What one control plane says about one owner, from two places that must agree. */
export interface Claim {
  readonly owner: Owner
  /** Active canonical addresses in its ledger. */
  readonly ledger: readonly string[]
  /** Addresses that its API shows; undefined: it has no such resource. */
  readonly shown: readonly string[] | undefined
  readonly audience: Audience | undefined
}

export interface LedgerClaim extends Owner {
  readonly address: string
}

export interface ShownClaim extends Owner {
  readonly addresses: readonly string[]
  readonly audience: Audience
}

export interface Finding {
  readonly subject: string
  readonly problem: string
}

/** Pages of what a control plane claims: read from its store, or asked of a zone. */
export interface ClaimReader {
  ledgerPage(after: string | undefined): Promise<{ readonly items: readonly LedgerClaim[]; readonly next?: string }>
  /** @param from where the page before said that this one begins, and how many there were before it */
  shownPage(
    kind: string,
    from: { readonly after: string | undefined; readonly offset: number },
  ): Promise<{ readonly items: readonly ShownClaim[]; readonly total: number; readonly next?: string }>
  findings(): Promise<readonly Finding[]>
}

/** Rows of one page: about 150 bytes each, so that an answer stays well below a message's limit. */
export const claimsPerPage = 1000

export const vipKinds: readonly string[] = allTypes.filter((type) => type.vipKind).map((type) => type.name)

/**
 * Everything that one control plane says. Of a hundred zones each says what global says of each of a hundred thousand
 * services: then it is kept once.
 */
export interface Claims {
  get(key: string): Claim | undefined
  /** Of whom it says something of its own, or nothing where the reference says something; of a reference: what is wrong in itself. */
  readonly suspects: ReadonlySet<string>
  /** What it says of its own; of a reference: everything. */
  readonly own: ReadonlyMap<string, Claim>
  /** How many services its API shows. */
  readonly services: number
}

/** What others are compared with. */
export function referenceClaims(own: ReadonlyMap<string, Claim>): Claims {
  const suspects = new Set([...own].flatMap(([key, claim]) => (isSettled(claim) ? [] : [key])))
  return { own, suspects, get: (key) => own.get(key), services: countShown(own.values()) }
}

export const claimsAgainst = (reference: Claims, all: ReadonlyMap<string, Claim>): Claims =>
  claimsWhere(reference, all, { isRead: () => true, services: countShown(all.values()) })

/**
 * @param some what it says of some owners: of the others it is known to say what the reference says
 * @param isRead whether an owner is one of those
 * @param services how many its API shows, all together
 */
export function claimsWhere(
  reference: Claims,
  some: ReadonlyMap<string, Claim>,
  { isRead, services }: { readonly isRead: (owner: Owner) => boolean; readonly services: number },
): Claims {
  const own = new Map([...some].filter(([key, claim]) => !sameClaim(claim, reference.get(key))))
  const absent = new Set(
    [...reference.own].flatMap(([key, { owner }]) => (!some.has(key) && isRead(owner) ? [key] : [])),
  )
  return {
    own,
    suspects: new Set([...own.keys(), ...absent]),
    get: (key) => own.get(key) ?? (absent.has(key) ? undefined : reference.get(key)),
    services,
  }
}

function countShown(claims: Iterable<Claim>): number {
  let count = 0
  for (const { shown } of claims) if (shown !== undefined) count++
  return count
}

const isSettled = ({ ledger, shown }: Claim): boolean => shown !== undefined && sameAddresses(ledger, shown)

const sameClaim = (one: Claim, other: Claim | undefined): boolean =>
  other !== undefined &&
  one.audience === other.audience &&
  sameAddresses(one.ledger, other.ledger) &&
  (one.shown === undefined) === (other.shown === undefined) &&
  sameAddresses(one.shown ?? [], other.shown ?? [])

export const sameAddresses = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((address, i) => address === other[i])

/**
 * Reads everything that a control plane claims, by owner.
 * @param reference texts that it has too are not kept a second time
 */
export async function readClaims(reader: ClaimReader, reference?: Claims): Promise<ReadonlyMap<string, Claim>> {
  const ledger = new Map<string, string[]>()
  const owners = new Map<string, Owner>()
  const met = (row: Owner): string => {
    const key = ownerKey(row)
    if (!owners.has(key)) owners.set(key, reference?.get(key)?.owner ?? ownerOf(row))
    return key
  }
  let after: string | undefined
  do {
    const page = await reader.ledgerPage(after)
    for (const row of page.items) {
      const key = met(row)
      const address = reference?.get(key)?.ledger.find((each) => each === row.address) ?? row.address
      const addresses = ledger.get(key)
      if (addresses === undefined) ledger.set(key, [address])
      else addresses.push(address)
    }
    after = page.next
  } while (after !== undefined)

  const shown = new Map<string, Pick<Claim, 'shown' | 'audience'>>()
  for (const kind of vipKinds) {
    let from: Parameters<ClaimReader['shownPage']>[1] = { after: undefined, offset: 0 }
    for (;;) {
      const page = await reader.shownPage(kind, from)
      for (const row of page.items) {
        const addresses = sortedAddresses(row.addresses)
        const same = reference?.get(ownerKey(row))?.shown
        const kept = same !== undefined && sameAddresses(same, addresses) ? same : addresses
        shown.set(met(row), { shown: kept, audience: row.audience })
      }
      from = { after: page.next, offset: from.offset + page.items.length }
      // Whoever does not say where to go on is of a version that counts, or has come to the end.
      if (page.next === undefined && (page.items.length === 0 || from.offset >= page.total)) break
    }
  }

  return new Map(
    [...owners].map(([key, owner]) => [
      key,
      {
        owner,
        ledger: sortedAddresses(ledger.get(key) ?? []),
        shown: undefined,
        audience: undefined,
        ...shown.get(key),
      },
    ]),
  )
}

const ownerOf = ({ kind, mesh, origin, namespace, displayName }: Owner): Owner => ({
  kind,
  mesh,
  origin,
  namespace,
  displayName,
})
