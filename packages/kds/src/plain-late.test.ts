import { expect, test } from 'vitest'
import { plainLateMax, plainListBytes, plainSlowMs, plainTooLargeRetryMs, plainTypesMax } from './constants.js'
import type { Offer } from './messages.js'
import { stepPlainSender } from './plain-sender.js'
import {
  newPlainSender,
  type PlainSenderEffect,
  type PlainSenderEvent,
  type PlainSenderState,
} from './plain-sender-state.js'
import { endOf } from './position.js'
import { offerBytes } from './sizes.js'
import type { LogItem, StoreAnswer } from './sync-store.js'
import { markAt } from './testing/states.js'
import { digestOf, offerOf } from './testing/toy.js'

// A Kuma that does not answer one type, or may not receive it, gets all the others.

const subscribe = (resourceType: string): PlainSenderEvent => {
  return { type: 'subscribe', resourceType, initialVersions: {}, nowMs: 0 }
}
const ack = (resourceType: string, nonce: string): PlainSenderEvent => ({ type: 'ack', resourceType, nonce, nowMs: 0 })
const tick = (nowMs: number): PlainSenderEvent => ({ type: 'tick', nowMs })
const stored = (answer: StoreAnswer): PlainSenderEvent => ({ type: 'stored', answer, nowMs: 0 })
const list = (offers: readonly Offer[], revision = 1): PlainSenderEvent =>
  stored({ op: 'list', result: { offers, head: { cursor: markAt(revision).cursor, digest: digestOf([]) } } })
const page = (revision: number, items: readonly LogItem[]): PlainSenderEvent =>
  stored({
    op: 'changes',
    result: { items, epoch: markAt(1).cursor.epoch, through: endOf(revision), head: markAt(revision) },
  })
const changeOf = (type: string, offer: Offer, revision: number): LogItem => {
  const { mesh, name } = offer.resource
  return { type, position: { revision, typeOrder: 0, mesh, name }, change: { offer }, sizeBytes: offerBytes(offer) }
}

function feed(
  state: PlainSenderState,
  ...events: readonly PlainSenderEvent[]
): readonly [PlainSenderState, readonly PlainSenderEffect[]] {
  return events.reduce<readonly [PlainSenderState, readonly PlainSenderEffect[]]>(
    ([s], e) => stepPlainSender(s, e),
    [state, []],
  )
}

/** Both types have been listed, and only Mesh is answered. */
const unanswered = feed(
  newPlainSender,
  { type: 'ready', nowMs: 0 },
  subscribe('Mesh'),
  subscribe('MeshService'),
  list([]),
  list([offerOf('MeshService', 'web', 'v1')]),
  ack('Mesh', '1'),
)[0]
const slow = feed(unanswered, tick(0), tick(plainSlowMs))

test('ISO: a type that is not answered holds the others up no longer than it may be slow', () => {
  const early = feed(unanswered, tick(0), tick(plainSlowMs - 1))
  expect(early[1]).toEqual([])
  expect(slow[1]).toMatchObject([{ type: 'store', op: { op: 'changes' } }])
  const mesh = offerOf('Mesh', 'default', 'v1')
  const [, effects] = feed(slow[0], page(2, [changeOf('Mesh', mesh, 2)]))
  expect(effects).toMatchObject([{ type: 'send', message: { resourceType: 'Mesh', offers: [mesh] } }])
})

test('of a slow type only keys are kept; what they are is read when it is answered, and then all of it counts as acked', () => {
  const [web, cart] = [offerOf('MeshService', 'web', 'v2'), offerOf('MeshService', 'cart', 'v1')]
  const [behind, nothing] = feed(slow[0], page(3, [changeOf('MeshService', web, 2), changeOf('MeshService', cart, 3)]))
  expect([nothing, behind.waiting, behind.late.get('MeshService')]).toEqual([[], [], new Set(['web.m', 'cart.m'])])
  const [reading, read] = feed(behind, ack('MeshService', '2'))
  expect(read).toEqual([{ type: 'store', op: { op: 'keys', resourceType: 'MeshService', keys: ['web.m', 'cart.m'] } }])
  // Nothing is acked before what was left behind is.
  expect(reading.acked).toBeUndefined()
  const answer = { op: 'keys', result: { offers: [web], removals: [], absent: ['cart.m'] } } as const
  const [sent, effects] = feed(reading, stored(answer))
  expect(effects).toMatchObject([
    { type: 'send', message: { resourceType: 'MeshService', nonce: '3', offers: [web], removals: ['cart.m'] } },
  ])
  expect(feed(sent, ack('MeshService', '3'))[0].acked).toEqual(markAt(3).cursor)
})

test('FLOW: a peer that lets more changes than that pass unanswered begins anew', () => {
  const items = Array.from({ length: plainLateMax + 1 }, (_, i) =>
    changeOf('MeshService', offerOf('MeshService', `n${i}`, 'v1'), 2),
  )
  const [closed, effects] = feed(slow[0], page(2, items))
  const reason = `does not answer MeshService, of which more than ${plainLateMax} resources have changed since`
  expect([closed.phase, effects]).toEqual(['closed', [{ type: 'violation', reason }]])
})

/** What is sent and what is left out, by name: the resources are as large as a message. */
const namesIn = (effects: readonly PlainSenderEffect[]): readonly unknown[] =>
  effects.map((effect) =>
    effect.type === 'send' ? effect.message.offers.map(({ resource }) => resource.name) : effect,
  )

test('ISO: changes are sent in parts that a Kuma receives, and one that is too large alone is named and left out', () => {
  const half = 'x'.repeat(plainListBytes / 2)
  const huge = offerOf('MeshService', 'huge', 'x'.repeat(plainListBytes))
  const [idle] = feed(unanswered, ack('MeshService', '2'), { type: 'advanced', nowMs: 0 })
  const items = [offerOf('MeshService', 'a', half), huge, offerOf('MeshService', 'b', half)]
  const [first, effects] = feed(
    idle,
    page(
      2,
      items.map((offer) => changeOf('MeshService', offer, 2)),
    ),
  )
  const [sizeBytes, limitBytes] = [offerBytes(huge), plainListBytes]
  const left = { type: 'tooLarge', resourceType: 'MeshService', key: 'huge.m', sizeBytes, limitBytes }
  expect(namesIn(effects)).toEqual([left, ['a']])
  const [second, more] = feed(first, ack('MeshService', '3'))
  expect([namesIn(more), second.acked]).toEqual([[['b']], undefined])
})

test('ISO: removals take their room in a response: what they and the changes have together is cut as well', () => {
  const [idle] = feed(unanswered, ack('MeshService', '2'), { type: 'advanced', nowMs: 0 })
  const [offer, other] = ['a', 'b'].map((name) => offerOf('MeshService', name, 'x'.repeat(plainListBytes / 2 - 1_000)))
  if (offer === undefined || other === undefined) throw new Error('two offers')
  const gone = Array.from({ length: 100 }, (_, i): LogItem => {
    const key = `gone-${i}.m`
    const position = { revision: 3 + i, typeOrder: 0, mesh: 'm', name: `gone-${i}` }
    return { type: 'MeshService', position, sizeBytes: 100, change: { removal: { key, deletedAtMs: 0 } } }
  })
  const items = [changeOf('MeshService', offer, 2), changeOf('MeshService', other, 2), ...gone]
  const [first, effects] = feed(idle, page(200, items))
  const [, more] = feed(first, ack('MeshService', '3'))
  const parts = [...effects, ...more].flatMap((effect) =>
    effect.type === 'send' ? [[effect.message.offers.length, effect.message.removals.length]] : [],
  )
  expect([parts.length, parts.reduce((sum, [, removals = 0]) => sum + removals, 0)]).toEqual([2, 100])
  expect(parts[0]?.[0]).toBe(2)
  const sizeOf = (bytes: number, count: number): number => bytes + count * (9 + 24)
  expect(sizeOf(offerBytes(offer) + offerBytes(other), parts[0]?.[1] ?? 0)).toBeLessThanOrEqual(plainListBytes)
})

test('a list that was too large is read again a minute later, if anything has changed', () => {
  const [large, told] = feed(
    newPlainSender,
    { type: 'ready', nowMs: 0 },
    subscribe('MeshService'),
    list([offerOf('MeshService', 'huge', 'x'.repeat(plainListBytes))]),
  )
  expect(told).toMatchObject([{ type: 'tooLarge', resourceType: 'MeshService' }])
  // The log is read from where the first list that was sent stands: without any there is nothing to follow.
  const [both] = feed(large, subscribe('Mesh'), list([]), ack('Mesh', '1'), tick(0))
  const acked = stored({ op: 'acked', result: null })
  const still = feed(both, page(1, []), acked, tick(plainTooLargeRetryMs))
  expect(still[1]).toMatchObject([{ type: 'store', op: { op: 'changes' } }])
  const [, effects] = feed(still[0], page(2, []), acked, tick(plainTooLargeRetryMs + 1))
  expect(effects).toEqual([{ type: 'store', op: { op: 'list', resourceType: 'MeshService' } }])
})

test('FLOW: more types than there can be end the stream', () => {
  const types = Array.from({ length: plainTypesMax }, (_, i) => `Type${i}`)
  const [full] = feed(newPlainSender, ...types.map(subscribe))
  expect(feed(full, subscribe('Type0'))[0].phase).toBe('holding')
  const reason = `subscribed to more than ${plainTypesMax} types, the last one was Type${plainTypesMax}`
  expect(feed(full, subscribe(`Type${plainTypesMax}`))[1]).toEqual([{ type: 'violation', reason }])
})
