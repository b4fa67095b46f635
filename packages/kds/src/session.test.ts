import { expect, test } from 'vitest'
import { endOf } from './position.js'
import { newReceiver } from './receiver-state.js'
import { stepSession } from './session.js'
import { newSession, type SessionEvent, type SessionState } from './session-state.js'
import { answerOf, configOf, feedSession, hello, markAt, receivedOf, sessionIn, storedOn } from './testing/states.js'
import { toyType } from './testing/toy.js'

const later: SessionEvent = { type: 'tick', nowMs: 31_000 }

test.each([
  ['reading', 'our own store has not answered where this zone stands'],
  ['awaiting-answer', 'the peer has not answered our hello'],
  ['awaiting-hello', 'the peer has not said hello'],
  ['admitting', 'our own store has not answered whether the zone may come in'],
  ['answering', 'our own store has not answered where the zone stands'],
] as const)('a handshake that is stuck in %s ends after 30 s', (phase, why) => {
  const [state, effects] = stepSession(sessionIn[phase], later)
  expect([state.phase, effects]).toEqual([
    'closed',
    [{ type: 'close', status: 'DEADLINE_EXCEEDED', reason: `no handshake within 30 s: ${why}` }],
  ])
})

test('a peer that showed the extension before is waited for as long as a handshake may take, never taken for a Kuma', () => {
  const known = newSession({ ...configOf('dialer'), peerIsHoldfast: true })
  const opened: SessionEvent = { type: 'opened', extension: false, nowMs: 0 }
  const late = feedSession(known, opened, { type: 'tick', nowMs: 29_000 })
  expect(late.phase).toBe('awaiting-headers')
  expect(feedSession(late, { type: 'headers', extension: true, nowMs: 29_000 }).phase).toBe('reading')
  expect(feedSession(late, { type: 'headers', extension: false, nowMs: 29_000 }).phase).toBe('plain')
  const [state, effects] = stepSession(late, later)
  expect([state.phase, effects]).toEqual([
    'closed',
    [
      {
        type: 'close',
        status: 'DEADLINE_EXCEEDED',
        reason: 'no handshake within 30 s: the peer has not sent the headers of ZoneToGlobalSync',
      },
    ],
  ])
})

test('VIP-5: what a Kuma has told a store that recovers is said again when it is ready; where nothing was heard, the session goes on', () => {
  const ready: SessionEvent = { type: 'storeState', state: 'ready', nowMs: 2 }
  const response = { type: 'response', resourceType: 'MeshService', nonce: '1', offers: [], removals: [] } as const
  const config = { ...configOf('acceptor'), state: 'recovering', plainTypes: ['MeshService'] } as const
  const silent = feedSession(newSession(config), { type: 'opened', extension: false, nowMs: 0 })
  expect(feedSession(silent, ready).phase).toBe('plain')
  const asked = feedSession(silent, { type: 'receivedPlain', message: response, nowMs: 1 })
  const result = { refused: [], warnings: [], writtenRows: 0, heldKeys: [] }
  const kept = feedSession(asked, storedOn('up', { op: 'apply', result }))
  expect([asked, kept].map((state) => feedSession(state, ready).phase)).toEqual(['closed', 'closed'])
})

test('VIP-5: a session that does not know that its store recovers hears of it when it keeps what a Kuma has told it', () => {
  const response = { type: 'response', resourceType: 'MeshService', nonce: '1', offers: [], removals: [] } as const
  const kept = (state: 'ready' | 'recovering', recovering: boolean) =>
    feedSession(
      newSession({ ...configOf('acceptor'), state, plainTypes: ['MeshService'] }),
      { type: 'opened', extension: false, nowMs: 0 },
      { type: 'receivedPlain', message: response, nowMs: 1 },
      storedOn('up', {
        op: 'apply',
        result: { refused: [], warnings: [], writtenRows: 0, heldKeys: [], ...(recovering ? { recovering } : {}) },
      }),
    ).phase
  expect([kept('ready', false), kept('ready', true), kept('recovering', true)]).toEqual(['plain', 'closed', 'plain'])
})

test('a heartbeat that was overtaken on the other stream is no alarm; on its own stream it is one', () => {
  const older = (role: 'dialer' | 'acceptor', channel: 'down' | 'up'): readonly string[] => {
    const { machines } = sessionIn.open
    const reached = { epoch: 'e1', position: endOf(9) }
    const receiver = { role: 'receiver', state: { ...newReceiver, ...enterLive, reached } } as const
    const open = { ...sessionIn.open, config: configOf(role), machines: { ...machines, [channel]: receiver } }
    const heartbeat = { sequence: 1, mark: markAt(1), ackedRevision: 0, faults: [] }
    const [, effects] = stepSession(open, receivedOf({ type: 'heartbeat', heartbeat }))
    return effects.flatMap((e) => (e.type === 'report' ? [e.report.type] : []))
  }
  expect([older('acceptor', 'up'), older('dialer', 'down')]).toEqual([[], ['older']])
})

const enterLive = { phase: 'live' } as const

test('a stream that falls silent alone ends the session when an answer has been owed for a minute', () => {
  const { up } = sessionIn.open.machines
  if (up.role !== 'sender') throw new Error('a zone sends what goes up')
  const flight = { nonce: '1', purpose: 'range' } as const
  const sent = { ...up, state: { ...up.state, flights: new Map([['T', flight]]) } }
  const owed: SessionState = { ...sessionIn.open, machines: { ...sessionIn.open.machines, up: sent } }
  /** A minute of the peer's heartbeats, of which the last tick counts. */
  const minute = (from: SessionState, heard: readonly SessionEvent[]): readonly [string, readonly unknown[]] => {
    let now = feedSession(from, ...heard)
    let effects: readonly unknown[] = []
    for (let nowMs = from.beats.tickedAtMs + 5_000; nowMs <= from.beats.tickedAtMs + 60_000; nowMs += 5_000)
      [now, effects] = stepSession(feedSession(now, beatAt(nowMs)), { type: 'tick', nowMs })
    return [now.phase, effects]
  }
  expect(minute(owed, [])).toEqual([
    'closed',
    [
      {
        type: 'close',
        status: 'UNAVAILABLE',
        reason: 'no answer on ZoneToGlobalSync for 60 s, while heartbeats arrive',
      },
    ],
  ])
  expect(minute(sessionIn.open, [])[0]).toBe('open')
  const halfway = feedSession(owed, beatAt(20_000), { type: 'tick', nowMs: 20_000 })
  const ack = receivedOf({
    type: 'to-sender',
    channel: 'up',
    message: { type: 'ack', resourceType: 'T', nonce: '1' },
  })
  expect(minute(halfway, [ack])[0]).toBe('open')
})

const beatAt = (nowMs: number): SessionEvent => ({
  type: 'received',
  message: { type: 'heartbeat', heartbeat: { sequence: 1, ackedRevision: 0, faults: [] } },
  nowMs,
})

test('another hash algorithm is refused with what to do, and nothing is read for it', () => {
  const other = receivedOf({ type: 'hello', hello: { ...hello, hashAlgorithm: 2 } })
  const reason = 'hash algorithm 2 is not known here, this is 1: upgrade global'
  const [, effects] = stepSession(sessionIn['awaiting-hello'], other)
  expect(effects).toEqual([
    { type: 'send', message: { type: 'refused-entry', reason } },
    { type: 'close', status: 'FAILED_PRECONDITION', reason },
  ])
})

test('OWN: after its close a session has no effects, whatever still arrives', () => {
  const closed = feedSession(sessionIn.open, { type: 'streamClosed', stream: 'up', reason: 'reset', nowMs: 2000 })
  const events: readonly SessionEvent[] = [
    answerOf,
    { type: 'stored', channel: 'down', answer: { op: 'mark', result: markAt(1) }, nowMs: 2000 },
    { type: 'tick', nowMs: 99_000 },
    { type: 'advanced', channel: 'up', nowMs: 2000 },
    { type: 'stop', reason: 'again', nowMs: 2000 },
  ]
  expect(events.map((e) => stepSession(closed, e)[1])).toEqual(events.map(() => []))
})

test('a start that overtakes the answer on the other stream is taken, and the answer does not undo it', () => {
  const start = receivedOf({
    type: 'to-sender',
    channel: 'up',
    message: { type: 'start', standing: { offered: markAt(0).digest } },
  })
  const [state, effects] = stepSession(sessionIn['awaiting-answer'], start)
  expect(effects.map((e) => (e.type === 'store' ? [e.channel, e.op.op] : e.type))).toEqual([['up', 'compare']])
  const [, more] = stepSession(state, answerOf)
  expect(more.map((e) => (e.type === 'store' ? [e.channel, e.op.op] : e.type))).toEqual([
    'met',
    'report',
    ['status', 'acked'],
  ])
})

test('every channel has one direction: what comes the wrong way ends the session', () => {
  const wrong = receivedOf({
    type: 'to-sender',
    channel: 'down',
    message: { type: 'ask', resourceType: 'T', keys: [] },
  })
  const reason = 'the peer spoke to a sender of down, which it sends itself'
  expect(stepSession(sessionIn.open, wrong)[1]).toEqual([{ type: 'close', status: 'INVALID_ARGUMENT', reason }])
})

test('a machine of ours that finds another log in our store closes the session', () => {
  const state = feedSession(sessionIn.open, { type: 'tick', nowMs: 6000 })
  const answered = { type: 'stored', channel: 'up', answer: { op: 'acked', result: null }, nowMs: 6000 } as const
  const looked = { op: 'mark', result: { ...markAt(0), cursor: { epoch: 'e9', revision: 0, tag: 't0' } } } as const
  const ready = feedSession(state, answered)
  expect(stepSession(ready, { type: 'stored', channel: 'up', answer: looked, nowMs: 6000 })[1]).toEqual([
    {
      type: 'close',
      status: 'UNAVAILABLE',
      reason: 'our own store changed: the log is now e9, it was e1 (up)',
    },
  ])
})

test('an acceptor whose peer has another type set goes on and says so', () => {
  const acceptor = feedSession(newSession(configOf('acceptor', { typeSet: 'other' })), {
    type: 'opened',
    extension: true,
    nowMs: 1000,
  })
  const [state, effects] = stepSession(acceptor, receivedOf({ type: 'hello', hello }))
  expect([state.phase, effects[0]]).toEqual(['admitting', { type: 'typeSetDiffers', ours: 'other', theirs: 'types' }])
})

/** What a session says in its heartbeats from one to another moment, by its own ticks. */
function beatsOf(from: SessionState, fromMs: number, throughMs: number) {
  const said: (readonly [atMs: number, report: string | undefined, kept: string | undefined])[] = []
  let now = from
  for (let nowMs = fromMs; nowMs <= throughMs; nowMs += 1_000) {
    const [next, effects] = stepSession(now, { type: 'tick', nowMs })
    now = next
    for (const e of effects)
      if (e.type === 'send' && e.message.type === 'heartbeat')
        said.push([nowMs, e.message.heartbeat.report?.hash, e.message.heartbeat.reportKept])
  }
  return [now, said] as const
}

const heardBeat = (reportKept?: string): SessionEvent =>
  receivedOf({
    type: 'heartbeat',
    heartbeat: { sequence: 1, ackedRevision: 0, faults: [], ...(reportKept === undefined ? {} : { reportKept }) },
  })

test('LKG: what is refused is said until the peer has kept it, at once when it changes, and an end of it is said too', () => {
  const report = { hash: 'ab'.repeat(8), body: '{}' }
  const told = feedSession(sessionIn.open, { type: 'reports', report, kept: 'cd'.repeat(8), nowMs: 0 })
  // Nobody knows yet what the peer has kept: an idle reconnect says nothing of it.
  const [before, first] = beatsOf(told, 1_000, 11_000)
  const said = (beats: typeof first) => [beats.length > 1, new Set(beats.map(([, hash]) => hash))]
  expect(said(first)).toEqual([true, new Set([undefined])])
  expect(first.map(([, , kept]) => kept)).toEqual(first.map(() => 'cd'.repeat(8)))
  const [asked, again] = beatsOf(feedSession(before, heardBeat()), 12_000, 22_000)
  expect(said(again)).toEqual([true, new Set([report.hash])])
  const [quiet, none] = beatsOf(feedSession(asked, heardBeat(report.hash)), 23_000, 33_000)
  expect(said(none)).toEqual([true, new Set([undefined])])
  const ended = feedSession(quiet, { type: 'reports', report: { hash: '', body: '' }, kept: '', nowMs: 33_500 })
  expect(beatsOf(ended, 34_000, 34_000)[1]).toEqual([[34_000, '', undefined]])
})

test('LKG: a report of the peer that is kept already is not told again', () => {
  const report = { hash: 'ab'.repeat(8), body: '{}' }
  const heard = receivedOf({ type: 'heartbeat', heartbeat: { sequence: 1, ackedRevision: 0, faults: [], report } })
  const reported = (s: SessionState) => stepSession(s, heard)[1].filter((e) => e.type === 'reported')
  expect(reported(sessionIn.open)).toEqual([{ type: 'reported', report }])
  const kept: SessionEvent = { type: 'reports', report: { hash: '', body: '' }, kept: report.hash, nowMs: 0 }
  expect(reported(feedSession(sessionIn.open, kept))).toEqual([])
})

const types = (side: 'dialer' | 'acceptor', wanted: boolean) =>
  ({ type: 'types', typeSet: side, types: [toyType('Gadget')], wanted }) as const

test('UNKNOWN: types are said once a session, and only where the sets differ', () => {
  const open = feedSession(sessionIn.open, receivedOf(types('acceptor', true)))
  expect(open.phase).toBe('open')
  const [again, effects] = stepSession(open, receivedOf(types('acceptor', false)))
  expect([again.phase, effects]).toEqual([
    'closed',
    [{ type: 'close', status: 'INVALID_ARGUMENT', reason: 'the peer said its types twice' }],
  ])
  // Nobody has met yet.
  const [early] = stepSession(sessionIn['awaiting-hello'], receivedOf(types('dialer', false)))
  expect(early.phase).toBe('closed')
})

test('a question that overtakes the answer on the other stream waits for it, and is asked then', () => {
  const ask = { type: 'ask', resourceType: 'MeshService', keys: ['web.default'] } as const
  const early = feedSession(
    sessionIn['awaiting-answer'],
    receivedOf({ type: 'to-sender', channel: 'status', message: ask }),
  )
  expect(early.phase).toBe('awaiting-answer')
  const open = feedSession(early, answerOf)
  expect(open.phase).toBe('open')
  // The store of that channel does one thing at a time.
  const [, effects] = stepSession(open, storedOn('status', { op: 'acked', result: null }))
  expect(effects).toContainEqual({
    type: 'store',
    channel: 'status',
    op: { op: 'keys', resourceType: 'MeshService', keys: ['web.default'] },
  })
})
