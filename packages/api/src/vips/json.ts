import type { BlockRow, HistoryRow, LedgerRow } from '@holdfast/store'
import { ownerJson } from './owners.js'

const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())

export const ledgerJson = (row: LedgerRow) => ({
  ...ownerJson(row),
  address: row.address,
  family: row.family,
  scope: row.scope,
  state: row.state,
  generation: row.generation,
  block: row.blockId ?? null,
  allocatedAt: time(row.allocatedAtMs),
  tombstonedAt: time(row.tombstonedAtMs),
})

export const eventJson = (row: HistoryRow) => ({
  at: time(row.atMs),
  event: row.event,
  address: row.address,
  ...ownerJson(row),
  scope: row.scope,
  generation: row.generation,
  revision: row.revision,
  why: row.why,
})

export const blockJson = (row: BlockRow & { readonly used: number }) => ({
  id: row.id,
  kind: row.kind,
  cidr: row.cidr,
  zone: row.owner === '' ? null : row.owner,
  generation: row.generation,
  used: row.used,
  createdAt: time(row.createdAtMs),
})
