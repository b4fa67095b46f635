import { byHand } from '@holdfast/store/testing'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { expect, test, vi } from 'vitest'
import { closing } from './testing/closing.js'
import { inStep, Processes, putService, type Running, readiness, until, vipsOf } from './testing/process.js'

// EMPTY (T3 a to c): a database that answers with less than it should have. Nothing is sent, nothing deleted; it heals
// when the fault is gone. With real processes.
vi.setConfig({ testTimeout: 120_000 })
const { closes } = closing()

const count = 12

interface Stand {
  readonly processes: Processes
  readonly database: TestDatabase
  readonly globalFlags: readonly string[]
  readonly east: Running
  readonly eastDatabase: TestDatabase
  readonly west: Running
  readonly westDatabase: TestDatabase
  global: Running
}

async function stand(): Promise<Stand> {
  const processes = new Processes()
  closes(() => processes.close())
  const [database, eastDatabase, westDatabase] = await Promise.all([freshDatabase(), freshDatabase(), freshDatabase()])
  const globalFlags = ['--database-url', database.url]
  const global = await processes.start('global', [...globalFlags, '--init'])
  const zone = (name: string, url: string) =>
    processes.start('zone', [
      '--zone',
      name,
      '--database-url',
      url,
      '--global-address',
      `grpc://127.0.0.1:${global.ports.kds ?? 0}`,
    ])
  const [east, west] = await Promise.all([zone('east', eastDatabase.url), zone('west', westDatabase.url)])
  await until('east to be in step', () => inStep(east))
  for (let i = 0; i < count; i++) expect((await putService(east, `s${i}`)).status).toBe(201)
  await until('west to have them', async () => Object.keys(await vipsOf(west)).length === count, { withinMs: 60_000 })
  return { processes, database, globalFlags, east, eastDatabase, west, westDatabase, global }
}

const tombstones = async ({ url }: TestDatabase): Promise<unknown> =>
  (
    await byHand<{ n: number }>(
      url,
      "select count(*)::integer as n from resources where deleted and type = 'MeshService'",
    )
  )[0]?.n

/** As a restore that left a table out: there it is, and nothing is in it. */
const emptied = (table: string): string =>
  `alter table ${table} rename to ${table}_away; create table ${table} (like ${table}_away including all)`
const back = (table: string): string => `drop table ${table}; alter table ${table}_away rename to ${table}`

async function noLongerReady(plane: Running, why: RegExp): Promise<void> {
  let said = ''
  // One that has just begun is not ready for other reasons first.
  const isTold = async (): Promise<boolean> => {
    const { status, body } = await readiness(plane)
    said = JSON.stringify(body)
    return status === 503 && why.test(said)
  }
  await until(`it not to be ready: ${why}`, isTold, { otherwise: () => `${said}\n${plane.out}` })
}

const faults = [
  {
    what: 'a table that is empty',
    fault: emptied('resources'),
    why: new RegExp(`0 rows for MeshService, digest says ${count}`),
    undo: back('resources'),
  },
  {
    what: 'a table that was renamed',
    fault: 'alter table resources rename to resources_away',
    why: /relation \\"resources\\" does not exist: a table was renamed or removed/,
    undo: 'alter table resources_away rename to resources',
  },
  {
    what: 'a ledger that is empty',
    fault: emptied('vip_ledger'),
    why: /0 rows in vip_ledger, and services have VIPs/,
    undo: back('vip_ledger'),
  },
]

test.each(faults)(
  'EMPTY: global runs on into $what: not ready, nothing sent, nothing deleted, and whole again afterwards',
  async ({ fault, why, undo }) => {
    const s = await stand()
    const before = await vipsOf(s.west)
    await byHand(s.database.url, fault)
    await noLongerReady(s.global, why)
    await until('the sessions to be over', async () => !(await inStep(s.east)) && !(await inStep(s.west)))
    await putService(s.east, 'late')
    expect(await vipsOf(s.west)).toEqual(before)
    await byHand(s.database.url, undo)
    await until('it to be ready', async () => (await readiness(s.global)).status === 200, {
      otherwise: () => s.global.out,
    })
    await until('all to be in step', async () => (await inStep(s.east)) && (await inStep(s.west)), { withinMs: 60_000 })
    await until('west to have what came meanwhile', async () => Object.keys(await vipsOf(s.west)).length === count + 1)
    expect(await vipsOf(s.west)).toMatchObject(before)
    for (const plane of [s.database, s.eastDatabase, s.westDatabase]) expect(await tombstones(plane)).toBe(0)
  },
)

test('EMPTY: a global that starts on a database with lost rows, or in another schema, sends nothing and makes nothing', async () => {
  const s = await stand()
  const before = await vipsOf(s.west)
  await s.global.signal('SIGTERM')
  const kds = ['--kds-port', String(s.global.ports.kds ?? 0)]
  // Some of the rows are gone, and the triggers have not seen it.
  await byHand(
    s.database.url,
    `create table kept as select type, mesh, name from resources where type = 'MeshService' order by name limit 5;
     set session_replication_role = replica;
     create table lost as select r.* from resources r join kept k using (type, mesh, name);
     delete from resources r using kept k where r.type = k.type and r.mesh = k.mesh and r.name = k.name;
     set session_replication_role = origin`,
  )
  const other = await s.processes.start('global', [...s.globalFlags, ...kds])
  await noLongerReady(other, new RegExp(`${count - 5} rows for MeshService, digest says ${count}`))
  expect(await vipsOf(s.west)).toEqual(before)
  await byHand(
    s.database.url,
    `set session_replication_role = replica;
     do $$ declare written text; begin
       select string_agg(quote_ident(column_name), ',') into written from information_schema.columns
       where table_schema = 'public' and table_name = 'resources' and is_generated = 'NEVER';
       execute format('insert into resources (%s) select %s from lost', written, written);
     end $$;
     set session_replication_role = origin`,
  )
  await until('it to go on by itself', () => other.logged('the store is initialised and whole'), {
    otherwise: () => other.out,
  })
  await until('the zones to be in step', async () => (await inStep(s.east)) && (await inStep(s.west)), {
    withinMs: 60_000,
    otherwise: () => other.out,
  })
  expect(await vipsOf(s.west)).toEqual(before)
  await other.signal('SIGTERM')
  // The tables are there, and not in sight.
  await byHand(s.database.url, 'create schema elsewhere')
  const astray = `${s.database.url}?options=${encodeURIComponent('-c search_path=elsewhere')}`
  const ended = await s.processes.begin('global', ['--database-url', astray, ...kds, '--init']).process.ended
  expect(ended.status).toBe(1)
  expect(ended.err).toMatch(
    /has the store of global in schema \\?"public\\?".*search_path \(elsewhere\).*Nothing was made/,
  )
  const made = await byHand(
    s.database.url,
    "select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'elsewhere'",
  )
  expect(made).toEqual([])
  expect(await vipsOf(s.west)).toEqual(before)
})
