import { expect, test } from 'vitest'
import { keyOf } from './judge.js'
import { Workload } from './workload.js'

const zones = ['east', 'west']
const of = (seed: number) => new Workload({ seed, zones, servicesPerZone: 20 })

test('the same seed gives the same operations, another one others', () => {
  const run = (seed: number) => {
    const workload = of(seed)
    return [...workload.first(), ...Array.from({ length: 500 }, () => workload.next())]
  }
  expect(run(1)).toEqual(run(1))
  expect(run(1)).not.toEqual(run(2))
})

test('nothing is deleted or changed that is not there, and what is expected is what was done', () => {
  const workload = of(7)
  const there = new Map<string, number>()
  const operations = [...workload.first(), ...Array.from({ length: 2_000 }, () => workload.next())]
  let returns = 0
  const ever = new Set<string>()
  for (const [i, operation] of operations.entries()) {
    const key = keyOf(operation)
    expect(operation.step).toBe(i + 1)
    if (operation.does === 'delete') expect(there.delete(key)).toBe(true)
    else {
      if (ever.has(key) && !there.has(key)) returns++
      ever.add(key)
      there.set(key, operation.step)
    }
  }
  expect(workload.expected).toEqual(there)
  expect(returns).toBeGreaterThan(50)
  for (const zone of zones)
    expect([...there.keys()].filter((key) => key.startsWith(`${zone}/`)).length).toBeGreaterThanOrEqual(10)
})
