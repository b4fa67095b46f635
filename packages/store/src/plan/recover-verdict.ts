import { contentHash, digestEntry, exportLabels, hex, identityBytes } from '@holdfast/model'
import { ageBeside, type WholeHistory } from './recovery.js'
import type { RememberedRow, Witness } from './testimony.js'
import type { Row } from './types.js'

/** What one zone remembers of one resource. */
export interface Recollection {
  readonly witness: Witness
  readonly row: RememberedRow
}

export type RecoveryVerdict =
  /** Here as all remember it, or gone as all remember it. */
  | { readonly verdict: 'same' }
  /** What is here is newer, or was decided here; nothing is to be done. */
  | { readonly verdict: 'keep'; readonly reason: string }
  | { readonly verdict: 'create' | 'change' | 'delete'; readonly chosen: Recollection; readonly reason: string }

export const entryOfRemembered = (row: RememberedRow): string =>
  hex(
    digestEntry(
      identityBytes(row.type, row.mesh, row.exportName, row.origin),
      contentHash({ labels: exportLabels(row.labels), typeUrl: row.typeUrl, spec: row.spec }),
      row.vips,
    ),
  )

/** When a zone has learned of it, as far as it says so. */
const knownSinceMs = ({ row }: Recollection): number => row.deletedAtMs ?? row.modifiedAtMs

type History = Pick<WholeHistory, 'epochs' | 'endOf' | 'tagAt'>

/**
 * Whether a witness has followed a life of our log that was lost. What one remembers that stands where our own history
 * stands we have, whatever its revision is.
 */
function isOfLost({ witness: { cursor } }: Recollection, { epochs, endOf, tagAt }: History): boolean {
  if (cursor === undefined || !epochs.has(cursor.epoch)) return false
  const tag = tagAt(cursor.epoch, cursor.revision)
  return tag === undefined ? cursor.revision > (endOf(cursor.epoch) ?? cursor.revision) : tag !== cursor.tag
}

/** The better memory first: of what was lost here, else further in the same log, else the later one. */
function compareRecollections(a: Recollection, b: Recollection, history: History): number {
  const [lostA, lostB] = [isOfLost(a, history), isOfLost(b, history)]
  if (lostA !== lostB) return lostA ? -1 : 1
  const [x, y] = [a.witness.cursor, b.witness.cursor]
  if (x !== undefined && y !== undefined && x.epoch === y.epoch && x.revision !== y.revision)
    return y.revision - x.revision
  return knownSinceMs(b) - knownSinceMs(a) || (a.witness.zone < b.witness.zone ? -1 : 1)
}

export const bestFirst = (all: readonly Recollection[], history: History): readonly Recollection[] =>
  [...all].sort((a, b) => compareRecollections(a, b, history))

const says = ({ witness, row }: Recollection): string =>
  `zone ${witness.zone} ${row.deletedAtMs === undefined ? 'has' : 'remembers as deleted'}`

/** Why one memory is believed and not another one of the same resource. */
export function preference(best: Recollection, other: Recollection, history: History): string {
  if (isOfLost(best, history) && !isOfLost(other, history))
    return `zone ${best.witness.zone} has followed a life of this store that was lost, zone ${other.witness.zone} has not`
  const [x, y] = [best.witness.cursor, other.witness.cursor]
  return x !== undefined && y !== undefined && x.epoch === y.epoch && x.revision !== y.revision
    ? `zone ${best.witness.zone} has followed global to revision ${x.revision}, zone ${other.witness.zone} to ${y.revision}`
    : `zone ${best.witness.zone} has stored it later`
}

/**
 * What should become of a resource that witnesses remember (decisions 30, 33): the best memory against what is here. What
 * was changed or deleted here after the witness has stored its copy stays; a store in the place of a lost one has
 * nothing to say about the time before it. What is after what is told by the log where it can, and by clocks where not.
 * @param recollections best first, at least one
 * @param here the row by that name, a tombstone too
 */
export function recoveryVerdict(
  recollections: readonly Recollection[],
  here: Row | undefined,
  history: History,
): RecoveryVerdict {
  const [best] = recollections
  if (best === undefined) return { verdict: 'same' }
  const { row, witness } = best
  const isOurs = witness.cursor !== undefined && history.epochs.has(witness.cursor.epoch)
  const age = here === undefined ? 'unknown' : ageBeside(here.revision, witness.cursor, history)
  // What it was offered last is what global had when the witness stood where it stands.
  const isOlderHere = age === 'older' && row.asOffered === true
  const living = here !== undefined && !here.deleted ? here : undefined
  if (row.deletedAtMs !== undefined) {
    if (living === undefined) return { verdict: 'same' }
    return row.deletedAtMs >= living.modifiedAtMs && age !== 'newer'
      ? { verdict: 'delete', chosen: best, reason: `${says(best)} since ${timeOf(row.deletedAtMs)}` }
      : { verdict: 'keep', reason: `changed here at ${timeOf(living.modifiedAtMs)}, after it had been deleted` }
  }
  if (living === undefined) {
    if (here?.deletedAtMs !== undefined && !isOlderHere && (age === 'newer' || here.deletedAtMs >= row.modifiedAtMs))
      return { verdict: 'keep', reason: `deleted here at ${timeOf(here.deletedAtMs)}, after ${says(best)} stored it` }
    return { verdict: 'create', chosen: best, reason: `${says(best)} it as last known good` }
  }
  if (living.entry === entryOfRemembered(row)) return { verdict: 'same' }
  return isOurs && !isOlderHere && (age === 'newer' || living.modifiedAtMs > row.modifiedAtMs)
    ? {
        verdict: 'keep',
        reason: `changed here at ${timeOf(living.modifiedAtMs)}, after zone ${witness.zone} stored its copy`,
      }
    : { verdict: 'change', chosen: best, reason: `${says(best)} a later version` }
}

const timeOf = (ms: number): string => new Date(ms).toISOString()
