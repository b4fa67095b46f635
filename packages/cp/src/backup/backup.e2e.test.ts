import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, databaseUrl, dropDatabase, standingOf } from '@holdfast/store'
import { byHand, serverUrlVariable } from '@holdfast/store/testing'
import { expect, test } from 'vitest'
import { backup, restore } from '../commands/backup.js'
import { closing } from '../testing/closing.js'
import { converged, holdsOf } from '../testing/faults.js'
import { eager, inStep, putService, remove, startGlobal, startZone, until } from '../testing/mesh.js'
import { labelFile, sha256Of } from './label.js'

/**
 * The PostgreSQL of npm has no pg_dump: another server and its programs can be named (HOLDFAST_BACKUP_SERVER, a superuser's
 * URL, and HOLDFAST_PG_BIN); else what is on PATH is tried on the tests' own server, and not if it is older.
 */
const server = process.env.HOLDFAST_BACKUP_SERVER ?? process.env[serverUrlVariable] ?? ''
const pgBin = process.env.HOLDFAST_PG_BIN
const { signal } = new AbortController()

const { closes } = closing()

/** Why it cannot be tried here; undefined: it can. */
async function lacks(): Promise<string | undefined> {
  try {
    const said = execFileSync(pgBin === undefined ? 'pg_dump' : join(pgBin, 'pg_dump'), ['--version'], {
      encoding: 'utf8',
    })
    const { serverVersion } = await standingOf(databaseUrl(server, 'template1'))
    const [mine, its] = [Number(/\) (\d+)/.exec(said)?.[1]), Math.floor(serverVersion / 10_000)]
    return mine >= its ? undefined : `pg_dump is of ${mine}, and the server of ${its}`
  } catch (error) {
    return (error as Error).message
  }
}

let made = 0
async function emptyDatabase() {
  made += 1
  const name = `backup_${process.pid}_${made}`
  await createDatabase(server, name, 'template1')
  const drop = (): Promise<void> => dropDatabase(server, name)
  closes(drop)
  return { url: databaseUrl(server, name), name, drop, [Symbol.asyncDispose]: drop }
}

test('VIP-2, EMPTY: a backup that is put back begins a new epoch, and zones bring back what came since', {
  timeout: 300_000,
}, async (context) => {
  const why = await lacks()
  if (why !== undefined) return context.skip(`not run: ${why}; see HOLDFAST_BACKUP_SERVER and HOLDFAST_PG_BIN`)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-backup-'))
  closes(async () => rmSync(folder, { recursive: true }))
  const global = await startGlobal({ database: await emptyDatabase() })
  let isClosed = false
  closes(() => (isClosed ? Promise.resolve() : global.close()))
  const zones = await Promise.all(['east', 'west'].map((name) => startZone(name, global.port, { backoff: eager })))
  for (const zone of zones) closes(() => zone.close())
  const [east, west] = zones
  if (east === undefined || west === undefined) throw new Error('two zones')
  await until('both zones to be in step', () => zones.every(inStep), 40_000)
  for (const name of ['cart', 'web']) await Promise.all([putService(east, name), putService(west, name)])
  const keys = ['east/cart', 'east/web', 'west/cart', 'west/web']
  await converged([global, ...zones], keys, 40_000)

  // Of the tests alone: triggers that count rows, in a schema of their own.
  await byHand(global.database.url, 'drop schema observed cascade')
  const file = join(folder, 'global.dump')
  const said: string[] = []
  await backup({ databaseUrl: global.database.url, file, pgBin, signal, write: (text) => said.push(text) })
  // Secrets may stand in it as they are.
  expect([file, labelFile(file)].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600])
  expect(said.join('')).toMatch(/^backed up the store of global at revision \d+/)
  // It does not go into a database that is somebody's.
  const wanted = { file, pgBin, signal, write: (text: string) => said.push(text) }
  await expect(restore({ ...wanted, databaseUrl: global.database.url })).rejects.toThrow(
    /a backup goes into an empty one/,
  )

  await putService(east, 'later')
  await remove(west, '/meshes/default/meshservices/cart')
  const now = ['east/cart', 'east/later', 'east/web', 'west/web']
  const before = await converged([global, ...zones], now, 40_000)
  const { head } = await global.store.status()
  await global.close()
  isClosed = true

  const restored = await emptyDatabase()
  await restore({ ...wanted, databaseUrl: restored.url })
  expect(said.at(-1)).toMatch(/in a new epoch, and it is recovering/)
  const again = await startGlobal({ database: restored, port: global.port })
  closes(() => again.close())
  await until('global to serve again by itself', async () => (await again.store.status()).state === 'ready', 60_000)
  await until('both zones to be in step', () => zones.every(inStep), 60_000)
  expect(await converged([again, ...zones], now, 40_000)).toEqual(before)
  expect((await again.store.status()).head.epoch).not.toBe(head.epoch)
  for (const plane of [again, ...zones]) expect(await holdsOf(plane)).toEqual([])
  expect(await again.store.vip.verifyLocal()).toEqual([])
  const [first] = await again.store.read.audit(1, { actor: 'holdfast restore' })
  expect(first).toMatchObject({
    action: 'new epoch',
    detail: { reason: expect.stringMatching(/restored from a backup/) },
  })
})

test('a store that is not there, a database that is taken, another schema: each is named, and nothing is done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-backup-'))
  closes(async () => rmSync(folder, { recursive: true }))
  const file = join(folder, 'global.dump')
  const empty = await emptyDatabase()
  const wanted = { file, pgBin, signal, write: () => {} }
  await expect(backup({ ...wanted, databaseUrl: empty.url })).rejects.toThrow(
    'there is no store of Holdfast at --database-url; is it the right database?',
  )
  writeFileSync(file, 'a backup')
  const label = {
    ...{
      format: 'holdfast-backup/1',
      role: 'global',
      name: '',
      storeId: 's',
      epoch: 'e',
      revision: 7,
      schema: 'elsewhere',
    },
    ...{ serverVersion: 140_000, programVersion: '0.1.0', at: '2026-01-02T03:04:05Z', bytes: 8 },
    sha256: await sha256Of(file),
  }
  writeFileSync(labelFile(file), JSON.stringify(label))
  await expect(restore({ ...wanted, databaseUrl: empty.url })).rejects.toThrow(
    'the backup is of schema "elsewhere", and search_path of --database-url leads to "public": make it lead to one of that name',
  )
  const global = await startGlobal({ database: await emptyDatabase() })
  closes(() => global.close())
  await expect(restore({ ...wanted, databaseUrl: global.database.url })).rejects.toThrow(
    /^the database at --database-url has the store of global at revision \d+: a backup goes into an empty one\. Make a new database, and start the control plane on that$/,
  )
})
