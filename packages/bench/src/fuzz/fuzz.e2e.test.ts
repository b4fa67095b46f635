import { freshDatabase } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { fuzz } from './fuzz.js'

// The short form: what is left of few connections is noise in the heap.
test('malformed frames and messages at the KDS port: no crash, nothing left over, and who behaves is served', {
  timeout: 240_000,
}, async () => {
  const { growth, leftOver, rejections, bystanderServed, sent } = await fuzz(freshDatabase, {
    ...{ items: 800, warmUp: 200, seed: 7, connections: 16 },
  })
  expect({ leftOver, rejections, bystanderServed }).toEqual({ leftOver: [], rejections: 0, bystanderServed: true })
  expect(sent).toBeGreaterThanOrEqual(800)
  expect(growth).toBeLessThan(0.15)
})
