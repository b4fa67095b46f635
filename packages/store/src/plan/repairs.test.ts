import { expect, test } from 'vitest'
import { repairTurns } from './repairs.js'

const epoch = 'e'.repeat(32)
const nowMs = 1_700_000_000_000
const turns = (atMs: number, of = epoch) => repairTurns({ epoch, types: ['Mesh'], nowMs }, () => ({ epoch: of, atMs }))

test('HEAL: a type has its turn a minute after its last repair', () => {
  expect(turns(nowMs - 59_000)).toEqual({ due: [], retryAtMs: nowMs + 1_000 })
  expect(turns(nowMs - 60_000)).toEqual({ due: ['Mesh'] })
  expect(turns(nowMs - 1, 'f'.repeat(32))).toEqual({ due: ['Mesh'] })
})

test('HEAL: a clock that was set back keeps nobody from repairing', () => {
  expect(turns(nowMs + 2 * 3_600_000)).toEqual({ due: ['Mesh'] })
})
