import { typeOf } from '@holdfast/model'
import type { ControlPlaneStore, LedgerRow, Row } from '@holdfast/store'
import { type ClaimReader, claimsPerPage, type LedgerClaim, type ShownClaim } from './claims.js'

/**
 * What this control plane itself claims.
 * @param shownAddresses the addresses that the API shows for a row, read from what it renders
 * @param dns what names are answered with, where any are
 */
export function localClaims(
  store: ControlPlaneStore,
  shownAddresses: (row: Row) => readonly string[],
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
        items: page.items.filter(({ scope }) => scope === 'canonical').map(ledgerClaim),
        ...(page.next === undefined ? {} : { next: page.next }),
      }
    },
    async shownPage(kind, offset) {
      if (!typeOf(kind).vipKind) return { items: [], total: 0 }
      const { items, total } = await store.read.list({ type: kind, offset, limit: claimsPerPage })
      return { items: items.map((row) => shownClaim(row, shownAddresses(row))), total }
    },
    findings: async () => [
      ...(await store.vip.verifyLocal()),
      ...(dns?.faults ?? []).map((problem) => ({ subject: 'DNS', problem })),
    ],
  }
}

const ledgerClaim = ({ kind, mesh, origin, namespace, displayName, address }: LedgerRow): LedgerClaim => ({
  kind,
  mesh,
  origin,
  namespace,
  displayName,
  address,
})

const shownClaim = (row: Row, addresses: readonly string[]): ShownClaim => ({
  kind: row.type,
  mesh: row.mesh,
  origin: row.origin,
  namespace: row.namespace,
  displayName: row.displayName,
  addresses,
  audience: row.audience,
})
