import { typeOf } from '@holdfast/model'
import type { ControlPlaneStore, LedgerRow, Row } from '@holdfast/store'
import { renderedAddresses } from '../resources/render.js'
import { type ClaimReader, claimsPerPage, type LedgerClaim, type ShownClaim } from './claims.js'
import { ownerKey } from './owners.js'

/**
 * What this control plane itself claims.
 * @param dns what names are answered with, where any are
 */
export function localClaims(
  store: ControlPlaneStore,
  dns?: { readonly faults: readonly string[] } | undefined,
): ClaimReader {
  return {
    async ledgerPage(after) {
      const page = await store.vip.ledger({
        includeTombstoned: false,
        limit: claimsPerPage,
        ...(after === undefined ? {} : { after }),
      })
      return {
        items: (await inForce(store, page.items)).map(ledgerClaim),
        ...(page.next === undefined ? {} : { next: page.next }),
      }
    },
    async shownPage(kind, from) {
      if (!typeOf(kind).vipKind) return { items: [], total: 0 }
      const after = from.after === undefined ? undefined : placeOf(from.after)
      // A global of before counts, and asks so.
      const { items, total } = await store.read.list({
        type: kind,
        limit: claimsPerPage,
        ...(after === undefined ? { offset: from.offset } : { offset: 0, after }),
      })
      const last = items.length < claimsPerPage ? undefined : items.at(-1)
      return {
        items: items.map((row) => shownClaim(row, renderedAddresses(row))),
        total,
        ...(last === undefined ? {} : { next: JSON.stringify([last.mesh, last.name]) }),
      }
    },
    findings: async () => [
      ...(await store.vip.verifyLocal()),
      ...(dns?.faults ?? []).map((problem) => ({ subject: 'DNS', problem })),
    ],
  }
}

/**
 * Of a page of the ledger what is served by it: canonical addresses, and in a zone under a Kuma global those that it has
 * given to others' services from blocks of its own, where they have no other.
 */
async function inForce(store: ControlPlaneStore, page: readonly LedgerRow[]): Promise<readonly LedgerRow[]> {
  const canonical = new Set(page.filter(({ scope }) => scope === 'canonical').map(ownerKey))
  const standIns = page.filter(
    (row) => row.scope !== 'canonical' && row.blockId !== undefined && !canonical.has(ownerKey(row)),
  )
  if (standIns.length === 0) return page.filter(({ scope }) => scope === 'canonical')
  const { identity } = await store.status()
  // The rows of one owner stand together, canonical ones first: only those of the page's first may be on the page before.
  const [first] = page
  if (first !== undefined && standIns.some((row) => ownerKey(row) === ownerKey(first))) {
    const { kind, mesh, origin, displayName } = first
    const all = await store.vip.ledger({ kind, mesh, origin, displayName, includeTombstoned: false, limit: 100 })
    for (const row of all.items) if (row.scope === 'canonical') canonical.add(ownerKey(row))
  }
  const stands = new Set(
    standIns.filter((row) => row.scope === `zone:${identity.name}` && !canonical.has(ownerKey(row))),
  )
  return page.filter((row) => row.scope === 'canonical' || stands.has(row))
}

const ledgerClaim = ({ kind, mesh, origin, namespace, displayName, address }: LedgerRow): LedgerClaim => ({
  kind,
  mesh,
  origin,
  namespace,
  displayName,
  address,
})

/** Undefined for what was never ours: then the page is found by counting. */
function placeOf(text: string): { readonly mesh: string; readonly name: string } | undefined {
  try {
    const [mesh, name] = JSON.parse(text) as readonly unknown[]
    return typeof mesh === 'string' && typeof name === 'string' ? { mesh, name } : undefined
  } catch {
    return undefined
  }
}

const shownClaim = (row: Row, addresses: readonly string[]): ShownClaim => ({
  kind: row.type,
  mesh: row.mesh,
  origin: row.origin,
  namespace: row.namespace,
  displayName: row.displayName,
  addresses,
  audience: row.audience,
})
