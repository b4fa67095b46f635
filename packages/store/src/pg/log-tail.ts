import { setImmediate } from 'node:timers/promises'
import type { StandingFacts } from '@holdfast/kds'
import {
  type Cursor,
  comparePositions,
  endOf,
  type LogItem,
  type LogPage,
  type Mark,
  type Position,
} from '@holdfast/kds'
import type { Database } from './sql.js'
import type { Head } from './statements/head.js'
import { readTail, type Tail, type TailRecord } from './statements/tail.js'
import { cutToSize, inPageOrder, itemOf, positionOf } from './statements/views.js'
import type { SeenDigest, View } from './view.js'

/** One consistent look at the newest part of the log: head, sums and rows belong together. */
interface Snapshot {
  readonly head: Head
  /** Every row that has changed after this revision is in `entries`. */
  readonly since: number
  readonly entries: readonly Entry[]
  /** No status has changed after it. */
  readonly statusRevision: number
  readonly digests: readonly SeenDigest[]
  readonly hidden: ReadonlySet<string>
}

interface Entry {
  readonly key: string
  readonly record: TailRecord
  readonly position: Position
  readonly bytes: number
  /** Made once, and then the same object for every peer: who encodes it encodes it once. */
  shown?: LogItem
  removed?: LogItem
}

const entriesMax = 2_048
const bytesMax = 8 * 1024 * 1024

/**
 * The end of the log in memory, shared by all channels: one change is read once, however many zones it concerns. A
 * channel that stands further back reads the table.
 */
export class LogTail {
  readonly #database: Database
  readonly #onSeen: (head: Head) => void
  #snapshot: Snapshot | undefined
  #reading: Promise<Snapshot> | undefined
  #next: Promise<Snapshot> | undefined

  /** @param onSeen told of every head that was read */
  constructor(database: Database, onSeen: (head: Head) => void) {
    this.#database = database
    this.#onSeen = onSeen
  }

  /** As of now or later. Whoever asks in the same turn, or while a look is under way, shares the one that comes. */
  async fresh(): Promise<Snapshot> {
    this.#next ??= this.#turn().then(() => this.#look())
    return this.#next
  }

  async #turn(): Promise<void> {
    if (this.#reading === undefined) await setImmediate()
    else await this.#reading.catch(() => undefined)
  }

  /** As of this position or later: the last look, if that is enough. */
  async reaching({ epoch, revision }: Pick<Cursor, 'epoch' | 'revision'>): Promise<Snapshot> {
    const reaches = (look: Snapshot | undefined): look is Snapshot =>
      look !== undefined && look.head.epoch === epoch && look.head.revision >= revision
    if (reaches(this.#snapshot)) return this.#snapshot
    // The look under way may well have begun after that commit.
    const current = this.#reading === undefined ? undefined : await this.#reading
    return reaches(current) ? current : this.fresh()
  }

  #look(): Promise<Snapshot> {
    this.#next = undefined
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<Snapshot> {
    const before = this.#snapshot
    const found = await readTail(this.#database, before?.head.revision, entriesMax)
    if (found === undefined) throw new Error('store_head has no row')
    const { head, digests, statusRevision } = found
    const hidden = new Set(digests.filter((row) => row.hidden).map((row) => row.origin))
    const snapshot = { head, digests, hidden, statusRevision, ...entriesAfter(before, found) }
    this.#snapshot = snapshot
    this.#onSeen(snapshot.head)
    return snapshot
  }
}

function entriesAfter(
  before: Snapshot | undefined,
  { head, records, toggled }: Tail,
): Pick<Snapshot, 'since' | 'entries'> {
  const anew = { since: head.revision, entries: [] }
  // Hiding moves rows that are not read here to another place of the log.
  if (before === undefined || before.head.epoch !== head.epoch || before.head.revision > head.revision || toggled)
    return anew
  if (before.head.revision === head.revision) return { since: before.since, entries: before.entries }
  return keptAfter(before, records) ?? anew
}

/** The old tail with its changes, cut from the old end to stay in bounds; undefined: too much has changed. */
function keptAfter(before: Snapshot, records: readonly TailRecord[]): Pick<Snapshot, 'since' | 'entries'> | undefined {
  if (records.length > entriesMax) return undefined
  const fresh = records.map(entryOf)
  const changed = new Set(fresh.map((entry) => entry.key))
  const all = [...before.entries.filter((entry) => !changed.has(entry.key)), ...fresh]
  let from = Math.max(0, all.length - entriesMax)
  let bytes = 0
  for (let i = all.length - 1; i >= from; i--) {
    bytes += all[i]?.bytes ?? 0
    if (bytes > bytesMax) from = i + 1
  }
  // Whole revisions only: a range that begins in the middle of one would lack its beginning.
  const since = Math.max(before.since, all[from - 1]?.position.revision ?? 0)
  return { since, entries: all.filter((entry) => entry.position.revision > since) }
}

const entryOf = (record: TailRecord): Entry => ({
  key: `${record.type} ${record.mesh} ${record.name}`,
  record,
  position: positionOf({ ...record, visible: true }),
  bytes: record.spec.length + 500,
})

export const cursorOf = ({ epoch, revision, tag }: Head): Cursor => ({ epoch, revision, tag })

export const markFor = ({ head, digests }: Snapshot, view: View): Mark => ({
  cursor: cursorOf(head),
  digest: view.digest(digests),
})

export const factsFor = (snapshot: Snapshot, view: View, cursor: StandingFacts['cursor']): StandingFacts => ({
  head: markFor(snapshot, view),
  cursor,
  typeDigests: view.typeDigests(snapshot.digests),
})

/** A page for one view out of memory; undefined where the tail does not reach back so far. */
export function pageFrom(
  snapshot: Snapshot,
  view: View,
  query: { readonly from: Position; readonly limitBytes: number; readonly withRemovals: boolean },
): LogPage | undefined {
  const { head, since, entries, hidden, statusRevision } = snapshot
  const { from, limitBytes, withRemovals } = query
  const through = { epoch: head.epoch, through: endOf(head.revision), head: markFor(snapshot, view) }
  // Statuses are not here; that there is no newer one is.
  if (view.channel === 'status')
    return comparePositions(from, endOf(statusRevision)) < 0 ? undefined : { ...through, items: [] }
  // Who stands in the middle of `since` lacks the rest of that revision, and it is not here.
  if (comparePositions(from, endOf(since)) < 0) return undefined
  const all: LogItem[] = []
  let bytes = 0
  for (const entry of entries) {
    if (comparePositions(entry.position, from) <= 0) continue
    const item = itemFor(entry, view, hidden, withRemovals)
    if (item === undefined) continue
    all.push(item)
    bytes += item.sizeBytes
    if (bytes > limitBytes && all.length > 1) break
  }
  const { items, complete } = cutToSize(all, limitBytes)
  const last = items.at(-1)
  return complete || last === undefined
    ? { ...through, items: inPageOrder(items) }
    : { items: inPageOrder(items), epoch: head.epoch, through: last.position }
}

function itemFor(entry: Entry, view: View, hidden: ReadonlySet<string>, withRemovals: boolean): LogItem | undefined {
  const { record } = entry
  if (!view.mayBeSeen(record.type, record.origin)) return undefined
  const isHidden = view.channel === 'down' && hidden.has(record.origin)
  if (!record.deleted && record.audience === 'all' && !isHidden) {
    entry.shown ??= itemOf({ ...record, visible: true }, false)
    return entry.shown
  }
  if (!withRemovals || !record.exposed) return undefined
  entry.removed ??= itemOf({ ...record, visible: false }, false)
  return entry.removed
}

export type { Snapshot }
