import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { afterAll, expect, test } from 'vitest'
import { rolling } from './rolling.js'

const databases: TestDatabase[] = []
afterAll(async () => {
  for (const database of databases) await database.drop()
})

test('F27: globals are restarted one after the other: every zone is sent to the other one and goes over, nothing comes whole again, no address changes', {
  timeout: 180_000,
}, async () => {
  const fresh = async () => {
    const database = await freshDatabase()
    databases.push(database)
    return database
  }
  const said: string[] = []
  const report = await rolling(fresh, { globals: 2, zones: 4, services: 20, changesPerSecond: 20 }, (what) =>
    said.push(what),
  )
  const { fullSyncs, vipsChanged, vipsDiffering, restarts, reconnects, movedOnRequest } = report
  expect([fullSyncs, vipsChanged, vipsDiffering, restarts.length], JSON.stringify(report)).toEqual([0, 0, 0, 2])
  // Each restart sends away who is there, and nobody waits for a connection that has died. How long a zone was behind is
  // measured by `pnpm rolling`: here it would be the machine's load.
  expect([reconnects >= 4, movedOnRequest], JSON.stringify(report)).toEqual([true, reconnects])
})
