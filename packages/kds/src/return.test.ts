import { expect, test } from 'vitest'
import { stepSession } from './session.js'
import { newSession, type SessionEvent, type SessionState } from './session-state.js'
import {
  answerOf,
  at,
  configOf,
  digest,
  feedSession,
  hello,
  markAt,
  receivedOf,
  sessionIn,
  storedOn,
} from './testing/states.js'

/** What a zone gets back whose store was lost or put back, as far as one session is concerned. */
const nowMs = 1000
const owed: SessionEvent = storedOn('down', { op: 'admit', result: { admitted: true, owesReturn: true } })
const kindsOf = (effects: ReturnType<typeof stepSession>[1]): readonly unknown[] =>
  effects.map((e) => (e.type === 'store' ? [e.channel, e.op.op] : e.type === 'send' ? e.message.type : e.type))

test('EMPTY: of a zone that is owed what an earlier store wrote, global receives nothing before that is back', () => {
  const [answering, effects] = stepSession(sessionIn.admitting, owed)
  // Neither standing is read: nothing is asked of what the zone would send.
  expect(kindsOf(effects)).toEqual(['met', ['down', 'compare']])
  const compared: SessionEvent = storedOn('down', {
    op: 'compare',
    result: { head: markAt(1, 'a'), cursor: 'known', typeDigests: [] },
  })
  const [open, said] = stepSession(answering, compared)
  expect(open.phase).toBe('open')
  expect(said.filter((e) => e.type === 'send')).toMatchObject([
    { message: { type: 'answer', answer: { owesReturn: true, upInStep: false, statusInStep: false } } },
  ])
  expect([open.machines.up.state.phase, open.machines.status.state.phase]).toEqual(['idle', 'idle'])
  // And it asks nothing later on either.
  const [, ticked] = stepSession(open, { type: 'tick', nowMs: 6_000 })
  expect(ticked.filter((e) => e.type === 'store' && e.channel !== 'down')).toEqual([])
})

const owing = receivedOf({
  type: 'answer',
  answer: { storeId: 'g', state: 'ready', upInStep: false, statusInStep: false, owesReturn: true, version: '0' },
})

test('a zone that learns that it is owed something ends the session, to recover before the next one', () => {
  const [state, effects] = stepSession(sessionIn['awaiting-answer'], owing)
  expect([state.phase, kindsOf(effects)]).toEqual(['closed', ['owedReturn', 'close']])
})

test('a zone that recovers asks in this very session, page by page', () => {
  const recovering = { ...sessionIn['awaiting-answer'], storeState: 'recovering' } satisfies SessionState
  const [open, effects] = stepSession(recovering, owing)
  expect([open.phase, kindsOf(effects)]).toEqual(['open', ['met']])
  const [, asked] = stepSession(open, { type: 'say', message: { type: 'recall', after: '', done: false }, nowMs })
  expect(asked).toEqual([{ type: 'send', message: { type: 'recall', after: '', done: false } }])
  const [, answered] = stepSession(open, receivedOf({ type: 'recalled', body: '{}', error: '' }))
  expect(answered).toEqual([{ type: 'recalled', body: '{}', error: '' }])
})

test('a recall goes up and its page comes down; the other way round ends the session', () => {
  const global = feedSession(
    newSession(configOf('acceptor')),
    { type: 'opened', extension: true, nowMs },
    receivedOf({ type: 'hello', hello }),
    owed,
    storedOn('down', { op: 'compare', result: { head: markAt(1, 'a'), cursor: 'known', typeDigests: [] } }),
  )
  expect(stepSession(global, receivedOf({ type: 'recall', after: 'x', done: true }))[1]).toEqual([
    { type: 'recallAsked', after: 'x', done: true },
  ])
  expect(stepSession(global, receivedOf({ type: 'recalled', body: '', error: '' }))[0].phase).toBe('closed')
  expect(stepSession(sessionIn.open, receivedOf({ type: 'recall', after: '', done: false }))[0].phase).toBe('closed')
})

test('MONO: a zone whose log is not what global has heard says nothing of itself: it ends the session and recovers', () => {
  const standing = { cursor: at(9), offered: digest('a', 'b') }
  const started = receivedOf({ type: 'to-sender', channel: 'up', message: { type: 'start', standing } })
  const state = feedSession(sessionIn['awaiting-answer'], started, answerOf)
  const facts = { head: markAt(1, 'a'), cursor: 'contradiction', typeDigests: [] } as const
  const [after, effects] = stepSession(state, storedOn('up', { op: 'compare', result: facts }))
  expect([after.phase, kindsOf(effects)]).toEqual(['closed', ['report', 'close']])
})
