import { handshakeTimeoutMs } from './constants.js'
import type { Answer, Channel, Hello } from './messages.js'
import { begunBeating } from './session-beats.js'
import { routed, toReceiver, toSender } from './session-channels.js'
import {
  closed,
  type EarlyQuestion,
  enter,
  type InPhase,
  type SessionEffect,
  type SessionState,
  type SessionStep,
  violated,
} from './session-state.js'
import { andThen, invariant } from './step.js'
import type { StoreAnswer } from './sync-store.js'

/** The peer is one of us: read what the hello has to say of all three channels. */
export function readForHello(s: SessionState, nowMs: number): SessionStep {
  return [
    enter(s, { phase: 'reading', deadlineMs: nowMs + handshakeTimeoutMs }),
    [
      { type: 'store', channel: 'down', op: { op: 'standing' } },
      { type: 'store', channel: 'up', op: { op: 'mark' } },
      { type: 'store', channel: 'status', op: { op: 'mark' } },
    ],
  ]
}

/** With the third answer the hello goes out: where we stand, and what we would provide. */
export function readAnswer(s: InPhase<'reading'>, channel: Channel, answer: StoreAnswer, nowMs: number): SessionStep {
  const read = withAnswer(s, channel, answer)
  const { down, up, status, deadlineMs } = read
  if (down === undefined || up === undefined || status === undefined) return [read, []]
  const { hashAlgorithm, typeSet, knownTypeSet, storeId, everInStep, version } = s.config
  const base = { hashAlgorithm, typeSet, storeId, state: s.storeState, everInStep, down, up, status, version }
  const hello: Hello = knownTypeSet === undefined || knownTypeSet === typeSet ? base : { ...base, knownTypeSet }
  const waiting = enter(read, { phase: 'awaiting-answer', deadlineMs, hello, early: [] })
  const said: SessionStep = [waiting, [{ type: 'send', message: { type: 'hello', hello } }]]
  return andThen(said, (now) => toReceiver(now, 'down', { type: 'presented', standing: down, nowMs }))
}

function withAnswer(s: InPhase<'reading'>, channel: Channel, answer: StoreAnswer): InPhase<'reading'> {
  if (channel === 'down') {
    invariant(answer.op === 'standing', `the store of down answered ${answer.op} before the hello`)
    return { ...s, down: answer.result }
  }
  invariant(answer.op === 'mark', `the store of ${channel} answered ${answer.op} before the hello`)
  return { ...s, [channel]: answer.result }
}

/**
 * In step: the peer has proven that it has what our hello said, and our sender starts from there. Not in step: its start
 * follows, or has overtaken this answer on the other stream.
 */
export function answerArrived(s: InPhase<'awaiting-answer'>, answer: Answer, nowMs: number): SessionStep {
  const { hello, early } = s
  // A store that is recovering knows, and asks for it in this session.
  if (answer.owesReturn === true && s.storeState !== 'recovering') {
    const [after, effects] = closed(s, 'UNAVAILABLE', 'our own store lacks what global keeps of this zone: it recovers')
    return [after, [{ type: 'owedReturn' }, ...effects]]
  }
  const met: SessionEffect = { type: 'met', storeId: answer.storeId, state: answer.state, version: answer.version }
  const stands: readonly SessionEffect[] =
    answer.upCursor === undefined ? [] : [{ type: 'peerStands', channel: 'up', cursor: answer.upCursor }]
  let step: SessionStep = [begunBeating(enter(s, { phase: 'open' }), nowMs), [met, ...stands]]
  const { down } = answer
  if (down !== undefined) step = andThen(step, (now) => toReceiver(now, 'down', { type: 'begin', begin: down, nowMs }))
  if (answer.upInStep) step = andThen(step, (now) => provenUnlessClosed(now, 'up', hello))
  if (answer.statusInStep) step = andThen(step, (now) => provenUnlessClosed(now, 'status', hello))
  for (const { channel, message } of early)
    step = andThen(step, (now) => (now.phase === 'closed' ? [now, []] : routed(now, channel, message, nowMs)))
  return step
}

/** One per type and channel at most, or the sender that is asked ends the session when it hears of them. */
const earlyMax = 256

/** Until the answer says where our sender stands, a question for it waits. */
export function askedEarly(s: InPhase<'awaiting-answer'>, question: EarlyQuestion): SessionStep {
  if (s.early.length >= earlyMax) return violated(s, `asked more than ${earlyMax} questions before its answer`)
  return [{ ...s, early: [...s.early, question] }, []]
}

const provenUnlessClosed = (s: SessionState, channel: 'up' | 'status', hello: Hello): SessionStep =>
  s.phase === 'closed' ? [s, []] : toSender(s, channel, { type: 'proven', mark: hello[channel] })

export function entryRefused(s: SessionState, reason: string): SessionStep {
  const [after, effects] = closed(s, 'FAILED_PRECONDITION', reason)
  return [after, [{ type: 'refusedEntry', reason }, ...effects]]
}
