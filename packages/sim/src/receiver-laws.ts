import type { Channel, StoreOp } from '@holdfast/kds'
import { type CursorRow, type Row, statusEntry } from '@holdfast/store'
import { holds, LawBroken } from './broken.js'
import type { ControlPlane } from './node.js'
import type { Published } from './published.js'
import { differences, digestOf, digestText, type Entries, entryKey, isSpokenOf, offeredOf } from './truth.js'
import type { ViewLog } from './view-log.js'

const nameOf = (name: string): string => name || 'global'

/** One channel as its receiver's store shows it, and how far in its sender's history each key has come. */
export class Receiver {
  readonly node: ControlPlane
  readonly channel: Channel
  readonly peer: string
  offered: Entries = new Map()
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

  read(): Entries {
    const { image, identity } = this.node.store
    return offeredOf(image, identity, this.channel, this.peer)
  }

  /** A row was changed by hand: what is there now is taken as it is, until it has been mended. */
  acceptStrange(key: string): void {
    this.offered = this.read()
    this.#strange.add(key)
  }

  /** MONO and EMPTY, key by key: what was offered moves only forward in what its sender has shown. */
  advance(log: ViewLog, now: Entries): void {
    for (const { key, b } of differences(this.offered, now)) {
      const at = log.find(key, b, this.#floors.get(key) ?? -1)
      if (at === undefined) throw this.#strayed(log, key, b)
      this.#floors.set(key, at)
    }
    this.offered = now
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
    const { image, identity } = this.node.store
    const refused = new Map(
      [...image.refused.values()]
        .filter((row) => row.peer === this.peer && row.channel === this.channel)
        .map((row) => [entryKey(row), row.entry]),
    )
    for (const row of image.rows.values()) {
      if (!isSpokenOf(row, identity, this.channel, this.peer)) continue
      const offered = this.channel === 'status' ? row.offeredStatusEntry : row.offeredEntry
      const kept = this.#kept(row)
      const key = entryKey(row)
      if (offered === kept) this.#strange.delete(key)
      if (offered === kept || this.#strange.has(key) || row.holdId !== undefined) continue
      // A refusal of what is on the row, or one that counts by itself because the row is not what was offered.
      if (refused.has(key) && (offered === undefined || refused.get(key) === offered)) continue
      // A mesh that is gone at global takes the copies in it along; their zones still offer them.
      if (row.deleted && (identity.role === 'global' || offered === undefined)) continue
      throw new LawBroken('LKG', `${this.where}: ${key} differs from what was offered, and no refusal or hold says so`)
    }
  }

  #kept(row: Row): string | undefined {
    if (row.deleted) return undefined
    if (this.channel !== 'status') return row.entry
    return row.status === undefined ? undefined : statusEntry(row, row.status)
  }

  /** DUR, MONO and EQ: where a cursor moves, everything that it speaks of is there. */
  checkCursor(log: ViewLog, now: Entries, op: StoreOp): void {
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
    const offered = digestText(digestOf(now))
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
    const revision = log.revisionOf(epoch, this.read())
    if (revision > (this.#equalAt.get(epoch) ?? -1)) this.#equalAt.set(epoch, revision)
  }

  /** Revision through which everything was stored, or known to be equal to what is stored. */
  hasReached(epoch: string): number {
    const { cursor } = this.#place()
    return Math.max(this.#equalAt.get(epoch) ?? -1, cursor?.epoch === epoch ? cursor.revision : -1)
  }

  differsFrom(view: Entries): string | undefined {
    for (const { key, a, b } of differences(view, this.read()))
      return `${this.where}: of ${key} the view has ${a ?? 'nothing'} and was offered ${b ?? 'nothing'}`
    return undefined
  }
}

/** After an operation of this channel. */
export function receivedChanges(receiver: Receiver, log: ViewLog, op: StoreOp): void {
  const now = receiver.read()
  receiver.advance(log, now)
  receiver.checkKept()
  receiver.checkCursor(log, now, op)
}
