import { expect, test } from 'vitest'
import {
  newPlainReceiver,
  type PlainReceiverEvent,
  type PlainReceiverState,
  stepPlainReceiver,
} from './plain-receiver.js'
import { stepPlainSender } from './plain-sender.js'
import { newPlainSender, type PlainSenderEvent, type PlainSenderState } from './plain-sender-state.js'
import { stepReceiver } from './receiver.js'
import type { ReceiverEvent, ReceiverPhase } from './receiver-state.js'
import { stepSender } from './sender.js'
import type { SenderEvent, SenderPhase } from './sender-state.js'
import { stepSession } from './session.js'
import type { SessionEvent, SessionPhase } from './session-state.js'
import {
  digest,
  hello,
  markAt,
  present,
  presented,
  rangeDelta,
  receivedOf,
  receiverIn,
  repair,
  senderIn,
  sessionIn,
  started,
} from './testing/states.js'

/**
 * Every (phase, event): the phase that follows, and the effects in order. The compiler asks for each cell. An event
 * `stored` is left out: it answers what was asked, and is in the golden conversations.
 */
type Cells<Phase extends string, Event extends string> = Record<Phase, Record<Event, string>>

const brief = (effect: { readonly type: string }): string => {
  if ('op' in effect) return `${effect.type}:${typeOf(effect.op, 'op')}`
  return 'message' in effect ? `${effect.type}:${typeOf(effect.message, 'type')}` : effect.type
}
const typeOf = (inner: unknown, key: 'op' | 'type'): string =>
  typeof inner === 'object' && inner !== null ? String(new Map(Object.entries(inner)).get(key)) : ''
const cell = ([state, effects]: readonly [{ readonly phase: string }, readonly { readonly type: string }[]]): string =>
  [state.phase, ...effects.map(brief)].join(' ')

const nowMs = 2000
const senderEvents: Record<Exclude<SenderEvent['type'], 'stored'>, SenderEvent> = {
  start: started,
  proven: { type: 'proven', mark: markAt(1, 'a') },
  advanced: { type: 'advanced' },
  ack: { type: 'ack', resourceType: 'MeshService', nonce: '1' },
  nack: { type: 'nack', resourceType: 'MeshService', nonce: '1', refused: [{ key: 'n2.m', reason: 'bad' }] },
  buckets: { type: 'buckets', resourceType: 'MeshService', level: 1, digests: [] },
  entries: { type: 'entries', resourceType: 'MeshService', buckets: [], entries: [] },
  ask: { type: 'ask', resourceType: 'MeshService', keys: ['n2.m'] },
  tick: { type: 'tick' },
}

const receiverEvents: Record<Exclude<ReceiverEvent['type'], 'stored'>, ReceiverEvent> = {
  present,
  presented,
  begin: repair,
  delta: rangeDelta('9', 9, 9),
  'bucket-answer': { type: 'bucket-answer', resourceType: 'MeshService', level: 1, differing: [], nowMs },
  mark: { type: 'mark', mark: markAt(9, 'a'), nowMs },
  tick: { type: 'tick', nowMs: 999_000 },
}

const sessionEvents: Record<Exclude<SessionEvent['type'], 'stored'>, SessionEvent> = {
  opened: { type: 'opened', extension: true, nowMs },
  headers: { type: 'headers', extension: true, nowMs },
  received: receivedOf({ type: 'hello', hello }),
  receivedPlain: {
    type: 'receivedPlain',
    message: { type: 'subscribe', resourceType: 'MeshService', initialVersions: {} },
    nowMs,
  },
  storeFailed: { type: 'storeFailed', channel: 'down', reason: 'gone', nowMs },
  storeState: { type: 'storeState', state: 'recovering', nowMs },
  advanced: { type: 'advanced', channel: 'up', nowMs },
  say: { type: 'say', message: { type: 'lease', demands: [], wantedCidrs: [] }, nowMs },
  faults: { type: 'faults', faults: ['dns'], nowMs },
  reports: { type: 'reports', report: { hash: 'ab'.repeat(8), body: '{}' }, kept: '', nowMs },
  tick: { type: 'tick', nowMs: 4000 },
  streamClosed: { type: 'streamClosed', stream: 'up', reason: 'reset', nowMs },
  stop: { type: 'stop', reason: 'drained', nowMs },
}

const plainSenderIn: Record<PlainSenderState['phase'], PlainSenderState> = {
  holding: newPlainSender,
  sending: stepPlainSender(newPlainSender, { type: 'ready', nowMs })[0],
  closed: { ...newPlainSender, phase: 'closed' },
}
const plainSenderEvents: Record<Exclude<PlainSenderEvent['type'], 'stored'>, PlainSenderEvent> = {
  ready: { type: 'ready', nowMs },
  subscribe: { type: 'subscribe', resourceType: 'MeshService', initialVersions: {}, nowMs },
  ack: { type: 'ack', resourceType: 'MeshService', nonce: '1', nowMs },
  nack: { type: 'nack', resourceType: 'MeshService', nonce: '1', message: 'no', nowMs },
  advanced: { type: 'advanced', nowMs },
  tick: { type: 'tick', nowMs },
}

const plainReceiverIn: Record<PlainReceiverState['phase'], PlainReceiverState> = {
  idle: newPlainReceiver(['MeshService']),
  receiving: stepPlainReceiver(newPlainReceiver(['MeshService']), { type: 'open', nowMs })[0],
  closed: { ...newPlainReceiver(['MeshService']), phase: 'closed' },
}
const plainReceiverEvents: Record<Exclude<PlainReceiverEvent['type'], 'stored'>, PlainReceiverEvent> = {
  open: { type: 'open', nowMs },
  response: { type: 'response', resourceType: 'MeshService', nonce: '1', offers: [], removals: [], nowMs },
  tick: { type: 'tick', nowMs },
}

function tableOf<P extends string, E extends string, S, V>(
  states: Readonly<Record<P, S>>,
  events: Readonly<Record<E, V>>,
  step: (state: S, event: V) => string,
): Record<string, Record<string, string>> {
  const table: Record<string, Record<string, string>> = {}
  for (const phase in states) {
    const row: Record<string, string> = {}
    for (const name in events) row[name] = step(states[phase], events[name])
    table[phase] = row
  }
  return table
}

const senderTable: Cells<SenderPhase, keyof typeof senderEvents> = {
  quiet: {
    start: 'comparing store:compare',
    proven: 'live store:acked',
    advanced: 'quiet',
    ack: 'closed violation',
    nack: 'closed violation',
    buckets: 'closed violation',
    entries: 'closed violation',
    ask: 'closed violation',
    tick: 'quiet',
  },
  comparing: {
    start: 'comparing',
    proven: 'comparing',
    advanced: 'comparing',
    ack: 'closed violation',
    nack: 'closed violation',
    buckets: 'closed violation',
    entries: 'closed violation',
    ask: 'closed violation',
    tick: 'comparing',
  },
  reading: {
    start: 'comparing',
    proven: 'reading',
    advanced: 'reading',
    ack: 'closed violation',
    nack: 'closed violation',
    buckets: 'reading',
    entries: 'reading',
    ask: 'reading',
    tick: 'reading',
  },
  paging: {
    start: 'comparing store:compare',
    proven: 'paging',
    advanced: 'paging',
    ack: 'live store:acked',
    nack: 'live refusedByPeer store:acked',
    buckets: 'paging store:buckets',
    entries: 'paging store:repair',
    ask: 'paging store:keys',
    tick: 'paging',
  },
  live: {
    start: 'comparing store:compare',
    proven: 'live',
    advanced: 'reading store:changes',
    ack: 'closed violation',
    nack: 'closed violation',
    buckets: 'live store:buckets',
    entries: 'live store:repair',
    ask: 'live store:keys',
    tick: 'live store:mark',
  },
  repairing: {
    start: 'comparing store:compare',
    proven: 'repairing',
    advanced: 'repairing',
    ack: 'closed violation',
    nack: 'closed violation',
    buckets: 'repairing store:buckets',
    entries: 'repairing store:repair',
    ask: 'repairing store:keys',
    tick: 'repairing',
  },
  closed: {
    start: 'closed',
    proven: 'closed',
    advanced: 'closed',
    ack: 'closed',
    nack: 'closed',
    buckets: 'closed',
    entries: 'closed',
    ask: 'closed',
    tick: 'closed',
  },
}
const receiverTable: Cells<ReceiverPhase, keyof typeof receiverEvents> = {
  idle: {
    present: 'presenting store:standing',
    presented: 'awaiting-begin',
    begin: 'closed violation',
    delta: 'closed violation',
    'bucket-answer': 'closed violation',
    mark: 'idle',
    tick: 'idle',
  },
  presenting: {
    present: 'presenting',
    presented: 'awaiting-begin',
    begin: 'closed violation',
    delta: 'presenting ignored',
    'bucket-answer': 'presenting',
    mark: 'presenting',
    tick: 'presenting',
  },
  'awaiting-begin': {
    present: 'presenting store:standing',
    presented: 'awaiting-begin',
    begin: 'repairing store:offered-types',
    delta: 'awaiting-begin ignored',
    'bucket-answer': 'awaiting-begin',
    mark: 'awaiting-begin',
    tick: 'awaiting-begin',
  },
  syncing: {
    present: 'presenting store:standing',
    presented: 'awaiting-begin',
    begin: 'closed violation',
    delta: 'syncing store:apply',
    'bucket-answer': 'closed violation',
    mark: 'syncing',
    tick: 'syncing',
  },
  live: {
    present: 'presenting store:standing',
    presented: 'awaiting-begin',
    begin: 'closed violation',
    delta: 'live store:apply',
    'bucket-answer': 'closed violation',
    mark: 'live store:verify',
    tick: 'live store:due-refusals',
  },
  repairing: {
    present: 'presenting',
    presented: 'awaiting-begin',
    begin: 'closed violation',
    delta: 'closed violation',
    'bucket-answer': 'closed violation',
    mark: 'repairing',
    tick: 'repairing',
  },
  diverged: {
    present: 'presenting store:standing',
    presented: 'awaiting-begin',
    begin: 'closed violation',
    delta: 'diverged store:apply',
    'bucket-answer': 'closed violation',
    mark: 'diverged store:verify',
    tick: 'presenting store:standing',
  },
  closed: {
    present: 'closed',
    presented: 'closed',
    begin: 'closed',
    delta: 'closed',
    'bucket-answer': 'closed',
    mark: 'closed',
    tick: 'closed',
  },
}
const sessionTable: Cells<SessionPhase, keyof typeof sessionEvents> = {
  new: {
    opened: 'awaiting-headers',
    headers: 'new',
    received: 'closed close',
    receivedPlain: 'closed close',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'new',
    say: 'new unsaid:lease',
    faults: 'new',
    reports: 'new',
    tick: 'new',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  'awaiting-headers': {
    opened: 'awaiting-headers',
    headers: 'reading store:standing store:mark store:mark',
    received: 'closed close',
    receivedPlain: 'closed close',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'awaiting-headers',
    say: 'awaiting-headers unsaid:lease',
    faults: 'awaiting-headers',
    reports: 'awaiting-headers',
    tick: 'plain wentPlain sendPlain:subscribe',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  reading: {
    opened: 'reading',
    headers: 'reading',
    received: 'closed close',
    receivedPlain: 'closed close',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'reading',
    say: 'reading unsaid:lease',
    faults: 'reading',
    reports: 'reading',
    tick: 'reading',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  'awaiting-answer': {
    opened: 'awaiting-answer',
    headers: 'awaiting-answer',
    received: 'closed close',
    receivedPlain: 'closed close',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'awaiting-answer',
    say: 'awaiting-answer unsaid:lease',
    faults: 'awaiting-answer',
    reports: 'awaiting-answer',
    tick: 'awaiting-answer',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  'awaiting-hello': {
    opened: 'awaiting-hello',
    headers: 'awaiting-hello',
    received: 'admitting store:admit',
    receivedPlain: 'plain wentPlain sendPlain:subscribe store:list',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'awaiting-hello',
    say: 'awaiting-hello unsaid:lease',
    faults: 'awaiting-hello',
    reports: 'awaiting-hello',
    tick: 'awaiting-hello',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  admitting: {
    opened: 'admitting',
    headers: 'admitting',
    received: 'closed close',
    receivedPlain: 'closed close',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'admitting',
    say: 'admitting unsaid:lease',
    faults: 'admitting',
    reports: 'admitting',
    tick: 'admitting',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  answering: {
    opened: 'answering',
    headers: 'answering',
    received: 'closed close',
    receivedPlain: 'closed close',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'answering',
    say: 'answering unsaid:lease',
    faults: 'answering',
    reports: 'answering',
    tick: 'answering',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  open: {
    opened: 'open',
    headers: 'open',
    received: 'closed close',
    receivedPlain: 'closed close',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'open',
    say: 'open send:lease',
    faults: 'open',
    reports: 'open',
    tick: 'open',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  plain: {
    opened: 'plain',
    headers: 'closed lateHeaders close',
    received: 'closed close',
    receivedPlain: 'plain store:list',
    storeFailed: 'closed close',
    storeState: 'closed close',
    advanced: 'plain',
    say: 'plain unsaid:lease',
    faults: 'plain',
    reports: 'plain',
    tick: 'plain',
    streamClosed: 'closed close',
    stop: 'closed close',
  },
  closed: {
    opened: 'closed',
    headers: 'closed',
    received: 'closed',
    receivedPlain: 'closed',
    storeFailed: 'closed',
    storeState: 'closed',
    advanced: 'closed',
    say: 'closed',
    faults: 'closed',
    reports: 'closed',
    tick: 'closed',
    streamClosed: 'closed',
    stop: 'closed',
  },
}

test('states are of the phase they stand for', () => {
  for (const states of [senderIn, receiverIn, sessionIn])
    expect(Object.entries(states).map(([name, s]) => [name, s.phase])).toEqual(
      Object.keys(states).map((name) => [name, name]),
    )
  expect(digest()).toEqual({ lanes: [0, 0, 0, 0], count: 0 })
})

test('sender: every phase and event', () => {
  expect(tableOf(senderIn, senderEvents, (s, e) => cell(stepSender(s, e)))).toEqual(senderTable)
})

test('receiver: every phase and event', () => {
  expect(tableOf(receiverIn, receiverEvents, (s, e) => cell(stepReceiver(s, e)))).toEqual(receiverTable)
})

test('session: every phase and event', () => {
  expect(tableOf(sessionIn, sessionEvents, (s, e) => cell(stepSession(s, e)))).toEqual(sessionTable)
})

test('plain sender: every phase and event', () => {
  const table: Cells<PlainSenderState['phase'], keyof typeof plainSenderEvents> = {
    holding: {
      ready: 'sending',
      subscribe: 'holding',
      ack: 'closed violation',
      nack: 'closed violation',
      advanced: 'holding',
      tick: 'holding',
    },
    sending: {
      ready: 'sending',
      subscribe: 'sending store:list',
      ack: 'closed violation',
      nack: 'closed violation',
      advanced: 'sending',
      tick: 'sending',
    },
    closed: { ready: 'closed', subscribe: 'closed', ack: 'closed', nack: 'closed', advanced: 'closed', tick: 'closed' },
  }
  expect(tableOf(plainSenderIn, plainSenderEvents, (s, e) => cell(stepPlainSender(s, e)))).toEqual(table)
})

test('plain receiver: every phase and event', () => {
  const table: Cells<PlainReceiverState['phase'], keyof typeof plainReceiverEvents> = {
    idle: { open: 'receiving send:subscribe', response: 'closed violation', tick: 'idle' },
    receiving: { open: 'receiving', response: 'receiving store:apply', tick: 'receiving' },
    closed: { open: 'closed', response: 'closed', tick: 'closed' },
  }
  expect(tableOf(plainReceiverIn, plainReceiverEvents, (s, e) => cell(stepPlainReceiver(s, e)))).toEqual(table)
})
