import { freshDatabase } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { soak } from './soak.js'

// The short form: what is left of few sessions is noise in the heap, and not one timer, socket or connection.
test('OWN: zones that come and go, are deleted and made again leave nothing behind at global', {
  timeout: 240_000,
}, async () => {
  const results = await soak(freshDatabase, { zones: 8, cycles: 80, churnSeconds: 6, services: 5 }, () => {})
  expect(
    results.map(({ what, leftOver, rejections, strayAddresses }) => [what, leftOver, rejections, strayAddresses]),
  ).toEqual([
    ['cycles', [], 0, 0],
    ['churn', [], 0, 0],
  ])
  for (const { growth, operations, what } of results) {
    expect(growth, what).toBeLessThan(0.1)
    if (what === 'churn') expect(operations.done).toBeGreaterThan(10)
  }
})
