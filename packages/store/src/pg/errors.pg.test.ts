import { appendFileSync, chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MasterKey } from '@holdfast/identity'
import { Problem, secretSpec, specTypeUrl, typeOf } from '@holdfast/model'
import { afterAll, expect, test, vi } from 'vitest'
import { standingOf } from '../backup/standing.js'
import { offerOf, putMesh, Subject, service } from '../conformance/fixtures.js'
import { chooseAccount } from '../embedded/account.js'
import { binariesIn, findBinaries } from '../embedded/binaries.js'
import { createDatabase } from '../embedded/databases.js'
import { startEmbedded } from '../embedded/index.js'
import { migrationsFolder, readMigrations } from '../migrate/files.js'
import { migrate } from '../migrate/index.js'
import { byHand, freshDatabase, holdTransaction } from '../testing/index.js'
import { HighWaterFile } from './high-water.js'
import { Soundness } from './soundness.js'
import { Database } from './sql.js'
import { freeLedger } from './statements/ledger-write.js'
import { freshStore, openOn, silentLog } from './testing.js'
import type { Work } from './work.js'
import { Writer, type WriterOptions } from './writer.js'

// What is said of databases, as operators read it, in one file; what the plans refuse is in `../errors.test.ts`. A test of the
// testkit reads off the source what there is.

type Said = readonly string[]

const { signal } = new AbortController()
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-errors-'))
  folders.push(folder)
  return folder
}

async function thrown(call: () => Promise<unknown>): Promise<Said> {
  try {
    await call()
    return ['nothing']
  } catch (error) {
    return [
      error instanceof Problem ? `${error.kind}: ${error.message}` : `not for people: ${(error as Error).message}`,
    ]
  }
}

/** Nobody listens at port 1 of this machine. */
const deaf = 'postgres://holdfast:secret@127.0.0.1:1/holdfast'
const zone = { role: 'zone', listen: false } as const
const opened = (url: string, more: Partial<Parameters<typeof openOn>[1]> = {}) =>
  thrown(async () => (await openOn(url, { ...zone, ...more })).close())
const inSchema = (url: string, schema: string): string => {
  const of = new URL(url)
  of.searchParams.set('options', `-c search_path=${schema}`)
  return of.href
}

/** A copy of our migrations with others in it. */
function migrationsWith(further: Readonly<Record<string, string>>): string {
  const folder = newFolder()
  cpSync(migrationsFolder(), folder, { recursive: true })
  for (const [name, text] of Object.entries(further)) writeFileSync(join(folder, name), text)
  return folder
}
const nextName = (): string => `${String(readMigrations(migrationsFolder()).length + 1).padStart(4, '0')}_more.sql`
const migrated = (url: string, folder?: string, programVersion = '0.1.0') =>
  thrown(() => migrate(url, { programVersion, signal, folder }))

const migrations: readonly (readonly [what: string, said: () => Promise<Said>])[] = [
  [
    'migrations that are none',
    async () =>
      thrown(async () => readMigrations(migrationsWith({ 'x.sql': 'select 1', '0001_head.sql': 'select 1' }))),
  ],
  ['no migrations', async () => thrown(async () => readMigrations(newFolder()))],
  [
    'a migration that was edited',
    async () => {
      await using database = await freshDatabase({ empty: true })
      const folder = migrationsWith({})
      await migrate(database.url, { programVersion: '0.1.0', signal, folder })
      appendFileSync(join(folder, '0002_resources.sql'), '-- and another thought\n')
      return await migrated(database.url, folder)
    },
  ],
  [
    'a migration that was left out',
    async () => {
      await using database = await freshDatabase()
      await byHand(database.url, 'delete from migrations where id = 2')
      return await migrated(database.url)
    },
  ],
  [
    'a migration that fails',
    async () => {
      await using database = await freshDatabase()
      return await migrated(
        database.url,
        migrationsWith({ [nextName()]: '-- oldest program: 0.1.0\nselect 1 from nowhere;\n' }),
      )
    },
  ],
  [
    'a database of a newer program',
    async () => {
      await using database = await freshDatabase()
      await byHand(database.url, "update migrations set oldest_program = '9.8.7' where id = 1")
      return await migrated(database.url)
    },
  ],
  [
    'a server that is too old',
    async () => {
      await using database = await freshDatabase({ empty: true })
      await byHand(
        database.url,
        `create schema mine; create function mine.current_setting(name text) returns text language sql
         as $$ select case name when 'server_version_num' then '130009' when 'server_version' then '13.9' else pg_catalog.current_setting(name) end $$`,
      )
      return await migrated(inSchema(database.url, 'mine,pg_catalog'))
    },
  ],
  [
    'a program without a version',
    async () => {
      await using database = await freshDatabase()
      return await migrated(database.url, undefined, 'newest')
    },
  ],
]

const places: readonly (readonly [what: string, said: () => Promise<Said>])[] = [
  [
    'a database that does not answer',
    async () => [...(await migrated(deaf)), ...(await thrown(() => standingOf(deaf)))],
  ],
  ['a server on which no database can be made', () => thrown(() => createDatabase(deaf, 'x'))],
  [
    'hosts of which none takes writes',
    () => migrated('postgres://holdfast:secret@127.0.0.1:1,127.0.0.1:2/holdfast?target_session_attrs=read-write'),
  ],
  [
    'a database of another control plane',
    async () => {
      await using store = await freshStore(zone)
      return [
        ...(await opened(store.database.url, { role: 'global' })),
        ...(await opened(store.database.url, { name: 'west' })),
      ]
    },
  ],
  [
    'a store in another schema',
    async () => {
      const said: string[] = []
      for (const role of ['zone', 'global'] as const) {
        await using database = await freshDatabase({ empty: true })
        await byHand(database.url, 'create schema mine')
        await opened(inSchema(database.url, 'mine'), { role })
        said.push(...(await opened(database.url, { role })))
      }
      return said
    },
  ],
  [
    'a backup into a schema of others, or into none',
    async () => {
      await using database = await freshDatabase({ empty: true })
      await byHand(database.url, 'create table theirs ()')
      return [
        ...(await thrown(() => standingOf(database.url))),
        ...(await thrown(() => standingOf(inSchema(database.url, 'nowhere')))),
      ]
    },
  ],
  [
    'a mark of the highest revision that is damaged',
    async () => {
      const folder = newFolder()
      writeFileSync(join(folder, 'high-water.json'), '')
      return thrown(() => new HighWaterFile(folder, () => {}).read())
    },
  ],
]

const master = (id: string, fill: number): MasterKey => ({ id, key: new Uint8Array(32).fill(fill) })
const secret = { type: 'GlobalSecret', mesh: '', name: 'treasure' }
const putSecret = {
  ...({ change: 'put', key: secret, namespace: '', displayName: secret.name, wantsVip: false } as const),
  content: { labels: {}, typeUrl: specTypeUrl(typeOf(secret.type)), spec: secretSpec(Buffer.from('x')) },
}

const limits = { connectionsMax: 1, turnTimeoutMs: 5_000, onConnectionLost: () => {} }
const withoutSealer = (url: string) =>
  thrown(async () => {
    const database = new Database({ url, ...limits })
    try {
      await database.run('secret', "select * from resources where name = 'treasure'")
    } finally {
      await database.close()
    }
  })

const seals: readonly (readonly [what: string, said: () => Promise<Said>])[] = [
  [
    'secrets without their key',
    async () => {
      await using store = await freshStore({ ...zone, role: 'global', masterKeys: [master('k1', 1)] })
      const open = (...masterKeys: readonly MasterKey[]) => opened(store.database.url, { role: 'global', masterKeys })
      await store.store.local.apply({ changes: [putSecret], atomic: true, actor: 'test' }, { signal })
      const read = () => thrown(() => store.store.read.get(secret))
      await byHand(store.database.url, "update resources set mesh = 'x' where name = 'treasure'")
      const moved = await thrown(() => store.store.read.get({ ...secret, mesh: 'x' }))
      await byHand(store.database.url, "update resources set mesh = '', key_id = 99 where name = 'treasure'")
      return [
        ...(await open()),
        ...(await open(master('k2', 2))),
        ...(await open(master('k1', 9))),
        ...moved,
        ...(await read()),
        ...(await withoutSealer(store.database.url)),
      ]
    },
  ],
]

/** A writer on a database that answers nothing, whatever it is asked. */
function writerOnNothing(): Writer {
  const database = new Proxy({}, { get: () => () => new Promise(() => {}) })
  return new Writer({ database, nowMs: () => 0, check: () => {}, seen: () => undefined } as unknown as WriterOptions)
}

const running: readonly (readonly [what: string, said: () => Promise<Said>])[] = [
  [
    'a store that is closed',
    async () => {
      await using store = await freshStore({ ...zone, role: 'global' })
      await store.store.close()
      return await thrown(() =>
        store.store.local.apply({ changes: [putMesh('a')], atomic: true, actor: 'test' }, { signal }),
      )
    },
  ],
  [
    'a database that was emptied',
    async () => {
      await using store = await freshStore({ ...zone, role: 'global' })
      await byHand(store.database.url, 'truncate store_head cascade')
      const { read } = store.store
      return [
        ...(await thrown(() => read.shown({ type: 'Mesh', mesh: '', name: 'a' }))),
        ...(await thrown(() => store.store.status())),
      ]
    },
  ],
  [
    'a write while somebody holds the head',
    async () => {
      await using store = await freshStore({ ...zone, role: 'global', lockTimeoutMs: 300 })
      const url = new URL(store.database.url)
      url.searchParams.set('application_name', 'psql')
      // Of the same template: its head has the same number, and it is locked for longer.
      await using sibling = await freshStore({ ...zone, role: 'global' })
      const elsewhere = await holdTransaction(sibling.database.url, 'select from store_head for update')
      const held = await holdTransaction(url.href, 'select from store_head for update')
      const request = { changes: [putMesh('a')], atomic: true, actor: 'test' }
      const lines = await thrown(() => store.store.local.apply(request, { signal }))
      await held.close()
      await elsewhere.close()
      // Who it is and since when is of no matter here.
      return lines.map((line) =>
        line.replaceAll(/(?<=begun |backend\()\d+/g, 'N').replaceAll(/(?<=from )[^,]+(?=, idle)/g, 'ADDRESS'),
      )
    },
  ],
  [
    'a write while somebody holds the head, and nobody may see who',
    async () => {
      await using fresh = await freshStore({ ...zone, role: 'global' })
      const { url } = fresh.database
      const nobody = 'create view mine.pg_stat_activity as select * from pg_catalog.pg_stat_activity where false'
      await byHand(url, `create schema mine; ${nobody}`)
      const held = await holdTransaction(url, 'select from store_head for update')
      const database = new Database({ url: inSchema(url, 'mine,public,pg_catalog'), ...limits, lockTimeoutMs: 50 })
      const said = await thrown(() =>
        database.transaction('write', (sql) => sql.run('lock head', 'select from store_head for update')),
      )
      await database.close()
      await held.close()
      return said.map((line) => line.replace(/\?options=\S*(?= kept)/, ''))
    },
  ],
  [
    'more writes than may wait',
    async () => {
      const writer = writerOnNothing()
      const submit = () => writer.submit({ size: 1 } as Work<unknown>)
      for (let i = 0; i < 10_000; i++) void submit()
      return await thrown(submit)
    },
  ],
  [
    'a row that cannot be written as it was read',
    async () => {
      await using store = await freshStore({ ...zone, role: 'global' })
      const write = (wanted: string) => {
        const put = putMesh('a')
        const labels = { wanted }
        const change = put.change === 'put' ? { ...put, content: { ...put.content, labels } } : put
        return store.store.local.apply({ changes: [change], atomic: true, actor: 'test' }, { signal })
      }
      await write('before')
      await byHand(
        store.database.url,
        `create function ignore() returns trigger language plpgsql as $$ begin return null; end $$;
         create trigger ignore before update on resources for each row execute function ignore()`,
      )
      return await thrown(() => write('after'))
    },
  ],
  [
    'a row of the ledger that is not as it was read',
    async () => {
      await using fresh = await freshDatabase()
      const database = new Database({ url: fresh.url, ...limits })
      const owner = { kind: 'MeshService', mesh: 'default', origin: 'east', namespace: '', displayName: 'web' } as const
      const said = await thrown(() =>
        database.transaction('write', (sql) => freeLedger(sql, [{ ...owner, scope: '', family: 4 }] as never)),
      )
      await database.close()
      return said
    },
  ],
  [
    'a list for a Kuma, of a table that was emptied a moment ago',
    async () => {
      await using store = await freshStore({ ...zone, role: 'global' })
      const global = new Subject({ store: store.store, close: async () => {} }, { nowMs: 1_700_000_000_000 })
      await global.apply(putMesh('default'))
      const web = service({ name: 'web', zone: 'east' })
      await global.channel({ channel: 'up', peer: 'east' }).apply({ type: 'MeshService', offers: [offerOf(web)] })
      await byHand(
        store.database.url,
        "set session_replication_role = replica; delete from resources where type = 'MeshService'",
      )
      const west = global.channel({ channel: 'down', peer: 'west' })
      return await thrown(() => west.perform({ op: 'list', resourceType: 'MeshService' }))
    },
  ],
  [
    'all connections busy',
    async () => {
      await using fresh = await freshDatabase()
      const database = new Database({
        url: fresh.url,
        connectionsMax: 1,
        turnTimeoutMs: 50,
        onConnectionLost: () => {},
      })
      const said: string[] = []
      await database.transaction('read', async (sql) => {
        await sql.run('first', 'select 1')
        said.push(...(await thrown(() => database.run('second', 'select 1'))))
      })
      await database.close()
      return said
    },
  ],
  [
    'a change that the database does not take',
    async () => {
      await using store = await freshStore({ ...zone, role: 'global' })
      await byHand(store.database.url, 'alter table resources add constraint short check (length(name) < 5) not valid')
      return await thrown(() =>
        store.store.local.apply({ changes: [putMesh('a-long-name')], atomic: true, actor: 'test' }, { signal }),
      )
    },
  ],
]

/** What a control plane says of a database that somebody has done this to, in which it keeps a service of east's. */
const damaged = (text: string) => async (): Promise<Said> => {
  await using store = await freshStore({ ...zone, role: 'global' })
  const global = new Subject({ store: store.store, close: async () => {} }, { nowMs: 1_700_000_000_000 })
  await store.store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  await global.apply(putMesh('default'))
  const web = service({ name: 'web', zone: 'east', vips: { addresses: ['241.200.0.1'], generation: 1 } })
  await global.channel({ channel: 'up', peer: 'east' }).apply({ type: 'MeshService', offers: [offerOf(web)] })
  await byHand(store.database.url, `set session_replication_role = replica; ${text}`)
  const database = new Database({ url: store.database.url, ...limits })
  const soundness = new Soundness({ database, log: silentLog, onChange: () => {} })
  await soundness.start()
  const said = await thrown(async () => soundness.check())
  await soundness.close()
  await database.close()
  return said.map((line) => line.replaceAll(/(?<=revision |ends at )\d+/g, 'N'))
}
const damages: readonly (readonly [what: string, said: () => Promise<Said>])[] = [
  ['a table that was emptied', damaged("delete from resources where type = 'MeshService'")],
  ['a ledger that was emptied', damaged('delete from vip_ledger')],
  ['a head that was put back', damaged('update store_head set revision = 1')],
  ['a table that was renamed', damaged('alter table resources rename to elsewhere')],
  [
    'a database that takes no writes',
    damaged(
      "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$",
    ),
  ],
]

const embedded = (dataDir: string, settings?: Readonly<Record<string, string>>) =>
  thrown(async () => (await startEmbedded({ dataDir, settings, signal })).stop())
/** All the time that a start waits for something is over when it looks for the first time. */
async function outOfTime<T>(work: () => Promise<T>): Promise<T> {
  let looks = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => looks++ * 61_000)
  try {
    return await work()
  } finally {
    clock.mockRestore()
  }
}
const own: readonly (readonly [what: string, said: () => Promise<Said>])[] = [
  ['a platform without a database of our own', () => thrown(async () => findBinaries('plan9', 'pdp11'))],
  [
    'a data folder that nobody but root may enter, and no other way',
    async () => {
      const dataDir = newFolder()
      const { PATH } = process.env
      const user = vi.spyOn(process, 'getuid').mockReturnValue(0)
      process.env.PATH = '/nowhere'
      const said = await thrown(async () => chooseAccount(findBinaries(), dataDir))
      process.env.PATH = PATH
      user.mockRestore()
      return said
    },
  ],
  [
    'a database of our own whose password is empty',
    async () => {
      const dataDir = newFolder()
      writeFileSync(join(dataDir, 'postgres.password'), '')
      return embedded(dataDir)
    },
  ],
  [
    'a database of our own that cannot be made',
    async () => {
      const [dataDir, root] = [newFolder(), newFolder()]
      mkdirSync(join(root, 'bin'))
      writeFileSync(join(root, 'bin', 'postgres'), '#!/bin/sh\n')
      writeFileSync(
        join(root, 'bin', 'initdb'),
        '#!/bin/sh\necho "initdb: error: could not write to file: No space left on device" >&2; exit 1\n',
      )
      // Where we are root, they are run as somebody else.
      for (const path of [dataDir, root, join(root, 'bin'), join(root, 'bin', 'postgres'), join(root, 'bin', 'initdb')])
        chmodSync(path, 0o755)
      return thrown(async () => (await startEmbedded({ dataDir, binaries: binariesIn(root), signal })).stop())
    },
  ],
  [
    'a database of our own in which another one runs, and one that takes too long',
    async () => {
      const dataDir = newFolder()
      const first = await startEmbedded({ dataDir, settings: { fsync: 'off' }, signal })
      const [pid] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
      const inUse = await outOfTime(() => embedded(dataDir))
      await first.stop()
      const late = await outOfTime(() => embedded(dataDir))
      return [
        ...inUse.map((line) => line.replace(`process ${pid} (port ${first.port})`, 'process PID (port PORT)')),
        ...late,
      ]
    },
  ],
  [
    'a database of our own without its password',
    async () => {
      const dataDir = newFolder()
      mkdirSync(join(dataDir, 'postgres'))
      writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '9.6\n')
      return embedded(dataDir)
    },
  ],
  [
    'a database of our own that does not start',
    async () =>
      (await embedded(newFolder(), { fsync: 'off', shared_buffers: 'plenty' })).map((line) =>
        line.replaceAll(/\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\]/g, 'TIME [PID]'),
      ),
  ],
]

const cases = [...migrations, ...places, ...seals, ...running, ...damages, ...own]
const file = fileURLToPath(new URL('../../testdata/errors-of-databases.txt', import.meta.url))
const isWriting = process.env.HOLDFAST_GOLDEN === 'write'
const golden = readFileSync(file, 'utf8').trimEnd().split('\n\n')
const said = new Map<string, string>()
afterAll(() => {
  if (isWriting) writeFileSync(file, `${cases.map(([what]) => said.get(what) ?? '').join('\n\n')}\n`)
})

// Names and places that are others every time are of no matter.
const settled = (line: string): string =>
  folders
    .reduce((text, folder) => text.replaceAll(folder, 'FOLDER'), line)
    .replaceAll(/postgres:\/\/[^@\s]+@[^/\s]+\/test_[0-9a-f]{16}/g, 'postgres://SERVER/DATABASE')
    // Every migration moves the number of the next one.
    .replaceAll(new RegExp(`\\b${nextName().slice(0, 4)}(?=_more| and a name)`, 'g'), 'NEXT')
    .replace(/(?<=revision )\d+(?=\), and search_path)/, 'N')

test.each(cases)('%s: it stands in the golden file as it is said', async (what, say) => {
  const lines = await say()
  const block = [`# ${what}`, ...lines.map(settled)].join('\n')
  said.set(what, block)
  expect(lines).not.toContain('nothing')
  if (!isWriting) expect(golden).toContain(block)
})

test('the golden file has nothing else', () => {
  expect(isWriting || golden.length).toBe(isWriting || cases.length)
})
