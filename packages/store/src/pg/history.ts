import type { Cursor } from '@holdfast/kds'
import { type Evidence, judgeHistory } from '../plan/recovery.js'
import type { HighWaterFile } from './high-water.js'
import { type Database, timestamp } from './sql.js'
import { anyZoneInStep, beginEpoch, type Head, lockHead, readEpochs, readHead, tagsAt } from './statements/head.js'
import { insertAudit } from './statements/sync-write.js'
import type { StoreLog } from './store.js'

export interface HistoryOptions {
  readonly database: Database
  readonly head: Head
  readonly highWater: HighWaterFile | undefined
  readonly nowMs: () => number
  readonly nextEpoch: () => string
  readonly nextTag: () => string
  readonly log: StoreLog
}

/** However often it grows: between two hints so much time passes, so that sessions send what came meanwhile as one answer. */
export const tellEveryMs = 50

/**
 * What this process knows of the log, who is told when it grows, and the judgement whether the database still is what
 * it was. A backup that was put back is found out by a position that somebody remembers and the history does not have.
 */
export class History {
  /** Zones: whether global's proof has ever agreed. */
  everInStep: boolean
  readonly #options: HistoryOptions
  readonly #listeners = new Set<() => void>()
  #seen: Cursor
  #isInitialised: boolean
  #judging: Promise<void> | undefined
  #isGrown = false
  #telling: NodeJS.Immediate | undefined
  #pause: NodeJS.Timeout | undefined

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#seen = cursorOf(options.head)
    this.#isInitialised = options.head.initialised
    this.everInStep = options.head.everInStep
  }

  /** The newest position that this process knows. */
  get seen(): Cursor {
    return this.#seen
  }

  onAdvanced(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** A commit of our own. */
  committed(cursor: Cursor): void {
    if (cursor.epoch === this.#seen.epoch && cursor.revision <= this.#seen.revision) return
    this.#advance(cursor)
  }

  initialised(): void {
    this.#isInitialised = true
    this.#remember()
  }

  /** A head that was read, perhaps by a look that began before our last commit. */
  observed(head: Head): void {
    this.everInStep ||= head.everInStep
    this.#isInitialised ||= head.initialised
    if (head.epoch === this.#seen.epoch && head.revision > this.#seen.revision) this.#advance(cursorOf(head))
  }

  /** Looks at the head: at every hint, and every second. */
  async look(): Promise<void> {
    const before = this.#seen
    const head = await readHead(this.#options.database)
    if (head === undefined) return
    const isOdd =
      head.epoch !== before.epoch ||
      head.revision < before.revision ||
      (head.revision === before.revision && head.tag !== before.tag)
    if (isOdd) await this.judge([])
    else this.observed(head)
  }

  /**
   * Compares what is remembered, by this process and by the witnesses given, with the database's own history. What is
   * missing there means a backup: a new epoch begins, and the store recovers before it serves.
   */
  async judge(evidence: readonly Evidence[]): Promise<void> {
    while (this.#judging !== undefined) await this.#judging
    this.#judging = this.#judge(evidence).finally(() => {
      this.#judging = undefined
    })
    return this.#judging
  }

  async #judge(evidence: readonly Evidence[]): Promise<void> {
    const { database, nowMs, nextEpoch, nextTag, log } = this.#options
    const all: readonly Evidence[] = [{ from: 'process', witness: 'this process', cursor: this.#seen }, ...evidence]
    const found = await database.transaction('write', async (sql) => {
      const { head } = await lockHead(sql, this.#seen.revision)
      const tags = await tagsAt(
        sql,
        all.map((one) => one.cursor.revision),
      )
      const epochs = await readEpochs(sql)
      const judgement = judgeHistory(all, {
        epoch: head.epoch,
        head: head.revision,
        oldest: 0,
        epochs,
        untried: head.identity.role === 'global' && epochs.size === 1 && !(await anyZoneInStep(sql)),
        tagAt: (epoch, revision) => tags.find((row) => row.epoch === epoch && row.revision === revision)?.tag,
      })
      if (judgement.verdict === 'keep') return { head, reason: undefined }
      const { reason } = judgement
      const at = timestamp(nowMs())
      await beginEpoch(sql, {
        epoch: nextEpoch(),
        tag: nextTag(),
        state: 'recovering',
        reasons: [...new Set([...(head.state === 'recovering' ? head.reasons : []), reason])],
        at,
      })
      const after = (await readHead(sql)) ?? head
      await insertAudit(
        sql,
        [{ atMs: nowMs(), actor: 'holdfast', action: 'new epoch', subject: 'the store', detail: { reason } }],
        { revision: after.revision, atMs: nowMs() },
      )
      return { head: after, reason }
    })
    if (found.reason !== undefined)
      log.error({ reason: found.reason, epoch: found.head.epoch }, 'the store is not what it was: it recovers')
    const moved = cursorOf(found.head)
    if (moved.epoch !== this.#seen.epoch || moved.revision !== this.#seen.revision) this.#advance(moved)
  }

  #advance(cursor: Cursor): void {
    this.#seen = cursor
    this.#remember()
    this.tell()
  }

  /** Whoever listens looks again: at once if nothing was told of late, otherwise once the pause is over. */
  tell(): void {
    this.#isGrown = true
    if (this.#pause !== undefined) return
    // Not within the commit that has found it out: a listener may ask the store at once.
    this.#telling ??= setImmediate(() => {
      this.#telling = undefined
      this.#tellAll()
    })
  }

  /** Nobody is told from here on. */
  close(): void {
    this.#listeners.clear()
    clearTimeout(this.#pause)
    clearImmediate(this.#telling)
  }

  #tellAll(): void {
    this.#isGrown = false
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      if (this.#isGrown) this.#tellAll()
    }, tellEveryMs)
    for (const listener of this.#listeners) listener()
  }

  #remember(): void {
    const { highWater, head } = this.#options
    highWater?.note({ storeId: head.identity.storeId, cursor: this.#seen, initialised: this.#isInitialised })
  }
}

export const cursorOf = ({ epoch, revision, tag }: Head): Cursor => ({ epoch, revision, tag })
