import { handshakeTimeoutMs, headersTimeoutMs, heartbeatMs } from './constants.js'
import { type Channel, channels, type SessionMessage, type StoreState } from './messages.js'
import { admitted, answeredIfComplete, answeringRead, helloArrived } from './session-acceptor.js'
import { beat, heardBeat, reportsChanged, sawLife } from './session-beats.js'
import { answeredBy, routed, startSender, toReceiver, toSender } from './session-channels.js'
import { answerArrived, askedEarly, entryRefused, readAnswer, readForHello } from './session-dialer.js'
import { goPlain, plainMessage, plainReceive, plainSend, plainStored, storeMayBeShown } from './session-plain.js'
import { settledAnswered } from './session-settled.js'
import {
  closed,
  enter,
  type InPhase,
  type PassedOn,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
  type SessionStep,
  violated,
} from './session-state.js'
import { andThen } from './step.js'
import type { StoreAnswer } from './sync-store.js'

/**
 * One session between a zone (`dialer`) and global (`acceptor`): two streams and a heartbeat, which live and die together.
 *
 *   dialer    new ──opened──▶ awaiting-headers ──extension──▶ reading ──▶ awaiting-answer ──answer──▶ open
 *                                  │ none, or 2 s passed     (3 reads)     (hello sent)
 *                                  │ with a peer that never showed the extension
 *                                  └──────────▶ plain
 *
 *   acceptor  new ──opened, extension──▶ awaiting-hello ──hello──▶ admitting ──▶ answering ──▶ open
 *              │ no extension                 │ speaks plain       (store lets   (3 reads,
 *              └──────────▶ plain ◀───────────┘                     it in)        answer sent)
 *
 *   every phase ──▶ closed: a stream ended, the peer is silent, broke a promise or was refused, or we stop
 *
 * Three machines do the work, one per channel: a zone receives `down` and sends `up` and `status`; global the reverse.
 * After `close` nothing has an effect any more (OWN).
 */
export function stepSession(s: SessionState, e: SessionEvent): SessionStep {
  if (s.phase === 'closed') return [s, []]
  switch (e.type) {
    case 'opened':
      return opened(s, e.extension, e.nowMs)
    case 'headers':
      return headers(s, e.extension, e.nowMs)
    case 'received':
      return received(sawLife(s, e.message), e.message, e.nowMs)
    case 'receivedPlain':
      if (s.phase === 'plain') return plainMessage(s, e.message, e.nowMs)
      // It gave up waiting for our headers, and takes us for a Kuma.
      if (s.phase !== 'awaiting-hello') return violated(s, `spoke plain KDS (${e.message.type}) in phase ${s.phase}`)
      return andThen(goPlain(s, 'peer-speaks-plain', e.nowMs), (now) =>
        now.phase === 'plain' ? plainMessage(now, e.message, e.nowMs) : [now, []],
      )
    case 'stored':
      return stored(s, e.channel, e.answer, e.nowMs)
    case 'storeFailed':
      return closed(s, 'UNAVAILABLE', `our own store failed on ${e.channel}: ${e.reason}`)
    case 'storeState':
      return storeStateChanged(s, e.state, e.nowMs)
    case 'advanced':
      return advanced(s, e.channel, e.nowMs)
    case 'say':
      return said(s, e.message)
    case 'faults':
      return [{ ...s, faults: e.faults }, []]
    case 'reports':
      return [reportsChanged(s, e.report, e.kept), []]
    case 'tick':
      return ticked(s, e.nowMs)
    case 'streamClosed':
      return closed(s, 'UNAVAILABLE', `stream ${e.stream} ended: ${e.reason}`)
    case 'stop':
      return closed(s, 'UNAVAILABLE', e.reason)
  }
}

/** A question may overtake the answer to our hello, and then so may its own answer: global is open already. */
function said(s: SessionState, message: PassedOn): SessionStep {
  const heard = s.phase === 'open' || (s.phase === 'awaiting-answer' && message.type === 'question-answer')
  return [s, [heard ? { type: 'send', message } : { type: 'unsaid', message, phase: s.phase }]]
}

function opened(s: SessionState, extension: boolean, nowMs: number): SessionStep {
  if (s.phase !== 'new') return [s, []]
  if (s.config.role === 'dialer') {
    const timeoutMs = s.config.peerIsHoldfast === true ? handshakeTimeoutMs : headersTimeoutMs
    return [enter(s, { phase: 'awaiting-headers', deadlineMs: nowMs + timeoutMs }), []]
  }
  if (!extension) return goPlain(s, 'no-extension', nowMs)
  return [enter(s, { phase: 'awaiting-hello', deadlineMs: nowMs + handshakeTimeoutMs }), []]
}

function headers(s: SessionState, extension: boolean, nowMs: number): SessionStep {
  if (s.phase === 'awaiting-headers') return extension ? readForHello(s, nowMs) : goPlain(s, 'no-extension', nowMs)
  if (s.phase !== 'plain' || !extension) return [s, []]
  // Too late to change the language of this session; the next one knows, and waits for them.
  const reason = 'the peer has the extension after all, and said so too late for this session'
  return andThen([s, [{ type: 'lateHeaders' }]], (now) => closed(now, 'UNAVAILABLE', reason))
}

function received(s: SessionState, message: SessionMessage, nowMs: number): SessionStep {
  const meets = s.phase === 'open' || s.phase === 'awaiting-answer'
  switch (message.type) {
    case 'hello':
      return s.phase === 'awaiting-hello' ? helloArrived(s, message.hello, nowMs) : unexpected(s, message)
    case 'answer':
      return s.phase === 'awaiting-answer' ? answerArrived(s, message.answer, nowMs) : unexpected(s, message)
    case 'refused-entry':
      return s.phase === 'awaiting-answer' ? entryRefused(s, message.reason) : unexpected(s, message)
    case 'to-sender':
      if (s.phase === 'awaiting-answer' && message.message.type === 'ask')
        return askedEarly(s, { channel: message.channel, message: message.message })
      return meets ? routed(s, message.channel, message.message, nowMs) : unexpected(s, message)
    case 'to-receiver':
      // The two streams are not in step with each other: what follows the answer on one may overtake it on the other.
      return meets ? routed(s, message.channel, message.message, nowMs) : unexpected(s, message)
    case 'heartbeat':
      return meets ? heardBeat(s, message.heartbeat, nowMs) : unexpected(s, message)
    case 'types':
      return meets ? typesHeard(s, message) : unexpected(s, message)
    case 'lease':
    case 'lease-answer':
    case 'recall':
    case 'recalled':
    case 'question':
    case 'question-answer':
      return meets ? passedOn(s, message) : unexpected(s, message)
  }
}

/** Said once a session at most: by the acceptor where the sets differ, by the dialer where it is asked to. */
function typesHeard(s: SessionState, { typeSet, types, wanted }: Said<'types'>): SessionStep {
  if (s.typesHeard) return violated(s, 'said its types twice')
  const { role, typeSet: ours, types: ownTypes } = s.config
  const heard: SessionState = { ...s, typesHeard: true }
  const learned: readonly SessionEffect[] = types.length === 0 ? [] : [{ type: 'typesHeard', typeSet, types }]
  if (role === 'acceptor' || !wanted) return [heard, learned]
  const own: SessionMessage = { type: 'types', typeSet: ours, types: ownTypes, wanted: false }
  return [heard, [...learned, { type: 'send', message: own }]]
}

type Said<T extends SessionMessage['type']> = Extract<SessionMessage, { type: T }>

const unexpected = (s: SessionState, message: SessionMessage): SessionStep =>
  violated(s, `sent ${message.type} in phase ${s.phase}`)

/** Leases, recalls and questions belong to others; here the first two only have a direction. Both ends may ask. */
function passedOn(s: SessionState, message: PassedOn): SessionStep {
  const { role } = s.config
  const astray = (): SessionStep =>
    violated(s, `sent ${message.type}, which only ${role === 'dialer' ? 'a zone sends' : 'global sends'}`)
  switch (message.type) {
    case 'lease': {
      const { demands, wantedCidrs } = message
      return role === 'acceptor' ? [s, [{ type: 'leaseRequested', demands, wantedCidrs }]] : astray()
    }
    case 'lease-answer':
      return role === 'dialer' ? [s, [{ type: 'leaseAnswered', refused: message.refused }]] : astray()
    case 'recall': {
      const { after, done } = message
      return role === 'acceptor' ? [s, [{ type: 'recallAsked', after, done }]] : astray()
    }
    case 'recalled': {
      const { body, error } = message
      return role === 'dialer' ? [s, [{ type: 'recalled', body, error }]] : astray()
    }
    case 'question': {
      const { id, what, body } = message
      return [s, [{ type: 'asked', id, what, body }]]
    }
    case 'question-answer': {
      const { id, error, body, more } = message
      return [s, [{ type: 'answered', id, error, body, more }]]
    }
  }
}

function stored(s: SessionState, channel: Channel, answer: StoreAnswer, nowMs: number): SessionStep {
  if (answer.op === 'settled' || answer.op === 'peer-settled') return settledAnswered(s, answer)
  switch (s.phase) {
    case 'reading':
      return readAnswer(s, channel, answer, nowMs)
    case 'admitting':
      return admitted(s, answer, nowMs)
    case 'answering':
      if (channel !== 'down') return answeringRead(s, channel, answer, nowMs)
      return andThen(answeredBy(s, channel, { type: 'stored', answer, nowMs }), (now) => answeredIfComplete(now, nowMs))
    case 'plain':
      return plainStored(s, channel, answer, nowMs)
    case 'awaiting-answer':
    case 'open':
      return answeredBy(s, channel, { type: 'stored', answer, nowMs })
    case 'new':
    case 'awaiting-headers':
    case 'awaiting-hello':
    case 'closed':
      throw new Error(`kds: a store answered ${answer.op} in phase ${s.phase}, in which nothing was asked`)
  }
}

/**
 * Our own store may be shown now: what waited for it goes on. The other way round the session ends, because everything
 * that was said on it spoke of a store that is not what it was.
 */
function storeStateChanged(s: SessionState, state: StoreState, nowMs: number): SessionStep {
  if (state === s.storeState) return [s, []]
  if (state !== 'ready') return closed(s, 'UNAVAILABLE', `our own store is ${state}, a new session will compare`)
  const ready: SessionState = { ...s, storeState: state, held: {} }
  if (s.phase === 'plain') return plainStoreReady(s, ready, nowMs)
  if (s.phase !== 'open' && s.phase !== 'awaiting-answer') return notYetOpen(ready, s.held)
  const begun = channels.reduce<SessionStep>(
    (step, channel) => andThen(step, (now) => releaseStart(now, channel, s.held)),
    [ready, []],
  )
  // What was never initialised has not begun to receive.
  if (s.storeState !== 'uninitialised' || s.config.role !== 'acceptor') return begun
  return andThen(
    andThen(begun, (now) => toReceiver(now, 'up', { type: 'present', nowMs })),
    (now) => toReceiver(now, 'status', { type: 'present', nowMs }),
  )
}

/**
 * A store that recovers takes what a plain peer has and gives it no virtual IPs, and a plain peer says what it has once a
 * stream: of what was taken by then all is said again on a new one.
 */
function plainStoreReady(s: InPhase<'plain'>, ready: SessionState, nowMs: number): SessionStep {
  const { answered, busy } = s.receiver
  const hasHeard = busy !== undefined || [...answered.values()].some((answer) => answer !== undefined)
  return s.storeState === 'recovering' && hasHeard
    ? closed(s, 'UNAVAILABLE', 'our own store has recovered, and what it was told until then has to be said again')
    : storeMayBeShown(ready, nowMs)
}

function releaseStart(s: SessionState, channel: Channel, held: SessionState['held']): SessionStep {
  const standing = held[channel]
  return standing === undefined ? [s, []] : startSender(s, channel, standing)
}

/** In the middle of a handshake that spoke of the other state: begin again rather than mix the two. */
const notYetOpen = (s: SessionState, held: SessionState['held']): SessionStep =>
  s.phase === 'answering' || Object.keys(held).length > 0
    ? closed(s, 'UNAVAILABLE', 'our own store became ready during the handshake')
    : [s, []]

function advanced(s: SessionState, channel: Channel, nowMs: number): SessionStep {
  switch (s.phase) {
    case 'open':
    case 'reading':
    case 'awaiting-answer':
    case 'answering':
      return s.machines[channel].role === 'sender' ? toSender(s, channel, { type: 'advanced' }) : [s, []]
    case 'plain':
      return plainSend(s, { type: 'advanced', nowMs })
    case 'new':
    case 'awaiting-headers':
    case 'awaiting-hello':
    case 'admitting':
    case 'closed':
      return [s, []]
  }
}

type HandshakePhase = 'awaiting-headers' | 'awaiting-hello' | 'awaiting-answer' | 'reading' | 'admitting' | 'answering'

const noHandshake = (s: SessionState, phase: HandshakePhase): SessionStep =>
  closed(s, 'DEADLINE_EXCEEDED', `no handshake within ${handshakeTimeoutMs / 1000} s: ${waitedForWords(phase)}`)

/** Who lets a handshake wait. */
function waitedForWords(phase: HandshakePhase): string {
  switch (phase) {
    case 'awaiting-headers':
      return 'the peer has not sent the headers of ZoneToGlobalSync'
    case 'awaiting-hello':
      return 'the peer has not said hello'
    case 'awaiting-answer':
      return 'the peer has not answered our hello'
    case 'reading':
      return 'our own store has not answered where this zone stands'
    case 'admitting':
      return 'our own store has not answered whether the zone may come in'
    case 'answering':
      return 'our own store has not answered where the zone stands'
  }
}

function ticked(s: SessionState, nowMs: number): SessionStep {
  switch (s.phase) {
    case 'awaiting-headers':
      if (nowMs < s.deadlineMs) return [s, []]
      return s.config.peerIsHoldfast === true ? noHandshake(s, s.phase) : goPlain(s, 'no-headers', nowMs)
    case 'reading':
    case 'awaiting-answer':
    case 'awaiting-hello':
    case 'admitting':
    case 'answering':
      return nowMs >= s.deadlineMs ? noHandshake(s, s.phase) : [s, []]
    case 'open':
      return beat(s, nowMs)
    case 'plain':
      if (nowMs < s.beats.nextAtMs) return [s, []]
      return andThen(
        plainReceive({ ...s, beats: { ...s.beats, nextAtMs: nowMs + heartbeatMs } }, { type: 'tick', nowMs }),
        (now) => plainSend(now, { type: 'tick', nowMs }),
      )
    case 'new':
    case 'closed':
      return [s, []]
  }
}
