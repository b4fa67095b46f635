import { expect, test } from 'vitest'
import { Backoff } from './backoff.js'

test('waits grow to the bound, spread by chance, and start over after a session that lasted', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1_000, steadyMs: 5_000 })
  const longest = (): number => backoff.nextMs(0.999999)
  const waits = [0, 0, 0, 0, 0].map((lasted) => {
    backoff.ended(lasted)
    return longest()
  })
  expect(waits).toEqual([200, 400, 800, 1_000, 1_000])
  expect(backoff.nextMs(0)).toBe(50)
  backoff.ended(5_000)
  expect(longest()).toBe(200)
})
