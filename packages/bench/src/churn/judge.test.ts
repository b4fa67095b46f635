import { expect, test } from 'vitest'
import { Judge, type Operation } from './judge.js'

const web = { zone: 'east', name: 'web' }
const put = (step: number): Operation => ({ ...web, step, does: 'put' })
const remove = (step: number): Operation => ({ ...web, step, does: 'delete' })
const judge = () => new Judge(['global', 'east', 'west'])

test('VIP-1: an address that changes, or is not there any more, is told with where it was seen', () => {
  const one = judge()
  one.sent(put(1), 0)
  one.shown('east', web, { step: 1, vip: '' }, 1)
  one.shown('east', web, { step: 1, vip: '241.0.0.1' }, 2)
  one.shown('west', web, { step: 1, vip: '241.0.0.1' }, 3)
  expect(one.violations).toEqual([])
  one.shown('west', web, { step: 1, vip: '241.0.0.2' }, 4)
  one.shown('global', web, { step: 1, vip: '' }, 5)
  expect(one.violations).toEqual([
    'VIP-1: west shows east/web at 241.0.0.2 and not at 241.0.0.1',
    'VIP-1: global shows east/web at no address and not at 241.0.0.1',
  ])
})

test('VIP-1: who was deleted and comes back has the address that it had', () => {
  const one = judge()
  for (const [i, operation] of [put(1), remove(2), put(3)].entries()) one.sent(operation, i)
  one.shown('west', web, { step: 1, vip: '241.0.0.1' }, 1)
  one.gone('west', web, 2)
  one.shown('west', web, { step: 3, vip: '241.0.0.9' }, 3)
  expect(one.violations).toEqual(['VIP-1: west shows east/web at 241.0.0.9 and not at 241.0.0.1'])
})

test('VIP-3: an address with two owners, at whichever control planes', () => {
  const one = judge()
  one.shown('west', web, { step: 1, vip: '241.0.0.1' }, 1)
  one.shown('global', { zone: 'north', name: 'web' }, { step: 2, vip: '241.0.0.1' }, 2)
  expect(one.violations).toEqual(['VIP-3: global shows north/web at 241.0.0.1, which belongs to east/web'])
})

test('MONO: what goes back at one control plane; another one may be behind', () => {
  const one = judge()
  one.shown('west', web, { step: 2, vip: '' }, 1)
  one.shown('global', web, { step: 1, vip: '' }, 2)
  expect(one.violations).toEqual([])
  one.shown('west', web, { step: 1, vip: '' }, 3)
  expect(one.violations).toEqual(['MONO: west shows step 1 of east/web after step 2'])
})

test('EMPTY: what goes away more often than it was deleted', () => {
  const one = judge()
  one.sent(put(1), 0)
  one.shown('west', web, { step: 1, vip: '' }, 1)
  one.sent(remove(2), 2)
  one.gone('west', web, 3)
  // Told twice, it is gone once.
  one.gone('west', web, 4)
  one.sent(put(3), 5)
  one.shown('west', web, { step: 3, vip: '' }, 6)
  expect(one.violations).toEqual([])
  one.gone('west', web, 7)
  expect(one.violations).toEqual(['EMPTY: west lost east/web, which nobody deleted'])
})

test('lag: each operation at each control plane, settled by whatever is newer', () => {
  const one = judge()
  one.sent(put(1), 100)
  one.sent(put(2), 150)
  const lag = { plane: 'west', sinceWholeMs: undefined }
  expect(one.shown('west', web, { step: 2, vip: '' }, 180)).toEqual([
    { ...lag, shownAtMs: 180, lagMs: 80 },
    { ...lag, shownAtMs: 180, lagMs: 30 },
  ])
  expect(one.shown('west', web, { step: 2, vip: '' }, 200)).toEqual([])
  one.sent(remove(3), 210)
  one.sent(put(4), 220)
  expect(one.gone('west', web, 240)).toEqual([{ ...lag, shownAtMs: 240, lagMs: 30 }])
  expect(one.shown('west', web, { step: 4, vip: '' }, 250)).toEqual([{ ...lag, shownAtMs: 250, lagMs: 30 }])
})

test('lag: where a link on the way was broken meanwhile, counted from when it was whole', () => {
  const one = judge()
  one.broken('west', 100)
  one.sent(put(1), 110)
  one.whole('west', 300)
  one.sent(put(2), 310)
  const [first, second] = one.shown('west', web, { step: 2, vip: '' }, 340)
  expect(first).toMatchObject({ lagMs: 230, sinceWholeMs: 40 })
  expect(second).toMatchObject({ lagMs: 30, sinceWholeMs: undefined })
  // Its own zone is shown it without a link.
  one.broken('east', 400)
  expect(one.shown('global', web, { step: 2, vip: '' }, 410)[1]).toMatchObject({ sinceWholeMs: 0 })
})

test('in the end: what is missing, behind, elsewhere or too much, by name', () => {
  const one = judge()
  for (const name of ['web', 'api', 'db'])
    one.shown('east', { zone: 'east', name }, { step: 1, vip: `241.0.0.${name.length}${name}` }, 1)
  const vip = (name: string): string => `241.0.0.${name.length}${name}`
  const expected = new Map([
    ['east/web', 1],
    ['east/api', 2],
    ['east/db', 1],
  ])
  const found = new Map([
    ['east/web', { step: 1, vip: vip('web') }],
    ['east/api', { step: 1, vip: vip('api') }],
    ['east/old', { step: 1, vip: '' }],
  ])
  expect(one.compare('west', expected, found)).toEqual([
    'west has step 1 of east/api, not 2',
    'west has no east/db',
    'west has east/old still',
  ])
  expect(one.compare('west', new Map([['east/web', 1]]), new Map([['east/web', { step: 1, vip: '' }]]))).toEqual([
    'west has east/web at no address, not at 241.0.0.3web',
  ])
})
