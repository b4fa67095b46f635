import { freshDatabase } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import type { Section } from './report.js'
import { run } from './run.js'
import type { ApplyFigures } from './scenarios/apply.js'
import { total } from './statements.js'

const timeoutMs = 240_000

test('every count of the bench holds at small sizes, and does not depend on them', { timeout: timeoutMs }, async () => {
  const sizes = {
    apply: [1, 100, 1_050],
    mesh: [10, 300],
    repeats: 1,
    changed: 3,
    single: 2,
    zones: [1, 2],
    dns: { services: 200, queries: 2_000, changes: 5 },
  }
  const sections = await run(freshDatabase, sizes, () => {})

  expect(sections.flatMap((section) => section.gates).filter((gate) => !gate.ok)).toEqual([])
  const gates = (id: string): number => sections.find((section) => section.id === id)?.gates.length ?? 0
  expect(sections.map(({ id }) => [id, gates(id)])).toEqual([
    ['apply', 9],
    ['idle-reconnect', 11],
    ['changed-reconnect', 10],
    ['one-change', 4],
    ['repair', 5],
    ['standing', 7],
    ['full-sync', 4],
    ['fan-out', 3],
    ['dns', 2],
    ['growth', 6],
  ])
  // A batch is 2,000 rows of one table: 100 services are written as one is. Of 1,050 the ledger and its history have a
  // row for each of two families of addresses, so each of these takes one statement more. And they are the first that are many:
  // the planner is told of them, once.
  const [one = 0, hundred = 0, many = 0] = applied(sections).map(({ statements }) => total(statements))
  expect(hundred).toBe(one)
  expect(many).toBe(one + 2 + 1)
  expect(applied(sections).map(({ statements }) => statements.analyze ?? 0)).toEqual([0, 0, 1])
})

const applied = (sections: readonly Section[]): readonly ApplyFigures[] =>
  sections.find((section) => section.id === 'apply')?.figures as readonly ApplyFigures[]
