import { storeConformance } from '../conformance/suite.js'
import { freshDatabase } from '../testing/index.js'
import { openOn } from './testing.js'

storeConformance('PostgreSQL', async ({ role, name, nowMs, hooks, thresholds }) => {
  const database = await freshDatabase()
  const store = await openOn(database.url, { role, name, clock: nowMs, listen: false, hooks, thresholds })
  return {
    store,
    close: async () => {
      await store.close()
      await database.drop()
    },
  }
})
