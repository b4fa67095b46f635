import { expect, test } from 'vitest'
import type { Cell, RowReport } from '../judge.js'
import { asks, columns } from '../row.js'
import { cellText, markdown } from './markdown.js'

const words = {
  patience: 3,
  full: false,
  machine: { date: '2026-01-02', cores: 2, memoryGiB: 24, node: '20.20.2', load: '0.5' },
}
const cell = (asked: string, holds: boolean | undefined, seen = '', wrong: readonly string[] = []): Cell => ({
  ...{ asked, holds, seen, wrong },
})

function report(id: string, options: Partial<RowReport> = {}): RowReport {
  const asked = asks('✔ ✔ ✔ 3_s – N ✔')
  const cells = Object.fromEntries(columns.map((c) => [c, cell(asked[c], asked[c] === '–' ? undefined : true)]))
  return {
    ...{ id, fault: 'a fault', figures: ['seen | so'], standIn: '', found: '', ok: true, tookMs: 1 },
    cells: cells as unknown as RowReport['cells'],
    ...options,
  }
}

test.each<[string, Cell, string]>([
  ['what was not asked for', cell('–', undefined, 'x'), '–'],
  ['what holds, with its figure', cell('3 s', true, '1.2 s'), '✔ 3 s 1.2 s'],
  ['what does not', cell('✔', false, '4 addresses'), '✘ 4 addresses'],
  ['what could not be judged', cell('✔', undefined), ''],
])('a cell: %s', (_, one, text) => {
  expect(cellText(one)).toBe(text)
})

test('the page says of how many rows hold, what does not and why, and what was found; a row that could not be made is there', () => {
  const failed = report('F02', { ok: false, failure: 'not run to its end: no database' })
  const wrong = report('F03', {
    ok: false,
    cells: { ...report('F03').cells, V: cell('✔', false, '', ['east/web moved']) },
    found: 'a defect, and its test',
  })
  const page = markdown([report('F01'), failed, wrong], words)
  expect(page).toContain('3 rows, 1 hold')
  expect(page).toContain('| F01 | a fault |')
  expect(page).toContain('seen \\| so')
  expect(page).toMatch(/\| F02 .*not run to its end: no database.*does not hold/)
  expect(page).toContain('V: east/web moved')
  expect(page).toContain('- F03: a defect, and its test')
  expect(page).not.toMatch(/undefined/)
})

test('a storm is told with what it was, what held and what it left in use; what did not hold, in words', () => {
  const use = { memoryMiB: 100, descriptors: 40, timers: 20 }
  const storm = {
    ...{
      seed: 7,
      minutes: 30,
      faults: { 'kill hub': 3, 'kill zone': 2 },
      acknowledged: 10,
      unanswered: 4,
      answers: 99,
    },
    ...{
      addresses: 5,
      violations: [],
      settledMs: 1_500,
      usage: { east: { before: use, after: { ...use, timers: 21 } } },
    },
  }
  const page = markdown([report('F01')], { ...words, storm })
  expect(page).toContain('--storm --minutes 30 --seed 7`: 5 faults')
  expect(page).toContain('3 × kill hub, 2 × kill zone.')
  expect(page).toContain('| east | 100 → 100 | 40 → 40 | 20 → 21 |')
  const broken = markdown([report('F01')], { ...words, storm: { ...storm, violations: ['web moved'] } })
  expect(broken).toContain('1 violations')
  expect(broken).toContain('- web moved')
})
