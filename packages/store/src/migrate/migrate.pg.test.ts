import { expect, test } from 'vitest'
import { freshDatabase } from '../testing/index.js'
import { migrate } from './migrate.js'

test('x', async () => {
  await using db = await freshDatabase({ empty: true })
  console.log(await migrate(db.url, { programVersion: '0.1.0', signal: AbortSignal.timeout(5000) }))
  expect(1).toBe(1)
})
