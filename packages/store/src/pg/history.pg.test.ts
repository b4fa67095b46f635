import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { emptyDigest } from '@holdfast/model'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { putMesh, putService } from '../conformance/fixtures.js'
import { createDatabase, databaseUrl, dropDatabase } from '../embedded/databases.js'
import type { Testimony } from '../plan/index.js'
import { byHand, freshDatabase, type TestDatabase } from '../testing/index.js'
import type { PgStore } from './store.js'
import { openOn } from './testing.js'

const { signal } = new AbortController()
let dataDir: string
let database: TestDatabase
const others: string[] = []

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'holdfast-history-'))
  database = await freshDatabase()
})
afterEach(async () => {
  rmSync(dataDir, { recursive: true, force: true })
  for (const name of others.splice(0)) await dropDatabase(databaseUrl(database.url, 'postgres'), name)
  await database.drop()
})

const open = (url = database.url): Promise<PgStore> => openOn(url, { role: 'global', dataDir, listen: false })
const apply = (store: PgStore, name: string) =>
  store.local.apply({ changes: [putMesh(name)], atomic: true, actor: 'test' }, { signal })

/** A backup of the database as it is, in another one. Nobody may be connected to it. */
async function backup(): Promise<string> {
  const name = `${database.name}_backup_${others.length}`
  await createDatabase(databaseUrl(database.url, 'postgres'), name, database.name)
  others.push(name)
  return databaseUrl(database.url, name)
}

async function used(): Promise<PgStore> {
  const store = await open()
  await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  await apply(store, 'default')
  return store
}

test('the same database again is the same log', async () => {
  const first = await used()
  const { head } = await first.status()
  await first.close()
  const second = await open()
  expect(await second.status()).toMatchObject({ state: 'ready', reasons: [], head })
  await second.close()
})

test('a backup that was put back: a new epoch, and recovering before anything is served', async () => {
  const first = await used()
  await first.close()
  const old = await backup()
  const later = await open()
  await apply(later, 'later')
  const { head } = await later.status()
  await later.close()
  const restored = await open(old)
  const status = await restored.status()
  expect(status).toMatchObject({ state: 'recovering', reasons: [expect.stringContaining('restored from a backup')] })
  expect(status.head.epoch).not.toBe(head.epoch)
  await restored.close()
  // It was found out once; the next start goes on with what was decided.
  const again = await open(old)
  expect(await again.status()).toMatchObject({ state: 'recovering', head: { epoch: status.head.epoch } })
  await again.finishRecovery('the operator has looked')
  expect(await again.status()).toMatchObject({ state: 'ready', reasons: [] })
  await again.close()
})

test('a backup that wrote on is found out by the tag at the remembered revision', async () => {
  const first = await used()
  await first.close()
  const old = await backup()
  const later = await open()
  await apply(later, 'later')
  await later.close()
  const elsewhere = await openOn(old, { role: 'global', listen: false })
  await apply(elsewhere, 'one')
  await apply(elsewhere, 'two')
  await elsewhere.close()
  const restored = await open(old)
  expect(await restored.status()).toMatchObject({
    state: 'recovering',
    reasons: [expect.stringContaining('and wrote on')],
  })
  await restored.close()
})

test('an empty database where a folder remembers a used one is not a new one', async () => {
  const first = await used()
  await first.close()
  const empty = `${database.name}_empty`
  await createDatabase(databaseUrl(database.url, 'postgres'), empty)
  others.push(empty)
  const store = await open(databaseUrl(database.url, empty))
  expect(await store.status()).toMatchObject({
    state: 'recovering',
    reasons: [expect.stringContaining('has never had')],
  })
  expect(await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })).toEqual({ changed: false })
  await store.finishRecovery('the old one is gone for good')
  expect(await store.status()).toMatchObject({ state: 'uninitialised' })
  expect(await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })).toEqual({ changed: true })
  await store.close()
})

test('no file is no evidence, and a damaged one is not taken for none', async () => {
  const first = await used()
  const { head } = await first.status()
  await first.close()
  const file = join(dataDir, 'high-water.json')
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ cursor: head, initialised: true })
  writeFileSync(file, '')
  await expect(open()).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('is damaged') })
  rmSync(file)
  const second = await open()
  expect((await second.status()).state).toBe('ready')
  await second.close()
})

test('a running process notices that its database was put back, and writes nothing into the old log', async () => {
  const store = await used()
  await apply(store, 'later')
  const { head } = await store.status()
  await store.database.run('restore', `delete from revisions where revision = ${head.revision}`)
  await store.database.run(
    'restore',
    `update store_head h set revision = r.revision, tag = r.tag from revisions r where r.revision = ${head.revision - 1}`,
  )
  await expect(apply(store, 'after')).resolves.toBeDefined()
  const { state, head: now } = await store.status()
  expect([state, now.epoch === head.epoch]).toEqual(['recovering', false])
  await store.close()
})

test('a peer that remembers what we do not is believed', async () => {
  const store = await used()
  const { head } = await store.status()
  const east = store.channel({ channel: 'down', peer: 'east' })
  const compare = (cursor: typeof head) =>
    east.perform({ op: 'compare', standing: { cursor, offered: emptyDigest } }, { signal })
  expect((await compare(head)).cursor).toBe('known')
  // Somebody is in step with us: then a stranger comes from another installation.
  await store.database.run(
    'in step',
    `insert into zones (name, store_id, ever_in_step) values ('west', gen_random_uuid(), true)`,
  )
  expect((await compare({ ...head, epoch: 'ab'.repeat(16) })).cursor).toBe('foreign-epoch')
  expect((await store.status()).state).toBe('ready')
  expect((await compare({ ...head, revision: head.revision + 7 })).cursor).toBe('contradiction')
  expect(await store.status()).toMatchObject({
    state: 'recovering',
    reasons: [expect.stringContaining('zone east remembers revision')],
  })
  await store.close()
})

test('a store that recovers allocates nothing', async () => {
  const zone = await openOn(database.url, { role: 'zone', listen: false })
  await zone.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  await zone.vip.adoptBlocks(['241.16.0.0/20'])
  const { head } = await zone.status()
  const up = zone.channel({ channel: 'up', peer: '' })
  await up.perform(
    { op: 'compare', standing: { cursor: { ...head, revision: head.revision + 1 }, offered: emptyDigest } },
    { signal },
  )
  const [made] = await zone.local.apply({ changes: [putService('web')], atomic: true, actor: 'test' }, { signal })
  expect(made).toMatchObject({ outcome: 'created', pendingReason: expect.stringContaining('recovering') })
  await zone.close()
})

test('VIP-2: what a zone says against us is kept with what is taken over from it, or neither is', async () => {
  const store = await used()
  const said = (zone: string, addresses: Readonly<Record<string, string>>): Testimony => ({
    witness: { zone, storeId: zone, state: 'ready' },
    rows: [],
    ledger: Object.entries(addresses).map(([displayName, address]) => ({
      ...{ kind: 'MeshService', mesh: 'default', origin: 'west', namespace: '', displayName },
      ...{ scope: 'canonical', family: 4, address, generation: 0, state: 'active', allocatedAtMs: 0 },
    })),
  })
  const addresses = async () =>
    (await store.vip.ledger({ includeTombstoned: true, limit: 9 })).items.map(({ address }) => address)
  await store.recovery.remember(said('east', { web: '241.16.0.21' }))
  await byHand(
    database.url,
    `create function no_room() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$;
     create trigger no_room before insert on recovery_witnesses for each row execute function no_room()`,
  )
  const north = said('north', { web: '241.16.0.22', api: '241.16.0.30' })
  await expect(store.recovery.remember(north)).rejects.toThrow()
  expect(await addresses()).toEqual(['241.16.0.21'])
  await byHand(database.url, 'drop trigger no_room on recovery_witnesses')
  const { conflicts } = await store.recovery.remember(north)
  expect(conflicts).toEqual([expect.stringMatching(/north remembers 241\.16\.0\.22 .* has 241\.16\.0\.21 here/)])
  expect(await store.recovery.witnesses(60_000)).toEqual([{ zone: 'north', heard: false, inStep: false, conflicts }])
  expect((await addresses()).sort()).toEqual(['241.16.0.21', '241.16.0.30'])
  await store.close()
})
