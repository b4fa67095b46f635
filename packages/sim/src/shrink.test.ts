import { expect, test } from 'vitest'
import { cutsFrom, cutsText } from './cuts.js'
import { keptSeeds } from './kept.js'
import { plantedBugs } from './planted.js'
import { keptLine, shrink } from './shrink.js'
import { type SimulationOptions, simulate } from './simulate.js'

const timeout = 180_000

test('a seed that fails is shrunk to a few changes, and still breaks the same law', { timeout }, () => {
  const planted = plantedBugs.find((bug) => bug.name === 'returns-anew')?.planted ?? {}
  const run = (options: SimulationOptions) => simulate({ ...options, planted })
  const seed =
    1 + Array.from({ length: 30 }, (_, at) => run({ seed: at + 1 })).findIndex((o) => o.violation !== undefined)
  const first = run({ seed })
  const { cuts, outcome, runs } = shrink(run, seed, first)
  expect(outcome.violation?.law).toBe(first.violation?.law)
  expect(runs).toBeLessThanOrEqual(150)
  expect(cuts.acts?.length ?? first.counts.acts).toBeLessThan(first.counts.acts / 2)
  // What is kept of it is that very story.
  const [kept] = keptSeeds(keptLine({ cuts, outcome, runs }))
  expect(run({ seed: kept?.seed ?? 0, cuts: kept?.cuts ?? {} })).toEqual(outcome)
  expect(shrink(run, seed, first)).toEqual({ cuts, outcome, runs })
})

test('a seed that fails nothing is left as it is', () => {
  const outcome = simulate({ seed: 1, cuts: { zones: 1, stormMs: 500 } })
  expect(shrink(simulate, 1, outcome)).toEqual({ cuts: {}, outcome, runs: 0 })
})

test.each(['', 'zones=2', 'storm=900 faults=none', 'acts=1-3,8 without=liars,tamper'])(
  '"%s" is read as it is written',
  (text) => {
    expect(cutsText(cutsFrom(text))).toBe(text)
  },
)

test.each(['zone=2', 'acts=a', 'without=everything', 'storm='])('"%s" is told what is wrong with it', (text) => {
  expect(() => cutsFrom(text)).toThrow(/is no cut|can do without/)
})
