import { expect, test } from 'vitest'
import { deltasWaitingMax, pageBytes, plainListBytes, plainRefusedMax, prefixesMax } from './constants.js'
import { stepPlainSender } from './plain-sender.js'
import { newPlainSender, type PlainSenderEvent } from './plain-sender-state.js'
import { stepReceiver } from './receiver.js'
import type { ReceiverEvent } from './receiver-state.js'
import { stepSender } from './sender.js'
import { offerBytes } from './sizes.js'
import { begin, feedReceiver, markAt, rangeDelta, receiverIn, senderIn, turnFor } from './testing/states.js'
import { digestOf, offerOf } from './testing/toy.js'

const nowMs = 2000

test('FLOW: a sender that does not wait for answers is cut off at the bound of the inbox', () => {
  const delta = (i: number, page: number): ReceiverEvent => rangeDelta(String(i), page, 3, { type: `T${i}` })
  let state = receiverIn.live
  for (let i = 0; i <= deltasWaitingMax; i++) state = feedReceiver(state, delta(i, i))
  expect([state.phase, state.inbox.length]).toEqual(['live', deltasWaitingMax])
  const reason = `sent more than ${deltasWaitingMax} deltas without waiting for answers`
  expect(stepReceiver(state, delta(999, 999))[1]).toEqual([{ type: 'violation', reason }])
})

test('FLOW: one response in flight per type, or the session ends', () => {
  const first = feedReceiver(receiverIn.live, rangeDelta('1', 1, 3))
  const reason = 'sent two deltas of MeshService without waiting for an answer'
  expect(stepReceiver(first, rangeDelta('2', 2, 4))[1]).toEqual([{ type: 'violation', reason }])
})

test('FLOW: a second question about a type that still waits ends the session', () => {
  const ask = { type: 'ask', resourceType: 'MeshService', keys: ['a.m'] } as const
  const busy = [ask, ask].reduce((s, e) => stepSender(s, e)[0], senderIn.live)
  expect([busy.phase, busy.questions.size]).toEqual(['live', 1])
  const reason = 'asked about MeshService twice without an answer'
  expect(stepSender(busy, ask)[1]).toEqual([{ type: 'violation', reason }])
})

test('an answer to a repair is cut to pages, one in flight, and only the last says that nothing follows', () => {
  const offers = ['a', 'b', 'c'].map((name) => offerOf('MeshService', name, 'x'.repeat(pageBytes / 2)))
  const asked = stepSender(senderIn.repairing, {
    type: 'entries',
    resourceType: 'MeshService',
    buckets: [],
    entries: [],
  })[0]
  const stored = {
    type: 'stored',
    answer: { op: 'repair', result: { offers, removals: [], absent: ['gone.m'] } },
  } as const
  const [first, sent] = stepSender(asked, stored)
  const [second, then] = stepSender(first, { type: 'ack', resourceType: 'MeshService', nonce: '1' })
  const [, last] = stepSender(second, { type: 'ack', resourceType: 'MeshService', nonce: '2' })
  const brief = [sent, then, last].map((effects) =>
    effects.flatMap((e) =>
      e.type === 'send' && e.message.type === 'delta'
        ? [[e.message.delta.offers.map((o) => o.resource.name), e.message.delta.absent, e.message.delta.purpose]]
        : [],
    ),
  )
  expect(brief).toEqual([
    [[['a'], [], { kind: 'repair', more: true }]],
    [[['b'], [], { kind: 'repair', more: true }]],
    [[['c'], ['gone.m'], { kind: 'repair', more: false }]],
  ])
})

test('a bucket question stays small where everything differs', () => {
  const digest = { lanes: [1, 1, 1, 1], count: 100_000 } as const
  const repair = begin({ mode: 'repair', from: markAt(2).cursor, digests: [{ type: 'MeshService', digest }] })
  let state = feedReceiver(
    receiverIn['awaiting-begin'],
    repair,
    { type: 'stored', answer: { op: 'offered-types', result: [] }, nowMs },
    turnFor('MeshService'),
  )
  const sizes: number[] = []
  for (const level of [1, 2, 3]) {
    const [next, effects] = stepReceiver(state, {
      type: 'stored',
      answer: { op: 'offered-buckets', result: [] },
      nowMs,
    })
    const asked = effects.flatMap((e) => (e.type === 'send' && e.message.type === 'buckets' ? [e.message] : []))
    const differing = asked.flatMap((m) => m.digests.map((d) => d.prefix))
    sizes.push(differing.length)
    state = feedReceiver(next, { type: 'bucket-answer', resourceType: 'MeshService', level, differing, nowMs })
  }
  expect(sizes).toEqual([32, prefixesMax, prefixesMax])
})

test('a repair that is told of buckets it did not ask about ends the session', () => {
  const digest = { lanes: [1, 1, 1, 1], count: 100_000 } as const
  const repair = begin({ mode: 'repair', from: markAt(2).cursor, digests: [{ type: 'MeshService', digest }] })
  const asked = feedReceiver(
    receiverIn['awaiting-begin'],
    repair,
    { type: 'stored', answer: { op: 'offered-types', result: [] }, nowMs },
    turnFor('MeshService'),
    { type: 'stored', answer: { op: 'offered-buckets', result: [] }, nowMs },
  )
  const answer = { type: 'bucket-answer', resourceType: 'MeshService', level: 1, differing: [32], nowMs } as const
  const reason = 'answered about prefix 32 of MeshService, which was not asked'
  expect(stepReceiver(asked, answer)[1]).toEqual([{ type: 'violation', reason }])
})

test.each([
  ['began page 2 before page 1 was complete', 1, 2],
  ['marked page 1 as the end of its log before the last part of it', 1, 1],
] as const)('a page has all its parts, in order: %s', (reason, first, second) => {
  const part = (type: string, page: number, parts: number, marked: boolean): ReceiverEvent => {
    const through = { revision: 3, typeOrder: 9, mesh: '', name: '' }
    const range = { kind: 'range', page, parts, cursorEpoch: 'e1', through } as const
    const purpose = marked ? { ...range, mark: markAt(3, 'a', 'b') } : range
    return rangeDelta('1', page, 3, { type, purpose })
  }
  const state = feedReceiver(receiverIn.live, part('Mesh', first, 3, false))
  const marked = second === 1
  const [after, effects] = stepReceiver(state, part('MeshService', second, 3, marked))
  expect([after.phase, effects]).toEqual(['closed', [{ type: 'violation', reason }]])
})

test('ISO: a list over what a Kuma takes is named with size and limit, and the next type goes on', () => {
  const subscribe = (resourceType: string): PlainSenderEvent => ({
    type: 'subscribe',
    resourceType,
    initialVersions: {},
    nowMs,
  })
  const head = { cursor: markAt(1).cursor, digest: digestOf([]) }
  const offer = offerOf('MeshService', 'huge', 'x'.repeat(plainListBytes))
  const events: readonly PlainSenderEvent[] = [
    { type: 'ready', nowMs },
    subscribe('MeshService'),
    subscribe('MeshTimeout'),
  ]
  const asked = events.reduce((s, e) => stepPlainSender(s, e)[0], newPlainSender)
  const [, effects] = stepPlainSender(asked, {
    type: 'stored',
    answer: { op: 'list', result: { offers: [offer], head } },
    nowMs,
  })
  expect(effects).toEqual([
    { type: 'tooLarge', resourceType: 'MeshService', sizeBytes: offerBytes(offer), limitBytes: plainListBytes },
    { type: 'store', op: { op: 'list', resourceType: 'MeshTimeout' } },
  ])
})

test('initial versions are honoured: only the difference is sent, and what is unknown is removed', () => {
  const [same, changed] = [offerOf('MeshService', 'same', 'v1'), offerOf('MeshService', 'changed', 'v2')]
  const initialVersions = { 'same.m': same.version, 'changed.m': 'old', 'gone.m': 'old' }
  const events: readonly PlainSenderEvent[] = [
    { type: 'ready', nowMs },
    { type: 'subscribe', resourceType: 'MeshService', initialVersions, nowMs },
  ]
  const asked = events.reduce((s, e) => stepPlainSender(s, e)[0], newPlainSender)
  const result = { offers: [same, changed], head: { cursor: markAt(1).cursor, digest: digestOf([]) } }
  const [, effects] = stepPlainSender(asked, { type: 'stored', answer: { op: 'list', result }, nowMs })
  expect(effects).toEqual([
    {
      type: 'send',
      message: { type: 'response', resourceType: 'MeshService', nonce: '1', offers: [changed], removals: ['gone.m'] },
    },
  ])
})

test('what a plain peer refused is remembered up to a bound, the newest', () => {
  const offers = Array.from({ length: plainRefusedMax + 2 }, (_, i) => offerOf('MeshService', `n${i}`, 'v1'))
  const result = { offers, head: { cursor: markAt(1).cursor, digest: digestOf([]) } }
  const events: readonly PlainSenderEvent[] = [
    { type: 'ready', nowMs },
    { type: 'subscribe', resourceType: 'MeshService', initialVersions: {}, nowMs },
    { type: 'stored', answer: { op: 'list', result }, nowMs },
    { type: 'nack', resourceType: 'MeshService', nonce: '1', message: 'no', nowMs },
  ]
  const doubts = events.reduce((s, e) => stepPlainSender(s, e)[0], newPlainSender).doubts.get('MeshService')
  expect([doubts?.size, doubts?.has('n1.m'), doubts?.has('n2.m')]).toEqual([plainRefusedMax, false, true])
})

test('a key that keeps changing and failing delays no other: the back-off is its own', () => {
  const nack = (nonce: string, atMs: number): PlainSenderEvent => ({
    type: 'nack',
    resourceType: 'T',
    nonce,
    message: 'no',
    nowMs: atMs,
  })
  const flying = (s: typeof newPlainSender, nonce: string, versions: readonly (readonly [string, string])[]) => ({
    ...s,
    subscriptions: new Map([
      ['T', { state: 'listed', since: 0, flight: { nonce, versions: new Map(versions) } } as const],
    ]),
  })
  const once = stepPlainSender(
    flying(newPlainSender, '1', [
      ['a.m', 'v1'],
      ['b.m', 'v1'],
    ]),
    nack('1', 0),
  )[0]
  const again = stepPlainSender(flying(once, '2', [['b.m', 'v2']]), nack('2', 50_000))[0]
  const same = stepPlainSender(flying(again, '3', [['b.m', 'v2']]), nack('3', 110_000))[0]
  expect(Object.fromEntries(same.doubts.get('T') ?? [])).toEqual({
    'a.m': { version: 'v1', tries: 1, sinceMs: 0, reason: 'no', retryAtMs: 60_000 },
    'b.m': { version: 'v2', tries: 2, sinceMs: 50_000, reason: 'no', retryAtMs: 230_000 },
  })
})

test('MONO: a page below what is stored is refused by name with an alarm, never applied, and the stream goes on', () => {
  const through = { revision: 0, typeOrder: 9, mesh: '', name: '' }
  const old = { kind: 'range', page: 1, parts: 1, cursorEpoch: 'e1', through } as const
  const [after, effects] = stepReceiver(receiverIn.live, rangeDelta('1', 1, 1, { purpose: old }))
  const refused = [{ key: 'b.m', reason: 'older: revision 0 is below 1, which is stored' }]
  expect([after.phase, effects]).toEqual([
    'live',
    [
      { type: 'older', what: 'MeshService', revision: 0, reached: 1 },
      { type: 'send', message: { type: 'nack', resourceType: 'MeshService', nonce: '1', refused } },
    ],
  ])
  const [, next] = stepReceiver(after, rangeDelta('2', 2, 3))
  expect(next.map((e) => (e.type === 'store' ? e.op.op : e.type))).toEqual(['apply'])
})

test('MONO: an older mark of a heartbeat is an alarm, and the store is not asked', () => {
  const [after, effects] = stepReceiver(receiverIn.live, { type: 'mark', mark: markAt(0), nowMs })
  expect([after.phase, effects]).toEqual(['live', [{ type: 'older', what: 'heartbeat', revision: 0, reached: 1 }]])
})
