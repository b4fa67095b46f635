import { expect, test } from 'vitest'
import { exponentOf, growthSection } from './growth.js'
import { plotOf } from './plot.js'

const points = (of: (n: number) => number) => [100, 1_000, 10_000].map((n) => ({ n, value: of(n) }))

test('the exponent of a power is its exponent, of what stands still nothing, of one point none', () => {
  expect(exponentOf(points((n) => 3 * n ** 0.5))).toBeCloseTo(0.5)
  expect(exponentOf(points((n) => 7 * n))).toBeCloseTo(1)
  expect(exponentOf(points(() => 12))).toBeCloseTo(0)
  expect(exponentOf([{ n: 100, value: 3 }])).toBeUndefined()
})

test('a count that may not grow is held to it; a time is only shown', () => {
  const section = growthSection([
    { what: 'bytes', points: points((n) => 360 + Math.log10(n)), flat: true },
    { what: 'statements', points: points((n) => n / 100), flat: true },
    { what: 'full sync', points: points((n) => n), flat: false },
  ])
  expect(section.gates.map(({ what, ok }) => [what, ok])).toEqual([
    ['exponent of bytes', true],
    ['exponent of statements', false],
  ])
  expect(section.rows.map((row) => row.at(-1))).toEqual(['0.001', '1.000', '1.000'])
})

test('what stands still is a flat line in the plot, and what grows as N does rises by a decade for each', () => {
  const lines = [
    ...plotOf([
      { what: 'flat', points: points(() => 10), flat: true },
      { what: 'as N', points: points((n) => n / 10), flat: false },
    ]).matchAll(/polyline points="([^"]+)"/g),
  ].map(([, at = '']) => at.split(' ').map((point) => Number(point.split(',')[1])))
  const [flat = [], rising = []] = lines
  expect(new Set(flat).size).toBe(1)
  const [a = 0, b = 0, c = 0] = rising
  expect(a).toBe(flat[0])
  expect(a - b).toBeCloseTo(b - c)
  expect(a - b).toBeGreaterThan(50)
})
