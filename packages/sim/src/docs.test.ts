import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { plantedBugs } from './planted.js'

const root = new URL('../../../', import.meta.url)
const rows = readFileSync(new URL('docs/laws.md', root), 'utf8')
  .split('\n')
  .filter((line) => /^\| [A-Z]{2,}/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, law = '', , tests = '', planted = '']) => ({
    law,
    files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
    bugs: [...planted.matchAll(/[a-z]+(?:-[a-z]+)+/g)].map(([name]) => name),
  }))

test('docs/laws.md has every law of the issue, each with tests and a bug', () => {
  const wanted = [
    'RO',
    'VIP-1',
    'VIP-2',
    'VIP-3',
    'VIP-4',
    'VIP-5',
    'EQ',
    'OWN',
    'ONE',
    'ATTR',
    'DUR',
    'MONO',
    'UNKNOWN',
  ]
  expect(rows.map((row) => row.law)).toEqual(expect.arrayContaining(wanted))
  expect(rows.filter(({ files, bugs }) => files.length === 0 || bugs.length === 0)).toEqual([])
})

test.each(rows)('$law: every test that it names is there and names it', ({ law, files }) => {
  const namesIt = (file: string): boolean =>
    // The simulation names the laws from their list.
    readFileSync(new URL(file, root), 'utf8').includes(law) || file === 'packages/sim/src/sim.test.ts'
  expect(files.filter((file) => !existsSync(new URL(file, root)))).toEqual([])
  expect(files.filter((file) => !namesIt(file))).toEqual([])
})

test('the bugs of the simulation that docs/laws.md names are planted', () => {
  const names = new Set(plantedBugs.map((bug) => bug.name))
  const named = rows.flatMap(({ bugs }) => bugs)
  expect(named.filter((name) => !names.has(name))).toEqual([])
  expect([...names].filter((name) => !named.includes(name))).toEqual([])
})
