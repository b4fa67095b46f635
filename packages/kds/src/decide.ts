import { digestEquals } from '@holdfast/model'
import type { Begin, Mark, Standing } from './messages.js'
import type { StandingFacts } from './sync-store.js'

/**
 * How a sender goes on, from what its receiver presents and what its own store knows about that.
 *
 * Equal content needs nothing, whatever the logs say. A position that is still in our log costs only the changes since.
 * A receiver that holds nothing gets everything. Everybody else is compared by buckets, never resent blindly: another
 * epoch, a compacted log, and a position that contradicts our log (which the caller has to report: it is we who were
 * restored). A receiver asks for the comparison itself by presenting what it holds without a cursor.
 */
export function decide(standing: Standing, facts: StandingFacts): Begin {
  if (digestEquals(standing.offered, facts.head.digest)) return { mode: 'in-step', mark: facts.head }
  if (facts.cursor === 'known') return { mode: 'resume' }
  if (standing.offered.count === 0) return { mode: 'full' }
  return { mode: 'repair', from: facts.head.cursor, digests: facts.typeDigests }
}

/**
 * Whether a mark that a sender shows unasked agrees with what we were offered. One whose revision is below our cursor
 * in the same log, or beside it with another tag, comes from a store that was restored: it has to compare, not we.
 */
export function agrees(standing: Standing, mark: Mark): boolean {
  if (!digestEquals(standing.offered, mark.digest)) return false
  const { cursor } = standing
  if (cursor === undefined || cursor.epoch !== mark.cursor.epoch) return true
  if (cursor.revision === mark.cursor.revision) return cursor.tag === mark.cursor.tag
  return cursor.revision < mark.cursor.revision
}
