import { expect, test } from 'vitest'
import { columns } from '../row.js'
import { rows } from './index.js'

const all = Array.from({ length: 45 }, (_, i) => `F${String(i + 1).padStart(2, '0')}`)

test('each of the 45 rows is there, once', () => {
  expect(rows.map(({ id }) => id)).toEqual(all)
})

test('every row says what it asks for: an alarm, or that there may be none, or nothing', () => {
  const wrong = rows.filter(
    ({ asked }) => !/^(Y|N|info|–)/.test(asked.A) || columns.some((column) => asked[column] === ''),
  )
  expect(wrong.map(({ id }) => id)).toEqual([])
})

test('the quick part has its rows of links, hubs, databases, zones and addresses', () => {
  const quick = rows.filter((row) => row.quick === true).map(({ id }) => id)
  expect(quick).toEqual(expect.arrayContaining(['F01', 'F07', 'F10', 'F16', 'F40']))
})
