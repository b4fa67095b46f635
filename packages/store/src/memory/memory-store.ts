import type { ChannelContext, Demand, StoreState } from '@holdfast/kds'
import { invariant, isHeadless, type ResourceKey, type Violation } from '@holdfast/model'
import { toldFrom } from '../asked-by.js'
import {
  type Adoption,
  adoptUnit,
  adoptZoneUnit,
  approveUnit,
  type BlockRow,
  demandOf,
  type Evidence,
  Fenced,
  freeUnit,
  type HoldDecision,
  type HoldRequest,
  type HoldThresholds,
  type HookCover,
  isEmptyPlan,
  isNothing,
  judgeHistory,
  kindsOf,
  knownPools,
  type Leased,
  type LeaseRequest,
  type Loaded,
  leaseUnit,
  localUnit,
  type Needs,
  nothingNeeded,
  type Pause,
  type PauseRequest,
  type PlanOptions,
  pauseUnit,
  poolsUnit,
  type ReadOnly,
  type ReadOnlyRequest,
  type RoleIdentity,
  type Row,
  readOnlyUnit,
  rejectUnit,
  servingUnit,
  statusUnit,
  type Unit,
  type WholeHistory,
  WorkingSet,
  type WritePlan,
} from '../plan/index.js'
import { keyText } from '../plan/keys.js'
import { meetPlainUnit, type PlainMeeting } from '../plan/plain-zones.js'
import type { LocalOutcome, LocalRequest, PoolSetting, SessionRecord, StoreStatus } from '../port.js'
import { MemoryChannel } from './channel.js'
import { commit } from './commit.js'
import { copyOf, cursorText, emptyImage, type Image, tagText } from './image.js'
import { LiveImage, type StoreListener, type WatchedTable } from './live-image.js'
import { blocksOf, loadNeeds } from './load.js'

export interface MemoryStoreOptions {
  readonly identity: RoleIdentity
  /** Virtual time, for operations that bring none. */
  readonly nowMs: () => number
  /** Chance: so many hex digits. */
  readonly hexDigits: (length: number) => string
  readonly thresholds?: HoldThresholds | undefined
  /** A mistake made on purpose, to see that somebody notices it. */
  readonly planted?: Planted | undefined
  /** Global: what is published only with a hook's consent. */
  readonly hooks?: HookCover | undefined
}

/** Where the simulation can plant a bug: in what a plan is told, and in what becomes of it. */
export interface Planted {
  readonly loaded?: ((loaded: Loaded) => Loaded) | undefined
  readonly plan?: ((plan: WritePlan) => WritePlan) | undefined
}

/**
 * A store in memory for the simulation: the same plans on the same working set as on PostgreSQL, committed whole or not
 * at all. Losing power loses nothing that was committed; `restore` is a backup that somebody has put back.
 */
export class MemoryStore {
  readonly nowMs: () => number
  #identity: RoleIdentity
  readonly #hexDigits: (length: number) => string
  readonly #planted: Planted
  readonly #hooks: HookCover | undefined
  readonly #thresholds: HoldThresholds | undefined
  readonly #listeners = new Set<() => void>()
  readonly #watchers = new Set<StoreListener>()
  readonly #strangers = new Set<(zone: string) => void>()
  #image: LiveImage
  #inTransaction = false
  #demanded: { readonly image: LiveImage; readonly version: number; readonly demands: readonly Demand[] } | undefined
  /** Torn writes: throws in the middle of the next commits that it is asked about. */
  #failure: (() => Error | undefined) | undefined

  constructor({ identity, nowMs, hexDigits, thresholds, planted = {}, hooks }: MemoryStoreOptions) {
    this.#hooks = hooks
    this.#thresholds = thresholds
    this.#planted = planted
    this.#identity = identity
    this.nowMs = nowMs
    this.#hexDigits = hexDigits
    this.#image = this.#live(emptyImage(hexDigits(32)))
  }

  get identity(): RoleIdentity {
    return this.#identity
  }

  /** What is stored now; of a transaction under way inside it. */
  get image(): LiveImage {
    return this.#image
  }

  status(): StoreStatus {
    const { state, reasons, head, readOnly } = this.#image
    return { identity: this.identity, state, reasons, head, readOnly }
  }

  /** Makes every later commit ask; an error is thrown after the writes and before the commit, so that all is undone. */
  failCommits(failure: (() => Error | undefined) | undefined): void {
    this.#failure = failure
  }

  /** A backup as of now. */
  snapshot(): Image {
    return copyOf(this.#image)
  }

  /**
   * Puts a backup back. What witnesses remember of the time since is judged when they come.
   * @param storeId of another store, which stands in the place of the one that was here
   */
  restore(image: Image, storeId: string = this.#identity.storeId): void {
    invariant(!this.#inTransaction, 'a backup is not put back in the middle of a transaction')
    this.#identity = { ...this.#identity, storeId }
    this.#image = this.#live(image)
    for (const watcher of this.#watchers) watcher.replaced()
  }

  /** Tells of every change from now on, also of those that are taken back. Changes nothing, least of all the store. */
  watch(watcher: StoreListener): void {
    this.#watchers.add(watcher)
  }

  #live(image: Image): LiveImage {
    return new LiveImage(image, {
      changed: (table: WatchedTable, key: string) => {
        for (const watcher of this.#watchers) watcher.changed(table, key)
      },
    })
  }

  /** All or nothing: what `act` throws leaves the store as it was. With a context, only while its fence stands. */
  transaction<T>(context: ChannelContext | undefined, act: () => T): T {
    if (this.#inTransaction) return act()
    const revision = this.#image.head.revision
    this.#inTransaction = true
    try {
      const value = this.#image.wholly(() => {
        const { fence, peer } = context ?? {}
        if (
          fence !== undefined &&
          peer !== undefined &&
          this.#image.fences.get(fence.key ?? peer)?.fence !== fence.fence
        )
          throw new Fenced(peer, fence.sessionId)
        const done = act()
        const failure = this.#failure?.()
        if (failure !== undefined) throw failure
        return done
      })
      if (revision !== this.#image.head.revision) for (const listener of this.#listeners) listener()
      return value
    } finally {
      this.#inTransaction = false
    }
  }

  /** Reads, plans and commits one unit. */
  run<T>(asked: Unit<T>): T {
    const unit = toldFrom(asked)
    const nowMs = this.nowMs()
    return this.transaction(undefined, () => {
      const read = (needs: Needs): Loaded => {
        const loaded = loadNeeds(needs, this.#image, this.identity, nowMs)
        return this.#planted.loaded?.(loaded) ?? loaded
      }
      const ws = new WorkingSet(this.identity, read(unit.needs))
      const more = unit.more(ws)
      if (more !== nothingNeeded && !isNothing(more)) ws.load(read(more))
      const value = unit.plan(ws)
      const planned = ws.toWritePlan(nowMs)
      const plan = this.#planted.plan?.(planned) ?? planned
      if (!isEmptyPlan(plan)) commit(plan, this.#image, () => this.#hexDigits(16))
      return value
    })
  }

  options(nowMs: number): PlanOptions {
    return { identity: this.identity, nowMs, hooks: this.#hooks, thresholds: this.#thresholds }
  }

  apply(request: LocalRequest): readonly LocalOutcome[] {
    return this.run(localUnit(request, this.options(this.nowMs())))
  }

  approve(request: HoldRequest): HoldDecision {
    return this.run(approveUnit(request, this.options(this.nowMs())))
  }

  reject(request: HoldRequest): HoldDecision {
    return this.run(rejectUnit(request, this.options(this.nowMs())))
  }

  pause(request: PauseRequest): Pause {
    return this.transaction(undefined, () => {
      const pause = this.run(pauseUnit(request, this.options(this.nowMs())))
      const { zone } = request
      if (pause.changed && request.paused)
        for (const key of [zone, `${zone}/down`, `${zone}/up`]) {
          const fence = this.#image.fences.get(key)
          if (fence !== undefined) this.#image.fences.set(key, { ...fence, fence: fence.fence + 1 })
        }
      return pause
    })
  }

  makeReadOnly(request: ReadOnlyRequest): ReadOnly {
    return this.transaction(undefined, () => {
      const made = this.run(readOnlyUnit(request, this.options(this.nowMs())))
      this.#image.readOnly = made.readOnly
      return made
    })
  }

  lease(request: LeaseRequest): Leased {
    return this.run(leaseUnit(request, this.options(this.nowMs())))
  }

  /** What this control plane would ask for now. */
  demand(): readonly Demand[] {
    const { image, version } = { image: this.#image, version: this.#image.version }
    if (this.#demanded?.image !== image || this.#demanded.version !== version)
      this.#demanded = { image, version, demands: this.#demandNow() }
    return this.#demanded.demands
  }

  #demandNow(): readonly Demand[] {
    const { name } = this.identity
    const pending = new Map<string, number>()
    for (const row of this.#image.marked('pending'))
      if (row.origin === name && isWaiting(row)) pending.set(row.type, (pending.get(row.type) ?? 0) + 1)
    const counts = new Map(
      kindsOf(this.identity).map((kind) => [
        kind,
        {
          v4: this.#image.activeAddresses(name, kind, 4),
          v6: this.#image.activeAddresses(name, kind, 6),
          pending: pending.get(kind) ?? 0,
        },
      ]),
    )
    const specs = [...this.#image.ofType('VipPool')].map(({ spec }) => spec)
    return demandOf(this.identity, this.blocks(), counts, knownPools(specs))
  }

  blocks(): readonly (BlockRow & { readonly used: number })[] {
    return blocksOf(this.#image)
  }

  adoptBlocks(cidrs: readonly string[]): readonly Violation[] {
    return this.run(adoptUnit(cidrs, this.options(this.nowMs())))
  }

  freeQuarantined(nowMs: number, lowestAckedRevision: number): number {
    return this.run(freeUnit(this.options(nowMs), lowestAckedRevision))
  }

  writeStatus(key: ResourceKey, status: Uint8Array): boolean {
    return this.run(statusUnit(key, status))
  }

  /** `uninitialised` → `ready`, global's with its pools; nothing on a store that was initialised before. */
  initialise(options: {
    readonly actor: string
    readonly pools?: readonly PoolSetting[]
    readonly random: Uint8Array
  }): { readonly changed: boolean } {
    if (this.#image.initialised) return { changed: false }
    return this.transaction(undefined, () => {
      this.#image.initialised = true
      this.#enter('ready', [])
      if (this.identity.role === 'global') this.run(poolsUnit(options, this.options(this.nowMs())))
      return { changed: true }
    })
  }

  finishRecovery(): void {
    if (this.#image.state !== 'recovering') return
    this.transaction(undefined, () => {
      this.#enter('ready', [])
      this.run(servingUnit(this.options(this.nowMs())))
    })
  }

  /** Compares what witnesses remember with our history; a contradiction is a new epoch, and recovery. */
  judge(evidence: readonly Evidence[]): void {
    const judgement = judgeHistory(evidence, this.logHistory())
    if (judgement.verdict === 'keep') return
    const epoch = this.#hexDigits(32)
    this.#image.head = { ...this.#image.head, epoch }
    this.#image.epochs = new Set([...this.#image.epochs, epoch])
    this.#image.tags.set(tagText(epoch, this.#image.head.revision), this.#image.head.tag)
    this.#enter('recovering', [judgement.reason])
    // As on PostgreSQL: whoever listens looks again, and finds another log.
    for (const listener of this.#listeners) listener()
  }

  #enter(state: StoreState, reasons: readonly string[]): void {
    this.#image.state = state
    this.#image.reasons = reasons
  }

  logHistory(): WholeHistory {
    const { head, epochs, tags } = this.#image
    return {
      epoch: head.epoch,
      head: head.revision,
      oldest: 0,
      epochs,
      untried:
        this.identity.role === 'global' &&
        epochs.size === 1 &&
        ![...this.#image.zones.values()].some((zone) => zone.everInStep && zone.storeId !== undefined),
      tagAt: (epoch, revision) => tags.get(tagText(epoch, revision)),
      endOf: (epoch) => {
        for (let revision = head.revision; revision >= 0; revision--)
          if (tags.has(tagText(epoch, revision))) return revision
        return undefined
      },
      ackedLog: (zone) =>
        this.#image.cursors.get(cursorText({ peer: zone, channel: 'down', side: 'acked' }))?.cursor?.epoch,
    }
  }

  /** A zone that speaks plain Kuma KDS begins a stream. Global only. */
  meetPlain(zone: string): PlainMeeting {
    return this.run(meetPlainUnit(zone, this.options(this.nowMs())))
  }

  /** An operator of global gives a zone's name to the store that asks for it. */
  adoptZone(zone: string, actor: string): Adoption {
    return this.run(adoptZoneUnit({ zone, actor, apply: true }, this.options(this.nowMs())))
  }

  /** Takes the fence of a peer: every older session of it has no effects from here on. */
  openSession(peer: string, sessionId: string, record?: SessionRecord): { readonly fence: number } {
    const fence = (this.#image.fences.get(peer)?.fence ?? 0) + 1
    this.#image.fences.set(peer, { sessionId, fence })
    if (record !== undefined) this.#image.sessions.set(sessionId, record)
    return { fence }
  }

  channel(context: ChannelContext): MemoryChannel {
    return new MemoryChannel(this, context)
  }

  /** Told of zones that were in step with a log that is not ours, while ours goes on. Returns the way to stop listening. */
  onStranger(listener: (zone: string) => void): () => void {
    this.#strangers.add(listener)
    return () => {
      this.#strangers.delete(listener)
    }
  }

  metStranger(zone: string): void {
    for (const listener of this.#strangers) listener(zone)
  }

  get(key: ResourceKey): Row | undefined {
    const row = this.#image.rows.get(keyText(key))
    return row === undefined || row.deleted ? undefined : row
  }

  /** A hint that the log has grown. Returns the way to stop listening. */
  onAdvanced(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}

const isWaiting = (row: Row): boolean => row.pendingReason !== undefined && !isHeadless(row.labels)
