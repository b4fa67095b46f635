import { expect, test } from 'vitest'
import { RevisionTraces, tracesMax } from './revision-traces.js'
import { isTraceparent, traceIdsOf } from './traceparent.js'

const trace = (n: number): string => `00-${n.toString(16).padStart(32, '0')}-${'1'.repeat(16)}-01`
const rows = (revision: number, ...types: string[]) => types.map((type) => ({ type, revision }))

test('rows of a noted revision lead back to the requests that changed their type, and no others do', () => {
  const traces = new RevisionTraces(() => 0)
  traces.note(7, [
    { types: ['Mesh'], traces: [trace(1)] },
    { types: ['Mesh', 'MeshService'], traces: [trace(2)] },
  ])
  expect(traces.of([...rows(7, 'MeshService', 'MeshService', 'Mesh'), ...rows(8, 'Mesh')])).toEqual(
    new Map([
      ['MeshService', [trace(2)]],
      ['Mesh', [trace(1), trace(2)]],
    ]),
  )
  expect(traces.of(rows(6, 'Mesh'))).toEqual(new Map())
})

test('a revision that was not committed is forgotten, and is whoever takes it next', () => {
  const traces = new RevisionTraces(() => 0)
  traces.note(7, [{ types: ['Mesh'], traces: [trace(1)] }])
  traces.note(7, [])
  expect(traces.of(rows(7, 'Mesh'))).toEqual(new Map())
  traces.note(7, [{ types: ['Mesh'], traces: [trace(2)] }])
  expect(traces.of(rows(7, 'Mesh'))).toEqual(new Map([['Mesh', [trace(2)]]]))
})

test('it is bounded: in revisions, in traces of one delta, and in time', () => {
  let nowMs = 0
  const traces = new RevisionTraces(() => nowMs)
  for (let revision = 1; revision <= 5_000; revision++)
    traces.note(revision, [{ types: ['Mesh'], traces: Array.from({ length: 40 }, (_, n) => trace(n + 1)) }])
  expect(traces.size).toBe(1_024)
  expect(traces.of([...rows(4_999, 'Mesh'), ...rows(5_000, 'Mesh')]).get('Mesh')).toHaveLength(tracesMax)
  expect(traces.of(rows(3_976, 'Mesh'))).toEqual(new Map())
  nowMs = 60_001
  expect(traces.of(rows(5_000, 'Mesh'))).toEqual(new Map())
})

test.each([
  ['', false],
  ['00-00000000000000000000000000000000-1111111111111111-01', false],
  ['00-11111111111111111111111111111111-0000000000000000-01', false],
  ['01-11111111111111111111111111111111-1111111111111111-01', false],
  ['00-1111111111111111111111111111111G-1111111111111111-01', false],
  ['00-11111111111111111111111111111111-1111111111111111-01', true],
])('%j is a traceparent: %s', (text, expected) => {
  expect(isTraceparent(text)).toBe(expected)
  expect(Object.keys(traceIdsOf(text))).toEqual(expected ? ['trace_id', 'span_id'] : [])
})
