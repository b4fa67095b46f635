import type { SessionEvent, SessionState, StoreResults, stepSession } from '@holdfast/kds'
import { MemoryStore } from '@holdfast/store'
import { detoured } from './planted-store.js'

type Step = typeof stepSession

/** The first response of a type is a page of it, and more would follow: a Kuma takes the first for all that there is. */
export const listCut = detoured((real, op) => {
  const result = real(op)
  if (op.op !== 'list') return result
  const { offers, head } = result as StoreResults['list']
  return { offers: offers.slice(0, Math.ceil(offers.length / 2)), head }
})

/** A list has everything of its type, whoever asks. */
export const toldItsOwn = detoured((real, op, store, { channel }) =>
  op.op === 'list' ? MemoryStore.prototype.channel.call(store, { channel, peer: 'nobody' }).perform(op) : real(op),
)

/** What is listed was changed, or it would not be said. */
export const listWrittenAgain = detoured((real, op, store, { peer }) => {
  const result = real(op)
  if (op.op !== 'apply' || op.batch.plain !== true || op.batch.wholeList !== true) return result
  const { type } = op.batch
  const image = store.snapshot()
  const revision = image.head.revision + 1
  const listed = [...image.rows].filter(([, row]) => row.type === type && row.origin === peer && !row.deleted)
  if (listed.length === 0) return result
  image.head = { ...image.head, revision, tag: image.head.tag.split('').reverse().join('') }
  image.tags.set(`${image.head.epoch} ${revision}`, image.head.tag)
  for (const [key, row] of listed) image.rows.set(key, { ...row, revision })
  store.restore(image)
  return result
})

/** What was listed while the store recovered is taken for kept, and nobody asks for it again. */
export const listedOnce =
  (inner: Step): Step =>
  (state: SessionState, event: SessionEvent) =>
    inner(
      state.phase === 'plain' && event.type === 'storeState' && event.state === 'ready'
        ? { ...state, storeState: 'uninitialised' }
        : state,
      event,
    )
