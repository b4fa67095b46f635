import { beforeAll, describe, expect, test } from 'vitest'
import { laws } from './broken.js'
import { readKept } from './kept.js'
import { type Outcome, simulate } from './simulate.js'

/** About 12 s; on a machine that does much else at the same time it may be twenty times that. */
const patienceMs = 400_000
const fresh = Array.from({ length: 60 }, (_, at) => ({ seed: at + 1, cuts: {} }))
const seeds = [...readKept(), ...fresh]

describe('storms, and the calm after them', () => {
  let outcomes: readonly Outcome[] = []
  beforeAll(() => {
    outcomes = seeds.map(({ seed, cuts }) => simulate({ seed, cuts }))
  }, patienceMs)

  test.each(laws)('%s holds in every seed', (law) => {
    const broken = outcomes.flatMap(({ seed, violation }) => (violation?.law === law ? [{ seed, ...violation }] : []))
    expect(broken).toEqual([])
  })

  test('the storms are storms: data flowed, and was refused, repaired and fenced', () => {
    expect(outcomes).toHaveLength(seeds.length)
    const sum = (of: keyof Outcome['counts']): number => outcomes.reduce((total, { counts }) => total + counts[of], 0)
    for (const count of [
      'written',
      'refused',
      'sessions',
      'repairs',
      'fenced',
      'freed',
      'published',
      'withheld',
      'plainSessions',
      'obeyed',
    ] as const)
      expect(sum(count), count).toBeGreaterThan(0)
    expect(sum('sessions') / outcomes.length).toBeGreaterThan(2 * 2 * 3)
    expect(sum('written') / outcomes.length).toBeGreaterThan(20)
  })
})

test('a seed is one story, to the letter', () => {
  const tell = (): readonly string[] => {
    const lines: string[] = []
    simulate({ seed: 4, zones: 2, story: (line) => lines.push(line) })
    return lines
  }
  const story = tell()
  expect(story.length).toBeGreaterThan(100)
  expect(tell()).toEqual(story)
})
