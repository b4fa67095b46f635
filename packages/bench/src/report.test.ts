import { expect, test } from 'vitest'
import { asText, atMost, exactly, theSame } from './report.js'
import { applySection } from './scenarios/apply.js'
import { idleSection } from './scenarios/idle-reconnect.js'

test('a count is held to its limit, inclusive', () => {
  expect([atMost('bytes', 2_048, 2_048), atMost('bytes', 2_049, 2_048)]).toEqual([
    { what: 'bytes', limit: '≤ 2,048', found: '2,048', ok: true },
    { what: 'bytes', limit: '≤ 2,048', found: '2,049', ok: false },
  ])
  expect([exactly('rows', 0, 0), exactly('rows', 1, 0)]).toEqual([
    { what: 'rows', limit: '0', found: '0', ok: true },
    { what: 'rows', limit: '0', found: '1', ok: false },
  ])
})

test('what must be the same shows each difference', () => {
  expect([theSame('statements', ['a', 'a']), theSame('statements', ['a', 'b', 'a'])]).toEqual([
    { what: 'statements', limit: 'the same', found: 'the same', ok: true },
    { what: 'statements', limit: 'the same', found: 'a / b', ok: false },
  ])
})

test('the report as a person reads it', () => {
  const section = {
    id: 'x',
    title: 'One thing',
    columns: ['services', 'bytes'],
    rows: [
      ['1', '7'],
      ['10,000', '12'],
    ],
    notes: ['a note'],
    gates: [atMost('bytes', 12, 10)],
    figures: {},
  }
  expect(asText([section])).toBe(
    [
      'One thing',
      '  services  bytes',
      '  ────────  ─────',
      '  1             7',
      '  10,000       12',
      '  a note',
      '  MISSED bytes: 12 (≤ 10)',
      '',
    ].join('\n'),
  )
})

const side = { statements: { 'read head': 4 }, bookkeepingRows: { sessions: 1 }, rows: {} }
const idle = {
  services: 100,
  said: { payloadBytesSent: 357, payloadBytesReceived: 136, messagesSent: 1, messagesReceived: 1, roundTrips: 1 },
  provenMs: 20,
  global: side,
  zone: side,
}
const missed = (section: ReturnType<typeof idleSection>): readonly string[] =>
  section.gates.filter((gate) => !gate.ok).map((gate) => gate.what)

test('an idle reconnect that grows, writes, pushes or asks once more is told', () => {
  const elsewhere = { services: 100, sent: 0, rows: {} }
  expect(missed(idleSection([idle, { ...idle, services: 10_000 }], [elsewhere]))).toEqual([])
  const large = {
    services: 10_000,
    provenMs: 200,
    said: { ...idle.said, payloadBytesReceived: 5_000, roundTrips: 2 },
    global: { ...side, statements: { 'read head': 21 }, bookkeepingRows: { sessions: 2 } },
    zone: { statements: { 'read head': 3 }, bookkeepingRows: {}, rows: { resources: 1 } },
  }
  expect(missed(idleSection([idle, large], [{ services: 10_000, sent: 1, rows: { resources: 1 } }]))).toEqual([
    'payload bytes in both directions',
    'bytes more at the largest N than at the smallest',
    'round trips',
    'rows but those of the bookkeeping',
    'resources sent to a zone that stayed',
    'rows written in a zone that stayed',
    'statements at global',
    'statements at global, whatever N',
    'statements in the zone, whatever N',
    'bookkeeping rows, whatever N',
  ])
})

test('an apply with a statement for each service is told', () => {
  const figures = {
    services: 100,
    statements: { 'insert rows': 100 },
    transactions: 1,
    rows: { resources: 100, vip_ledger: 200 },
    elapsedMs: 10,
    bareMs: 5,
    bareRows: 300,
  }
  expect(applySection([figures]).gates.map((gate) => gate.ok)).toEqual([false, true, true])
})
