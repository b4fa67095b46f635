import type { BlockRow, HistoryRow, LedgerRow } from '@holdfast/store'
import { overlap, type Pool, rangeOf } from '@holdfast/vip'
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

/** A pool with how much of it is leased: `leased` of `blocks` of the smallest size. */
export const poolJson = (
  { kind, family, cidr, reserved }: Pool,
  blocks: readonly Pick<BlockRow, 'cidr' | 'kind'>[],
) => {
  const range = rangeOf(cidr)
  const within = blocks.filter((block) => block.kind === kind && overlap(rangeOf(block.cidr), range))
  const share = within.reduce((sum, block) => sum + 2 ** (range.prefixBits - rangeOf(block.cidr).prefixBits), 0)
  return { kind, family, cidr, reserved, blocks: within.length, leasedShare: Number(share.toPrecision(6)) }
}

export const blockJson = (row: BlockRow & { readonly used: number }) => ({
  id: row.id,
  kind: row.kind,
  cidr: row.cidr,
  zone: row.owner === '' ? null : row.owner,
  generation: row.generation,
  used: row.used,
  createdAt: time(row.createdAtMs),
})
