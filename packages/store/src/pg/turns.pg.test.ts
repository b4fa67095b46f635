import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../testing/index.js'
import { Database } from './sql.js'

let fresh: TestDatabase
let database: Database
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(async () => {
  await database.close()
  await fresh.drop()
})

test('that all connections are busy is not told as a database that does not answer, and is over with the first free one', async () => {
  database = new Database({ url: fresh.url, connectionsMax: 1, turnTimeoutMs: 50, onConnectionLost: () => {} })
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  let hasBegun = (): void => undefined
  const begun = new Promise<void>((resolve) => {
    hasBegun = resolve
  })
  const long = database.transaction('read', async (sql) => {
    await sql.run('first', 'select 1')
    hasBegun()
    await held
  })
  await begun
  await expect(database.run('second', 'select 1')).rejects.toThrow(
    'all 1 connections of this process to its database were busy for 0.05 s',
  )
  const waits = database.run<{ one: number }>('third', 'select 1 as one')
  goOn()
  await long
  expect((await waits).rows).toEqual([{ one: 1 }])
  expect(database.poolUse).toMatchObject({ busy: 0, waiting: 0, connectionsMax: 1 })
})
