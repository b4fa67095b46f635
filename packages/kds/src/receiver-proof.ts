import type { Digest } from '@holdfast/model'
import { repairEveryMs } from './constants.js'
import type { Begin, Mark } from './messages.js'
import { cursorEquals, isOlder, reachedBy } from './position.js'
import {
  enter,
  present,
  type ReceiverEffect,
  type ReceiverState,
  type ReceiverStep,
  violated,
} from './receiver-state.js'

/** The sender has seen where we stand and says how it goes on. */
export function began(s: ReceiverState, begin: Begin, nowMs: number): ReceiverStep {
  if (s.phase !== 'awaiting-begin') return violated(s, `began (${begin.mode}) without a start`)
  switch (begin.mode) {
    case 'in-step':
      return beganInStep(s, s.standing, begin.mark, nowMs)
    case 'resume':
      return [enter(s, { phase: 'syncing' }), []]
    case 'full':
      // We hold nothing: a range from the start of a log takes nothing back.
      return [{ ...enter(s, { phase: 'syncing' }), reached: undefined }, []]
    case 'repair':
      return beganRepair(s, begin, s.why, nowMs)
  }
}

function beganInStep(
  s: ReceiverState,
  standing: { readonly cursor?: Mark['cursor'] | undefined; readonly partial?: unknown },
  mark: Mark,
  nowMs: number,
): ReceiverStep {
  const older = olderThanReached(s, 'begin', mark)
  if (older !== undefined) return [enter(s, { phase: 'live' }), [older]]
  // Nothing to move and nothing to prove: the sender compared what our store says of this very cursor.
  const asStored = cursorEquals(s.cursor, mark.cursor) && cursorEquals(standing.cursor, mark.cursor)
  if (asStored && standing.partial === undefined) return proved(s, mark, nowMs)
  return [{ ...enter(s, { phase: 'syncing' }), verifyDue: { mark, by: 'begin' } }, []]
}

function beganRepair(
  s: ReceiverState,
  begin: Extract<Begin, { mode: 'repair' }>,
  why: string,
  nowMs: number,
): ReceiverStep {
  const { from, digests } = begin
  const older = olderThanReached(s, 'begin', { cursor: from })
  if (older !== undefined) {
    const [after, effects] = diverge(s, nowMs + repairEveryMs)
    return [after, [older, ...effects]]
  }
  if (nowMs < s.repairNotBeforeMs) {
    // Not again so soon. Changes must flow all the same, so we ask for them from here; refused that too, we wait.
    return why === 'repaired' ? diverge(s, s.repairNotBeforeMs) : [present(s, { why: 'repaired', from }), []]
  }
  const begun = { from, digests, tasks: undefined, due: undefined, awaiting: 'store', absent: [] } as const
  return [enter(s, { phase: 'repairing', ...begun }), []]
}

function olderThanReached(s: ReceiverState, what: string, mark: Pick<Mark, 'cursor'>): ReceiverEffect | undefined {
  if (s.reached === undefined || !isOlder(reachedBy(mark.cursor), s.reached)) return undefined
  return { type: 'older', what, revision: mark.cursor.revision, reached: s.reached.position.revision }
}

/** The store agrees with the mark, and has moved its cursor there. */
export function proved(s: ReceiverState, mark: Mark, nowMs: number): ReceiverStep {
  const known = { cursor: mark.cursor, reached: reachedBy(mark.cursor), proven: { mark, atMs: nowMs }, undue: [] }
  const after: ReceiverState = { ...enter(s, { phase: 'live' }), ...known }
  const news = s.phase !== 'live' || !cursorEquals(s.proven?.mark.cursor, mark.cursor)
  return [after, news ? [{ type: 'inStep', mark }] : []]
}

/** The first repair of a type is immediate; then one a minute, and an alarm that stands in between. */
export function mismatched(s: ReceiverState, mark: Mark, offered: Digest, nowMs: number): ReceiverStep {
  if (s.phase === 'diverged') return [{ ...s, proven: undefined }, []]
  const alarm: ReceiverEffect = { type: 'mismatch', mark, offered }
  if (nowMs >= s.repairNotBeforeMs) return [present(s, { why: 'repair' }), [alarm]]
  const [after, effects] = diverge(s, s.repairNotBeforeMs)
  return [after, [alarm, ...effects]]
}

const diverge = (s: ReceiverState, retryAtMs: number): ReceiverStep => [
  { ...enter(s, { phase: 'diverged', retryAtMs }), proven: undefined, divergedDue: true },
  [{ type: 'diverged', types: s.undue, retryAtMs }],
]
