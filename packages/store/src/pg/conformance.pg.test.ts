import { storeConformance } from '../conformance/suite.js'
import { freshDatabase } from '../testing/index.js'
import { openStore } from './open.js'
import { silentLog } from './testing.js'

storeConformance('PostgreSQL', async ({ role, name, nowMs }) => {
  const database = await freshDatabase()
  const store = await openStore({
    databaseUrl: database.url,
    role,
    name,
    programVersion: '9999.0.0',
    log: silentLog,
    clock: nowMs,
    listen: false,
  })
  return {
    store,
    close: async () => {
      await store.close()
      await database.drop()
    },
  }
})
