import { storeConformance } from '../conformance/suite.js'
import { freshDatabase } from '../testing/index.js'
import { openOn } from './testing.js'

storeConformance('PostgreSQL', async ({ role, name, nowMs, hooks, thresholds }) => {
  const database = await freshDatabase()
  // Sealed as in production: nothing else may notice.
  const masterKeys = [{ id: 'test', key: new Uint8Array(32).fill(7) }]
  const store = await openOn(database.url, { role, name, clock: nowMs, listen: false, hooks, thresholds, masterKeys })
  return {
    store,
    close: async () => {
      await store.close()
      await database.drop()
    },
  }
})
