import { expect, test } from 'vitest'
import { plainRepeatMs } from './constants.js'
import {
  newPlainReceiver,
  type PlainReceiverEffect,
  type PlainReceiverEvent,
  type PlainReceiverState,
  stepPlainReceiver,
} from './plain-receiver.js'
import { stepSession } from './session.js'
import { newSession, type SessionEffect, type SessionState } from './session-state.js'
import { configOf, feedSession } from './testing/states.js'
import { offerOf } from './testing/toy.js'

// A Kuma that has forgotten that we wait, and one that has nothing to say.

function feed(
  state: PlainReceiverState,
  ...events: readonly PlainReceiverEvent[]
): readonly [PlainReceiverState, readonly PlainReceiverEffect[]] {
  return events.reduce<readonly [PlainReceiverState, readonly PlainReceiverEffect[]]>(
    ([s], e) => stepPlainReceiver(s, e),
    [state, []],
  )
}

const response = (resourceType: string, nonce: string): PlainReceiverEvent => ({
  type: 'response',
  resourceType,
  nonce,
  offers: [offerOf(resourceType, 'web', nonce)],
  removals: [],
  nowMs: 0,
})
const stored = (reason?: string): PlainReceiverEvent => {
  const refused = reason === undefined ? [] : [{ key: 'web.m', reason }]
  const result = { refused, warnings: [], writtenRows: 0, heldKeys: [] }
  return { type: 'stored', answer: { op: 'apply', result }, nowMs: 0 }
}
const tick = (nowMs: number): PlainReceiverEvent => ({ type: 'tick', nowMs })
const saidIn = (effects: readonly PlainReceiverEffect[]): readonly unknown[] =>
  effects.flatMap((effect): readonly unknown[] => (effect.type === 'send' ? [effect.message] : []))

/** One list was acknowledged, one refused, and of one nothing has come. */
const [answered] = feed(
  newPlainReceiver(['Mesh', 'MeshService', 'MeshTimeout']),
  { type: 'open', nowMs: 0 },
  response('Mesh', '1'),
  stored(),
  response('MeshService', '2'),
  stored('bad'),
)
const ack = { type: 'ack', resourceType: 'Mesh', nonce: '1' }
const nack = { type: 'nack', resourceType: 'MeshService', nonce: '2', message: 'web.m: bad' }

test('HEAL: what was answered is said again, as it was, every half minute: a Kuma that has forgotten that we wait tells us what it has', () => {
  expect(saidIn(feed(answered, tick(plainRepeatMs - 1))[1])).toEqual([])
  const [again, effects] = feed(answered, tick(plainRepeatMs))
  expect(saidIn(effects)).toEqual([ack, nack])
  expect(saidIn(feed(again, tick(2 * plainRepeatMs - 1))[1])).toEqual([])
  expect(saidIn(feed(again, tick(2 * plainRepeatMs))[1])).toEqual([ack, nack])
  // It is no new list: what it does not have is nothing that is missing.
  const [, applied] = feed(again, response('Mesh', '3'))
  expect(applied).toMatchObject([{ type: 'store', op: { op: 'apply', batch: { type: 'Mesh' } } }])
  expect(JSON.stringify(applied)).not.toContain('wholeList')
})

test('what is under way is answered anyway: nothing of its type is said again before', () => {
  const [busy] = feed(answered, response('Mesh', '3'), response('MeshService', '4'))
  expect(saidIn(feed(busy, tick(plainRepeatMs))[1])).toEqual([])
  const [, effects] = feed(busy, stored(), stored(), tick(plainRepeatMs))
  expect(saidIn(effects)).toEqual([
    { ...ack, nonce: '3' },
    { type: 'ack', resourceType: 'MeshService', nonce: '4' },
  ])
})

test('EMPTY: a Kuma zone that says nothing is waited for however long, and nothing of its types is taken for empty', () => {
  const opened = newSession({ ...configOf('acceptor'), plainTypes: ['Mesh', 'MeshService'] })
  const asked = feedSession(opened, { type: 'opened', extension: false, nowMs: 0 })
  let now: SessionState = asked
  const effects: SessionEffect[] = []
  for (let nowMs = 1_000; nowMs <= 3_600_000; nowMs += 1_000) {
    const [next, more] = stepSession(now, { type: 'tick', nowMs })
    now = next
    effects.push(...more)
  }
  expect([now.phase, effects]).toEqual(['plain', []])
})
