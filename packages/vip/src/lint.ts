import { contains, overlap, rangeOf } from './address.js'
import type { Held } from './allocate.js'
import type { Block } from './blocks.js'
import { ownerText, ownerWords } from './owner.js'

export interface Finding {
  readonly severity: 'fatal' | 'warning'
  readonly kind: 'shared-address' | 'two-addresses' | 'outside-block' | 'unknown-block' | 'overlapping-blocks'
  readonly subject: string
  readonly message: string
}

export interface LedgerEntry extends Held {
  readonly scope: string
  readonly blockId?: string | undefined
}

/** Whether a ledger is one: VIP-1 in every scope, own addresses within their blocks, blocks disjoint. Empty means sound. */
export function lintLedger(rows: readonly LedgerEntry[], blocks: readonly Block[]): readonly Finding[] {
  const findings: Finding[] = []
  const byAddress = new Map<string, LedgerEntry>()
  const byOwner = new Map<string, LedgerEntry>()
  const byId = new Map(blocks.map((b) => [b.id, b]))
  for (const row of rows) {
    const subject = ownerWords(row)
    const found = (severity: Finding['severity'], kind: Finding['kind'], message: string): void =>
      void findings.push({ severity, kind, subject, message })
    const place = `${row.scope}|${row.family}`
    const other = byAddress.get(`${place}|${row.address}`)
    if (other !== undefined)
      found('fatal', 'shared-address', `${row.address} is also ${ownerWords(other)}'s in scope ${row.scope}`)
    else byAddress.set(`${place}|${row.address}`, row)
    const twin = byOwner.get(`${place}|${ownerText(row)}`)
    if (twin !== undefined)
      found('fatal', 'two-addresses', `has ${twin.address} and ${row.address} in scope ${row.scope}`)
    else byOwner.set(`${place}|${ownerText(row)}`, row)
    if (row.blockId === undefined) continue
    const block = byId.get(row.blockId)
    if (block === undefined)
      found('warning', 'unknown-block', `${row.address} was given out of ${row.blockId}, which is not known`)
    else if (!contains(block.cidr, row.address))
      found('fatal', 'outside-block', `${row.address} does not lie in ${block.cidr}`)
  }
  for (const [i, a] of blocks.entries())
    for (const b of blocks.slice(i + 1))
      if (overlap(rangeOf(a.cidr), rangeOf(b.cidr)))
        findings.push({
          severity: 'fatal',
          kind: 'overlapping-blocks',
          subject: a.id,
          message: `${a.cidr} overlaps ${b.cidr} (${b.id})`,
        })
  return findings
}
