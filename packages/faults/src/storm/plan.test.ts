import { expect, test } from 'vitest'
import { kinds, planStorm } from './plan.js'

const sizes = { ms: 600_000, globals: 3, zones: ['a', 'b', 'c', 'd', 'e'] }

test('a seed always gives the same storm, and another one another', () => {
  expect(planStorm({ ...sizes, seed: 7 })).toEqual(planStorm({ ...sizes, seed: 7 }))
  expect(planStorm({ ...sizes, seed: 7 })).not.toEqual(planStorm({ ...sizes, seed: 8 }))
})

test('two at a time, never more, never twice at the same one, all over in time; in ten minutes every kind comes', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const planned = planStorm({ ...sizes, seed })
    const mostAtOnce = planned.map(({ atMs }) => planned.filter((f) => f.atMs <= atMs && f.atMs + f.lastsMs > atMs))
    expect(Math.max(...mostAtOnce.map((at) => at.length))).toBe(2)
    for (const at of mostAtOnce) expect(new Set(at.map(({ target }) => target)).size).toBe(at.length)
    expect(Math.max(...planned.map(({ atMs, lastsMs }) => atMs + lastsMs))).toBeLessThanOrEqual(sizes.ms)
    expect(new Set(planned.map(({ kind }) => kind))).toEqual(new Set(kinds))
  }
})
