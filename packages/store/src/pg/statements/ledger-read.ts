import type { Origin } from '@holdfast/model'
import type { BlockUse } from '../../plan/ledger-set.js'
import type { Loaded } from '../../plan/loaded.js'
import type { BlockRow, Family, LedgerRow, Owner, Scope } from '../../plan/types.js'
import type { Sql } from '../sql.js'

export interface LedgerRecord {
  readonly scope: Scope
  readonly kind: string
  readonly mesh: string
  readonly origin: Origin
  readonly namespace: string
  readonly display_name: string
  readonly family: Family
  readonly address: string
  readonly generation: number
  readonly state: 'active' | 'tombstoned'
  readonly block_id: string | null
  readonly allocated_at: number
  readonly tombstoned_at: number | null
  readonly tombstoned_revision: number | null
}

export const ledgerColumns =
  'l.scope, l.kind, l.mesh, l.origin, l.namespace, l.display_name, l.family, host(l.address) as address, ' +
  'l.generation, l.state, l.block_id, l.allocated_at, l.tombstoned_at, l.tombstoned_revision'

export const ledgerRowOf = (record: LedgerRecord): LedgerRow => ({
  scope: record.scope,
  kind: record.kind,
  mesh: record.mesh,
  origin: record.origin,
  namespace: record.namespace,
  displayName: record.display_name,
  family: record.family,
  address: record.address,
  generation: record.generation,
  state: record.state,
  allocatedAtMs: record.allocated_at,
  ...(record.block_id === null ? {} : { blockId: record.block_id }),
  ...(record.tombstoned_at === null ? {} : { tombstonedAtMs: record.tombstoned_at }),
  ...(record.tombstoned_revision === null ? {} : { tombstonedRevision: record.tombstoned_revision }),
})

const ledgerWhere = async (
  sql: Sql,
  name: string,
  from: string,
  values: readonly unknown[],
): Promise<readonly LedgerRow[]> => {
  const { rows } = await sql.run<LedgerRecord>(name, `select ${ledgerColumns} from ${from}`, values)
  return rows.map(ledgerRowOf)
}

export const ownerColumns = (owners: readonly Owner[]): readonly (readonly string[])[] => [
  owners.map((owner) => owner.kind),
  owners.map((owner) => owner.mesh),
  owners.map((owner) => owner.origin),
  owners.map((owner) => owner.namespace),
  owners.map((owner) => owner.displayName),
]

/** Some owners as a table `k`, in `$1` to `$5`. */
export const ownerList =
  'unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) k (kind, mesh, origin, namespace, display_name)'
const sameOwner = (table: string): string =>
  `${table}.kind = k.kind and ${table}.mesh = k.mesh and ${table}.origin = k.origin
     and ${table}.namespace = k.namespace and ${table}.display_name = k.display_name`

export const ledgerOfOwners = (sql: Sql, owners: readonly Owner[]): Promise<readonly LedgerRow[]> =>
  ledgerWhere(sql, 'ledger of owners', `vip_ledger l join ${ownerList} on ${sameOwner('l')}`, ownerColumns(owners))

/** Highest generation that owners without a row ever had. */
export async function pastGenerations(sql: Sql, owners: readonly Owner[]): Promise<Loaded['pastGenerations']> {
  const { rows } = await sql.run<LedgerRecord>(
    'past generations',
    `select h.scope, h.kind, h.mesh, h.origin, h.namespace, h.display_name, max(h.generation) as generation
     from vip_history h join ${ownerList} on ${sameOwner('h')}
     where not exists (select from vip_ledger l where ${sameOwner('l')} and l.scope = h.scope)
     group by h.scope, h.kind, h.mesh, h.origin, h.namespace, h.display_name`,
    ownerColumns(owners),
  )
  return rows.map(({ scope, kind, mesh, origin, namespace, display_name, generation }) => ({
    ...{ scope, kind, mesh, origin, namespace, displayName: display_name, generation },
  }))
}

export const ledgerOfAddresses = (sql: Sql, addresses: readonly string[]): Promise<readonly LedgerRow[]> =>
  ledgerWhere(sql, 'ledger of addresses', 'vip_ledger l join unnest($1::inet[]) k (address) on l.address = k.address', [
    addresses,
  ])

/** A range, not `<<=`: that would not use the index for a block that comes from a table. */
const inBlock = 'l.address between host(network(b.cidr))::inet and host(broadcast(b.cidr))::inet'

export const ledgerInBlocks = (sql: Sql, cidrs: readonly string[]): Promise<readonly LedgerRow[]> =>
  ledgerWhere(sql, 'ledger in blocks', `unnest($1::cidr[]) b(cidr) join vip_ledger l on ${inBlock}`, [cidrs])

export const aliases = (sql: Sql): Promise<readonly LedgerRow[]> =>
  ledgerWhere(sql, 'aliases', "vip_ledger l where l.scope <> 'canonical'", [])

/** Addresses of these owners that hold in one zone alone. */
export const aliasesOf = (sql: Sql, owners: readonly Owner[], zone: string): Promise<readonly LedgerRow[]> =>
  ledgerWhere(
    sql,
    'aliases of owners',
    `vip_ledger l join ${ownerList} on ${sameOwner('l')} where l.scope = $6 order by l.family`,
    [...ownerColumns(owners), `zone:${zone}`],
  )

/** How many addresses of each block are taken: by what we allocated ourselves, which is kept on write, or by whatever lies in it. */
const usedBy = {
  us: 'b.used',
  anybody: `(select count(*) from vip_ledger l where ${inBlock})`,
}

interface BlockRecord {
  readonly id: string
  readonly kind: string
  readonly family: Family
  readonly cidr: string
  readonly owner: string
  readonly store_id: string
  readonly generation: number
  readonly created_at: number
}

const blockColumns = 'b.id, b.kind, b.family, b.cidr::text as cidr, b.owner, b.store_id, b.generation, b.created_at'

/** @param counted `us` reads a number; `anybody` looks at every address that is known to lie in one of them */
export async function readBlocks(sql: Sql, counted: keyof typeof usedBy): Promise<readonly BlockUse[]> {
  const { rows } = await sql.run<BlockRecord & { readonly used: number }>(
    'blocks',
    `select ${blockColumns}, ${usedBy[counted]} as used from vip_blocks b order by b.created_at, b.id`,
  )
  return rows.map(({ store_id, created_at, ...block }) => ({ ...block, storeId: store_id, createdAtMs: created_at }))
}

/** Blocks of one owner; what lies in them is not counted. */
export async function blocksOf(sql: Sql, owner: Origin): Promise<readonly BlockRow[]> {
  const { rows } = await sql.run<BlockRecord>(
    'blocks of',
    `select ${blockColumns} from vip_blocks b where b.owner = $1 order by b.created_at, b.id`,
    [owner],
  )
  return rows.map(({ store_id, created_at, ...block }) => ({ ...block, storeId: store_id, createdAtMs: created_at }))
}
