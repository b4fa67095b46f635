import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { putService, serviceKey } from '../conformance/fixtures.js'
import { byHand, freshDatabase } from '../testing/index.js'
import { Prepared, usesBefore } from './prepared.js'
import { Database } from './sql.js'
import { freshStore } from './testing.js'

const text = 'select $1::integer as n'
const times = async (count: number, work: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await work()
}

async function opened() {
  const fresh = await freshDatabase()
  const database = new Database({ url: fresh.url, connectionsMax: 1, onConnectionLost: () => {} })
  return {
    database,
    prepared: async () =>
      (await database.run<{ statement: string }>('prepared', 'select statement from pg_prepared_statements')).rows.map(
        ({ statement }) => statement,
      ),
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await fresh.drop()
    },
  }
}

test('what comes again is prepared, in a transaction and outside of one; what comes seldom, or is no single statement with a plan, is not', async () => {
  await using stand = await opened()
  const { database } = stand
  await times(usesBefore, () => database.run('n', text, [1]))
  expect(await stand.prepared()).toEqual([])
  await times(usesBefore, () => database.run('seldom', `${text} limit 1`, [1]))
  await times(usesBefore + 3, () => database.run('two', 'select 1; select 2'))
  await times(usesBefore + 3, () => database.run('no plan', 'set search_path = public'))
  expect((await database.run('n', text, [7])).rows).toEqual([{ n: 7 }])
  expect(await stand.prepared()).toEqual([text])
  const { rows } = await database.transaction('read', (sql) => sql.run('n', text, [8]))
  expect(rows).toEqual([{ n: 8 }])
  expect(await stand.prepared()).toEqual([text])
  await times(usesBefore + 1, () => database.run('no values', 'select 1'))
  expect(await stand.prepared()).toContain('select 1')
})

test('what was prepared and is gone is sent once more as it is; nothing is prepared any more', async () => {
  await using stand = await opened()
  const { database } = stand
  await times(usesBefore + 1, () => database.run('n', text, [1]))
  await database.run('somebody else', 'deallocate all')
  expect((await database.run('n', text, [3])).rows).toEqual([{ n: 3 }])
  await times(usesBefore + 1, () => database.run('n', text, [1]))
  expect(await stand.prepared()).toEqual([])
})

test('in a transaction what is gone is told, for what came before it is gone with it', async () => {
  await using stand = await opened()
  const { database } = stand
  const ask = () => database.transaction('read', (sql) => sql.run('n', text, [1]))
  await times(usesBefore + 1, ask)
  await database.run('somebody else', 'deallocate all')
  await expect(ask()).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(
      /^the database at \S+ does not keep what was prepared: something in between hands its sessions on, or it was migrated; asking again is enough$/,
    ),
  })
  expect((await ask()).rows).toEqual([{ n: 1 }])
  expect(await stand.prepared()).toEqual([])
})

test('what is not supported for another reason is told as it is, and goes on being prepared', async () => {
  await using stand = await opened()
  const { database } = stand
  await database.run('make', 'create table kept (id int primary key); create table of (id int references kept)')
  await expect(database.run('empty', 'truncate kept')).rejects.toThrow(/referenced in a foreign key/)
  // Prepared itself, and refused each time by the same code.
  const refused = () => database.run('lock', 'select max(id) as id from kept for update')
  for (let i = 0; i <= usesBefore; i++) await expect(refused()).rejects.toMatchObject({ code: '0A000' })
  await times(usesBefore + 1, () => database.run('n', text, [1]))
  expect(await stand.prepared()).toContain(text)
})

test('a database that was migrated meanwhile is asked again, and answers', async () => {
  await using stand = await opened()
  const { database } = stand
  const ask = () =>
    database.transaction('read', (sql) => sql.run('n', 'select n from moving where n::text <> $1', ['2']))
  await database.run('make', 'create table moving as select 1 as n')
  await times(usesBefore + 1, ask)
  await database.run('migrate', 'alter table moving alter column n type text')
  await expect(ask()).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('it was migrated'),
  })
  expect((await ask()).rows).toEqual([{ n: '1' }])
})

test('a text has one name, whoever met it and when; nothing is prepared on a connection that something else hands to a server process', async () => {
  const fresh = await freshDatabase()
  const client = new pg.Client({ connectionString: fresh.url })
  await client.connect()
  try {
    const named = async (): Promise<string | undefined> => {
      const prepared = new Prepared()
      await prepared.met(client)
      for (let i = 0; i < usesBefore; i++) prepared.nameOf(client, text)
      return prepared.nameOf(client, text)
    }
    expect(await named()).toMatch(/^holdfast_/)
    const both = async (texts: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> => {
      const prepared = new Prepared()
      await prepared.met(client)
      for (let i = 0; i < usesBefore; i++) for (const each of texts) prepared.nameOf(client, each)
      return new Map(texts.map((each) => [each, prepared.nameOf(client, each)]))
    }
    const [one, other] = [await both([text, 'select 2']), await both(['select 2', text])]
    for (const each of [text, 'select 2']) expect(one.get(each)).toBe(other.get(each))
    expect(one.get(text)).not.toBe(one.get('select 2'))
    // As a pooler does it: a number of its own for cancelling.
    Object.assign(client, { processID: 1 })
    expect(await named()).toBeUndefined()
  } finally {
    await client.end()
    await fresh.drop()
  }
})

test('a plan that was kept while there was hardly anything is made anew when there is much', async () => {
  await using stand = await freshStore({ role: 'zone', listen: false, pollEveryMs: 600_000, connectionsMax: 1 })
  const { store, database } = stand
  await store.vip.adoptBlocks(['241.16.0.0/16'])
  const { signal } = new AbortController()
  const put = (names: readonly string[]) =>
    store.local.apply({ changes: names.map((name) => putService(name)), atomic: true, actor: 'test' }, { signal })
  await put(['web'])
  await byHand(database.url, 'analyze')
  // The server thinks of a kept plan after five of its own.
  await times(usesBefore + 10, () => store.read.shown(serviceKey('web')))
  const plan = async (): Promise<string> => {
    const { rows: found } = await store.database.run<{ name: string }>(
      'which',
      "select name from pg_prepared_statements where statement like '%from store_head h left join resources r on%'",
    )
    const { rows } = await store.database.run<{ 'QUERY PLAN': string }>(
      'explain',
      `explain execute ${found[0]?.name}('MeshService', 'default', 'web', 'zone:east')`,
    )
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }
  const throughAll = /Seq Scan on (resources|vip_ledger)/
  expect(await plan()).toMatch(throughAll)
  await put(Array.from({ length: 2_500 }, (_, i) => `web-${i}`))
  const renewed = async (): Promise<number> => {
    const [table] = await byHand<{ n: number }>(
      database.url,
      "select analyze_count::integer as n from pg_stat_user_tables where relname = 'vip_ledger'",
    )
    return table?.n ?? 0
  }
  // Once by hand, and once because so much has come.
  await vi.waitFor(async () => expect(await renewed()).toBe(2), { timeout: 20_000, interval: 100 })
  expect(await plan()).not.toMatch(throughAll)
})
