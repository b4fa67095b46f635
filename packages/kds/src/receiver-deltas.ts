import { wireKey } from '@holdfast/model'
import { deltasWaitingMax } from './constants.js'
import type { Delta, Refused } from './messages.js'
import { isOlder, reachedBy } from './position.js'
import { mismatched, proved } from './receiver-proof.js'
import { absentWith, repairApplied, repairExpects } from './receiver-repair.js'
import type { ReceiverEffect, ReceiverState, ReceiverStep, Waiting } from './receiver-state.js'
import { violated } from './receiver-state.js'
import type { Applied, Batch } from './sync-store.js'

/** A delta waits for the store. Everything that a sender promised about it is checked before it gets there. */
export function arrived(s: ReceiverState, delta: Delta): ReceiverStep {
  const { type, nonce, purpose } = delta
  if (s.phase === 'presenting' || s.phase === 'awaiting-begin')
    return [s, [{ type: 'ignored', resourceType: type, nonce, reason: 'sent before our start was seen' }]]
  const reason = brokenPromise(s, delta)
  if (reason !== undefined) return violated(s, reason)
  if (purpose.kind !== 'range') return [{ ...s, inbox: [...s.inbox, { delta, lastOfPage: false }] }, []]
  const seen = (s.page?.seen ?? 0) + 1
  const lastOfPage = seen === purpose.parts
  const page = lastOfPage ? undefined : { number: purpose.page, parts: purpose.parts, seen }
  // A heartbeat's mark that still waits speaks of before this delta; the page brings a mark of its own.
  const verifyDue = s.verifyDue?.by === 'heartbeat' ? undefined : s.verifyDue
  return [{ ...s, inbox: [...s.inbox, { delta, lastOfPage }], page, verifyDue }, []]
}

function brokenPromise(s: ReceiverState, delta: Delta): string | undefined {
  const { purpose } = delta
  const type = delta.type || 'no type'
  if (s.phase === 'idle') return `sent a delta of ${type} before a start`
  const flying = s.busy?.op === 'apply' ? [s.busy.waiting, ...s.inbox] : s.inbox
  if (flying.some((w) => w.delta.type === delta.type)) return `sent two deltas of ${type} without waiting for an answer`
  if (s.inbox.length >= deltasWaitingMax) return `sent more than ${deltasWaitingMax} deltas without waiting for answers`
  if (s.phase === 'repairing')
    return repairExpects(s, delta) ? undefined : `sent a ${purpose.kind} delta of ${type} during a repair`
  if (purpose.kind === 'repair') return `sent a repair of ${type} that nobody asked for`
  return purpose.kind === 'range' ? brokenPage(s, purpose) : undefined
}

function brokenPage(s: ReceiverState, purpose: Extract<Delta['purpose'], { kind: 'range' }>): string | undefined {
  const { page, parts, cursorEpoch, mark } = purpose
  if (parts < 1) return `sent page ${page} of ${parts} parts`
  if (s.page !== undefined && (s.page.number !== page || s.page.parts !== parts))
    return `began page ${page} before page ${s.page.number} was complete`
  if (mark !== undefined && (s.page?.seen ?? 0) + 1 < parts)
    return `marked page ${page} as the end of its log before the last part of it`
  const epoch = s.verifyDue?.by === 'begin' ? s.verifyDue.mark.cursor.epoch : s.reached?.epoch
  if (epoch !== undefined && epoch !== cursorEpoch && s.busy?.op !== 'verify')
    return `changed its log from ${epoch} to ${cursorEpoch} without a begin`
  return undefined
}

/** MONO: what is older than what we have reached is never applied. */
export function isStaleRange(s: ReceiverState, { purpose }: Delta): boolean {
  if (purpose.kind !== 'range') return false
  const { cursorEpoch, through, mark } = purpose
  if (isOlder({ epoch: cursorEpoch, position: through }, s.reached)) return true
  return mark !== undefined && isOlder(reachedBy(mark.cursor), s.reached)
}

/** Answered, so that the sender goes on and catches up, but not applied. */
export function refuseOlder(s: ReceiverState, { delta }: Waiting): ReceiverStep {
  const { type: resourceType, nonce, offers, unreadable = [], removals, purpose } = delta
  const revision = purpose.kind === 'range' ? purpose.through.revision : 0
  const reached = s.reached?.position.revision ?? 0
  const reason = `older: revision ${revision} is below ${reached}, which is stored`
  const offered = offers.map(({ resource }) => wireKey(resource.mesh, resource.name))
  const keys = [...offered, ...[...unreadable, ...removals].map((one) => one.key)]
  const refused: readonly Refused[] = keys.map((key) => ({ key, reason }))
  const nack = { type: 'nack', resourceType, nonce, refused } as const
  return [
    s,
    [
      { type: 'older', what: resourceType, revision, reached },
      { type: 'send', message: nack },
    ],
  ]
}

/** What the store is to do with a delta, in one transaction. */
export function batchOf(s: ReceiverState, { delta, lastOfPage }: Waiting): Batch {
  const { type, offers, unreadable, removals, absent, purpose } = delta
  const content = { type, offers, unreadable, removals, absent }
  switch (purpose.kind) {
    case 'range': {
      const { cursorEpoch, through, mark } = purpose
      const progress =
        mark === undefined ? { cursorEpoch, through, lastOfPage } : { cursorEpoch, through, lastOfPage, mark }
      return { ...content, progress, epoch: cursorEpoch }
    }
    case 'repair':
      // Of a repair that was given up nothing is known to be absent: the next one finds it.
      if (s.phase !== 'repairing') return { ...content, absent: [] }
      return { ...content, absent: absentWith(s, absent, purpose.more), epoch: s.from.epoch }
    case 'asked':
      return s.reached === undefined ? content : { ...content, epoch: s.reached.epoch }
  }
}

/** Stored: now, and only now, it is answered. */
export function applied(
  s: ReceiverState,
  { delta, lastOfPage }: Waiting,
  result: Applied,
  nowMs: number,
): ReceiverStep {
  const { type: resourceType, nonce } = delta
  const { refused, writtenRows, heldKeys, warnings } = result
  const message =
    refused.length > 0
      ? ({ type: 'nack', resourceType, nonce, refused } as const)
      : ({ type: 'ack', resourceType, nonce } as const)
  const effects: readonly ReceiverEffect[] = [
    { type: 'kept', resourceType, writtenRows, refused, heldKeys, warnings },
    { type: 'send', message },
  ]
  const [after, more] = afterApplied(s, delta, lastOfPage, result, nowMs)
  return [after, [...effects, ...more]]
}

function afterApplied(
  s: ReceiverState,
  { type: resourceType, purpose, absent }: Delta,
  lastOfPage: boolean,
  result: Applied,
  nowMs: number,
): ReceiverStep {
  switch (purpose.kind) {
    case 'range': {
      if (!lastOfPage || s.phase === 'presenting') return [s, []]
      const { cursorEpoch, through, mark } = purpose
      const reached: ReceiverState = { ...s, reached: { epoch: cursorEpoch, position: through } }
      if (mark === undefined) return [reached, []]
      if (result.verified === true) return proved(reached, mark, nowMs)
      return mismatched(reached, mark, result.offered ?? mark.digest, nowMs)
    }
    case 'repair':
      return repairApplied(s, absent, purpose.more)
    case 'asked': {
      const asking = new Set(s.asking)
      asking.delete(resourceType)
      return [{ ...s, asking }, []]
    }
  }
}
