import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, expect, test } from 'vitest'
import { rolling } from './rolling.js'

const databases: TestDatabase[] = []
afterAll(async () => {
  for (const database of databases) await database.drop()
})

test('F27: three globals are restarted one after the other: every zone goes over, nothing comes whole again, no address changes', {
  timeout: 180_000,
}, async () => {
  const fresh = async () => {
    const database = await freshDatabase()
    databases.push(database)
    return database
  }
  const said: string[] = []
  const report = await rolling(fresh, { globals: 3, zones: 6, services: 60, changesPerSecond: 20 }, (what) =>
    said.push(what),
  )
  const { fullSyncs, vipsChanged, vipsDiffering, restarts, reconnects } = report
  expect([fullSyncs, vipsChanged, vipsDiffering, restarts.length], JSON.stringify(report)).toEqual([0, 0, 0, 3])
  // Each zone was at one of them at least; each restart sends away who is there.
  expect(reconnects, JSON.stringify(report)).toBeGreaterThanOrEqual(6)
  // A backoff after a lost session is up to half a second for the first attempt; on a busy machine more.
  expect(report.staleness99Ms, JSON.stringify(report)).toBeLessThan(4_000)
})
