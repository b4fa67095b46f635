import { type Exceptions, encodeReport, type HoldRow, type RefusedRow } from '@holdfast/store'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { GuardAlarms } from './guard-alarms.js'

const refusal = (name: string, more: Partial<RefusedRow> = {}): RefusedRow => ({
  ...{ type: 'MeshService', mesh: 'default', name, exportName: name, peer: 'east', channel: 'up', origin: 'east' },
  ...{ newcomer: false, entry: '', reason: 'spec: is not JSON', sinceMs: 0, nextTryMs: 30_000, tries: 1 },
  ...more,
})

const hold: HoldRow = {
  ...{ id: 'h1', peer: 'east', type: 'MeshService', origin: 'east', reason: 'all 40 absent', sinceMs: 0 },
  ...{ keyCount: 40, firstCount: 40, returnedCount: 0, state: 'held' },
}

const exceptions = (more: Partial<Exceptions>): Exceptions => ({
  refused: [],
  refusedCounts: [],
  holds: [],
  reports: [],
  unpublished: [],
  ...more,
})

function looked() {
  const lines: string[] = []
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line).msg) })
  const alarms = new GuardAlarms(log)
  return (more: Partial<Exceptions>): readonly string[] => {
    alarms.take(exceptions(more))
    return lines.splice(0)
  }
}

test('LKG, HOLD: what begins is told once, with what to do, and what ends once, however often it is looked at', () => {
  const look = looked()
  expect(look({ refused: [refusal('web')], holds: [hold] })).toEqual([
    '40 MeshService of zone east vanished without having been deleted: kept until an operator decides with holdfastctl hold show h1',
    'refused MeshService web of zone east, the last good version stays; see holdfastctl refused list',
  ])
  // Tried again, and partly back: the same things.
  const later = { refused: [refusal('web', { tries: 2, nextTryMs: 90_000 })], holds: [{ ...hold, keyCount: 20 }] }
  expect([look(later), look(later)]).toEqual([[], []])
  expect(look({ ...later, refused: [refusal('web', { reason: 'its VIP is taken' })] })).toEqual([
    'refused MeshService web of zone east, the last good version stays; see holdfastctl refused list',
    'a refusal is over',
  ])
  expect(look({})).toEqual(['a hold is over', 'a refusal is over'])
})

test('LKG: what a peer refuses is told once, with the peer', () => {
  const look = looked()
  const refused = [{ ...refusal('web'), name: 'web' }]
  const report = { peer: 'west', ...encodeReport({ refused, refusedTotal: 1, holds: [] }), atMs: 0 }
  expect(look({ reports: [report] })).toEqual([
    'zone west refuses MeshService web and keeps its last good version; see holdfastctl refused list',
  ])
  expect(look({ reports: [{ ...report, atMs: 5_000 }] })).toEqual([])
  expect(look({ reports: [] })).toEqual(["a peer's refusal is over"])
})

test('a thousand at once are ten lines and a number', () => {
  const refused = Array.from({ length: 1_000 }, (_, i) => refusal(`s-${i}`))
  const lines = looked()({ refused })
  expect([lines.length, lines.at(-1)]).toEqual([11, 'and more of the kind: refusal'])
})
