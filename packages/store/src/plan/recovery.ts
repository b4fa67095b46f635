import type { Cursor, Followed, Position } from '@holdfast/kds'

/** A position of this store's log that somebody remembers. */
export interface Evidence {
  /** `file`: the high-water file; `process`: what this process has seen; `peer`: a control plane that received it. */
  readonly from: 'file' | 'process' | 'peer'
  /** A peer speaks of a log that it can have heard from nobody but this store: a log that we never had was ours. */
  readonly isOurs?: boolean | undefined
  /** The log of ours that a peer has acked, as far as this database knows. */
  readonly acked?: string | undefined
  /** In words: `the high-water file`, `zone east`. */
  readonly witness: string
  readonly cursor: Cursor
}

/** What the store's own history says, for the positions that are asked about. */
export interface LogHistory {
  readonly epoch: string
  readonly head: number
  /** Nothing is known of revisions below it. */
  readonly oldest: number
  /** Every epoch that this store has had, the present one included. */
  readonly epochs: ReadonlySet<string>
  /**
   * Global: no zone was ever in step with this database, and its log never began anew. A zone that has followed another
   * one, were it to the middle of its first range, then tells that this one stands in the place of a database that was lost.
   * Plain Kuma zones do not count: they are in step with whoever speaks to them.
   */
  readonly untried: boolean
  tagAt(epoch: string, revision: number): string | undefined
}

/** The same, with where each log ended. */
export interface WholeHistory extends LogHistory {
  /** The highest revision that this store has had in a log; undefined: none of that log is known any more. */
  endOf(epoch: string): number | undefined
  /** Global: the log of which a zone has acked something last; undefined: it has followed nothing that is known here. */
  ackedLog(zone: string): string | undefined
}

export type Judgement =
  | { readonly verdict: 'keep' }
  /** The store is not what it was: a new epoch, and `recovering` before anything is served. */
  | { readonly verdict: 'new-epoch'; readonly reason: string }

/**
 * Whether a store is still the one that witnesses remember: each position must be in its history. One that is missing,
 * or a head below it, means a backup was restored. A position older than the history proves nothing, and no evidence
 * is no evidence.
 */
export function judgeHistory(evidence: readonly Evidence[], history: LogHistory): Judgement {
  for (const one of evidence) {
    const reason = contradiction(one, history)
    if (reason !== undefined) return { verdict: 'new-epoch', reason }
  }
  return { verdict: 'keep' }
}

function contradiction({ from, isOurs, acked, witness, cursor }: Evidence, history: LogHistory): string | undefined {
  if (!history.epochs.has(cursor.epoch)) {
    if (from !== 'peer' || isOurs === true)
      return `${witness} remembers the log ${cursor.epoch}, which this database has never had: it was replaced or restored`
    // It had followed the log that is here: what it has followed since it was told by us, in a later life of this store.
    if (acked === history.epoch && cursor.revision > 0)
      return `${witness} followed the log ${acked}, and then ${cursor.epoch}, which this database has never had: it was restored from a backup of before that log began`
    // A peer may come from another installation, and where others are in step already it does.
    return history.untried && cursor.revision > 0
      ? `${witness} has followed the log ${cursor.epoch}, and nobody was ever in step with this database: it stands in the place of one that was lost`
      : undefined
  }
  if (cursor.revision === 0) return undefined
  // Since then our log has begun anew: whatever was lost before was found out then, and is compared with everybody.
  if (from === 'peer' && isOurs !== true && cursor.epoch !== history.epoch) return undefined
  if (cursor.epoch === history.epoch && cursor.revision > history.head)
    return `${witness} remembers revision ${cursor.revision}, the database ends at ${history.head}: it was restored from a backup`
  if (cursor.revision < history.oldest) return undefined
  const tag = history.tagAt(cursor.epoch, cursor.revision)
  return tag === cursor.tag
    ? undefined
    : `${witness} remembers revision ${cursor.revision} as ${cursor.tag}, the database has ${tag ?? 'none'}: it was restored from a backup and wrote on`
}

/**
 * The furthest that a receiver remembers: within a range it is ahead of its cursor. In our own log that says something only
 * beyond the head, for a position within a range has no tag; in a log that we do not have any position is more than none.
 */
export function furthestOf(
  cursor: Cursor,
  partial: Position | undefined,
  head: Pick<Cursor, 'epoch' | 'revision'>,
): Cursor {
  const known = cursor.epoch === head.epoch ? Math.max(head.revision, cursor.revision) : cursor.revision
  return partial !== undefined && partial.revision > known ? { ...cursor, revision: partial.revision } : cursor
}

/**
 * How a sender's store sees the cursor of a receiver; a `contradiction` goes on to `judgeHistory`.
 * @param options.reachesFrom revision that the receiver would go on from: its cursor's, or that of an interrupted range
 * @param options.logFrom tombstones at or below it are gone
 */
export function standingOf(
  cursor: Cursor | undefined,
  history: LogHistory,
  { reachesFrom, logFrom }: { readonly reachesFrom: number; readonly logFrom: number },
): 'known' | 'compacted' | 'foreign-epoch' | 'contradiction' | 'none' {
  if (cursor === undefined) return 'none'
  if (cursor.epoch !== history.epoch) return 'foreign-epoch'
  if (cursor.revision > 0) {
    if (cursor.revision > history.head) return 'contradiction'
    if (cursor.revision < history.oldest) return 'compacted'
    if (history.tagAt(cursor.epoch, cursor.revision) !== cursor.tag) return 'contradiction'
  }
  // A range that was interrupted had brought it further, and its cursor says nothing of that.
  if (reachesFrom > history.head) return 'contradiction'
  return reachesFrom < logFrom ? 'compacted' : 'known'
}

/**
 * Through which of our revisions a receiver knew everything before it got what we lack: what it has in spite of a tombstone
 * up to there is newer than that. What was written since our log began anew is news to it. `undefined`: its log is not ours.
 */
export function oldThrough({ epoch, revision }: Followed, { endOf }: Pick<WholeHistory, 'endOf'>): number | undefined {
  const end = endOf(epoch)
  return end === undefined ? undefined : Math.min(revision, end)
}

/**
 * How what stands at a revision of ours relates to a witness's position, whatever clocks say. `newer`: written after it, or
 * beside it in another life of this store. `older`: the witness has followed a life of this store beyond it that was lost
 * here. `unknown`: its position is in our history, or its log is not ours, and proves nothing.
 */
export function ageBeside(
  revision: number,
  cursor: Cursor | undefined,
  { epochs, endOf, tagAt }: Pick<WholeHistory, 'epochs' | 'endOf' | 'tagAt'>,
): 'newer' | 'older' | 'unknown' {
  if (cursor === undefined || !epochs.has(cursor.epoch)) return 'unknown'
  const end = endOf(cursor.epoch)
  if (end === undefined) return 'unknown'
  if (revision > end || revision > cursor.revision) return 'newer'
  return tagAt(cursor.epoch, cursor.revision) === cursor.tag ? 'unknown' : 'older'
}
