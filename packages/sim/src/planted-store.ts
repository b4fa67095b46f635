import type { Batch, ChannelContext, LogItem, Mark, StoreOp, StoreResults, SyncChannelStore } from '@holdfast/kds'
import { addEntry, type Digest, emptyDigest, wireKey, zoneLabel } from '@holdfast/model'
import { type Image, MemoryStore, type MemoryStoreOptions, statusEntry } from '@holdfast/store'
import { DatabaseDown } from './laws.js'
import { isSpokenOf } from './truth.js'

type Perform = SyncChannelStore['perform']
/** What a channel does instead, given what it would do. */
export type Detour = (
  real: Perform,
  op: StoreOp,
  store: DetouredStore,
  context: ChannelContext,
) => StoreResults[StoreOp['op']]

/** A store whose channels do something else than they should. */
export class DetouredStore extends MemoryStore {
  readonly #detour: Detour
  /** What a detour remembers. */
  readonly memory = new Map<string, unknown>()

  constructor(options: MemoryStoreOptions, detour: Detour) {
    super(options)
    this.#detour = detour
  }

  override channel(context: ChannelContext): ReturnType<MemoryStore['channel']> {
    const real = super.channel(context)
    const inner: Perform = (op) => real.perform(op)
    const perform = (op: StoreOp): StoreResults[StoreOp['op']] => this.#detour(inner, op, this, context)
    return { perform } as ReturnType<MemoryStore['channel']>
  }
}

export const detoured =
  (detour: Detour) =>
  (options: MemoryStoreOptions): MemoryStore =>
    new DetouredStore(options, detour)

/** Changes what is stored behind everybody's back. */
function edit(store: MemoryStore, change: (image: Image) => void): void {
  const image = store.snapshot()
  change(image)
  store.restore(image)
}

/** What is not in an answer is taken for gone. */
export const deleteByAbsence = detoured((real, op, store, { channel, peer }) => {
  if (op.op !== 'apply' || op.batch.progress?.mark === undefined || op.batch.type === '') return real(op)
  const { batch } = op
  const said = new Set(batch.offers.map(({ resource }) => wireKey(resource.mesh, resource.name)))
  const missing = [...store.image.rows.values()]
    .filter((row) => row.type === batch.type && !row.deleted && isSpokenOf(row, store.identity, channel, peer))
    .map((row) => wireKey(row.mesh, row.exportName))
    .filter((key) => !said.has(key))
  const removals = [...batch.removals, ...missing.map((key) => ({ key, deletedAtMs: op.nowMs }))]
  return real({ ...op, batch: { ...batch, removals } })
})

/** The cursor is written first, the data in a transaction of its own, which sometimes does not come to pass. */
export const cursorBeforeData = detoured((real, op, store, { channel, peer }) => {
  const mark = op.op === 'apply' ? op.batch.progress?.mark : undefined
  if (mark === undefined) return real(op)
  edit(store, (image) => {
    for (const [key, row] of image.cursors)
      if (row.peer === peer && row.channel === channel && row.side === 'received')
        image.cursors.set(key, { ...row, cursor: mark.cursor, partial: undefined })
  })
  const count = Number(store.memory.get('applies') ?? 0) + 1
  store.memory.set('applies', count)
  if (count % 4 === 0) throw new DatabaseDown('killed between the cursor and its data')
  return real(op)
})

/** Now and then the cursor is taken from where it was a while ago: a replica that lags has answered. */
export const laggingCursor = detoured((real, op, store, { channel, peer }) => {
  const result = real(op)
  if (op.op !== 'apply' && op.op !== 'verify') return result
  for (const [key, row] of store.image.cursors) {
    if (row.peer !== peer || row.channel !== channel || row.side !== 'received' || row.cursor === undefined) continue
    const before = store.memory.get(key) as typeof row | undefined
    if (before?.cursor?.epoch === row.cursor.epoch && before.cursor.revision + 8 < row.cursor.revision) {
      edit(store, (image) => image.cursors.set(key, before))
      return result
    }
    if (before === undefined) store.memory.set(key, row)
  }
  return result
})

/** What does not add up is taken as if it did. */
export const proofUnread = detoured((real, op) => {
  if (op.op !== 'apply' && op.op !== 'verify') return real(op)
  const result = real(op)
  return 'verified' in result && result.verified === false ? { ...result, verified: true } : result
})

/** Every write is let through, whoever's session it is of. */
export const noFence = (options: MemoryStoreOptions): MemoryStore =>
  new (class extends MemoryStore {
    override channel({ channel, peer }: ChannelContext) {
      return super.channel({ channel, peer })
    }
  })(options)

/** Whose a resource is is read from its label. */
export const attributionFromPayload = detoured((real, op, store, { channel, peer }) => {
  if (op.op !== 'apply' || channel !== 'up') return real(op)
  const zoneOf = (offer: Batch['offers'][number]): string => offer.resource.labels[zoneLabel] ?? peer
  const foreign = op.batch.offers.filter((offer) => zoneOf(offer) !== peer)
  for (const offer of foreign) {
    const batch: Batch = { type: op.batch.type, offers: [offer], removals: [], absent: [] }
    const context: ChannelContext = { channel, peer: zoneOf(offer) }
    MemoryStore.prototype.channel.call(store, context).perform({ ...op, batch })
  }
  const offers = op.batch.offers.filter((offer) => zoneOf(offer) === peer)
  return real({ ...op, batch: { ...op.batch, offers } })
})

/** The log is looked at when a hint says so, and never else. */
export const hintsOnly = detoured((real, op, store, context) => {
  if (op.op !== 'mark') return real(op)
  const key = `${context.channel} ${context.peer} ${context.fence?.sessionId}`
  const known = store.memory.get(key) ?? real(op)
  store.memory.set(key, known)
  return known as Mark
})

/** Encoded once, kept for ever: a change does not reach the cache. */
export const staleEncoding = detoured((real, op, store) => {
  const result = real(op)
  if (op.op !== 'changes') return result
  const page = result as StoreResults['changes']
  const items = page.items.map((item): LogItem => {
    if (!('offer' in item.change)) return item
    const { resource } = item.change.offer
    const key = `${resource.type} ${wireKey(resource.mesh, resource.name)}`
    const cached = store.memory.get(key) ?? item.change
    store.memory.set(key, cached)
    return { ...item, change: cached as LogItem['change'] }
  })
  return { ...page, items }
})

/** A reconnect looks at positions only and never at what is held. */
export const proofIgnored = detoured((real, op) => {
  const result = real(op)
  if (op.op !== 'compare') return result
  const facts = result as StoreResults['compare']
  const wrong: Digest = { ...emptyDigest, count: -1 }
  return { ...facts, head: { ...facts.head, digest: wrong } }
})

/** One sum for all: what a zone may see of others and what it has said itself are not told apart. */
export const digestWithoutOrigin = detoured((real, op, store, { channel, peer }) => {
  const result = real(op)
  if (channel !== 'down' || store.identity.role !== 'global') return result
  const own = [...store.image.rows.values()].flatMap((row) => (row.origin === peer ? (row.entry ?? []) : []))
  const withOwn = (mark: Mark): Mark => ({
    ...mark,
    digest: own.reduce((sum: Digest, entry) => addEntry(sum, Buffer.from(entry, 'hex')), mark.digest),
  })
  switch (op.op) {
    case 'mark':
      return withOwn(result as StoreResults['mark'])
    case 'compare': {
      const facts = result as StoreResults['compare']
      return { ...facts, head: withOwn(facts.head) }
    }
    case 'changes': {
      const page = result as StoreResults['changes']
      return page.head === undefined ? page : { ...page, head: withOwn(page.head) }
    }
    default:
      return result
  }
})

/** A status is of the content as well: who has one that its sender does not compare has another resource. */
export const statusCompared = detoured((real, op, store, { channel, peer }) => {
  const result = real(op)
  if (op.op !== 'standing' || channel === 'status') return result
  const standing = result as StoreResults['standing']
  const statuses = [...store.image.rows.values()].flatMap((row) =>
    row.deleted || row.status === undefined || !isSpokenOf(row, store.identity, channel, peer)
      ? []
      : [statusEntry(row, row.status)],
  )
  const offered = statuses.reduce((sum: Digest, entry) => addEntry(sum, Buffer.from(entry, 'hex')), standing.offered)
  return { ...standing, offered }
})

/** Disabling a zone changes what others see, and takes no place in the log. */
export const visibilityOutsideTheLog = (options: MemoryStoreOptions): MemoryStore =>
  new (class extends MemoryStore {
    override apply(request: Parameters<MemoryStore['apply']>[0]) {
      const outcomes = super.apply(request)
      edit(this, (image) => {
        for (const [origin, { hidden }] of image.visibility) image.visibility.set(origin, { hidden, revision: 0 })
      })
      return outcomes
    }
  })(options)

/** A new session touches everything that is ours, so that it is surely sent. */
export const touchedOnConnect = (options: MemoryStoreOptions): MemoryStore =>
  new (class extends MemoryStore {
    override openSession(...session: Parameters<MemoryStore['openSession']>) {
      edit(this, (image) => {
        const revision = image.head.revision + 1
        image.head = { ...image.head, revision, tag: options.hexDigits(16) }
        image.tags.set(`${image.head.epoch} ${revision}`, image.head.tag)
        for (const [key, row] of image.rows)
          if (row.origin === this.identity.name) image.rows.set(key, { ...row, revision })
      })
      return super.openSession(...session)
    }
  })(options)
