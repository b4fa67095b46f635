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
  shownPage(kind: string, offset: number): Promise<{ readonly items: readonly ShownClaim[]; readonly total: number }>
  findings(): Promise<readonly Finding[]>
}

/** Rows of one page: about 150 bytes each, so that an answer stays well below a message's limit. */
export const claimsPerPage = 1000

export const vipKinds: readonly string[] = allTypes.filter((type) => type.vipKind).map((type) => type.name)

/** Everything that a control plane claims, by owner. */
export async function readClaims(reader: ClaimReader): Promise<ReadonlyMap<string, Claim>> {
  const ledger = new Map<string, LedgerClaim[]>()
  let after: string | undefined
  do {
    const page = await reader.ledgerPage(after)
    for (const row of page.items) {
      const key = ownerKey(row)
      ledger.set(key, [...(ledger.get(key) ?? []), row])
    }
    after = page.next
  } while (after !== undefined)

  const shown = new Map<string, ShownClaim>()
  for (const kind of vipKinds)
    for (let offset = 0; ; offset += claimsPerPage) {
      const page = await reader.shownPage(kind, offset)
      for (const row of page.items) shown.set(ownerKey(row), row)
      if (page.items.length === 0 || offset + claimsPerPage >= page.total) break
    }

  const claims = new Map<string, Claim>()
  for (const key of new Set([...shown.keys(), ...ledger.keys()])) {
    const row = shown.get(key)
    const rows = ledger.get(key) ?? []
    const owner = row ?? rows[0]
    if (owner === undefined) continue
    claims.set(key, {
      owner: {
        kind: owner.kind,
        mesh: owner.mesh,
        origin: owner.origin,
        namespace: owner.namespace,
        displayName: owner.displayName,
      },
      ledger: sortedAddresses(rows.map(({ address }) => address)),
      shown: row === undefined ? undefined : sortedAddresses(row.addresses),
      audience: row?.audience,
    })
  }
  return claims
}
