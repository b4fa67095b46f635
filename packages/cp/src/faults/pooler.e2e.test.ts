import { migrate, readDatabaseFacts } from '@holdfast/store'
import { serverUrlVariable } from '@holdfast/store/testing'
import { freshDatabase, type Pooler, poolerBinary, startPooler, type TestDatabase } from '@holdfast/testkit'
import { expect, test, vi } from 'vitest'
import { backup } from '../commands/backup.js'
import { closing } from '../testing/closing.js'
import { converged, vipsOf } from '../testing/faults.js'
import { eager, inStep, putService, remove, startGlobal, startZone, until } from '../testing/mesh.js'
import { programVersion } from '../version.js'

/**
 * Control planes whose databases are behind a real PgBouncer in transaction mode, with fewer connections to the server than
 * any of them would have: each statement may come to another session.
 */
vi.setConfig({ testTimeout: 180_000 })
const program = poolerBinary()
const absent = 'not run: there is no pgbouncer on PATH; see HOLDFAST_PGBOUNCER'
const serverUrl = process.env[serverUrlVariable] ?? ''

const { own, closes } = closing()

async function pooled(pooler: Pooler, options: Parameters<typeof freshDatabase>[0] = {}): Promise<TestDatabase> {
  const database = await freshDatabase(options)
  closes(() => database.drop())
  return { ...database, url: pooler.through(database.url) }
}

test('two globals and a zone of two processes: changes flow, one dials, and addresses stay, also when the pooler is killed', async (context) => {
  if (program === undefined) return context.skip(absent)
  const pooler = own(await startPooler({ program, serverUrl, poolSize: 3 }))
  const first = own(await startGlobal({ replicas: true, database: await pooled(pooler, { empty: true }) }))
  const second = own(await startGlobal({ replicas: true, database: first.database }))
  const east = own(await startZone('east', first.port, { backoff: eager, database: await pooled(pooler) }))
  const twin = own(await startZone('east', second.port, { backoff: eager, database: east.database }))
  const west = own(await startZone('west', second.port, { backoff: eager, database: await pooled(pooler) }))
  await until('both zones to be in step', () => inStep(east) && inStep(west), 30_000)
  expect(inStep(twin)).toBe(false)
  const names = Array.from({ length: 20 }, (_, i) => `s${i}`)
  await Promise.all(names.flatMap((name, i) => [putService(i % 2 === 0 ? east : twin, name), putService(west, name)]))
  const keys = names.flatMap((name) => [`east/${name}`, `west/${name}`])
  const planes = [first, second, east, twin, west]
  const before = await converged(planes, keys, 30_000)

  await pooler.kill()
  await expect(putService(east, 'meanwhile')).rejects.toThrow(/does not answer/)
  expect(await pooler.start()).toBeUndefined()
  await until(
    'east to be written to',
    () =>
      putService(east, 'after').then(
        () => true,
        () => false,
      ),
    30_000,
  )
  await remove(west, '/meshes/default/meshservices/s0')
  const left = [...keys.filter((key) => key !== 'west/s0'), 'east/after']
  const after = await converged(planes, left, 60_000)
  expect(after).toMatchObject(
    Object.fromEntries(keys.filter((key) => key !== 'west/s0').map((key) => [key, before[key]])),
  )

  // Leases hold through it as well: who is closed is followed by its twin.
  const [dials, waits] = inStep(east) ? [east, twin] : [twin, east]
  await dials.close()
  await until('the other process to dial', () => inStep(waits), 10_000)
  expect(await vipsOf(waits)).toEqual(after)
  // Nobody listens where nobody would hear: PgBouncer says so of each notification that it is sent.
  expect(pooler.log()).toContain('login attempt')
  expect(pooler.log()).not.toContain('when not linked')
})

test('twenty processes migrate one database at once; what a pooler cannot do is known, and a backup does not go through it', async (context) => {
  if (program === undefined) return context.skip(absent)
  const pooler = own(await startPooler({ program, serverUrl, poolSize: 4 }))
  const { signal } = new AbortController()
  const { url } = await pooled(pooler, { empty: true })
  const done = await Promise.all(Array.from({ length: 20 }, () => migrate(url, { programVersion, signal })))
  expect(done.filter(({ applied }) => applied.length > 0)).toHaveLength(1)
  expect(new Set(done.map(({ newest }) => newest)).size).toBe(1)

  const bySession = own(await startPooler({ program, serverUrl, mode: 'session', poolSize: 4 }))
  const direct = await freshDatabase()
  closes(() => direct.drop())
  const pooling = async (of: string) => (await readDatabaseFacts(of)).pooling
  expect(await Promise.all([direct.url, bySession.through(direct.url), url].map(pooling))).toEqual([
    ...['none', 'session', 'transaction'],
  ])
  const global = own(await startGlobal({ database: { ...direct, url: pooler.through(direct.url) } }))
  await expect(
    backup({ databaseUrl: global.database.url, file: '/nowhere/x.dump', signal, write: () => {} }),
  ).rejects.toThrow(
    /^a pooler in transaction mode stands before the database: what pg_dump sets for itself would stay in connections that control planes are given next\. Say the server itself in --database-url, for this command alone$/,
  )
})
