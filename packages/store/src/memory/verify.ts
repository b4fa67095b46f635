import { findType, type Origin, wantsVip } from '@holdfast/model'
import { ownerOf, ownerText, ownerWords } from '../plan/keys.js'
import type { LedgerRow, Row } from '../plan/types.js'

export interface Difference {
  readonly subject: string
  readonly problem: string
}

export type ServiceRow = Pick<
  Row,
  'type' | 'mesh' | 'origin' | 'namespace' | 'displayName' | 'labels' | 'vips' | 'pendingReason' | 'deleted'
>

/**
 * Ledger against resources (VIP-4, VIP-5): every active row has its service with the same addresses, and back.
 * @param own origin of what is ours: why a copy has no VIP is told where it was made
 */
export function differencesOf(
  image: {
    readonly ledger: { values(): Iterable<LedgerRow> }
    readonly rows: { values(): Iterable<ServiceRow> }
  },
  own: Origin,
): readonly Difference[] {
  const found: Difference[] = []
  const ledger = new Map<string, Set<string>>()
  const inForce = [...image.ledger.values()].filter((row) => row.state === 'active')
  for (const row of inForce)
    if (row.scope === 'canonical')
      ledger.set(ownerText(row), (ledger.get(ownerText(row)) ?? new Set()).add(row.address))
  // Under a Kuma global: what a zone has given to others' services itself, in its own scope, where there is nothing else.
  for (const row of inForce)
    if (row.scope === `zone:${own}` && row.blockId !== undefined && !ledger.has(ownerText(row)))
      ledger.set(ownerText(row), new Set([row.address]))
  const seen = new Set<string>()
  for (const row of image.rows.values()) {
    const type = findType(row.type)
    if (row.deleted || type?.vipKind !== true) continue
    const owner = ownerText(ownerOf(row))
    seen.add(owner)
    const subject = ownerWords(ownerOf(row))
    const booked = [...(ledger.get(owner) ?? [])].sort()
    const served = [...(row.vips?.addresses ?? [])].sort()
    if (booked.join() !== served.join())
      found.push({
        subject,
        problem: `serves ${served.join(', ') || 'nothing'}, the ledger has ${booked.join(', ') || 'nothing'}`,
      })
    if (served.length === 0 && row.pendingReason === undefined && wantsVip(type, row.labels) && row.origin === own)
      found.push({ subject, problem: 'has no VIP and does not say why' })
  }
  for (const row of image.ledger.values())
    if (row.state === 'active' && row.scope === 'canonical' && !seen.has(ownerText(row)))
      found.push({ subject: ownerWords(row), problem: `has ${row.address} in the ledger and is not there` })
  return found
}
