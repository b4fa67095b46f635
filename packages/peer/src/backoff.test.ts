import { expect, test } from 'vitest'
import { Backoff, kumaSteadyMs, sessionBackoff } from './backoff.js'

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

test('a Kuma global that ends each session after half a minute is dialled less and less often, as its own zones do it', () => {
  const backoff = new Backoff(sessionBackoff)
  const waits = Array.from({ length: 8 }, () => {
    backoff.ended(30_000, kumaSteadyMs)
    return backoff.nextMs(0.999999)
  })
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  backoff.ended(kumaSteadyMs, kumaSteadyMs)
  expect(backoff.nextMs(0.999999)).toBe(500)
})
