import { Problem } from '@holdfast/model'
import type { BlockRow, LedgerRow, WritePlan } from '../../plan/types.js'
import { type Sql, timestamp } from '../sql.js'
import { ownerColumns } from './ledger-read.js'
import type { Commit } from './rows-write.js'

const ownerNames = 'kind, mesh, origin, namespace, display_name'
const sameRow =
  'l.kind = n.kind and l.mesh = n.mesh and l.origin = n.origin and l.namespace = n.namespace ' +
  'and l.display_name = n.display_name and l.scope = n.scope'

const expectCount = (count: number, planned: number, what: string): void => {
  if (count !== planned)
    throw new Problem('conflict', `${what}: ${count} of ${planned} ledger rows were as they had been read`)
}

export async function writeBlocks(sql: Sql, blocks: readonly BlockRow[]): Promise<void> {
  await sql.run(
    'write blocks',
    `insert into vip_blocks as b (id, kind, family, cidr, owner, store_id, generation, created_at)
     select * from unnest($1::text[], $2::text[], $3::smallint[], $4::cidr[], $5::text[], $6::text[], $7::integer[],
       $8::timestamptz[]) n (id, kind, family, cidr, owner, store_id, generation, created_at)
     order by n.id
     on conflict (id) do update set kind = excluded.kind, family = excluded.family, cidr = excluded.cidr,
       owner = excluded.owner, store_id = excluded.store_id, generation = excluded.generation`,
    [
      blocks.map((block) => block.id),
      blocks.map((block) => block.kind),
      blocks.map((block) => block.family),
      blocks.map((block) => block.cidr),
      blocks.map((block) => block.owner),
      blocks.map((block) => block.storeId),
      blocks.map((block) => block.generation),
      blocks.map((block) => timestamp(block.createdAtMs)),
    ],
  )
}

export async function removeBlocks(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.run('remove blocks', 'delete from vip_blocks where id = any($1::text[])', [ids])
}

export async function freeLedger(sql: Sql, rows: WritePlan['ledgerFreed']): Promise<void> {
  const { count } = await sql.run(
    'free ledger',
    `delete from vip_ledger l
     using unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[])
       n (${ownerNames}, scope, family)
     where ${sameRow} and l.family = n.family`,
    [...ownerColumns(rows), rows.map((row) => row.scope), rows.map((row) => row.family)],
  )
  expectCount(count, rows.length, 'free')
}

export async function tombstoneLedger(sql: Sql, rows: WritePlan['ledgerTombstones'], at: Commit): Promise<void> {
  await sql.run(
    'tombstone ledger',
    `update vip_ledger l set state = 'tombstoned', tombstoned_at = n.tombstoned_at, tombstoned_revision = $8
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $9::smallint[])
       n (${ownerNames}, scope, tombstoned_at, family)
     where ${sameRow} and l.family = n.family and l.state = 'active'`,
    [
      ...ownerColumns(rows),
      rows.map((row) => row.scope),
      rows.map((row) => timestamp(row.atMs)),
      at.revision,
      rows.map((row) => row.family),
    ],
  )
}

export async function reviveLedger(sql: Sql, rows: WritePlan['ledgerRevivals']): Promise<void> {
  await sql.run(
    'revive ledger',
    `update vip_ledger l set state = 'active', tombstoned_at = null, tombstoned_revision = null
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[])
       n (${ownerNames}, scope, family)
     where ${sameRow} and l.family = n.family and l.state = 'tombstoned'`,
    [...ownerColumns(rows), rows.map((row) => row.scope), rows.map((row) => row.family)],
  )
}

const ledgerTypes =
  '$1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::inet[], ' +
  '$9::integer[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[]'
const ledgerNames = `${ownerNames}, scope, family, address, generation, state, block_id, allocated_at, tombstoned_at`

const ledgerValues = (rows: readonly LedgerRow[]): readonly (readonly unknown[])[] => [
  ...ownerColumns(rows),
  rows.map((row) => row.scope),
  rows.map((row) => row.family),
  rows.map((row) => row.address),
  rows.map((row) => row.generation),
  rows.map((row) => row.state),
  rows.map((row) => row.blockId ?? null),
  rows.map((row) => timestamp(row.allocatedAtMs)),
  rows.map((row) => timestamp(row.tombstonedAtMs)),
]

/** A higher generation, never a lower one: the last look at a rule that the plan has kept already. */
export async function replaceLedger(sql: Sql, rows: readonly LedgerRow[], at: Commit): Promise<void> {
  const { count } = await sql.run(
    'replace ledger',
    `update vip_ledger l set address = n.address, generation = n.generation, state = n.state, block_id = n.block_id,
       block_cidr = b.cidr, tombstoned_at = n.tombstoned_at,
       tombstoned_revision = case n.state when 'tombstoned' then $14::bigint end
     from unnest(${ledgerTypes}) n (${ledgerNames}) left join vip_blocks b on b.id = n.block_id
     where ${sameRow} and l.family = n.family and (l.address = n.address or l.generation < n.generation)`,
    [...ledgerValues(rows), at.revision],
  )
  expectCount(count, rows.length, 'replace')
}

/** In the order of addresses, so that two allocators that meet do not wait for each other in a circle. */
export async function insertLedger(sql: Sql, rows: readonly LedgerRow[], at: Commit): Promise<void> {
  await sql.run(
    'insert ledger',
    `insert into vip_ledger (${ledgerNames}, block_cidr, tombstoned_revision)
     select n.*, b.cidr, case n.state when 'tombstoned' then $14::bigint end
     from unnest(${ledgerTypes}) n (${ledgerNames}) left join vip_blocks b on b.id = n.block_id
     order by n.address`,
    [...ledgerValues(rows), at.revision],
  )
}

export async function insertHistory(sql: Sql, rows: WritePlan['history'], at: Commit): Promise<void> {
  await sql.run(
    'insert history',
    `insert into vip_history (${ownerNames}, scope, family, address, generation, event, at, why, revision)
     select n.*, $13 from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[],
       $8::inet[], $9::integer[], $10::text[], $11::timestamptz[], $12::text[])
       n (${ownerNames}, scope, family, address, generation, event, at, why)`,
    [
      ...ownerColumns(rows),
      rows.map((row) => row.scope),
      rows.map((row) => row.family),
      rows.map((row) => row.address),
      rows.map((row) => row.generation),
      rows.map((row) => row.event),
      rows.map((row) => timestamp(row.atMs)),
      rows.map((row) => row.why),
      at.revision,
    ],
  )
}
