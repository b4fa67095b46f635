import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { BlockRow, LedgerRow } from '../plan/types.js'
import { freshDatabase, type TestDatabase } from '../testing/index.js'
import { codeOf, Database } from './sql.js'
import { insertHistory, insertLedger, removeBlocks, replaceLedger, writeBlocks } from './statements/ledger-write.js'

let fresh: TestDatabase
let database: Database
beforeAll(async () => {
  fresh = await freshDatabase()
  database = new Database({ url: fresh.url, onConnectionLost: () => {} })
})
afterAll(async () => {
  await database.close()
  await fresh.drop()
})

const at = { revision: 1, atMs: 1_700_000_000_000 }
const block: BlockRow = {
  id: 'meshservice-241-16-0-0-20',
  kind: 'MeshService',
  family: 4,
  cidr: '241.16.0.0/20',
  owner: 'east',
  storeId: 's1',
  generation: 1,
  createdAtMs: at.atMs,
}
const web: LedgerRow = {
  kind: 'MeshService',
  mesh: 'default',
  origin: 'east',
  namespace: '',
  displayName: 'web',
  scope: 'canonical',
  family: 4,
  address: '241.16.0.7',
  generation: 0,
  state: 'active',
  blockId: block.id,
  allocatedAtMs: at.atMs,
}

beforeEach(async () => {
  await database.run('empty', 'delete from vip_ledger')
  await database.run('empty', 'delete from vip_blocks')
  await writeBlocks(database, [block])
})

const refusedWith = async (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => codeOf(error),
  )
const [uniqueViolation, checkViolation, foreignKeyViolation, exclusionViolation] = ['23505', '23514', '23503', '23P01']

test('VIP-1: one address has one owner in a scope, whatever a program thinks', async () => {
  await insertLedger(database, [web], at)
  expect(await refusedWith(insertLedger(database, [{ ...web, displayName: 'api' }], at))).toBe(uniqueViolation)
  await insertLedger(database, [{ ...web, displayName: 'api', scope: 'zone:west' }], at)
})

test('VIP-1: one owner has one address per family', async () => {
  await insertLedger(database, [web], at)
  expect(await refusedWith(insertLedger(database, [{ ...web, address: '241.16.0.8' }], at))).toBe(uniqueViolation)
})

test('VIP-1: a tombstone keeps its address as an active row does', async () => {
  await insertLedger(database, [{ ...web, state: 'tombstoned', tombstonedAtMs: at.atMs }], at)
  expect(await refusedWith(insertLedger(database, [{ ...web, displayName: 'api' }], at))).toBe(uniqueViolation)
})

test('an address that we allocate lies in its block, and the block is there', async () => {
  expect(await refusedWith(insertLedger(database, [{ ...web, address: '241.17.0.7' }], at))).toBe(checkViolation)
  expect(await refusedWith(insertLedger(database, [{ ...web, blockId: 'no-such-block' }], at))).toBe(checkViolation)
  await insertLedger(database, [web], at)
  expect(await refusedWith(removeBlocks(database, [block.id]))).toBe(foreignKeyViolation)
  expect(await refusedWith(writeBlocks(database, [{ ...block, cidr: '241.32.0.0/20' }]))).toBe(foreignKeyViolation)
})

test('a witness knows addresses of blocks that are not ours', async () => {
  const { blockId: _, ...witnessed } = web
  await insertLedger(database, [{ ...witnessed, address: '242.0.0.9' }], at)
})

test('blocks do not overlap, within a statement or across', async () => {
  const inner = { ...block, id: 'inner', cidr: '241.16.8.0/24' }
  expect(await refusedWith(writeBlocks(database, [inner]))).toBe(exclusionViolation)
  const twice = [
    { ...block, id: 'a', cidr: 'fd00:1::/64', family: 6 as const },
    { ...block, id: 'b', cidr: 'fd00:1::/65', family: 6 as const },
  ]
  expect(await refusedWith(writeBlocks(database, twice))).toBe(exclusionViolation)
})

test('family and address agree', async () => {
  expect(await refusedWith(insertLedger(database, [{ ...web, family: 6 }], at))).toBe(checkViolation)
})

test('VIP-2: another address only with a higher generation', async () => {
  await insertLedger(database, [web], at)
  await expect(replaceLedger(database, [{ ...web, address: '241.16.0.9' }], at)).rejects.toThrow(/0 of 1/)
  await replaceLedger(database, [{ ...web, address: '241.16.0.9', generation: 1 }], at)
})

test('history is only ever added to', async () => {
  const { state: _, allocatedAtMs: __, blockId: ___, ...known } = web
  await insertHistory(database, [{ ...known, event: 'allocated', atMs: at.atMs, why: 'a test' }], at)
  for (const text of ['update vip_history set why = $$x$$', 'delete from vip_history', 'truncate vip_history'])
    await expect(database.run('rewrite', text)).rejects.toThrow(/append-only/)
})
