import { expect, test } from 'vitest'
import { Random } from './random.js'

const draw = (random: Random, count: number): readonly number[] => Array.from({ length: count }, () => random.uint32())

test('the same seed gives the same numbers, another one others', () => {
  expect(draw(new Random('a'), 5)).toEqual(draw(new Random('a'), 5))
  expect(draw(new Random('a'), 5)).not.toEqual(draw(new Random('b'), 5))
})

test('frozen: a seed means the same in every version, or the kept seeds mean nothing', () => {
  expect(draw(new Random('holdfast/1'), 3)).toMatchInlineSnapshot(`
    [
      3578719034,
      1311139489,
      820259009,
    ]
  `)
})

test('a fork has a stream of its own and leaves the other one as it is', () => {
  const [one, other] = [new Random('a'), new Random('a')]
  const fork = one.fork('network')
  expect(draw(fork, 3)).not.toEqual(draw(other.fork('workload'), 3))
  expect(draw(one, 5)).toEqual(draw(other, 5))
})

test('numbers stay within their bounds and reach them', () => {
  const random = new Random('bounds')
  const seen = new Set(Array.from({ length: 200 }, () => random.between(-1, 2)))
  expect([...seen].sort()).toEqual([-1, 0, 1, 2])
  expect(random.pick([])).toBeUndefined()
  expect(random.pick(['only'])).toBe('only')
  expect(random.weighted({ never: 0, always: 1 })).toBe('always')
  expect(() => random.weighted({ never: 0 })).toThrow('sums to nothing')
  expect(random.hex(32)).toMatch(/^[0-9a-f]{32}$/)
  expect(random.bytes(5)).toHaveLength(5)
  expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
})
