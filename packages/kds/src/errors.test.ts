import { emptyDigest } from '@holdfast/model'
import { expect, test } from 'vitest'
import { deltasWaitingMax, plainLateMax, plainSlowMs, plainTypesMax } from './constants.js'
import type { Channel, Delta, ReceiverMessage, SenderMessage, SessionMessage } from './messages.js'
import type { PlainMessage } from './plain.js'
import { newReceiver, type ReceiverState } from './receiver-state.js'
import { newSender, type SenderState } from './sender-state.js'
import { stepSession } from './session.js'
import { newSession, type SessionEvent, type SessionRole, type SessionState } from './session-state.js'
import {
  answerOf,
  applied,
  at,
  configOf,
  digest,
  feedSession,
  hello,
  itemAt,
  markAt,
  pageThrough,
  receivedOf,
  receiverIn,
  senderIn,
  sessionIn,
  storedOn,
} from './testing/states.js'
import { offerOf } from './testing/toy.js'

/**
 * Every way in which a session ends, or a part of what is said in it is refused, as both ends tell it to people: the
 * words stand in the log and in the status of the stream.
 */
type Case = readonly [what: string, from: SessionState, ...events: readonly SessionEvent[]]

const nowMs = 2000
/** A Kuma zone's list has come, and global was this when its session began. */
const toldWhen = (state: 'ready' | 'recovering') =>
  feedSession(
    newSession({ ...configOf('acceptor'), state, plainTypes: ['MeshService'] }),
    { type: 'opened', extension: false, nowMs },
    {
      type: 'receivedPlain',
      message: { type: 'response', resourceType: 'MeshService', nonce: '1', offers: [], removals: [] },
      nowMs,
    },
  )
const tick = (atMs: number): SessionEvent => ({ type: 'tick', nowMs: atMs })
const ready = (state: 'ready' | 'recovering'): SessionEvent => ({ type: 'storeState', state, nowMs })

/** What an effect says in words. */
const wordsOf = (effect: ReturnType<typeof stepSession>[1][number]): readonly string[] => {
  switch (effect.type) {
    case 'close':
      return [`${effect.status}: ${effect.reason}`]
    case 'report':
      return 'reason' in effect.report ? [`${effect.report.type}: ${effect.report.reason}`] : []
    case 'send':
      return effect.message.type === 'to-sender' && effect.message.message.type === 'nack'
        ? effect.message.message.refused.map(({ key, reason }) => `NACK: ${key}: ${reason}`)
        : []
    case 'sendPlain':
      return effect.message.type === 'nack' ? [`NACK: ${effect.message.message}`] : []
    default:
      return []
  }
}

/** What the last event makes it say. */
function told([what, from, ...events]: Case): string {
  const [last] = events.slice(-1)
  if (last === undefined) throw new Error(`${what}: nothing happens`)
  const words = stepSession(feedSession(from, ...events.slice(0, -1)), last)[1].flatMap(wordsOf)
  expect([what, words.length]).toEqual([what, 1])
  return `# ${what}\n${words.join('\n')}\n`
}

// --- Sessions ---------------------------------------------------------------------------------------------------------

const heartbeat = (atMs: number): SessionEvent => ({
  type: 'received',
  message: { type: 'heartbeat', heartbeat: { sequence: 1, ackedRevision: 0, faults: [] } },
  nowMs: atMs,
})
const as = (role: SessionRole, s: SessionState = sessionIn.open): SessionState => ({ ...s, config: configOf(role) })
const known = { ...sessionIn['awaiting-headers'], config: configOf('dialer', { peerIsHoldfast: true }) }
const types: SessionMessage = { type: 'types', typeSet: 'others', types: [], wanted: false }
const withSender = (state: SenderState, channel: 'up' | 'status' = 'up'): SessionState => ({
  ...sessionIn.open,
  machines: { ...sessionIn.open.machines, [channel]: { role: 'sender', state } },
})
const owed = withSender({ ...senderIn.live, flights: new Map([['MeshService', { nonce: '1', purpose: 'range' }]]) })
const ask = (type: string): ReceiverMessage => ({ type: 'ask', resourceType: type, keys: ['a.m'] })
const toSender = (message: ReceiverMessage, channel: Channel = 'up'): SessionEvent =>
  receivedOf({ type: 'to-sender', channel, message })
const toReceiver = (message: SenderMessage, channel: Channel = 'down'): SessionEvent =>
  receivedOf({ type: 'to-receiver', channel, message })
const minuteOf = (one: (atMs: number) => readonly SessionEvent[]): readonly SessionEvent[] =>
  Array.from({ length: 12 }, (_, i) => one(1000 + 5000 * (i + 1))).flat()

const sessionCases: readonly Case[] = [
  [
    'a peer that hashes otherwise',
    sessionIn['awaiting-hello'],
    receivedOf({ type: 'hello', hello: { ...hello, hashAlgorithm: 2 } }),
  ],
  [
    'a peer that hashes as it was done before',
    { ...sessionIn['awaiting-hello'], config: configOf('acceptor', { hashAlgorithm: 2 }) },
    receivedOf({ type: 'hello', hello }),
  ],
  ['a peer that says hello again', sessionIn.open, receivedOf({ type: 'hello', hello })],
  ['a peer that answers what was not asked', sessionIn.open, answerOf],
  ['a peer that says its types twice', sessionIn.open, receivedOf(types), receivedOf(types)],
  [
    'a peer that becomes a Kuma in the middle',
    sessionIn.open,
    { type: 'receivedPlain', message: { type: 'ack', resourceType: 'MeshService', nonce: '1' }, nowMs },
  ],
  ['a peer that turns out to be no Kuma, too late', sessionIn.plain, { type: 'headers', extension: true, nowMs }],
  ['global asks for a lease', as('dialer'), receivedOf({ type: 'lease', demands: [], wantedCidrs: [] })],
  ['a zone answers a lease', as('acceptor'), receivedOf({ type: 'lease-answer', refused: [] })],
  ['global asks for what is kept of it', as('dialer'), receivedOf({ type: 'recall', after: '', done: false })],
  ['a zone gives back what is kept', as('acceptor'), receivedOf({ type: 'recalled', body: '', error: '' })],
  ['a receiver speaks to a receiver', sessionIn.open, toSender(ask('MeshService'), 'down')],
  ['a sender speaks to a sender', sessionIn.open, toReceiver({ type: 'begin', begin: { mode: 'resume' } }, 'up')],
  [
    'more questions before the answer than there may be',
    sessionIn['awaiting-answer'],
    ...Array.from({ length: 257 }, (_, i) => toSender(ask(`T${i}`))),
  ],
  ['no headers of a peer that had them before', known, tick(31_000)],
  ['no answer of our own store before the hello', sessionIn.reading, tick(31_000)],
  ['no answer to the hello', sessionIn['awaiting-answer'], tick(31_000)],
  ['no hello', sessionIn['awaiting-hello'], tick(31_000)],
  ['our own store does not say whether a zone may come in', sessionIn.admitting, tick(31_000)],
  ['our own store does not say where a zone stands', sessionIn.answering, tick(31_000)],
  ['a peer that falls silent', sessionIn.open, tick(6_000), tick(11_000), tick(16_000)],
  ['a stream that falls silent alone', owed, ...minuteOf((atMs) => [heartbeat(atMs), tick(atMs)])],
  [
    'a stream that ends',
    sessionIn.open,
    { type: 'streamClosed', stream: 'globalToZone', reason: 'reset by peer', nowMs },
  ],
  [
    'our own store does not answer',
    sessionIn.open,
    { type: 'storeFailed', channel: 'up', reason: 'connection refused', nowMs },
  ],
  ['our own store is not ready any more', sessionIn.open, ready('recovering')],
  ['our own store becomes ready in the middle', { ...sessionIn.answering, storeState: 'recovering' }, ready('ready')],
  ['our own store becomes ready, and a Kuma has told it something', toldWhen('recovering'), ready('ready')],
  [
    'our own store was found out meanwhile, and a Kuma has told it something',
    toldWhen('ready'),
    { type: 'stored', channel: 'up', answer: { op: 'apply', result: { ...applied, recovering: true } }, nowMs },
  ],
  [
    'global keeps what our own store has lost',
    sessionIn['awaiting-answer'],
    receivedOf({
      type: 'answer',
      answer: {
        ...{ storeId: 's', state: 'ready', upInStep: false, statusInStep: false },
        owesReturn: true,
        version: '1',
      },
    }),
  ],
  [
    'our own store is an older one',
    withSender(senderIn.comparing),
    storedOn('up', {
      op: 'compare',
      result: { head: markAt(1, 'a'), cursor: 'contradiction', typeDigests: [] },
    }),
  ],
]

// --- What a receiver is sent --------------------------------------------------------------------------------------------

const withReceiver = (state: ReceiverState): SessionState => ({
  ...sessionIn.open,
  machines: { ...sessionIn.open.machines, down: { role: 'receiver', state } },
})
type Range = Extract<Delta['purpose'], { kind: 'range' }>
const through = { revision: 3, typeOrder: 9, mesh: '', name: '' }
const range = (over: Partial<Range> = {}): Range => ({
  ...{ kind: 'range', page: 1, parts: 1, cursorEpoch: 'e1', through },
  ...over,
})
const delta = (over: Partial<Delta> = {}): SessionEvent =>
  toReceiver({
    type: 'delta',
    delta: {
      ...{ type: 'MeshService', nonce: '1', offers: [offerOf('MeshService', 'b', 'v1')], removals: [], absent: [] },
      purpose: range(),
      ...over,
    },
  })
const many = { lanes: [1, 1, 1, 1], count: 100_000 } as const
/** A repair whose question about sums is under way. */
const comparing: readonly SessionEvent[] = [
  toReceiver({
    type: 'begin',
    begin: { mode: 'repair', from: at(2), digests: [{ type: 'MeshService', digest: many }] },
  }),
  storedOn('down', { op: 'offered-types', result: [] }),
  storedOn('down', { op: 'repair-turns', result: { due: ['MeshService'] } }),
  storedOn('down', { op: 'offered-buckets', result: [] }),
]
const aboutBuckets = (level: number, ...differing: readonly number[]): SessionEvent =>
  toReceiver({ type: 'bucket-answer', resourceType: 'MeshService', level, differing })

const receiverCases: readonly Case[] = [
  ['a delta before anything was asked', withReceiver(newReceiver), delta()],
  ['a delta of before our start', withReceiver(receiverIn['awaiting-begin']), delta()],
  [
    'a begin that nobody waits for',
    withReceiver(receiverIn.live),
    toReceiver({ type: 'begin', begin: { mode: 'full' } }),
  ],
  ['two deltas of one type at once', withReceiver(receiverIn.live), delta(), delta()],
  [
    'two deltas without a type at once',
    withReceiver(receiverIn.live),
    delta({ type: '', offers: [] }),
    delta({ type: '', offers: [] }),
  ],
  [
    'more deltas than there may wait',
    withReceiver(receiverIn.live),
    ...Array.from({ length: deltasWaitingMax + 2 }, (_, i) => delta({ type: `T${i}` })),
  ],
  ['changes in the middle of a repair', withReceiver(receiverIn.repairing), delta()],
  [
    'an answer to a repair that nobody asked for',
    withReceiver(receiverIn.live),
    delta({ purpose: { kind: 'repair', more: false } }),
  ],
  ['a page of nothing', withReceiver(receiverIn.live), delta({ purpose: range({ parts: 0 }) })],
  [
    'a page before the last one is whole',
    withReceiver(receiverIn.live),
    delta({ purpose: range({ parts: 3 }) }),
    delta({ type: 'Mesh', purpose: range({ page: 2, parts: 3 }) }),
  ],
  [
    'a page that ends too soon',
    withReceiver(receiverIn.live),
    delta({ purpose: range({ parts: 2, mark: markAt(3, 'a', 'b') }) }),
  ],
  ['another log', withReceiver(receiverIn.live), delta({ purpose: range({ cursorEpoch: 'e2' }) })],
  [
    'what is older than what is stored',
    withReceiver(receiverIn.live),
    delta({ purpose: range({ through: { ...through, revision: 0 } }) }),
  ],
  ['an answer about sums that nobody asked for', withReceiver(receiverIn.live), aboutBuckets(1)],
  [
    'an answer about sums of another level',
    withReceiver(receiverIn['awaiting-begin']),
    ...comparing,
    aboutBuckets(2, 0),
  ],
  [
    'an answer about sums of other names',
    withReceiver(receiverIn['awaiting-begin']),
    ...comparing,
    aboutBuckets(1, 32),
  ],
]

// --- What a sender is told ----------------------------------------------------------------------------------------------

const looked = (cursor: ReturnType<typeof at>): SessionEvent =>
  storedOn('up', { op: 'mark', result: { cursor, digest: digest('a') } })
const looking = withSender({ ...senderIn.live, busy: 'mark' })

const senderCases: readonly Case[] = [
  [
    'an answer to a response that was never sent',
    withSender(senderIn.live),
    toSender({ type: 'ack', resourceType: 'MeshService', nonce: '7' }),
  ],
  [
    'an answer to no response',
    withSender(senderIn.live),
    toSender({ type: 'ack', resourceType: 'MeshService', nonce: '' }),
  ],
  ['a question before a begin', withSender(newSender), toSender(ask('MeshService'))],
  [
    'a question before the last one is answered',
    withSender(senderIn.live),
    ...Array.from({ length: 3 }, () => toSender(ask('MeshService'))),
  ],
  [
    'our own log is another one, in the middle of a range',
    withSender(senderIn.reading, 'status'),
    storedOn('status', { op: 'changes', result: { ...pageThrough(2, itemAt(2)), epoch: 'e2' } }),
  ],
  ['our own log is another one', looking, looked(at(2, 'e2'))],
  ['our own log is shorter', looking, looked(at(1))],
  ['our own log has another end', looking, looked({ ...at(2), tag: 'other' })],
]

// --- Plain Kuma ---------------------------------------------------------------------------------------------------------

const plain = (message: PlainMessage): SessionEvent => ({ type: 'receivedPlain', message, nowMs })
const response = (resourceType: string, nonce: string): SessionEvent =>
  plain({ type: 'response', resourceType, nonce, offers: [], removals: [] })
const subscribe = (resourceType: string): SessionEvent =>
  plain({ type: 'subscribe', resourceType, initialVersions: {} })
const listStored = (epoch: string): SessionEvent =>
  storedOn('up', { op: 'list', result: { offers: [], head: { cursor: at(1, epoch), digest: emptyDigest } } })
/** A zone sends to a Kuma on `up`; its lists are read, answered or not. */
const listed: readonly SessionEvent[] = [subscribe('MeshService'), listStored('e1')]
const unanswered = Array.from({ length: plainLateMax + 1 }, (_, i) => ({ ...itemAt(2 + i), sizeBytes: 1 }))

const plainCases: readonly Case[] = [
  ['a response of a type that was not asked for', sessionIn.plain, response('MeshTimeout', '1')],
  ['a response without a nonce', sessionIn.plain, response('MeshService', '')],
  [
    'more responses than there may wait',
    sessionIn.plain,
    ...Array.from({ length: deltasWaitingMax + 2 }, (_, i) => response('MeshService', `${i + 1}`)),
  ],
  [
    'a resource that is refused',
    sessionIn.plain,
    response('MeshService', '1'),
    storedOn('down', {
      op: 'apply',
      result: { ...applied, refused: [{ key: 'a.m', reason: 'spec.ports: must not be empty' }] },
    }),
  ],
  [
    'more types than a peer may subscribe to',
    sessionIn.plain,
    ...Array.from({ length: plainTypesMax + 1 }, (_, i) => subscribe(`T${i}`)),
  ],
  [
    'an answer about a type to which it is not subscribed',
    sessionIn.plain,
    plain({ type: 'ack', resourceType: 'MeshTimeout', nonce: '1' }),
  ],
  [
    'our own log is another one, at the next list',
    sessionIn.plain,
    ...listed,
    subscribe('MeshTimeout'),
    listStored('e2'),
  ],
  [
    'our own log is another one, at the next change',
    sessionIn.plain,
    ...listed,
    plain({ type: 'ack', resourceType: 'MeshService', nonce: '1' }),
    { type: 'advanced', channel: 'up', nowMs },
    storedOn('up', { op: 'changes', result: { ...pageThrough(2, itemAt(2)), epoch: 'e2' } }),
  ],
  [
    'a type that is not answered while more changes than may be remembered',
    sessionIn.plain,
    ...listed,
    tick(7_000),
    tick(7_000 + plainSlowMs),
    storedOn('up', { op: 'changes', result: pageThrough(2, ...unanswered) }),
  ],
]

const rooms: Readonly<Record<string, readonly Case[]>> = {
  Sessions: sessionCases,
  'What a receiver is sent': receiverCases,
  'What a sender is told': senderCases,
  'Plain Kuma': plainCases,
}

test('what ends a session, or is refused in it, names the thing, the value and the limit', () => {
  const printed = Object.entries(rooms).map(([room, cases]) => `## ${room}\n\n${cases.map(told).join('\n')}`)
  expect(printed.join('\n')).toBeGolden('errors.txt')
})
