import type { Channel, Cursor, StoreOp } from '@holdfast/kds'
import { authoredEntryOf, type CursorRow, type RefusedRow, type Row, statusEntry } from '@holdfast/store'
import { holds, LawBroken } from './broken.js'
import { differences, Entries } from './entries.js'
import type { ControlPlane } from './node.js'
import type { Published } from './published.js'
import type { Changes } from './shadow.js'
import { entryKey, isSpokenOf } from './truth.js'
import type { ViewLog } from './view-log.js'

const nameOf = (name: string): string => name || 'global'

/** One channel as its receiver's store shows it, and how far in its sender's history each key has come. */
export class Receiver {
  readonly node: ControlPlane
  readonly channel: Channel
  readonly peer: string
  /** What the store remembers that it was offered: rows, and refused newcomers. */
  readonly #now = new Entries()
  /** The same when it was last judged. */
  readonly #judged = new Map<string, string>()
  readonly #rows = new Map<string, Row>()
  readonly #rowsByEntryKey = new Map<string, Set<string>>()
  /** Refusals by entry key. */
  readonly #refused = new Map<string, RefusedRow>()
  readonly #toCheck = new Set<string>()
  readonly #floors = new Map<string, number>()
  readonly #published: Published
  readonly #strange = new Set<string>()
  #cursor: CursorRow['cursor']
  /** The newest revision of each epoch at which the view was what this receiver had been offered, at some time. */
  readonly #equalAt = new Map<string, number>()

  constructor(published: Published, node: ControlPlane, channel: Channel, peer: string) {
    this.#published = published
    this.node = node
    this.channel = channel
    this.peer = peer
  }

  get where(): string {
    return `${nameOf(this.node.name)}, ${this.channel} from ${nameOf(this.peer)}`
  }

  /** A range of its sender was interrupted and is not whole yet. */
  get isWithinRange(): boolean {
    return this.#place().partial !== undefined
  }

  /** The position in its sender's log through which it has everything; undefined: in the middle of more, or of less. */
  wholeThrough(log: ViewLog): Cursor | undefined {
    const { cursor, partial } = this.#place()
    if (partial !== undefined || cursor === undefined) return undefined
    return log.digestAt(cursor) === this.#now.digest ? cursor : undefined
  }

  /** Where the range began that was interrupted: up to there it had everything. */
  get rangeFrom(): Cursor | undefined {
    const { cursor, partial } = this.#place()
    return partial === undefined ? undefined : cursor
  }

  /** Follows the store. Judged is only what one of its own operations leaves behind. */
  follow({ rows, refused }: Pick<Changes, 'rows' | 'refused'>): void {
    const { identity } = this.node.store
    for (const { key, before, after } of rows) {
      if (before !== undefined) this.#forget(key, before)
      if (after === undefined || !isSpokenOf(after, identity, this.channel, this.peer)) {
        this.#now.say(key, undefined)
        continue
      }
      const [name, entry] = [entryKey(after), this.#offered(after)]
      this.#now.say(key, entry === undefined ? undefined : { key: name, entry })
      this.#rows.set(key, after)
      const keys = this.#rowsByEntryKey.get(name)
      if (keys === undefined) this.#rowsByEntryKey.set(name, new Set([key]))
      else keys.add(key)
      this.#toCheck.add(key)
    }
    for (const { key, before, after } of refused) {
      const row = after ?? before
      if (row === undefined || row.peer !== this.peer || row.channel !== this.channel) continue
      const name = entryKey(row)
      const said = after?.newcomer === true ? { key: name, entry: after.entry } : undefined
      this.#now.say(`refused ${key}`, said)
      if (after === undefined) this.#refused.delete(name)
      else this.#refused.set(name, after)
      for (const one of this.#rowsByEntryKey.get(name) ?? []) this.#toCheck.add(one)
    }
  }

  #forget(key: string, row: Row): void {
    this.#rows.delete(key)
    this.#toCheck.delete(key)
    const name = entryKey(row)
    const keys = this.#rowsByEntryKey.get(name)
    keys?.delete(key)
    if (keys?.size === 0) this.#rowsByEntryKey.delete(name)
  }

  #offered(row: Row): string | undefined {
    return this.channel === 'status' ? row.offeredStatusEntry : row.offeredEntry
  }

  /** A row was changed by hand: what is there now is taken as it is, until it has been mended. */
  acceptStrange(key: string): void {
    for (const changed of this.#now.takeChanged()) this.#judge(changed)
    this.#strange.add(key)
  }

  /** Its store was put back: it begins from where it is now, and what it had come to once may still be said of it. */
  putBack(log: ViewLog): void {
    const before = this.#cursor
    if (before !== undefined) this.#noteReached(before.epoch, before.revision)
    for (const key of this.#now.takeChanged()) {
      this.#judge(key)
      const entry = this.#now.get(key)
      this.#floors.set(key, entry === undefined ? -1 : (log.find(key, entry, -1) ?? -1))
    }
    this.#cursor = this.#place().cursor
  }

  /** Its store has given up where it stood: what its sender says next is compared from the beginning. */
  startOver(): void {
    this.#cursor = this.#place().cursor
  }

  #judge(key: string): void {
    const entry = this.#now.get(key)
    if (entry === undefined) this.#judged.delete(key)
    else this.#judged.set(key, entry)
  }

  /** MONO and EMPTY, key by key: what was offered moves only forward in what its sender has shown. */
  advance(log: ViewLog): void {
    for (const key of this.#now.takeChanged()) {
      const entry = this.#now.get(key)
      if (entry === this.#judged.get(key)) continue
      const at = log.find(key, entry, this.#floors.get(key) ?? -1)
      if (at === undefined) throw this.#strayed(log, key, entry)
      this.#floors.set(key, at)
      this.#judge(key)
    }
  }

  #strayed(log: ViewLog, key: string, entry: string | undefined): LawBroken {
    if (entry === undefined)
      return new LawBroken('EMPTY', `${this.where}: ${key} went, and its sender has not taken it away`)
    if (log.everHad(key, entry)) return new LawBroken('MONO', `${this.where}: ${key} went back to what it was before`)
    return this.#altered(key)
  }

  /** Something that its sender never showed like this. */
  #altered(key: string): LawBroken {
    const row = this.rowOf(key)
    return row === undefined
      ? new LawBroken('ATTR', `${this.where}: ${key} was remembered as offered, and nobody ever said so`)
      : this.#published.altered(this.where, row)
  }

  rowOf(key: string): Row | undefined {
    return [...this.node.store.image.rows.values()].find((row) => entryKey(row) === key)
  }

  /** EQ, second half: where what is kept differs from what was offered, a refusal or a hold says so. */
  checkKept(): void {
    for (const key of this.#toCheck) {
      const row = this.#rows.get(key)
      if (row !== undefined) this.#checkKept(row)
    }
    this.#toCheck.clear()
  }

  #checkKept(row: Row): void {
    const { identity } = this.node.store
    const [offered, kept, key] = [this.#offered(row), this.#kept(row), entryKey(row)]
    if (offered === kept) this.#strange.delete(key)
    if (offered === kept || this.#strange.has(key) || row.holdId !== undefined) return
    // A refusal of what is on the row, or one that counts by itself because the row is not what was offered.
    const refused = this.#refused.get(key)
    if (refused !== undefined && (offered === undefined || refused.entry === offered)) return
    // What waits for a hook is kept as it was offered, beside its last good version.
    if (row.form !== undefined && authoredEntryOf(row) === offered) return
    // A mesh that is gone at global takes the copies in it along; their zones still offer them.
    if (row.deleted && (identity.role === 'global' || offered === undefined)) return
    throw new LawBroken('LKG', `${this.where}: ${key} differs from what was offered, and no refusal or hold says so`)
  }

  #kept(row: Row): string | undefined {
    if (row.deleted) return undefined
    if (this.channel !== 'status') return row.entry
    return row.status === undefined ? undefined : statusEntry(row, row.status)
  }

  /** DUR, MONO and EQ: where a cursor moves, everything that it speaks of is there. */
  checkCursor(log: ViewLog, op: StoreOp): void {
    const { cursor, partial } = this.#place()
    const before = this.#cursor
    this.#cursor = cursor
    if (cursor === undefined || (before?.epoch === cursor.epoch && before.revision === cursor.revision)) return
    holds(
      before?.epoch !== cursor.epoch || before.revision <= cursor.revision,
      'MONO',
      () => `${this.where}: the cursor went back from ${before?.revision} to ${cursor.revision}`,
    )
    if (cursor.revision === 0 || partial !== undefined) return
    const view = log.digestAt(cursor)
    const offered = this.#now.digest
    const marked = op.op === 'verify' || (op.op === 'apply' && op.batch.progress?.mark !== undefined)
    holds(
      view === offered,
      marked ? 'EQ' : 'DUR',
      () => `${this.where}: the cursor says ${cursor.revision}, where the view was ${view}; offered was ${offered}`,
    )
  }

  #place(): Pick<CursorRow, 'cursor' | 'partial'> {
    for (const row of this.node.store.image.cursors.values())
      if (row.peer === this.peer && row.channel === this.channel && row.side === 'received') return row
    return {}
  }

  /** Notes how far a sender may take this receiver to have come: proofs compare what was offered, not cursors. */
  compare(log: ViewLog, epoch: string): void {
    this.#noteReached(epoch, log.revisionOf(epoch, this.#now.digest))
  }

  #noteReached(epoch: string, revision: number): void {
    if (revision > (this.#equalAt.get(epoch) ?? -1)) this.#equalAt.set(epoch, revision)
  }

  /** Revision through which everything was stored, or known to be equal to what is stored. */
  hasReached(epoch: string): number {
    const { cursor } = this.#place()
    return Math.max(this.#equalAt.get(epoch) ?? -1, cursor?.epoch === epoch ? cursor.revision : -1)
  }

  differsFrom(view: Entries): string | undefined {
    if (view.digest === this.#now.digest) return undefined
    for (const { key, a, b } of differences(view.now, this.#now.now))
      return `${this.where}: of ${key} the view has ${a ?? 'nothing'} and was offered ${b ?? 'nothing'}`
    return undefined
  }
}

/** After an operation of this channel. */
export function receivedChanges(receiver: Receiver, log: ViewLog, op: StoreOp): void {
  receiver.advance(log)
  receiver.checkKept()
  receiver.checkCursor(log, op)
}
