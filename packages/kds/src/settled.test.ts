import { expect, test } from 'vitest'
import type { Heartbeat, Settled } from './messages.js'
import { stepSession } from './session.js'
import { heardSettled } from './session-settled.js'
import { newSession, type SessionState } from './session-state.js'
import type { SettledFacts, StoreOp } from './sync-store.js'
import { at, configOf, markAt, receivedOf, sessionIn, storedOn } from './testing/states.js'

/** An open session whose receiver has proven this revision of the peer's log. */
function proven(role: 'dialer' | 'acceptor', revision: number, from?: SessionState): SessionState {
  const open: SessionState = from ?? {
    ...newSession(configOf(role)),
    phase: 'open',
    beats: { ...sessionIn.open.beats, nextAtMs: 0, tickedAtMs: 0, silentMs: 0 },
  }
  const channel = role === 'dialer' ? 'down' : 'up'
  const machine = open.machines[channel]
  if (machine.role !== 'receiver') throw new Error(`${channel} is sent`)
  const state = { ...machine.state, proven: { mark: markAt(revision, 'a'), atMs: 0 } }
  return { ...open, machines: { ...open.machines, [channel]: { role: 'receiver', state } } }
}

/** One heartbeat: what it says, and what the store is asked about it. */
function beat(s: SessionState): readonly [SessionState, said: Settled | undefined, asked: readonly StoreOp['op'][]] {
  const [next, effects] = stepSession(s, { type: 'tick', nowMs: s.beats.nextAtMs })
  const alive = { ...next, beats: { ...next.beats, silentMs: 0 } }
  const [said] = effects.flatMap((e) =>
    e.type === 'send' && e.message.type === 'heartbeat' ? [e.message.heartbeat] : [],
  )
  const ops = effects.flatMap((e) => (e.type === 'store' && e.op.op === 'settled' ? [e.op.op] : []))
  return [alive, said?.settled, ops]
}

const answer = (s: SessionState, facts: Partial<SettledFacts>): SessionState => {
  const channel = s.config.role === 'dialer' ? 'down' : 'up'
  const result = { except: [], head: 0, others: 0, ...facts }
  return stepSession(s, storedOn(channel, { op: 'settled', result }))[0]
}

test('VIP-3: a zone says how far it has let go of what is gone, and of whom it still keeps something', () => {
  const [asked, nothing, ops] = beat(proven('dialer', 5))
  expect([nothing, ops]).toEqual([undefined, ['settled']])
  // Until its store has answered it is not asked again.
  expect(beat(asked)[2]).toEqual([])
  const [held, said, again] = beat(answer(asked, { except: ['west'] }))
  expect([said, again]).toEqual([{ cursor: at(5), except: ['west'] }, ['settled']])
  const [free, , quiet] = beat(answer(held, {}))
  expect(quiet).toEqual([])
  expect(beat(free)[1]).toEqual({ cursor: at(5), except: [] })
  expect(beat(proven('dialer', 6, free))[2]).toEqual(['settled'])
})

test('VIP-3: global says that a removal is settled when every other zone has come to where it stood then', () => {
  const [first] = beat(proven('acceptor', 7))
  const waiting = answer(first, { head: 30, others: 29 })
  const [second, none] = beat(waiting)
  expect(none).toBeUndefined()
  // Meanwhile the zone has removed more, which nobody can have seen at 30.
  const [third, , ops] = beat(proven('acceptor', 9, answer(second, { head: 35, others: 29 })))
  expect(ops).toEqual(['settled'])
  const [fourth, said] = beat(answer(third, { head: 36, others: 31 }))
  expect(said).toEqual({ cursor: at(7), except: [] })
  const [, later, quiet] = beat(answer(fourth, { head: 36, others: 36 }))
  expect([later, quiet]).toEqual([{ cursor: at(9), except: [] }, []])
})

test('VIP-3: what global itself holds of a zone is not settled, whoever else has let go of it', () => {
  const [first] = beat(proven('acceptor', 7))
  const [second, none] = beat(answer(first, { head: 30, others: 40, except: ['east'] }))
  expect(none).toBeUndefined()
  expect(beat(answer(second, { head: 30, others: 40 }))[1]).toEqual({ cursor: at(7), except: [] })
})

test('VIP-3: a zone alone waits for global only', () => {
  const [first] = beat(proven('acceptor', 7))
  expect(beat(answer(first, { head: 30, others: 30 }))[1]).toEqual({ cursor: at(7), except: [] })
})

test('what the peer has settled is written down once, under its own channel, and again when it changes', () => {
  const heartbeat = (settled: Settled): Heartbeat => ({ sequence: 1, ackedRevision: 0, faults: [], settled })
  const settled = { cursor: at(3), except: ['east'] }
  const writes = (s: SessionState, said: Settled) => {
    const [next, effects] = stepSession(s, receivedOf({ type: 'heartbeat', heartbeat: heartbeat(said) }))
    return [next, effects.flatMap((e) => (e.type === 'store' && e.op.op === 'peer-settled' ? [e] : []))] as const
  }
  const [once, first] = writes(proven('acceptor', 1), settled)
  expect(first).toEqual([{ type: 'store', channel: 'down', op: { op: 'peer-settled', settled } }])
  expect(writes(once, settled)[1]).toEqual([])
  expect(writes(once, { ...settled, except: [] })[1]).toHaveLength(1)
  expect(heardSettled(proven('dialer', 1), settled)[1]).toMatchObject([{ channel: 'up' }])
})
