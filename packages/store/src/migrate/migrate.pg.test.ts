import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { databaseUrl } from '../embedded/databases.js'
import { freshDatabase } from '../testing/index.js'
import { migrationsFolder } from './files.js'
import { migrate } from './migrate.js'

const { signal } = new AbortController()
const names = readdirSync(migrationsFolder()).filter((name) => /^\d{4}_/.test(name))
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** A copy of our migrations, with further ones. */
function folderWith(further: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-migrations-'))
  folders.push(folder)
  cpSync(migrationsFolder(), folder, { recursive: true })
  for (const [name, text] of Object.entries(further)) writeFileSync(join(folder, name), text)
  return folder
}

const next = `${String(names.length + 1).padStart(4, '0')}_more.sql`

async function tablesOf(url: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ tablename: string }>(
    "select tablename from pg_tables where schemaname = 'public' order by 1",
  )
  await client.end()
  return rows.map((row) => row.tablename)
}

test('of twenty that start at once one migrates and nineteen find nothing to do', async () => {
  await using database = await freshDatabase({ empty: true })
  const results = await Promise.all(
    Array.from({ length: 20 }, () => migrate(database.url, { programVersion: '0.1.0', signal })),
  )
  const applied = results.map((result) => result.applied).filter((files) => files.length > 0)
  expect(applied).toEqual([names])
  expect(results.map((result) => result.newest)).toEqual(Array(20).fill(names.length))
})

test('a migration that was edited after it had been applied is named', async () => {
  await using database = await freshDatabase({ empty: true })
  const folder = folderWith({})
  await migrate(database.url, { programVersion: '0.1.0', signal, folder })
  appendFileSync(join(folder, '0002_resources.sql'), '-- and another thought\n')
  await expect(migrate(database.url, { programVersion: '0.1.0', signal, folder })).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringContaining('0002_resources.sql was edited'),
  })
})

test('a database that needs a newer program is refused with the version, one that does not is used', async () => {
  await using database = await freshDatabase({ empty: true })
  const compatible = folderWith({ [next]: '-- oldest program: 0.1.0\ncreate table later ();\n' })
  expect(await migrate(database.url, { programVersion: '0.2.0', signal, folder: compatible })).toEqual({
    applied: [...names, next],
    newest: names.length + 1,
  })
  expect(await migrate(database.url, { programVersion: '0.1.0', signal })).toEqual({
    applied: [],
    newest: names.length + 1,
  })
  const after = `${String(names.length + 2).padStart(4, '0')}_break.sql`
  const breaking = folderWith({
    [next]: '-- oldest program: 0.1.0\ncreate table later ();\n',
    [after]: '-- oldest program: 2.3.4\ndrop table later;\n',
  })
  await migrate(database.url, { programVersion: '2.3.4', signal, folder: breaking })
  await expect(migrate(database.url, { programVersion: '0.1.0', signal })).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringMatching(/needs Holdfast 2\.3\.4 or later, this is 0\.1\.0/),
  })
})

test('a migration that fails changes nothing, not even what came before it', async () => {
  await using database = await freshDatabase({ empty: true })
  const folder = folderWith({ [next]: '-- oldest program: 0.1.0\ncreate table half ();\nselect nonsense;\n' })
  await expect(migrate(database.url, { programVersion: '0.1.0', signal, folder })).rejects.toMatchObject({
    message: expect.stringContaining(`migration ${next} failed, nothing was changed`),
  })
  expect(await tablesOf(database.url)).toEqual([])
})

test('whoever writes on the old schema and takes locks in another order does not make a migration fail', async () => {
  await using database = await freshDatabase({ empty: true })
  const before = folderWith({ [next]: '-- oldest program: 0.1.0\ncreate table first (); create table second ();\n' })
  await migrate(database.url, { programVersion: '0.1.0', signal, folder: before })
  const writer = new pg.Client({ connectionString: database.url })
  const observer = new pg.Client({ connectionString: database.url })
  await Promise.all([writer.connect(), observer.connect()])
  await writer.query('begin; lock table second in row exclusive mode')
  const after = folderWith({ [next]: '-- oldest program: 0.1.0\ncreate table first (); create table second ();\n' })
  const later = `${String(names.length + 2).padStart(4, '0')}_later.sql`
  writeFileSync(
    join(after, later),
    '-- oldest program: 0.1.0\nalter table first add column more text; alter table second add column more text;\n',
  )
  const migrated = migrate(database.url, { programVersion: '0.1.0', signal, folder: after })
  // It has the first table, and waits for the second one.
  const isWaiting = async (): Promise<boolean> => {
    const { rows } = await observer.query("select from pg_locks where relation = 'second'::regclass and not granted")
    return rows.length > 0
  }
  while (!(await isWaiting())) await new Promise((resolve) => setImmediate(resolve))
  // One of the two has to give way: the writer is somebody's request and the migration is ours.
  await writer.query('lock table first in row exclusive mode')
  await writer.query('commit')
  expect(await migrated).toEqual({ applied: [later], newest: names.length + 2 })
  await Promise.all([writer.end(), observer.end()])
})

test('files without a place or a version are all named', async () => {
  const folder = folderWith({ '0999_far.sql': '-- oldest program: 0.1.0\n', [next]: 'select 1;\n' })
  await expect(migrate('postgres://nobody@127.0.0.1:1/x', { programVersion: '0.1.0', signal, folder })).rejects.toThrow(
    new RegExp(`${next}: has no line.*0999_far\\.sql: expected the number`),
  )
})

test('a database that does not answer is named without its password', async () => {
  const failure = await migrate('postgres://u:secret@127.0.0.1:1/holdfast', { programVersion: '0.1.0', signal }).catch(
    (error: unknown) => error,
  )
  expect(failure).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('--database-url') })
  expect(String(failure)).not.toContain('secret')
})

test('whoever waits for the lock can be called off', async () => {
  await using database = await freshDatabase({ empty: true })
  const holder = new pg.Client({ connectionString: databaseUrl(database.url, database.name) })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select pg_advisory_xact_lock(4632733198)')
  const controller = new AbortController()
  const waiting = migrate(database.url, { programVersion: '0.1.0', signal: controller.signal })
  controller.abort(new Error('called off'))
  await expect(waiting).rejects.toThrow('called off')
  await holder.end()
})
