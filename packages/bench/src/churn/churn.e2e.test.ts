import { freshDatabase } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { churn } from './churn.js'
import { churnPanels, churnSection } from './summary.js'

// The short form: with two zones nothing has time to go wrong slowly, but everything that is looked at is looked at.
test('VIP-1, VIP-3, MONO, EMPTY: a little churn, and links that are cut', { timeout: 240_000 }, async () => {
  const sizes = { minutes: 0.1, zones: 2, services: 20, operationsPerSecond: 10, cutsPerMinute: 60, seed: 3 }
  const report = await churn(freshDatabase, sizes, () => {}, new AbortController().signal)
  expect(churnSection(report).gates.filter(({ ok }) => !ok)).toEqual([])
  expect(report.operations).toBeGreaterThan(10)
  expect(Object.values(report.cuts).reduce((all, each) => all + each, 0)).toBeGreaterThan(0)
  // Each operation is shown by every control plane, some by the one that follows it.
  expect(report.lags.length).toBeGreaterThan(report.operations)
  expect(new Set(report.lags.map(({ plane }) => plane))).toEqual(new Set(['global', 'zone-1', 'zone-2']))
  expect(churnPanels(report)[1]?.series[0]?.points.length).toBeGreaterThan(0)
})
