import { type Digest, emptyDigest, wireKey } from '@holdfast/model'
import type { Cursor, Mark, Offer, Removal, Settled } from '../messages.js'
import { comparePositions } from '../position.js'
import type {
  LogItem,
  LogPage,
  RepairParts,
  StandingFacts,
  StoreOp,
  StoreResults,
  SyncChannelStore,
} from '../sync-store.js'
import {
  bucketDigestsOf,
  digestOf,
  type Entry,
  entryOf,
  inBuckets,
  mesh,
  offerOf,
  toyTypes,
  typeDigestsOf,
} from './toy.js'

interface Row {
  readonly type: string
  readonly name: string
  /** Undefined on a tombstone. */
  readonly text: string | undefined
  readonly revision: number
}

const itemBytes = 100

/** The sending side of one channel: rows, a log over them, and what it knows of the receiver. */
export class ToyLog implements SyncChannelStore {
  epoch = 'e1'
  revision = 0
  rows = new Map<string, Row>()
  /** Tags that this store remembers, by revision. */
  tags = new Map<number, string>([[0, 't0']])
  /** What the view was at each revision, by `epoch@revision`: for tests that look back. */
  readonly views = new Map<string, Digest>([['e1@0', emptyDigest]])
  /** Told of every acknowledged cursor, when it is written. */
  onAcked: (cursor: Cursor) => void = () => {}
  /** Tombstones up to here are gone. */
  compactedThrough = 0
  /** What the shell was told that the receiver has acked. */
  acked: Cursor | undefined
  /** What the receiver says that it has let go of. */
  settled: Settled | undefined
  /** Smaller pages than asked for. */
  pageMax = Number.POSITIVE_INFINITY
  /** Why nobody is let in. */
  refusesEntry: string | undefined
  private commits = 0

  put(type: string, name: string, text: string): void {
    this.commit({ type, name, text })
  }

  remove(type: string, name: string): void {
    if (this.rows.get(`${type}/${name}`)?.text !== undefined) this.commit({ type, name, text: undefined })
  }

  private commit(row: Omit<Row, 'revision'>): void {
    this.revision += 1
    this.commits += 1
    this.tags.set(this.revision, `t${this.commits}`)
    this.rows.set(`${row.type}/${row.name}`, { ...row, revision: this.revision })
    this.remember()
  }

  private remember(): void {
    this.views.set(`${this.epoch}@${this.revision}`, digestOf(this.entries()))
  }

  compact(): void {
    this.compactedThrough = this.revision
    for (const [id, row] of this.rows) if (row.text === undefined) this.rows.delete(id)
  }

  snapshot(): () => void {
    const { revision, rows, tags } = this
    const kept = { rows: new Map(rows), tags: new Map(tags) }
    return () => {
      this.revision = revision
      this.rows = new Map(kept.rows)
      this.tags = new Map(kept.tags)
    }
  }

  newEpoch(epoch: string): void {
    this.epoch = epoch
    this.tags = new Map([[this.revision, `n${this.revision}`]])
    this.compactedThrough = this.revision
    this.remember()
  }

  entries(): readonly Entry[] {
    return [...this.rows.values()].flatMap(({ type, name, text }) =>
      text === undefined ? [] : [{ type, name, entry: entryOf(type, name, text) }],
    )
  }

  head(): Mark {
    const cursor = { epoch: this.epoch, revision: this.revision, tag: this.tags.get(this.revision) ?? '' }
    return { cursor, digest: digestOf(this.entries()) }
  }

  perform<O extends StoreOp>(op: O): StoreResults[O['op']]
  perform(op: StoreOp): StoreResults[StoreOp['op']] {
    switch (op.op) {
      case 'compare':
        return { head: this.head(), cursor: this.know(op.standing), typeDigests: typeDigestsOf(this.entries()) }
      case 'changes':
        return this.page(op)
      case 'buckets':
        return bucketDigestsOf(this.entries(), op.resourceType, op.level, op.prefixes)
      case 'repair':
        return this.repair(op)
      case 'keys':
        return this.parts(
          op.resourceType,
          op.keys.map((key) => key.slice(0, -mesh.length - 1)),
        )
      case 'mark':
        return this.head()
      case 'list':
        return { offers: this.parts(op.resourceType, this.names(op.resourceType)).offers, head: this.head() }
      case 'acked':
        this.acked = op.cursor
        this.onAcked(op.cursor)
        return null
      case 'peer-settled':
        this.settled = op.settled
        return null
      case 'admit':
        return this.refusesEntry === undefined ? { admitted: true } : { admitted: false, reason: this.refusesEntry }
      case 'standing':
      case 'offered-types':
      case 'repair-turns':
      case 'repaired':
      case 'offered-buckets':
      case 'offered-entries':
      case 'due-refusals':
      case 'apply':
      case 'verify':
      case 'diverged':
      case 'settled':
        throw new Error(`a log is never asked for ${op.op}`)
    }
  }

  private know({ cursor, partial }: Extract<StoreOp, { op: 'compare' }>['standing']): StandingFacts['cursor'] {
    if (cursor === undefined) return 'none'
    if (cursor.epoch !== this.epoch) return 'foreign-epoch'
    if (cursor.revision !== 0 && this.tags.get(cursor.revision) !== cursor.tag)
      return cursor.revision > this.revision || this.tags.has(cursor.revision) ? 'contradiction' : 'compacted'
    return Math.max(cursor.revision, partial?.revision ?? 0) >= this.compactedThrough ? 'known' : 'compacted'
  }

  private page({ from, limitBytes, withRemovals }: Extract<StoreOp, { op: 'changes' }>): LogPage {
    const after = [...this.rows.values()]
      .map((row) => ({ row, position: { revision: row.revision, typeOrder: order(row), mesh, name: row.name } }))
      .filter(({ position }) => comparePositions(position, from) > 0)
      .sort((a, b) => comparePositions(a.position, b.position))
    const taken = after.slice(0, Math.max(1, Math.floor(Math.min(limitBytes, this.pageMax) / itemBytes)))
    const shown = taken.filter(({ row }) => withRemovals || row.text !== undefined)
    const items = shown.map(({ row, position }): LogItem => {
      return { type: row.type, position, sizeBytes: itemBytes, change: changeOf(row) }
    })
    const complete = taken.length === after.length
    const last = taken.at(-1)?.position ?? from
    const through = complete ? { revision: this.revision, typeOrder: 2_147_483_647, mesh: '', name: '' } : last
    const page = { items: inOrder(items), epoch: this.epoch, through }
    return complete ? { ...page, head: this.head() } : page
  }

  private names(type: string): readonly string[] {
    return [...this.rows.values()].flatMap((row) => (row.type === type && row.text !== undefined ? [row.name] : []))
  }

  private repair({ resourceType, buckets, entries }: Extract<StoreOp, { op: 'repair' }>): RepairParts {
    const theirs = new Map(entries.map((e) => [e.key.slice(0, -mesh.length - 1), e.entry]))
    const ours = this.entries().filter((e) => inBuckets(e, resourceType, buckets))
    const missing = ours.filter((e) => theirs.get(e.name) !== e.entry).map((e) => e.name)
    const names = new Set(ours.map((e) => e.name))
    return this.parts(resourceType, [...missing, ...[...theirs.keys()].filter((name) => !names.has(name))])
  }

  private parts(type: string, names: readonly string[]): RepairParts {
    const offers: Offer[] = []
    const removals: Removal[] = []
    const absent: string[] = []
    for (const name of names) {
      const row = this.rows.get(`${type}/${name}`)
      if (row === undefined) absent.push(wireKey(mesh, name))
      else if (row.text === undefined) removals.push({ key: wireKey(mesh, name), deletedAtMs: 0 })
      else offers.push(offerOf(type, name, row.text))
    }
    return { offers, removals, absent }
  }
}

const order = (row: Row): number => toyTypes.indexOf(row.type) + 1

const changeOf = ({ type, name, text }: Row): LogItem['change'] =>
  text === undefined ? { removal: { key: wireKey(mesh, name), deletedAtMs: 0 } } : { offer: offerOf(type, name, text) }

/** Upserts in dependency order, then removals in the reverse one. */
const inOrder = (items: readonly LogItem[]): readonly LogItem[] => {
  const rank = ({ type, change }: LogItem): number => {
    const at = toyTypes.indexOf(type)
    return 'offer' in change ? at : 2 * toyTypes.length - at
  }
  return [...items].sort((a, b) => rank(a) - rank(b) || comparePositions(a.position, b.position))
}
