import { expect, test } from 'vitest'
import { shuffled } from './order.js'

const things = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

test('an order follows from its seed, loses nothing, and is another one for other seeds', () => {
  expect(shuffled(things, 3)).toEqual(shuffled(things, 3))
  expect([...shuffled(things, 3)].sort()).toEqual(things)
  expect(new Set(Array.from({ length: 20 }, (_, seed) => shuffled(things, seed).join(''))).size).toBeGreaterThan(15)
})
