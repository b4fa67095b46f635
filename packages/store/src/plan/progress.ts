import { type Batch, type Cursor, comparePositions, type Mark, type Position } from '@holdfast/kds'
import type { CursorRow } from './types.js'

type Progress = NonNullable<Batch['progress']>
type At = Pick<CursorRow, 'cursor' | 'partial'>

/** Revision 0 of a log, where a first range begins: before everything, and in every history. */
export const originOfLog = (epoch: string): Cursor => ({ epoch, revision: 0, tag: '0'.repeat(16) })

/**
 * Where a receiver stands after a batch, written with its data (DUR). A verified mark is a new cursor; one that was not
 * verified moves nothing but what the range has reached. Within an epoch it never goes back (MONO).
 */
export function afterProgress(at: At, progress: Progress | undefined, verified: boolean | undefined): At {
  if (progress === undefined) return at
  if (progress.mark !== undefined && verified === true) return afterMark(at, progress.mark)
  if (!progress.lastOfPage) return at
  // Positions mean something only in their own log: another one starts from its beginning.
  const cursor = at.cursor?.epoch === progress.cursorEpoch ? at.cursor : originOfLog(progress.cursorEpoch)
  const partial = cursor === at.cursor ? at.partial : undefined
  if (!isAhead(progress.through, cursor, partial)) return at
  return { cursor, partial: progress.through }
}

/** A mark agrees with what was offered: everything up to it is here. */
export function afterMark(at: At, mark: Mark): At {
  const { cursor } = at
  const older = cursor?.epoch === mark.cursor.epoch && cursor.revision > mark.cursor.revision
  return older ? at : { cursor: mark.cursor, partial: undefined }
}

const isAhead = (through: Position, cursor: Cursor, partial: Position | undefined): boolean =>
  partial === undefined ? through.revision > cursor.revision : comparePositions(through, partial) > 0
