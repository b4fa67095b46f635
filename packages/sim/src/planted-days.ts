import type { LogItem, StoreResults } from '@holdfast/kds'
import { type Digest, subEntry, wireKey } from '@holdfast/model'
import { type Loaded, lowestAcked, MemoryStore, type MemoryStoreOptions } from '@holdfast/store'
import { type Detour, detoured } from './planted-store.js'

/** Addresses are free after their day, whoever has not heard yet that their owner is gone. */
export const quarantineWaitsForNobody = (options: MemoryStoreOptions): MemoryStore =>
  new (class extends MemoryStore {
    override freeQuarantined(nowMs: number): number {
      return super.freeQuarantined(nowMs, this.image.head.revision)
    }
  })(options)

/** A zone asks nobody but global whether what it has removed is gone. */
export const quarantineWaitsForGlobal = (options: MemoryStoreOptions): MemoryStore =>
  new (class extends MemoryStore {
    override freeQuarantined(nowMs: number): number {
      return super.freeQuarantined(nowMs, lowestAcked(this))
    }
  })(options)

/** What is held or refused counts as gone, because its removal was heard of. */
export const heldCountsAsGone = detoured((real, op) => {
  const result = real(op)
  return op.op === 'settled' ? { ...(result as StoreResults['settled']), except: [] } : result
})

/** Whoever resumes is sent what the log has, whether it reaches back to where he stands or not. */
export const compactionForgotten = detoured((real, op) => {
  const result = real(op)
  if (op.op !== 'compare') return result
  const facts = result as StoreResults['compare']
  return facts.cursor === 'compacted' ? { ...facts, cursor: 'known' } : result
})

/** What is absent is gone, a mass of it too. */
export const holdsNothing = (options: MemoryStoreOptions): MemoryStore =>
  new MemoryStore({
    ...options,
    planted: {
      loaded: (loaded: Loaded) => ({
        ...loaded,
        vanishing: loaded.vanishing.map((counts) => ({ ...counts, live: 1_000_000 })),
      }),
    },
  })

/** What is held still counts as offered: it differs from what its sender says, for as long as nobody decides. */
export const holdCounted = (options: MemoryStoreOptions): MemoryStore => {
  const store: MemoryStore = new MemoryStore({
    ...options,
    planted: {
      plan: (plan) => ({
        ...plan,
        offered: plan.offered.map((write) =>
          write.holdId === undefined ? write : { ...write, offeredEntry: store.get(write)?.offeredEntry },
        ),
      }),
    },
  })
  return store
}

const everyNth = 3

/**
 * Revisions are given out before the commit: one that is slow appears below what a reader has already passed. Each time
 * one in three pages leaves out its first change, as if it had not been committed yet.
 */
const passedBy: Detour = (real, op, store) => {
  const result = real(op)
  if (op.op !== 'changes') return result
  const page = result as StoreResults['changes']
  const pages = Number(store.memory.get('pages') ?? 0) + 1
  store.memory.set('pages', pages)
  const [first, ...rest] = page.items
  if (pages % everyNth !== 0 || first === undefined || rest.length === 0 || page.head === undefined) return result
  const without = digestWithout(page.head.digest, first, store)
  return without === undefined ? result : { ...page, items: rest, head: { ...page.head, digest: without } }
}

function digestWithout(digest: Digest, { type, change }: LogItem, store: MemoryStore): Digest | undefined {
  if (!('offer' in change)) return undefined
  const key = wireKey(change.offer.resource.mesh, change.offer.resource.name)
  for (const row of store.image.rows.values())
    if (row.type === type && row.entry !== undefined && wireKey(row.mesh, row.exportName) === key)
      return subEntry(digest, Buffer.from(row.entry, 'hex'))
  return undefined
}

export const sequenceOrder = detoured(passedBy)

/** What is said of one moment comes as the database finds it, and not what is referred to first. */
export const anyOrder = detoured((real, op) => {
  const result = real(op)
  if (op.op !== 'changes') return result
  const page = result as StoreResults['changes']
  return { ...page, items: [...page.items].reverse() }
})
