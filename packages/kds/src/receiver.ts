import { digestEquals } from '@holdfast/model'
import { askedKeysMax, proofAgainMs, refusalsEveryMs } from './constants.js'
import type { Mark, Standing } from './messages.js'
import { cursorEquals, isOlder, reachedBy } from './position.js'
import { applied, arrived, batchOf, isStaleRange, refuseOlder } from './receiver-deltas.js'
import { began, mismatched, proved } from './receiver-proof.js'
import { bucketsAnswered, repairOp, repairRead } from './receiver-repair.js'
import {
  type Busy,
  enter,
  present,
  type ReceiverEffect,
  type ReceiverEvent,
  type ReceiverState,
  type ReceiverStep,
} from './receiver-state.js'
import { andThen, invariant } from './step.js'
import type { StoreAnswer, StoreOp } from './sync-store.js'

/**
 * The receiving end of one channel from a Holdfast sender. Store, then ack.
 *
 *          present              begin: in step, resume, full          mark proven
 *   idle ──────────▶ presenting ──▶ awaiting-begin ─────────▶ syncing ───────────▶ live
 *     │                ▲   ▲             │      ▲                │                  │
 *     │ presented      │   │             │begin:│                │ mark does not    │ mark does not agree
 *     └────────────────┼───┼──▶ (same)   │repair│ all types done │ agree            │
 *                      │   │             ▼      │                ▼                  ▼
 *                      │   │         repairing ─┘      first in a minute: presenting again, without a cursor
 *                      │   └───────────────────────────────────────────────────────┘
 *                      │ a minute later                                   else: diverged
 *                      └──────────────────────────────────────────────────────────┘
 *
 * `diverged` keeps receiving as `live` does: last-known-good stays, changes flow, an alarm stands. One store operation
 * is outstanding at a time; deltas wait in a bounded inbox. `closed`: the sender broke a promise.
 */
export function stepReceiver(s: ReceiverState, e: ReceiverEvent): ReceiverStep {
  if (s.phase === 'closed') return [s, []]
  const next = decided(s, e)
  return andThen(next, (after) => work(after, e.nowMs))
}

function decided(s: ReceiverState, e: ReceiverEvent): ReceiverStep {
  switch (e.type) {
    case 'present':
      return [present(s, { why: 'open' }), []]
    case 'presented':
      return [awaitBegin(present(s, { why: 'open' }), e.standing, 'open'), []]
    case 'begin':
      return began(s, e.begin, e.nowMs)
    case 'delta':
      return arrived(s, e.delta)
    case 'bucket-answer':
      return bucketsAnswered(s, e)
    case 'mark':
      return [heard(s, e.mark, e.nowMs), olderMark(s, e.mark)]
    case 'stored':
      return stored(s, e.answer, e.nowMs)
    case 'tick':
      return [ticked(s, e.nowMs), []]
  }
}

/** A presentation is on its way: from here on only a begin counts. */
function awaitBegin(s: ReceiverState, standing: Standing, why: 'open' | 'repair' | 'repaired'): ReceiverState {
  const cursor = why === 'repair' ? s.cursor : standing.cursor
  const reached = cursor === undefined ? undefined : reachedBy(cursor)
  // After a repair we name the sender's cursor, but ours stays the stored one until the proof has moved it.
  const own = why === 'open' ? { cursor: standing.cursor } : {}
  return { ...enter(s, { phase: 'awaiting-begin', standing, why }), ...own, reached }
}

/**
 * A heartbeat's mark is worth a look at the store if it says something new, or if the last look is a minute ago.
 * While a page is under way it speaks of before.
 */
function heard(s: ReceiverState, mark: Mark, nowMs: number): ReceiverState {
  if (s.phase !== 'live' && s.phase !== 'diverged') return s
  if (
    s.page !== undefined ||
    s.inbox.length > 0 ||
    s.busy?.op === 'apply' ||
    isOlder(reachedBy(mark.cursor), s.reached)
  )
    return s
  const same =
    s.proven !== undefined &&
    cursorEquals(s.proven.mark.cursor, mark.cursor) &&
    digestEquals(s.proven.mark.digest, mark.digest)
  return same && nowMs - s.proven.atMs < proofAgainMs ? s : { ...s, verifyDue: { mark, by: 'heartbeat' } }
}

function olderMark(s: ReceiverState, { cursor }: Mark): readonly ReceiverEffect[] {
  if (s.phase !== 'live' && s.phase !== 'diverged') return []
  if (s.reached === undefined || !isOlder(reachedBy(cursor), s.reached)) return []
  return [{ type: 'older', what: 'heartbeat', revision: cursor.revision, reached: s.reached.position.revision }]
}

function ticked(s: ReceiverState, nowMs: number): ReceiverState {
  if (s.phase === 'diverged' && nowMs >= s.retryAtMs) return present(s, { why: 'repair' })
  if ((s.phase !== 'live' && s.phase !== 'diverged') || nowMs < s.refusalsAtMs) return s
  return { ...s, refusalsDue: true, refusalsAtMs: nowMs + refusalsEveryMs }
}

function stored(s: ReceiverState, answer: StoreAnswer, nowMs: number): ReceiverStep {
  const { busy } = s
  invariant(busy?.op === answer.op, `the receiver's store answered ${answer.op}, asked was ${busy?.op ?? 'nothing'}`)
  const free: ReceiverState = { ...s, busy: undefined, discard: false }
  if (s.discard) return [free, []]
  switch (answer.op) {
    case 'apply':
      return busy.op === 'apply' ? applied(free, busy.waiting, answer.result, nowMs) : [free, []]
    case 'verify':
      if (busy.op !== 'verify') return [free, []]
      return answer.result.verified
        ? proved(free, busy.mark, nowMs)
        : mismatched(free, busy.mark, answer.result.offered, nowMs)
    case 'standing':
      return presented(free, answer.result)
    case 'offered-types':
    case 'repair-turns':
    case 'repaired':
    case 'offered-buckets':
    case 'offered-entries':
      return repairRead(free, answer, nowMs)
    case 'due-refusals':
      return askAgain(free, answer.result)
    case 'diverged':
      return [free, []]
  }
}

function presented(s: ReceiverState, own: Standing): ReceiverStep {
  invariant(s.phase === 'presenting', `a standing arrived while ${s.phase}`)
  const { presentation } = s
  const known: ReceiverState = { ...s, cursor: own.cursor }
  const standing = standingTowards(presentation, own)
  return [awaitBegin(known, standing, presentation.why), [{ type: 'send', message: { type: 'start', standing } }]]
}

function standingTowards(
  presentation: { why: 'open' | 'repair' } | { why: 'repaired'; from: Standing['cursor'] },
  own: Standing,
): Standing {
  switch (presentation.why) {
    case 'open':
      return own
    case 'repair':
      return { offered: own.offered }
    case 'repaired':
      return { cursor: presentation.from, offered: own.offered }
  }
}

function askAgain(
  s: ReceiverState,
  due: readonly { readonly resourceType: string; readonly keys: readonly string[] }[],
): ReceiverStep {
  if (s.phase !== 'live' && s.phase !== 'diverged') return [s, []]
  const fresh = due.filter(({ resourceType, keys }) => keys.length > 0 && !s.asking.has(resourceType))
  const asking = new Set([...s.asking, ...fresh.map((d) => d.resourceType)])
  return [
    { ...s, asking },
    fresh.map(({ resourceType, keys }) => ({
      type: 'send',
      message: { type: 'ask', resourceType, keys: keys.slice(0, askedKeysMax) },
    })),
  ]
}

/** Asks the store for the next thing, if it is free. A delta that would go backwards is answered without the store. */
function work(s: ReceiverState, nowMs: number): ReceiverStep {
  if (s.busy !== undefined || s.phase === 'closed') return [s, []]
  const [head, ...inbox] = s.inbox
  if (head !== undefined && s.verifyDue === undefined && isStaleRange(s, head.delta))
    return andThen(refuseOlder({ ...s, inbox }, head), (after) => work(after, nowMs))
  const [next, busy, op] = nextOp(s, nowMs)
  return op === undefined ? [next, []] : [{ ...next, busy }, [{ type: 'store', op }]]
}

function nextOp(s: ReceiverState, nowMs: number): readonly [ReceiverState, Busy?, StoreOp?] {
  if (s.verifyDue !== undefined) {
    const { mark } = s.verifyDue
    return [
      { ...s, verifyDue: undefined },
      { op: 'verify', mark },
      { op: 'verify', mark },
    ]
  }
  const [waiting, ...inbox] = s.inbox
  if (waiting !== undefined)
    return [
      { ...s, inbox },
      { op: 'apply', waiting },
      { op: 'apply', batch: batchOf(s, waiting), nowMs },
    ]
  if (s.divergedDue)
    return [{ ...s, divergedDue: false }, { op: 'diverged' }, { op: 'diverged', types: s.undue, nowMs }]
  if (s.phase === 'presenting') return [s, { op: 'standing' }, { op: 'standing' }]
  if (s.phase === 'repairing') {
    const op = repairOp(s, nowMs)
    return op === undefined ? [s] : [s, { op: op.op }, op]
  }
  if (s.refusalsDue) return [{ ...s, refusalsDue: false }, { op: 'due-refusals' }, { op: 'due-refusals', nowMs }]
  return [s]
}
