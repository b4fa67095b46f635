import { typeOf } from '@holdfast/model'
import type { Booked, ControlPlaneStore, Owner, Served } from '@holdfast/store'
import { type ClaimReader, claimsPerPage, type LedgerClaim, type ShownClaim } from './claims.js'

/**
 * What this control plane itself claims. What is shown of a service is what its row has: the API shows nothing else.
 * @param dns what names are answered with, where any are
 */
export function localClaims(
  store: ControlPlaneStore,
  dns?: { readonly faults: readonly string[] } | undefined,
): ClaimReader {
  return {
    async ledgerPage(after) {
      const owners = await store.vip.booked({
        limit: claimsPerPage,
        ...(after === undefined ? {} : { after: ownerAt(after) }),
      })
      const last = owners.length < claimsPerPage ? undefined : owners.at(-1)
      return {
        items: owners.flatMap(ledgerClaims),
        ...(last === undefined ? {} : { next: JSON.stringify(ownerParts(last)) }),
      }
    },
    async shownPage(kind, from) {
      if (!typeOf(kind).vipKind) return { items: [], total: 0 }
      const after = from.after === undefined ? undefined : placeOf(from.after)
      // A global of before counts, and asks so.
      const services = await store.vip.served({
        ...{ kind, limit: claimsPerPage },
        ...(after === undefined ? { offset: from.offset } : { offset: 0, after }),
      })
      const total =
        after === undefined
          ? (await store.read.list({ type: kind, offset: 0, limit: 0 })).total
          : from.offset + services.length
      const last = services.length < claimsPerPage ? undefined : services.at(-1)
      return {
        items: services.map(shownClaim),
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

const ledgerClaims = ({ addresses, ...owner }: Booked): readonly LedgerClaim[] =>
  addresses.map((address) => ({ ...owner, address }))

const shownClaim = ({ name: _, ...claim }: Served): ShownClaim => claim

const ownerParts = ({ kind, mesh, origin, namespace, displayName }: Owner): readonly string[] => [
  ...[kind, mesh, origin, namespace, displayName],
]

/** Undefined for what was never ours: then the first page is the answer. */
function ownerAt(text: string): Owner | undefined {
  const parts = textsOf(text)
  if (parts?.length !== 5) return undefined
  const [kind = '', mesh = '', origin = '', namespace = '', displayName = ''] = parts
  return { kind, mesh, origin, namespace, displayName }
}

/** Undefined for what was never ours: then the page is found by counting. */
function placeOf(text: string): { readonly mesh: string; readonly name: string } | undefined {
  const [mesh, name] = textsOf(text) ?? []
  return mesh === undefined || name === undefined ? undefined : { mesh, name }
}

function textsOf(text: string): readonly string[] | undefined {
  try {
    const parts: unknown = JSON.parse(text)
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : undefined
  } catch {
    return undefined
  }
}
