import { pageBytes } from './constants.js'
import { decide } from './decide.js'
import type { Mark, Refused, Standing } from './messages.js'
import { cursorEquals, endOf, startOfLog } from './position.js'
import { answered, asked } from './sender-questions.js'
import { landed, pageRead, sendParts } from './sender-range.js'
import {
  enter,
  type SenderEffect,
  type SenderEvent,
  type SenderState,
  type SenderStep,
  storeChanged,
  violated,
} from './sender-state.js'
import { andThen, invariant, without } from './step.js'
import type { Followed, StandingFacts, StoreAnswer, StoreOp } from './sync-store.js'

/**
 * The sending end of one channel towards a Holdfast receiver.
 *
 *                  start                        in step
 *   quiet ───────────────────▶ comparing ─────────────────────────▶ live ◀──────────────┐
 *     │  (from every phase:        │ resume, full                  │ ▲                  │
 *     │   a new start begins       ├────────────▶ reading ◀────────┘ │ nothing new      │ page acked,
 *     │   all over)                │             │  ▲   │ advanced ──┘                  │ at the head
 *     │                            │ repair  page│  │ acked, not at the head             │
 *     │ proven                     ▼             ▼  │                                   │
 *     └──────────▶ live        repairing        paging ────────────────────────────────▶┘
 *
 * Every phase but `quiet`, `comparing` and `closed` also answers questions. `closed`: the peer broke a promise, or our
 * own log is not the one that the session began with. One store operation is outstanding at a time; its answer leads
 * to the next, chosen in `work`. Wanted (the log), sent (`flights`) and acked (`acked`) are kept apart.
 */
export function stepSender(s: SenderState, e: SenderEvent): SenderStep {
  if (s.phase === 'closed') return [s, []]
  switch (e.type) {
    case 'start':
      return work(started(s, e.standing))
    case 'proven':
      return proven(s, e.mark)
    case 'advanced':
      return work({ ...s, logGrew: true })
    case 'ack':
      return flown(s, e.resourceType, e.nonce, [])
    case 'nack':
      return flown(s, e.resourceType, e.nonce, e.refused)
    case 'buckets':
    case 'entries':
    case 'ask':
      return andThen(asked(s, e), work)
    case 'stored':
      return andThen(stored(s, e.answer), work)
    case 'tick':
      return work({ ...s, markDue: s.phase === 'live' })
  }
}

/** A start voids everything under way: what was in flight was not acked, and an answer still to come speaks of before. */
const started = (s: SenderState, standing: Standing): SenderState => ({
  ...enter(s, { phase: 'comparing', standing }),
  flights: new Map(),
  questions: new Map(),
  answering: undefined,
  pageLast: 0,
  discard: s.busy !== undefined,
})

function proven(s: SenderState, mark: Mark): SenderStep {
  if (s.phase !== 'quiet') return [s, []]
  return work(known(enter(s, { phase: 'live', position: endOf(mark.cursor.revision), head: mark }), mark))
}

/** The receiver is known to have everything through this mark: by its ack, or by its proof. */
const known = (s: SenderState, { cursor }: Mark): SenderState =>
  cursorEquals(s.acked, cursor) ? s : { ...s, acked: cursor, ackedDue: cursor }

function flown(s: SenderState, resourceType: string, nonce: string, refused: readonly Refused[]): SenderStep {
  const flight = s.flights.get(resourceType)
  if (flight?.nonce !== nonce) {
    const issued = /^[1-9]\d*$/.test(nonce) && Number(nonce) <= s.nonceLast
    if (!issued) return violated(s, `answered response ${nonce || '(none)'} of ${resourceType}, which was never sent`)
    return [s, [{ type: 'stale', resourceType, nonce }]]
  }
  const effects: readonly SenderEffect[] = refused.length > 0 ? [{ type: 'refusedByPeer', resourceType, refused }] : []
  return andThen([landed({ ...s, flights: without(s.flights, resourceType) }, known), effects], work)
}

function stored(s: SenderState, answer: StoreAnswer): SenderStep {
  invariant(s.busy === answer.op, `the sender's store answered ${answer.op}, asked was ${s.busy ?? 'nothing'}`)
  const free: SenderState = { ...s, busy: undefined, discard: false }
  if (s.discard || answer.op === 'acked') return [free, []]
  switch (answer.op) {
    case 'compare':
      return compared(free, answer.result)
    case 'changes':
      return pageRead(free, answer.result)
    case 'mark':
      return looked(free, answer.result)
    case 'buckets':
    case 'repair':
    case 'keys':
      return answered(free, answer)
    case 'standing':
    case 'offered-types':
    case 'repair-turns':
    case 'repaired':
    case 'offered-buckets':
    case 'offered-entries':
    case 'due-refusals':
    case 'list':
    case 'apply':
    case 'verify':
    case 'admit':
    case 'diverged':
    case 'settled':
    case 'peer-settled':
      throw new Error(`kds: a sender never asks for ${answer.op}`)
  }
}

function compared(s: SenderState, facts: StandingFacts): SenderStep {
  invariant(s.phase === 'comparing', `facts arrived while ${s.phase}`)
  const { standing } = s
  const { head } = facts
  const begin = decide(standing, facts)
  const send: SenderEffect = { type: 'send', message: { type: 'begin', begin } }
  const effects: readonly SenderEffect[] =
    facts.cursor === 'contradiction' && standing.cursor !== undefined
      ? [{ type: 'contradiction', cursor: standing.cursor, head: head.cursor }, send]
      : [send]
  const { epoch } = head.cursor
  switch (begin.mode) {
    case 'in-step':
      return [known(enter(s, { phase: 'live', position: endOf(head.cursor.revision), head }), head), effects]
    case 'resume': {
      const from = standing.partial ?? endOf(standing.cursor?.revision ?? 0)
      return [enter(s, { phase: 'reading', epoch, from, withRemovals: true, owesMark: true }), effects]
    }
    case 'full':
      // On the first page nothing has been offered yet that a tombstone could take back.
      return [enter(s, { phase: 'reading', epoch, from: startOfLog, withRemovals: false, owesMark: true }), effects]
    case 'repair':
      return [enter(s, { phase: 'repairing', from: begin.from, followed: followedBy(standing) }), effects]
  }
}

/** Within a range it is ahead of its cursor. */
const followedBy = ({ cursor, partial }: Standing): Followed | undefined =>
  cursor === undefined
    ? undefined
    : { epoch: cursor.epoch, revision: Math.max(cursor.revision, partial?.revision ?? 0) }

/** Our head, read unasked: a hint may have been lost, and rows may have changed without one. */
function looked(s: SenderState, mark: Mark): SenderStep {
  if (s.phase !== 'live') return [s, []]
  const { cursor } = s.head
  const now = mark.cursor
  if (now.epoch !== cursor.epoch) return storeChanged(s, `the log is now ${now.epoch}, it was ${cursor.epoch}`)
  if (now.revision < cursor.revision)
    return storeChanged(s, `the log ends at revision ${now.revision}, it was at ${cursor.revision}`)
  if (now.revision > cursor.revision) return [{ ...s, logGrew: true }, []]
  if (now.tag !== cursor.tag)
    return storeChanged(s, `revision ${now.revision} has the tag ${now.tag} now, it had ${cursor.tag}`)
  return [{ ...s, head: mark }, []]
}

/** Sends what may be sent, then asks the store for the next thing, if it is free. */
function work(s: SenderState): SenderStep {
  const [sent, effects] = sendParts(s)
  if (sent.busy !== undefined) return [sent, effects]
  const [next, op] = nextOp(sent)
  if (op === undefined) return [next, effects]
  return [{ ...next, busy: op.op }, [...effects, { type: 'store', op }]]
}

function nextOp(s: SenderState): readonly [SenderState, StoreOp?] {
  if (s.phase === 'closed') return [s]
  // The comparison reads the head: what grew before it is in there.
  if (s.phase === 'comparing')
    return [
      { ...s, logGrew: false },
      { op: 'compare', standing: s.standing },
    ]
  if (s.ackedDue !== undefined)
    return [
      { ...s, ackedDue: undefined },
      { op: 'acked', cursor: s.ackedDue },
    ]
  const [question] = s.questions.values()
  if (question !== undefined && s.answering === undefined) {
    const questions = without(s.questions, question.resourceType)
    return [{ ...s, questions, answering: { question, parts: undefined } }, questionOp(s, question)]
  }
  if (s.phase === 'live' && s.logGrew) {
    const { position: from, head } = s
    const reading = { phase: 'reading', epoch: head.cursor.epoch, from, withRemovals: true, owesMark: false } as const
    return nextOp(enter(s, reading))
  }
  if (s.phase === 'reading') {
    const op = { op: 'changes', from: s.from, limitBytes: pageBytes, withRemovals: s.withRemovals } as const
    return [{ ...s, logGrew: false }, op]
  }
  if (s.phase === 'live' && s.markDue) return [{ ...s, markDue: false }, { op: 'mark' }]
  return [s]
}

function questionOp(s: SenderState, question: Parameters<typeof asked>[1]): StoreOp {
  const { resourceType } = question
  switch (question.type) {
    case 'buckets': {
      const prefixes = question.digests.map((d) => d.prefix)
      return { op: 'buckets', resourceType, level: question.level, prefixes }
    }
    case 'entries':
      return {
        ...{ op: 'repair', resourceType, buckets: question.buckets, entries: question.entries },
        ...(s.phase === 'repairing' && s.followed !== undefined ? { followed: s.followed } : {}),
      }
    case 'ask':
      return { op: 'keys', resourceType, keys: question.keys }
  }
}
