import { expect, test } from 'vitest'
import { paced } from './pace.js'

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('operations begin although those before are not over, and all of them are waited for', async () => {
  let underWay = 0
  let most = 0
  let over = 0
  const { done, idle } = await paced(
    1_000,
    () => over < 20,
    async (n) => {
      most = Math.max(most, ++underWay)
      await after(30)
      underWay--
      over++
      return n % 2 === 0 ? 'done' : 'nothing to do'
    },
  )
  expect(most).toBeGreaterThan(1)
  expect([underWay, done + idle]).toEqual([0, over])
})

test('what an operation throws ends the run, after those under way', async () => {
  let over = 0
  const run = paced(
    1_000,
    () => true,
    async (n) => {
      await after(5)
      over++
      if (n === 3) throw new Error('the database is gone')
      return 'done'
    },
  )
  await expect(run).rejects.toThrow('the database is gone')
  expect(over).toBeGreaterThanOrEqual(4)
})
