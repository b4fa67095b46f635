import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { cutsText } from './cuts.js'
import { type Caught, catchBug, type PlantedBug, plantedBugs, tableOf } from './planted.js'
import { simulate } from './simulate.js'

const rows: { readonly bug: PlantedBug; readonly caught: Caught | undefined }[] = []

/** Half a second each as a rule; on a machine that does much else at the same time it may be much more. */
const timeout = 120_000

describe('every planted bug breaks a law', { timeout }, () => {
  afterAll(() => {
    console.info(tableOf(rows))
  })

  test.each(plantedBugs.map((bug) => [bug.laws.join(', '), bug.name, bug] as const))('%s: %s', (_, __, bug) => {
    const caught = catchBug(bug)
    rows.push({ bug, caught })
    expect(caught, `${bug.mistake}: nobody noticed in ${bug.seedsMax} seeds`).toBeDefined()
    expect(bug.laws).toContain(caught?.law)
  })
})

test('without them the same seeds break none', { timeout }, () => {
  const worlds = new Map(
    rows.flatMap(({ bug: { from, cuts = {} }, caught }) =>
      Array.from({ length: caught?.seeds ?? 0 }, (_, at) => [
        `${from + at} ${cutsText(cuts)}`,
        { seed: from + at, cuts },
      ]),
    ),
  )
  const broken = [...worlds.values()].flatMap(({ seed, cuts }) => {
    const { violation } = simulate({ seed, cuts })
    return violation === undefined ? [] : [{ seed, ...violation }]
  })
  expect(broken).toEqual([])
})

test('the table of docs/planted-bugs.md has them all, with what they are and within which bound they are caught', () => {
  const text = readFileSync(new URL('../../../docs/planted-bugs.md', import.meta.url), 'utf8')
  const documented = text
    .split('\n')
    .filter((line) => /^\| [a-z]+-/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, name, mistake, , from, , bound]) => ({ name, mistake, from, bound }))
  expect(documented).toEqual(
    plantedBugs.map(({ name, mistake, from, seedsMax }) => ({
      name,
      mistake,
      from: String(from),
      bound: String(seedsMax),
    })),
  )
})
