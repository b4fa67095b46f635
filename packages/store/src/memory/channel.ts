import type {
  Batch,
  ChannelContext,
  Cursor,
  Followed,
  Mark,
  Settled,
  StoreOp,
  StoreResults,
  SyncChannelStore,
} from '@holdfast/kds'
import { type Digest, digestEquals, wireKey } from '@holdfast/model'
import { dueRefusal, isDue } from '../plan/due.js'
import {
  admitUnit,
  afterMark,
  afterProgress,
  batchUnit,
  type CursorRow,
  firstStepUnit,
  furthestOf,
  oldThrough,
  repairTurns,
  standingOf,
} from '../plan/index.js'
import { originWords } from '../plan/keys.js'
import { mustBeShown } from '../plan/not-shown.js'
import { cursorText } from './image.js'
import type { LiveImage } from './live-image.js'
import type { MemoryStore } from './memory-store.js'
import { Offered } from './offered.js'
import { settledFacts } from './settled.js'
import { View } from './views.js'

/** Reads whose answers are told to the peer as what this store has. */
const showing: ReadonlySet<StoreOp['op']> = new Set(['changes', 'repair', 'keys', 'list'])

/** One channel of one session on a store in memory: every operation that the machines ask for. */
export class MemoryChannel implements SyncChannelStore {
  readonly #store: MemoryStore
  readonly #context: ChannelContext

  constructor(store: MemoryStore, context: ChannelContext) {
    this.#store = store
    this.#context = context
  }

  perform<O extends StoreOp>(op: O): StoreResults[O['op']]
  perform(op: StoreOp): StoreResults[StoreOp['op']] {
    if (showing.has(op.op)) mustBeShown(this.#image.state)
    const view = new View(this.#image, this.#store.identity, this.#context)
    switch (op.op) {
      case 'compare':
        return this.#compare(op.standing)
      case 'changes':
        return view.changes(op.from, op.limitBytes, op.withRemovals)
      case 'buckets':
        return view.buckets(op.resourceType, op.level, op.prefixes)
      case 'repair':
        return view.repair(op, this.#oldThrough(op.followed))
      case 'keys':
        return view.keys(op.resourceType, op.keys)
      case 'list':
        return view.list(op.resourceType)
      case 'mark':
        return view.mark()
      case 'standing': {
        const { cursor, partial } = this.#received()
        return { offered: this.#offered().digest(), cursor, partial }
      }
      case 'offered-types':
        return this.#offered().types()
      case 'offered-buckets':
        return this.#offered().buckets(op.resourceType, op.level, op.prefixes)
      case 'offered-entries':
        return this.#offered().entries(op.resourceType, op.buckets)
      case 'due-refusals':
        return this.#dueRefusals(op.nowMs)
      case 'apply':
        return this.#apply(op.batch, op.nowMs)
      case 'verify':
        return this.#verify(op.mark)
      case 'acked':
        return this.#acked(op.cursor)
      case 'settled':
        return settledFacts(this.#image, this.#store.identity, this.#context)
      case 'peer-settled':
        return this.#peerSettled(op.settled)
      case 'admit':
        return this.#write(() =>
          this.#store.run(admitUnit(op.hello, this.#context.peer, this.#store.options(op.nowMs), op.instanceId)),
        )
      case 'repair-turns':
        return repairTurns(op, (type) => this.#image.repairs.get(this.#repairKey(type)))
      case 'repaired':
        return this.#write(() => {
          const { epoch, nowMs: atMs } = op
          for (const type of op.types) this.#image.repairs.set(this.#repairKey(type), { epoch, atMs })
          return null
        })
      case 'diverged':
        return this.#write(() => {
          const before = this.#received()
          const diverged = { sinceMs: before.diverged?.sinceMs ?? op.nowMs, types: op.types }
          this.#image.cursors.set(cursorText(before), { ...before, diverged })
          return null
        })
    }
  }

  get #image(): LiveImage {
    return this.#store.image
  }

  #offered(): Offered {
    return new Offered(this.#image, this.#store.identity, this.#context)
  }

  #compare(standing: Extract<StoreOp, { op: 'compare' }>['standing']): StoreResults['compare'] {
    const said: Cursor | undefined = standing.cursor
    const reachesFrom = standing.partial?.revision ?? said?.revision ?? 0
    if (this.#isLostLog(standing.cursor)) return this.#lost(standing.cursor)
    const stands = standingOf(said, this.#store.logHistory(), { reachesFrom, logFrom: this.#image.logFrom })
    const { head, epochs } = this.#image
    const isStranger = this.#isStranger(stands)
    const isUnknown = isStranger && said !== undefined && !epochs.has(said.epoch)
    // A receiver remembers what we do not: it is we who were restored, or who stand in the place of what was lost.
    if (said !== undefined && (stands === 'contradiction' || isUnknown))
      this.#store.judge([
        {
          from: 'peer',
          acked: this.#store.logHistory().ackedLog(this.#context.peer),
          witness: originWords(this.#context.peer),
          cursor: furthestOf(said, standing.partial, head),
        },
      ])
    // Another session may have found out meanwhile: nothing is said from here, whatever this one says.
    const isRecovering = this.#isGlobalSending() && this.#image.state !== 'ready'
    const isOurLoss = isRecovering || this.#image.head.epoch !== head.epoch
    if (!isOurLoss && isStranger) this.#store.metStranger(this.#context.peer)
    const view = new View(this.#image, this.#store.identity, this.#context)
    return { head: view.mark(), cursor: isOurLoss ? 'contradiction' : stands, typeDigests: view.typeDigests() }
  }

  /** Through which revision our tombstones are no news to who had come so far; undefined: all of them may be. */
  #oldThrough(followed: Followed | undefined): number | undefined {
    return followed === undefined ? undefined : oldThrough(followed, this.#store.logHistory())
  }

  #isStranger(stands: StoreResults['compare']['cursor']): boolean {
    return stands === 'foreign-epoch' && this.#isGlobalSending()
  }

  #isGlobalSending(): boolean {
    return this.#store.identity.role === 'global' && this.#context.channel === 'down'
  }

  /** What a zone sends was heard from nobody but its own store: a log of it that we never had was lost here. */
  #isLostLog(cursor: Cursor | undefined): cursor is Cursor {
    const { identity } = this.#store
    return (
      identity.role === 'zone' &&
      this.#context.channel !== 'down' &&
      cursor !== undefined &&
      !this.#store.logHistory().epochs.has(cursor.epoch)
    )
  }

  #lost(cursor: Cursor): StoreResults['compare'] {
    this.#store.judge([{ from: 'peer', isOurs: true, witness: 'global', cursor }])
    const view = new View(this.#image, this.#store.identity, this.#context)
    return { head: view.mark(), cursor: 'contradiction', typeDigests: view.typeDigests() }
  }

  #apply(batch: Batch, nowMs: number): StoreResults['apply'] {
    return this.#write(() => {
      const received = this.#store.run(batchUnit(batch, this.#context, this.#store.options(nowMs)))
      const mark = batch.progress?.mark
      const offered = mark === undefined ? undefined : this.#offered().digest()
      const verified = mark === undefined || offered === undefined ? undefined : digestEquals(offered, mark.digest)
      this.#place(afterProgress(this.#received(), batch.progress, verified), verified === true ? nowMs : undefined)
      return { ...received, verified, offered }
    })
  }

  #verify(mark: Mark): { readonly verified: boolean; readonly offered: Digest } {
    return this.#write(() => {
      const offered = this.#offered().digest()
      const verified = digestEquals(offered, mark.digest)
      if (verified) this.#place(afterMark(this.#received(), mark), this.#store.nowMs())
      return { verified, offered }
    })
  }

  /** The cursor stands in the same transaction as the data that it speaks of (DUR). */
  #place(at: Pick<CursorRow, 'cursor' | 'partial'>, provenAtMs: number | undefined): void {
    const { diverged, ...before } = this.#received()
    const proof = provenAtMs === undefined ? { diverged } : { provenAtMs }
    const row: CursorRow = { ...before, ...at, ...proof }
    this.#image.cursors.set(cursorText(row), row)
    if (provenAtMs === undefined || this.#context.channel !== 'down') return
    // Once in the life of a zone: it reads every row of the mesh.
    const { name } = this.#store.identity
    if (this.#image.zones.get(name)?.everInStep !== true)
      this.#store.run(firstStepUnit(this.#store.options(provenAtMs)))
  }

  #received(): CursorRow {
    const { peer, channel } = this.#context
    const key = { peer, channel, side: 'received' } as const
    return this.#image.cursors.get(cursorText(key)) ?? key
  }

  #acked(cursor: CursorRow['cursor']): null {
    const { peer, channel } = this.#context
    return this.#write(() => {
      const row: CursorRow = { peer, channel, side: 'acked', cursor }
      this.#image.cursors.set(cursorText(row), row)
      const zone = this.#image.zones.get(peer)
      if (channel === 'down' && zone !== undefined && !zone.everInStep)
        this.#image.zones.set(peer, { ...zone, everInStep: true })
      return null
    })
  }

  #peerSettled({ cursor, except }: Settled): null {
    const { peer, channel } = this.#context
    return this.#write(() => {
      const row: CursorRow = { peer, channel, side: 'settled', cursor, except }
      this.#image.cursors.set(cursorText(row), row)
      return null
    })
  }

  #repairKey(type: string): string {
    return `${this.#context.peer} ${this.#context.channel} ${type}`
  }

  #dueRefusals(nowMs: number): StoreResults['due-refusals'] {
    const { peer, channel } = this.#context
    const when = dueRefusal(nowMs)
    const due = [...this.#image.refused.values()].filter(
      (row) => row.peer === peer && row.channel === channel && isDue(row.nextTryMs, when),
    )
    return [...new Set(due.map((row) => row.type))].map((resourceType) => ({
      resourceType,
      keys: due.filter((row) => row.type === resourceType).map((row) => wireKey(row.mesh, row.exportName)),
    }))
  }

  /** One transaction under the session's fence. */
  #write<T>(act: () => T): T {
    return this.#store.transaction(this.#context, act)
  }
}
