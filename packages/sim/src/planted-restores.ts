import { MemoryStore, type MemoryStoreOptions, recoveryWaits, type WholeHistory } from '@holdfast/store'
import { detoured } from './planted-store.js'

/** Where a peer stands is looked up by its revision, and what that revision was is not asked. */
export const resumeWithoutTag = detoured((real, op, store) => {
  if (op.op !== 'compare' || op.standing.cursor === undefined) return real(op)
  const { cursor } = op.standing
  const tag = store.logHistory().tagAt(cursor.epoch, cursor.revision) ?? cursor.tag
  return real({ ...op, standing: { ...op.standing, cursor: { ...cursor, tag } } })
})

/** Whoever has begun before the store was found out gets an answer to whatever he asks. */
export const shownWhileRecovering = detoured((real, op, { image }) => {
  if (op.op !== 'repair' && op.op !== 'keys' && op.op !== 'changes') return real(op)
  const { state } = image
  image.state = 'ready'
  try {
    return real(op)
  } finally {
    image.state = state
  }
})

/** Whoever asks for a block gets one, also of a store that does not know yet what it had leased. */
export const leasedWhileRecovering = (options: MemoryStoreOptions): MemoryStore =>
  new (class extends MemoryStore {
    override lease(request: Parameters<MemoryStore['lease']>[0]): ReturnType<MemoryStore['lease']> {
      const { state } = this.image
      this.image.state = 'ready'
      try {
        return super.lease(request)
      } finally {
        this.image.state = state
      }
    }
  })(options)

/** A tombstone is a removal, also to whoever had heard it before it got what it has. */
export const oldTombstoneTold = detoured((real, op) => real(op.op === 'repair' ? { ...op, followed: undefined } : op))

/** What the store says of its own history, or something less. */
const lessHistory =
  (less: Partial<WholeHistory>) =>
  (options: MemoryStoreOptions): MemoryStore =>
    new (class extends MemoryStore {
      override logHistory(): WholeHistory {
        return { ...super.logHistory(), ...less }
      }
    })(options)

/** Nothing is ordered by how far a lost log had come. */
export const positionsUnread = lessHistory({ endOf: () => undefined })

/** A log that was never here is another installation's, whoever follows it. */
export const laterLifeDisowned = lessHistory({ ackedLog: () => undefined })

/** Whoever is heard again is heard as if for the first time. */
export const conflictForgotten = (options: MemoryStoreOptions): MemoryStore =>
  new MemoryStore({ ...options, planted: { loaded: (loaded) => ({ ...loaded, named: [] }) } })

/** A recovery is over as soon as anybody is back, whatever he or others remember. */
export const recoveryEndsEarly: typeof recoveryWaits = (facts) =>
  facts.zones.some((zone) => zone.connected) ? [] : recoveryWaits(facts)
