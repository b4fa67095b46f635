import { type Exceptions, encodeReport, type HoldRow, type RefusedRow } from '@holdfast/store'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { GuardAlarms } from './guard-alarms.js'
import { GuardCauses } from './guard-causes.js'

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
  const alarms = new GuardAlarms(log, new GuardCauses())
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

test('what a trace has led to says which; what came without one, or was refused before, says none', () => {
  const lines: { readonly msg: string; readonly trace_id?: string; readonly span_id?: string }[] = []
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const causes = new GuardCauses()
  const alarms = new GuardAlarms(log, causes)
  const stored = { peer: 'east', channel: 'up', resourceType: 'MeshService' } as const
  const ids = { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) }
  causes.note({ ...stored, refused: [{ key: 'web.default' }], heldKeys: [] }, ids)
  causes.note({ ...stored, refused: [{ key: 'cart.default' }], heldKeys: ['x.default'] }, {})
  alarms.take(exceptions({ refused: [refusal('web'), refusal('cart')], holds: [hold] }))
  expect(lines.map(({ msg, ...rest }) => [msg.split(' ', 3).join(' '), rest.trace_id, rest.span_id])).toEqual([
    ['40 MeshService of', undefined, undefined],
    ['refused MeshService web', ids.trace_id, ids.span_id],
    ['refused MeshService cart', undefined, undefined],
  ])
  lines.length = 0
  causes.note({ ...stored, refused: [], heldKeys: ['x.default'] }, ids)
  alarms.take(exceptions({ holds: [{ ...hold, id: 'h2' }] }))
  expect(lines.map(({ trace_id }) => trace_id)).toContain(ids.trace_id)
})

test('causes are bounded: the newest thousand', () => {
  const causes = new GuardCauses()
  for (let i = 0; i < 1_500; i++)
    causes.note(
      { peer: 'east', channel: 'up', resourceType: 'MeshService', refused: [{ key: `s-${i}.default` }], heldKeys: [] },
      { trace_id: `${i}` },
    )
  const known = Array.from({ length: 1_500 }, (_, i) => causes.ofRefusal(refusal(`s-${i}`)).trace_id)
  expect([known.filter((id) => id !== undefined).length, known[499], known[500]]).toEqual([1_000, undefined, '500'])
})

test('a thousand at once are ten lines and a number', () => {
  const refused = Array.from({ length: 1_000 }, (_, i) => refusal(`s-${i}`))
  const lines = looked()({ refused })
  expect([lines.length, lines.at(-1)]).toEqual([11, 'and more of the kind: refusal'])
})
