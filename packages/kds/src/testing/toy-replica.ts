import { digestEquals, wireKey } from '@holdfast/model'
import { repairEveryMs } from '../constants.js'
import type { Cursor, Mark, Position, Refused, Standing } from '../messages.js'
import type {
  Applied,
  Batch,
  RepairTurns,
  SettledFacts,
  StoreOp,
  StoreResults,
  SyncChannelStore,
} from '../sync-store.js'
import { bucketDigestsOf, digestOf, type Entry, entryOf, inBuckets, mesh, textOf, typeDigestsOf } from './toy.js'

const retryMs = 30_000

/** The receiving side of one channel: what was offered, what is kept, what was refused, and the cursor beside it. */
export class ToyReplica implements SyncChannelStore {
  offered = new Map<string, Entry>()
  held = new Map<string, string>()
  refused = new Map<string, { readonly type: string; readonly key: string; readonly nextTryMs: number }>()
  /** `type/name` that are refused whatever they say. */
  refuses = new Set<string>()
  cursor: Cursor | undefined
  partial: Position | undefined
  /** Rows written, but the cursor and its like. */
  writtenRows = 0
  divergedCount = 0
  repairedAtMs = new Map<string, number>()
  /** What the other control planes have let go of, and what is held here. */
  settled: SettledFacts = { except: [], head: 0, others: 0 }
  /** Called with everything that a batch carries: for tests that look at each write. */
  onApply: (batch: Batch) => void = () => {}

  entries(): readonly Entry[] {
    return [...this.offered.values()]
  }

  perform<O extends StoreOp>(op: O): StoreResults[O['op']]
  perform(op: StoreOp): StoreResults[StoreOp['op']] {
    switch (op.op) {
      case 'standing':
        return this.standing()
      case 'apply':
        return this.apply(op.batch, op.nowMs)
      case 'verify':
        return { verified: this.verify(op.mark), offered: digestOf(this.entries()) }
      case 'offered-types':
        return typeDigestsOf(this.entries())
      case 'offered-buckets':
        return bucketDigestsOf(this.entries(), op.resourceType, op.level, op.prefixes)
      case 'offered-entries':
        return this.entries()
          .filter((e) => inBuckets(e, op.resourceType, op.buckets))
          .map((e) => ({ key: wireKey(mesh, e.name), entry: e.entry }))
      case 'due-refusals':
        return this.due(op.nowMs)
      case 'repair-turns':
        return this.turns(op.types, op.nowMs)
      case 'repaired':
        for (const type of op.types) this.repairedAtMs.set(type, op.nowMs)
        return null
      case 'diverged':
        this.divergedCount += 1
        return null
      case 'settled':
        return this.settled
      case 'peer-settled':
      case 'compare':
      case 'changes':
      case 'buckets':
      case 'repair':
      case 'keys':
      case 'mark':
      case 'list':
      case 'acked':
      case 'admit':
        throw new Error(`a replica is never asked for ${op.op}`)
    }
  }

  private standing(): Standing {
    const standing = { offered: digestOf(this.entries()), partial: this.partial }
    return this.cursor === undefined ? standing : { ...standing, cursor: this.cursor }
  }

  private verify(mark: Mark): boolean {
    if (!digestEquals(digestOf(this.entries()), mark.digest)) return false
    this.cursor = mark.cursor
    this.partial = undefined
    return true
  }

  private apply(batch: Batch, nowMs: number): Applied {
    this.onApply(batch)
    const refused: Refused[] = []
    const before = this.writtenRows
    if (batch.wholeList === true) this.absentFrom(batch)
    for (const offer of batch.offers) {
      const id = `${batch.type}/${offer.resource.name}`
      const key = wireKey(mesh, offer.resource.name)
      const text = textOf(offer)
      this.offered.set(id, {
        type: batch.type,
        name: offer.resource.name,
        entry: entryOf(batch.type, offer.resource.name, text),
      })
      if (this.refuses.has(id)) {
        refused.push({ key, reason: 'not to our liking' })
        this.refused.set(id, { type: batch.type, key, nextTryMs: nowMs + retryMs })
        continue
      }
      this.refused.delete(id)
      if (this.held.get(id) !== text) this.writtenRows += 1
      this.held.set(id, text)
    }
    for (const { key, reason, version } of batch.unreadable ?? []) {
      const name = key.slice(0, -mesh.length - 1)
      const id = `${batch.type}/${name}`
      this.offered.set(id, { type: batch.type, name, entry: entryOf(batch.type, name, version) })
      refused.push({ key, reason })
      this.refused.set(id, { type: batch.type, key, nextTryMs: nowMs + retryMs })
    }
    for (const key of [...batch.removals.map((r) => r.key), ...batch.absent])
      this.drop(`${batch.type}/${key.slice(0, -mesh.length - 1)}`)
    const applied = { refused, warnings: [], writtenRows: this.writtenRows - before, heldKeys: [] }
    const { progress } = batch
    if (progress === undefined || !progress.lastOfPage) return applied
    this.cursor ??= { epoch: progress.cursorEpoch, revision: 0, tag: 't0' }
    this.partial = progress.through
    if (progress.mark === undefined) return applied
    return { ...applied, verified: this.verify(progress.mark), offered: digestOf(this.entries()) }
  }

  private drop(id: string): void {
    this.offered.delete(id)
    this.refused.delete(id)
    if (this.held.delete(id)) this.writtenRows += 1
  }

  private absentFrom(batch: Batch): void {
    const unread = (batch.unreadable ?? []).map(({ key }) => key.slice(0, -mesh.length - 1))
    const listed = new Set([...batch.offers.map((o) => o.resource.name), ...unread])
    for (const { type, name } of this.entries())
      if (type === batch.type && !listed.has(name)) this.drop(`${type}/${name}`)
  }

  private turns(types: readonly string[], nowMs: number): RepairTurns {
    const waiting = types.filter(
      (type) => nowMs < (this.repairedAtMs.get(type) ?? Number.NEGATIVE_INFINITY) + repairEveryMs,
    )
    const due = types.filter((type) => !waiting.includes(type))
    if (waiting.length === 0) return { due }
    return { due, retryAtMs: Math.min(...waiting.map((type) => (this.repairedAtMs.get(type) ?? 0) + repairEveryMs)) }
  }

  private due(nowMs: number): StoreResults['due-refusals'] {
    const keys = new Map<string, string[]>()
    for (const [id, { type, key, nextTryMs }] of this.refused) {
      if (nowMs < nextTryMs) continue
      this.refused.set(id, { type, key, nextTryMs: nowMs + retryMs })
      keys.set(type, [...(keys.get(type) ?? []), key])
    }
    return [...keys].map(([resourceType, some]) => ({ resourceType, keys: some }))
  }
}
