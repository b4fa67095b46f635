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

/** Our history, as memories are held against it. */
export interface RecoveredHistory extends Pick<WholeHistory, 'epochs' | 'endOf' | 'tagAt'> {
  /** Logs of ours of which nothing is known here, and what stands here of before each: see `lostLogsOf`. */
  readonly lostLogs: ReadonlyMap<string, LostLog>
}

export interface LostLog {
  /** Through which of our revisions what stands here is older than it; undefined: nothing is known of that any more. */
  readonly after: number | undefined
}

/**
 * Logs that witnesses have followed, that this store never had, and that were its own all the same: whoever has followed
 * one log of ours and then another one was told it by a later life of this store (0083), and so was everybody else in it.
 * Later than all that is left of the log that they had followed: what stands there was, and what was written since is not.
 */
export function lostLogsOf(
  witnesses: readonly Witness[],
  { epochs, ackedLog, endOf }: Pick<WholeHistory, 'epochs' | 'ackedLog' | 'endOf'>,
): ReadonlyMap<string, LostLog> {
  const lost = new Map<string, LostLog>()
  for (const { zone, cursor } of witnesses) {
    if (cursor === undefined || cursor.revision === 0 || epochs.has(cursor.epoch)) continue
    const acked = ackedLog(zone)
    if (acked === undefined || !epochs.has(acked)) continue
    const [known, end] = [lost.get(cursor.epoch)?.after, endOf(acked)]
    lost.set(cursor.epoch, { after: known === undefined || end === undefined ? (known ?? end) : Math.max(known, end) })
  }
  return lost
}

/**
 * Whether a witness has followed a life of our log that was lost. What one remembers that stands where our own history
 * stands we have, whatever its revision is.
 */
function isOfLost(
  { witness: { cursor } }: Recollection,
  { epochs, endOf, tagAt, lostLogs }: RecoveredHistory,
): boolean {
  if (cursor === undefined) return false
  if (!epochs.has(cursor.epoch)) return lostLogs.has(cursor.epoch)
  const tag = tagAt(cursor.epoch, cursor.revision)
  return tag === undefined ? cursor.revision > (endOf(cursor.epoch) ?? cursor.revision) : tag !== cursor.tag
}

/** How what stands here relates to what a witness remembers, whatever clocks say: see `ageBeside`. */
function ageOf({ revision }: Row, { cursor }: Witness, history: RecoveredHistory): ReturnType<typeof ageBeside> {
  const after = cursor === undefined ? undefined : history.lostLogs.get(cursor.epoch)?.after
  if (after === undefined) return ageBeside(revision, cursor, history)
  return revision > after ? 'newer' : 'older'
}

const later = (a: Recollection, b: Recollection): number =>
  knownSinceMs(b) - knownSinceMs(a) || (a.witness.zone < b.witness.zone ? -1 : 1)

/**
 * In one log whoever has followed further comes first. Positions of two logs say nothing about each other, so the one
 * log or the other comes first, whole, by when the furthest of it have stored theirs: compared one by one, by positions here
 * and by times there, three memories might each be better than the next.
 */
function furthestFirst(all: readonly Recollection[]): readonly Recollection[] {
  const logs = new Map<string, Recollection[]>()
  for (const one of all) {
    const log = one.witness.cursor?.epoch ?? `of zone ${one.witness.zone}`
    logs.set(log, [...(logs.get(log) ?? []), one])
  }
  const revision = ({ witness: { cursor } }: Recollection): number => cursor?.revision ?? 0
  return [...logs.values()]
    .map((log) => log.sort((a, b) => revision(b) - revision(a) || later(a, b)))
    .sort(([a], [b]) => (a === undefined || b === undefined ? 0 : later(a, b)))
    .flat()
}

/** The better memory first: of what was lost here, else further in the same log, else the later one. */
export const bestFirst = (all: readonly Recollection[], history: RecoveredHistory): readonly Recollection[] => [
  ...furthestFirst(all.filter((one) => isOfLost(one, history))),
  ...furthestFirst(all.filter((one) => !isOfLost(one, history))),
]

/** It is what global had when the witness stood where it stands, and that was after what stands here. */
const isOfferedSince = ({ witness, row }: Recollection, here: Row, history: RecoveredHistory): boolean =>
  row.asOffered === true && ageOf(here, witness, history) === 'older'

/** The removal that stands here, as somebody else remembers it. */
export const isRemovedHere = ({ row }: Recollection, here: Row | undefined): boolean =>
  row.deletedAtMs !== undefined && here?.deletedAtMs === row.deletedAtMs

/**
 * The same order, but for a removal that stands here too: it says nothing of what came after it, and whoever was offered
 * something since is heard before whoever remembers that removal alone.
 * @param best best first
 */
export function newsFirst(
  best: readonly Recollection[],
  here: Row | undefined,
  history: RecoveredHistory,
): readonly Recollection[] {
  if (here === undefined || best[0] === undefined || !isRemovedHere(best[0], here)) return best
  const since = best.find((one) => one.row.deletedAtMs === undefined && isOfferedSince(one, here, history))
  return since === undefined ? best : [since, ...best.filter((one) => one !== since)]
}

const says = ({ witness, row }: Recollection): string =>
  `zone ${witness.zone} ${row.deletedAtMs === undefined ? 'has' : 'remembers as deleted'}`

/** Why one memory is believed and not another one of the same resource. */
export function preference(best: Recollection, other: Recollection, history: RecoveredHistory): string {
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
  history: RecoveredHistory,
): RecoveryVerdict {
  const [best] = recollections
  if (best === undefined) return { verdict: 'same' }
  const { row, witness } = best
  const isOurs = witness.cursor !== undefined && history.epochs.has(witness.cursor.epoch)
  const age = here === undefined ? 'unknown' : ageOf(here, witness, history)
  const isOlderHere = here !== undefined && isOfferedSince(best, here, history)
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
