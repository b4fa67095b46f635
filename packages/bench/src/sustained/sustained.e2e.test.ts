import { freshDatabase } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { sustainedSection } from './summary.js'
import { sustained } from './sustained.js'

// The short form: how fast it is says the long one; here all that was offered has to be everywhere, and nothing refused.
test('EQ, MONO: what one zone changes faster than it is told is the newest everywhere', {
  timeout: 240_000,
}, async () => {
  const sizes = { seconds: 2, listeners: 2, services: 200, repeating: 5, perSecond: 1_000 }
  const report = await sustained(freshDatabase, sizes, () => {}, new AbortController().signal)
  expect(sustainedSection(report).gates.filter(({ ok }) => !ok)).toEqual([])
  expect(report.offered).toBeGreaterThan(100)
  expect(report.committed).toBeGreaterThan(0)
  // Of few services that change every 10 ms most versions are overtaken on their way.
  expect(report.coalesced).toBeGreaterThan(0)
  expect(report.told.least).toBeGreaterThan(0)
})
