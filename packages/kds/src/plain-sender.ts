import { askedKeysMax, pageBytes, plainTypesMax } from './constants.js'
import type { PlainRequest } from './plain.js'
import { cleared, doubted, due } from './plain-doubts.js'
import { aged, mayReadOn, nextLate } from './plain-late.js'
import { changed, listed, offeredAgain, reached, sendPart, withSubscription } from './plain-sender-log.js'
import {
  type PlainSenderEvent,
  type PlainSenderState,
  type PlainSenderStep,
  plainViolated,
} from './plain-sender-state.js'
import { andThen, invariant, withEntry, without } from './step.js'
import type { StoreAnswer, StoreOp } from './sync-store.js'

/**
 * The sending end towards a plain Kuma.
 *
 *             ready                        the peer broke a promise, or our log is another one
 *   holding ─────────▶ sending ──────────────────────────────────────────────────────────────▶ closed
 *
 *   of each type:  subscribe          list read: sent whole, also when empty
 *                ──────────▶ asked ───────────────────────────────────────────▶ listed (one response in flight)
 *                                └────▶ too-large: over what a Kuma receives; the other types go on
 *
 * The first response of a type is the whole list, answered exactly once; after that changes come from the log, read
 * only when nothing is in flight, so that a slow peer costs one coalesced diff and never a queue. What was NACKed is
 * remembered with its version and offered again only when it changes or after a back-off. A type that is not answered for
 * long is left behind: the others go on, and of its changes only the keys are kept.
 */
export function stepPlainSender(s: PlainSenderState, e: PlainSenderEvent): PlainSenderStep {
  if (s.phase === 'closed') return [s, []]
  switch (e.type) {
    case 'ready':
      return work({ ...s, phase: 'sending' })
    case 'subscribe':
      return andThen(subscribed(s, e.resourceType, e.initialVersions), work)
    case 'ack':
    case 'nack':
      return answered(s, e, e.nowMs)
    case 'advanced':
      return work({ ...s, logGrew: true })
    case 'stored':
      return andThen(stored(s, e.answer), work)
    case 'tick':
      return work({ ...aged(due(s, e.nowMs), e.nowMs), logGrew: true })
  }
}

/** A second subscription is an initial request again: it gets a whole list of its own. */
function subscribed(
  s: PlainSenderState,
  type: string,
  initialVersions: Readonly<Record<string, string>>,
): PlainSenderStep {
  if (!s.subscriptions.has(type) && s.subscriptions.size >= plainTypesMax)
    return plainViolated(s, `subscribed to more than ${plainTypesMax} types, the last one was ${type}`)
  const waiting = s.waiting.filter((part) => part.resourceType !== type)
  const subscriptions = withEntry(s.subscriptions, type, { state: 'asked', initialVersions } as const)
  return [{ ...s, waiting, late: without(s.late, type), subscriptions }, []]
}

function answered(
  s: PlainSenderState,
  e: Exclude<PlainRequest, { type: 'subscribe' }>,
  nowMs: number,
): PlainSenderStep {
  const { resourceType, nonce } = e
  const subscription = s.subscriptions.get(resourceType)
  if (subscription === undefined) return plainViolated(s, `answered ${resourceType}, to which it is not subscribed`)
  const flight = subscription.state === 'listed' ? subscription.flight : undefined
  if (subscription.state !== 'listed' || flight === undefined || flight.nonce !== nonce)
    return [s, [{ type: 'stale', resourceType, nonce }]]
  const landed = withSubscription(s, resourceType, { ...subscription, flight: undefined })
  if (e.type === 'ack') return work(reached(cleared(landed, resourceType, flight.versions)))
  const keys = [...flight.versions.keys()]
  const report = { type: 'refusedByPlainPeer', resourceType, keys, reason: e.message } as const
  return andThen([reached(doubted(landed, resourceType, flight.versions, e.message, nowMs)), [report]], work)
}

function stored(s: PlainSenderState, answer: StoreAnswer): PlainSenderStep {
  const { busy } = s
  invariant(busy?.op === answer.op, `a plain sender's store answered ${answer.op}, asked was ${busy?.op ?? 'nothing'}`)
  const free: PlainSenderState = { ...s, busy: undefined }
  switch (answer.op) {
    case 'list':
      return listed(free, busy.resourceType, answer.result)
    case 'changes':
      return changed(free, answer.result)
    case 'keys':
      return [offeredAgain(free, busy.resourceType, answer.result), []]
    case 'acked':
      return [free, []]
  }
}

/** Sends the parts whose types are free, then asks the store for the next thing. */
function work(s: PlainSenderState): PlainSenderStep {
  if (s.phase !== 'sending') return [s, []]
  const sent = s.waiting.reduce<PlainSenderStep>(
    (step, part) => andThen(step, (now) => sendPart(now, part)),
    [{ ...s, waiting: [] }, []],
  )
  return andThen(sent, (now) => {
    const [next, resourceType, op] = now.busy === undefined ? nextOp(now) : [now]
    if (op === undefined || resourceType === undefined) return [next, []]
    return [{ ...next, busy: { op: op.op, resourceType } }, [{ type: 'store', op }]]
  })
}

type Op = Extract<StoreOp, { op: 'list' | 'keys' | 'changes' | 'acked' }>

/** Lists come before changes: a peer that has just subscribed waits for them, and obeys nothing else before. */
function nextOp(s: PlainSenderState): readonly [PlainSenderState, string?, Op?] {
  for (const [resourceType, { state }] of s.subscriptions)
    if (state === 'asked') return [s, resourceType, { op: 'list', resourceType }]
  if (s.ackedDue !== undefined) return [{ ...s, ackedDue: undefined }, '', { op: 'acked', cursor: s.ackedDue }]
  const [retry, ...retries] = s.retries
  if (retry !== undefined) {
    const { resourceType, keys } = retry
    return [{ ...s, retries }, resourceType, { op: 'keys', resourceType, keys }]
  }
  const [rest, type, late] = nextLate(s, askedKeysMax)
  if (type !== undefined && late !== undefined) return [rest, type, { op: 'keys', resourceType: type, keys: late }]
  if (!s.logGrew || s.log === undefined || !mayReadOn(s)) return [s]
  const op = { op: 'changes', from: s.log.position, limitBytes: pageBytes, withRemovals: true } as const
  return [{ ...s, logGrew: false }, '', op]
}
