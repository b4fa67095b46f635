import { emptyDigest } from '@holdfast/model'
import type { Cursor, Delta, Hello, Mark, Position } from '../messages.js'
import { endOf } from '../position.js'
import { stepReceiver } from '../receiver.js'
import { newReceiver, type ReceiverEvent, type ReceiverPhase, type ReceiverState } from '../receiver-state.js'
import { stepSender } from '../sender.js'
import { newSender, type SenderEvent, type SenderPhase, type SenderState } from '../sender-state.js'
import { stepSession } from '../session.js'
import {
  newSession,
  type SessionConfig,
  type SessionEvent,
  type SessionPhase,
  type SessionState,
} from '../session-state.js'
import type { Applied, LogItem, LogPage } from '../sync-store.js'
import { digestOf, entryOf, offerOf } from './toy.js'

/** A state of every phase, each reached by the events that lead there, and the values that they are made of. */
export const at = (revision: number, epoch = 'e1'): Cursor => ({ epoch, revision, tag: `t${revision}` })
export const digest = (...names: readonly string[]) =>
  digestOf(names.map((name) => ({ type: 'MeshService', name, entry: entryOf('MeshService', name, 'v1') })))
export const markAt = (revision: number, ...names: readonly string[]): Mark => ({
  cursor: at(revision),
  digest: digest(...names),
})

const place = (revision: number): Position => ({ revision, typeOrder: 1, mesh: 'm', name: `n${revision}` })
export const itemAt = (revision: number, type = 'MeshService'): LogItem => ({
  type,
  position: place(revision),
  sizeBytes: 100,
  change: { offer: offerOf(type, `n${revision}`, 'v1') },
})
export const pageThrough = (revision: number, ...items: readonly LogItem[]): LogPage => ({
  items,
  epoch: 'e1',
  through: endOf(revision),
  head: markAt(revision, 'a'),
})

export const feedSender = (s: SenderState, ...events: readonly SenderEvent[]): SenderState =>
  events.reduce((now, e) => stepSender(now, e)[0], s)

export const started: SenderEvent = { type: 'start', standing: { cursor: at(1), offered: digest('a') } }
export const facts = (cursor: 'known' | 'foreign-epoch', ...names: readonly string[]): SenderEvent => ({
  type: 'stored',
  answer: { op: 'compare', result: { head: markAt(2, ...names), cursor, typeDigests: [] } },
})
export const pageStored = (page: LogPage): SenderEvent => ({ type: 'stored', answer: { op: 'changes', result: page } })
const ackedStored: SenderEvent = { type: 'stored', answer: { op: 'acked', result: null } }

export const senderIn: Readonly<Record<SenderPhase, SenderState>> = {
  quiet: newSender,
  comparing: feedSender(newSender, started),
  reading: feedSender(newSender, started, facts('known', 'a', 'b')),
  paging: feedSender(newSender, started, facts('known', 'a', 'b'), pageStored(pageThrough(2, itemAt(2)))),
  live: feedSender(newSender, started, facts('known', 'a'), ackedStored),
  repairing: feedSender(newSender, started, facts('foreign-epoch', 'a', 'b')),
  closed: feedSender(newSender, { type: 'ask', resourceType: 'MeshService', keys: [] }),
}

const nowMs = 1000
export const feedReceiver = (s: ReceiverState, ...events: readonly ReceiverEvent[]): ReceiverState =>
  events.reduce((now, e) => stepReceiver(now, e)[0], s)

export const applied: Applied = { refused: [], warnings: [], writtenRows: 1, heldKeys: [] }
export const present: ReceiverEvent = { type: 'present', nowMs }
export const presented: ReceiverEvent = {
  type: 'presented',
  standing: { cursor: at(1), offered: digest('a') },
  nowMs,
}
export const begin = (begin: Extract<ReceiverEvent, { type: 'begin' }>['begin']): ReceiverEvent => ({
  type: 'begin',
  begin,
  nowMs,
})
export const inStep = begin({ mode: 'in-step', mark: markAt(1, 'a') })
export const repair = begin({
  mode: 'repair',
  from: at(2),
  digests: [{ type: 'MeshService', digest: digest('a', 'b') }],
})
export const rangeDelta = (nonce: string, page: number, revision: number, over: Partial<Delta> = {}): ReceiverEvent => {
  const mark = markAt(revision, 'a', 'b')
  const purpose = { kind: 'range', page, parts: 1, cursorEpoch: 'e1', through: endOf(revision), mark } as const
  const offers = [offerOf('MeshService', 'b', 'v1')]
  return {
    type: 'delta',
    delta: { type: 'MeshService', nonce, offers, removals: [], absent: [], purpose, ...over },
    nowMs,
  }
}
const notVerified: ReceiverEvent = {
  type: 'stored',
  answer: { op: 'apply', result: { ...applied, verified: false, offered: digest('b') } },
  nowMs,
}
export const standingStored: ReceiverEvent = {
  type: 'stored',
  answer: { op: 'standing', result: { cursor: at(1), offered: digest('b') } },
  nowMs,
}
/** The store lets a repair of these types begin. */
export const turnFor = (...due: readonly string[]): ReceiverEvent => ({
  type: 'stored',
  answer: { op: 'repair-turns', result: { due } },
  nowMs,
})

export const offeredTypes: ReceiverEvent = { type: 'stored', answer: { op: 'offered-types', result: [] }, nowMs }

const resumed = feedReceiver(newReceiver, presented, begin({ mode: 'resume' }))
const onceRepaired = feedReceiver(newReceiver, presented, repair, {
  type: 'stored',
  answer: { op: 'offered-types', result: [{ type: 'MeshService', digest: digest('a', 'b') }] },
  nowMs,
})

export const receiverIn: Readonly<Record<ReceiverPhase, ReceiverState>> = {
  idle: newReceiver,
  presenting: feedReceiver(newReceiver, present),
  'awaiting-begin': feedReceiver(newReceiver, presented),
  syncing: resumed,
  live: feedReceiver(newReceiver, presented, inStep),
  repairing: feedReceiver(newReceiver, presented, repair),
  diverged: feedReceiver(onceRepaired, standingStored, begin({ mode: 'resume' }), rangeDelta('1', 1, 3), notVerified, {
    type: 'stored',
    answer: { op: 'diverged', result: null },
    nowMs,
  }),
  closed: feedReceiver(newReceiver, inStep),
}

export const configOf = (role: SessionConfig['role'], over: Partial<SessionConfig> = {}): SessionConfig => ({
  role,
  storeId: `${role}-store`,
  state: 'ready',
  everInStep: true,
  version: '0.1.0',
  typeSet: 'types',
  types: [],
  hashAlgorithm: 1,
  plainTypes: ['MeshService'],
  ...over,
})

const nothing: Mark = { cursor: at(0), digest: emptyDigest }
export const hello: Hello = {
  hashAlgorithm: 1,
  typeSet: 'types',
  storeId: 'dialer-store',
  state: 'ready',
  everInStep: true,
  down: { cursor: at(1), offered: digest('a') },
  up: nothing,
  status: nothing,
  version: '0.1.0',
}

export const feedSession = (s: SessionState, ...events: readonly SessionEvent[]): SessionState =>
  events.reduce((now, e) => stepSession(now, e)[0], s)

export const storedOn = (
  channel: 'down' | 'up' | 'status',
  answer: Extract<SessionEvent, { type: 'stored' }>['answer'],
): SessionEvent => ({ type: 'stored', channel, answer, nowMs })
export const receivedOf = (message: Extract<SessionEvent, { type: 'received' }>['message']): SessionEvent => ({
  type: 'received',
  message,
  nowMs,
})
export const answerOf = receivedOf({
  type: 'answer',
  answer: {
    storeId: 'acceptor-store',
    state: 'ready',
    down: { mode: 'in-step', mark: markAt(1, 'a') },
    upInStep: true,
    statusInStep: true,
    version: '0.1.0',
  },
})

const dialer = newSession(configOf('dialer'))
const acceptor = newSession(configOf('acceptor'))
const opened: SessionEvent = { type: 'opened', extension: true, nowMs }
const waiting = feedSession(dialer, opened)
const reading = feedSession(waiting, { type: 'headers', extension: true, nowMs })
const greeted = feedSession(
  reading,
  storedOn('down', { op: 'standing', result: hello.down }),
  storedOn('up', { op: 'mark', result: nothing }),
  storedOn('status', { op: 'mark', result: nothing }),
)
const awaitingHello = feedSession(acceptor, opened)
const admitting = feedSession(awaitingHello, receivedOf({ type: 'hello', hello }))

export const sessionIn: Readonly<Record<SessionPhase, SessionState>> = {
  new: dialer,
  'awaiting-headers': waiting,
  reading,
  'awaiting-answer': greeted,
  'awaiting-hello': awaitingHello,
  admitting,
  answering: feedSession(admitting, storedOn('down', { op: 'admit', result: { admitted: true } })),
  open: feedSession(greeted, answerOf),
  plain: feedSession(waiting, { type: 'headers', extension: false, nowMs }),
  closed: feedSession(dialer, { type: 'stop', reason: 'done', nowMs }),
}
