import type { ChannelContext, ChannelStore, Cursor } from '@holdfast/kds'
import { allTypes, Problem, type ResourceKey, readLearnedTypes, type Violation } from '@holdfast/model'
import type { RevisionTraces } from '@holdfast/tracing'
import type { DiffReader } from '../diff-port.js'
import type { HeldLease } from '../lease-port.js'
import { differencesOf } from '../memory/verify.js'
import { pausedWords, pauseUnit, readOnlyUnit } from '../plan/brakes.js'
import { finishUnit } from '../plan/finish.js'
import type { HookCover } from '../plan/forms.js'
import type { HoldThresholds } from '../plan/holds.js'
import { importAddresses } from '../plan/import-vips.js'
import { learnUnit, needsOfLearned } from '../plan/learned-types.js'
import { type Leased, type LeaseRequest, leaseUnit } from '../plan/lease.js'
import { nothingNeeded } from '../plan/loaded.js'
import { localUnit, type PlanOptions } from '../plan/local.js'
import { meetPlainUnit } from '../plan/plain-zones.js'
import { addPoolUnit, poolsUnit } from '../plan/pools.js'
import type { RoleIdentity } from '../plan/types.js'
import type { Unit } from '../plan/unit.js'
import { adoptUnit, freeUnit, servingUnit, statusUnit } from '../plan/upkeep.js'
import { firstStepUnit } from '../plan/zones.js'
import type {
  ControlPlaneStore,
  LocalOutcome,
  LocalRequest,
  ScrubPace,
  ScrubStep,
  StoreStatus,
  Upkeep,
} from '../port.js'
import type { ZoneReturns } from '../port-returns.js'
import type { ReplicaStore } from '../replica-port.js'
import { Acks } from './acks.js'
import { PgChannel } from './channel.js'
import { DemandLook } from './demand.js'
import { diffReader } from './diff.js'
import { pgGuards } from './guards.js'
import type { HintBus } from './hints.js'
import type { History } from './history.js'
import { pgHooks } from './hooks.js'
import { LogTail } from './log-tail.js'
import { PlannerStatistics } from './planner-statistics.js'
import { PgRecovery } from './recovery.js'
import { pgReturns } from './returns.js'
import { countWords, scrubStep } from './scrub.js'
import type { Soundness } from './soundness.js'
import { type Database, timestamp } from './sql.js'
import { readChanges } from './statements/changes.js'
import { bookedPage, doubtful, servedPage, standingOf } from './statements/claims-read.js'
import { type Head, readHead, setReadOnly, setState } from './statements/head.js'
import { openHolds } from './statements/holds.js'
import { readLag } from './statements/lag.js'
import { listLeases, lockLease, releaseLeases, takeLeases } from './statements/leases.js'
import { aliasesOf, blocksOf, readBlocks } from './statements/ledger-read.js'
import { listRows, meshCounts, namedRows, readCounts } from './statements/read.js'
import { pgReplicas } from './statements/replicas.js'
import { rowsByKey, rowsOfTypes } from './statements/rows-read.js'
import { readScrub } from './statements/scrub-read.js'
import {
  closeSession,
  deletedZones,
  lastSessions,
  openSession,
  pausedZones,
  voidFences,
  writeHeartbeats,
  zoneObjects,
  zoneRecords,
} from './statements/sessions.js'
import { lowestSettled } from './statements/settled.js'
import { readShown } from './statements/shown.js'
import { allCursors, allRefused, auditLines, hasFollowed, lastAudit } from './statements/sync-read.js'
import { activeLedger, historyOf, ledgerPage, serviceRows, wrongCounts } from './statements/vip-read.js'
import type { PoolUse } from './turns.js'
import { upkeep } from './upkeep.js'
import type { Vault } from './vault.js'
import { Writer } from './writer.js'

export interface StoreLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface PgStoreParts {
  readonly database: Database
  readonly history: History
  readonly soundness: Soundness
  readonly identity: RoleIdentity
  readonly nowMs: () => number
  readonly nextTag: () => string
  /** Of this process, in its hints. */
  readonly mark: string
  readonly log: StoreLog
  readonly hooks?: HookCover | undefined
  readonly thresholds?: HoldThresholds | undefined
  readonly vault?: Vault | undefined
  readonly traces?: RevisionTraces | undefined
  /** Undefined: NOTIFY. */
  readonly bus?: HintBus | undefined
  /** Closed after everything else, in this order. */
  readonly closers: readonly (() => Promise<void>)[]
}

/** Changes in a request that need not stand together: so many are planned and written as one. */
const chunkMax = 500

const hasWritten = (outcomes: readonly LocalOutcome[]): boolean =>
  outcomes.some(({ outcome }) => outcome === 'created' || outcome === 'updated' || outcome === 'deleted')

const vipKinds = allTypes.filter((type) => type.vipKind).map((type) => type.name)

/** Everything that the product asks of a store, on PostgreSQL. */
export class PgStore implements ControlPlaneStore {
  readonly identity: RoleIdentity
  readonly database: Database
  readonly guards: ControlPlaneStore['guards']
  readonly #parts: PgStoreParts
  readonly #writer: Writer
  readonly #statistics: PlannerStatistics
  readonly #tail: LogTail
  readonly #acks: Acks
  readonly #demands: DemandLook
  readonly #recovery: PgRecovery
  readonly #waiting = new Set<() => void>()
  #closing: Promise<void> | undefined

  constructor(parts: PgStoreParts) {
    const { database, history, soundness, identity, nowMs, nextTag, log } = parts
    this.#parts = parts
    this.identity = identity
    this.database = database
    this.#statistics = new PlannerStatistics(database, parts.log)
    this.#writer = new Writer({
      database,
      nowMs,
      nextTag,
      check: () => soundness.check(),
      seen: () => history.seen,
      mark: parts.bus === undefined ? parts.mark : undefined,
      onCommitted: (cursor) => {
        history.committed(cursor)
        parts.bus?.announce()
      },
      onContradiction: () => history.judge([]),
      traces: parts.traces,
      onInserted: (rows) => this.#statistics.inserted(rows),
      onForms: () => {
        for (const listener of this.#waiting) listener()
      },
    })
    this.hooks = pgHooks({
      database,
      options: () => this.#options(),
      submit: (work) => this.#writer.submit(work),
      onWaiting: (listener) => {
        this.#waiting.add(listener)
        return () => this.#waiting.delete(listener)
      },
    })
    this.guards = pgGuards({ database, options: () => this.#options(), run: (unit) => this.#run(unit) })
    this.#demands = new DemandLook(database, identity, history)
    this.#tail = new LogTail(database, (head) => history.observed(head))
    this.#recovery = new PgRecovery({
      database,
      identity,
      options: () => this.#options(),
      run: (unit) => this.#run(unit),
      mend: async (unit) => {
        const { value } = await this.#writer.submit({ unit, size: 1, mends: true })
        await soundness.look()
        return value
      },
    })
    this.#acks = new Acks(database, (error) => log.warn({ err: error }, 'acked positions could not be written down'))
  }

  async status(): Promise<StoreStatus> {
    const { state, reasons, epoch, revision, tag, readOnly } = await this.#head()
    const said = state === 'uninitialised' && reasons.length === 0 ? ['it was never initialised'] : reasons
    const head = { epoch, revision, tag }
    const { faults } = this.#parts.soundness
    // Whatever the head says: of a database that is not whole nobody is told anything.
    if (faults.length > 0)
      return { identity: this.identity, state: 'recovering', reasons: [...faults, ...said], head, readOnly }
    return { identity: this.identity, state, reasons: said, head, readOnly }
  }

  async initialise(options: Parameters<ControlPlaneStore['initialise']>[0]): Promise<{ readonly changed: boolean }> {
    const pools = this.identity.role === 'global' ? poolsUnit(options, this.#options()) : undefined
    const unit: Unit<{ readonly changed: boolean }> = {
      needs: pools?.needs ?? nothingNeeded,
      more: (ws) => pools?.more(ws) ?? nothingNeeded,
      plan: (ws) => {
        if (ws.state !== 'uninitialised') return { changed: false }
        pools?.plan(ws)
        return { changed: true }
      },
    }
    const initialisedAt = timestamp(this.#parts.nowMs())
    const { value } = await this.#writer.submit({
      unit,
      size: 1,
      also: async (sql, { changed }) => {
        if (changed) await setState(sql, { state: 'ready', reasons: [], initialisedAt })
      },
    })
    if (value.changed) this.#parts.history.initialised()
    return value
  }

  async finishRecovery(reason: string, actor = 'operator'): Promise<void> {
    const unit = finishUnit({ reason, actor }, this.#options())
    // A database that was put in the place of a lost one was never initialised itself: that is the next step then,
    // unless its zones have brought back what initialising makes.
    const { initialised } = await this.#head()
    const initialisedAt = timestamp(this.#parts.nowMs())
    const { value } = await this.#writer.submit({
      unit,
      size: 1,
      also: async (sql, { finished, hasPools }) => {
        if (!finished) return
        const state = initialised || hasPools ? 'ready' : 'uninitialised'
        await setState(sql, { state, reasons: [], initialisedAt: state === 'ready' ? initialisedAt : null })
      },
    })
    if (!value.finished) return
    if (value.hasPools) this.#parts.history.initialised()
    if (initialised || value.hasPools) await this.#run(servingUnit(this.#options()))
  }

  readonly local: ControlPlaneStore['local'] = {
    apply: (request, { signal }) => this.#apply(request, signal),
    writeStatus: (key: ResourceKey, status: Uint8Array) => this.#run(statusUnit(key, status)),
  }

  readonly read: ControlPlaneStore['read'] = {
    changes: (query) => this.database.transaction('read', (sql) => readChanges(sql, query, this.identity.name)),
    get: async (key) => {
      const [row] = await rowsByKey(this.database, [key])
      return row === undefined || row.deleted ? undefined : row
    },
    shown: (key) => readShown(this.database, key, this.identity.role === 'zone' ? this.identity.name : ''),
    byDisplayName: (type, mesh, displayName, zone) =>
      namedRows(this.database, { type, mesh, displayName, origin: zone === '' ? this.identity.name : zone }),
    list: (query) => listRows(this.database, query),
    counts: () => readCounts(this.database),
    countsByMesh: () => meshCounts(this.database),
    refused: () => allRefused(this.database),
    holds: () => openHolds(this.database),
    cursors: async () => {
      await this.#acks.flush()
      return allCursors(this.database)
    },
    hasFollowed: (peer) => hasFollowed(this.database, peer),
    lag: async () => {
      await this.#acks.flush()
      return readLag(this.database.unobserved, this.identity.name)
    },
    audit: (limit, filter) => lastAudit(this.database, limit, filter),
    scrub: () => readScrub(this.database),
    auditAfter: (after, limit) => auditLines(this.database, after, limit),
  }

  readonly vip: ControlPlaneStore['vip'] = {
    ledger: (query) => ledgerPage(this.database, query),
    booked: (query) => bookedPage(this.database, { ...query, zone: this.identity.name }),
    served: (query) => servedPage(this.database, query),
    standing: (keys) => standingOf(this.database, keys, this.identity.name),
    history: (owner, limit) => historyOf(this.database, owner, limit),
    blocks: () => readBlocks(this.database, 'anybody'),
    ownBlocks: () => blocksOf(this.database, this.identity.name),
    lease: (request: LeaseRequest): Promise<Leased> => this.#run(leaseUnit(request, this.#options())),
    demand: () => this.#demands.demands(),
    addPool: (request) => this.#run(addPoolUnit(request, this.#options())),
    adoptBlocks: (cidrs): Promise<readonly Violation[]> => this.#run(adoptUnit(cidrs, this.#options())),
    importAddresses: (request) =>
      importAddresses(request, { options: () => this.#options(), run: (unit) => this.#run(unit) }),
    aliases: (owners, zone) => aliasesOf(this.database, owners, zone),
    verifyLocal: async () => {
      const { image, counts } = await this.database.transaction('read', async (sql) => ({
        image: (await doubtful(sql, vipKinds, this.identity.name)) ?? {
          rows: await serviceRows(sql, vipKinds),
          ledger: await activeLedger(sql),
        },
        counts: await wrongCounts(sql),
      }))
      return [
        ...differencesOf(image, this.identity.name),
        ...counts.map((count) => ({ subject: count.what, problem: countWords(count) })),
      ]
    },
    freeQuarantined: (nowMs) => this.#freeQuarantined(nowMs, undefined),
  }

  /** How the connections to the database are used, by this process. */
  get poolUse(): PoolUse {
    return this.#parts.database.poolUse
  }

  get returns(): ZoneReturns {
    const { database, identity, nowMs } = this.#parts
    return pgReturns({ database, identity, nowMs, writer: this.#writer, acks: this.#acks })
  }

  readonly types: ControlPlaneStore['types'] = {
    learn: (peer, said) => this.#run(learnUnit(peer, said, this.#options())),
    learned: async () => {
      const rows = await rowsOfTypes(this.database, needsOfLearned(this.identity).wholeTypes, this.identity.name)
      return rows.flatMap((row) => readLearnedTypes(row.spec) ?? [])
    },
  }

  get replicas(): ReplicaStore {
    return pgReplicas(this.database.unobserved)
  }

  readonly leases: ControlPlaneStore['leases'] = {
    take: (request) => takeLeases(this.database.unobserved, request),
    release: (holder, names) => releaseLeases(this.database, holder, names),
    list: () => listLeases(this.database.unobserved),
  }

  readonly sessions: ControlPlaneStore['sessions'] = {
    open: async ({ lease, ...session }) => {
      const opened = { ...session, openedAtMs: this.#parts.nowMs() }
      if (lease === undefined) return { fence: await openSession(this.database, opened) }
      return this.database.transaction('write', async (sql) => {
        await lockLease(sql, lease)
        return { fence: await openSession(sql, opened) }
      })
    },
    heartbeats: (beats) => writeHeartbeats(this.database, beats, this.#parts.nowMs()),
    close: (sessionId, reason) => closeSession(this.database, sessionId, reason, this.#parts.nowMs()),
    list: () => lastSessions(this.database),
    meetPlain: (zone) => this.#run(meetPlainUnit(zone, this.#options())),
    deletedZones: (names) => deletedZones(this.database, names),
    zoneObjects: () => zoneObjects(this.database),
    pausedZones: async (names) =>
      (await pausedZones(this.database.unobserved, names)).map(({ zone, brake }) => ({
        zone,
        reason: pausedWords(zone, brake),
      })),
    zones: async () => {
      await this.#acks.flush()
      return zoneRecords(this.database)
    },
  }

  readonly brakes: ControlPlaneStore['brakes'] = {
    pause: async (request) => {
      const { value } = await this.#writer.submit({
        unit: pauseUnit(request, this.#options()),
        size: 1,
        also: async (sql, { changed }) => {
          if (changed && request.paused) await voidFences(sql, request.zone)
        },
      })
      return value
    },
    readOnly: async (request) => {
      const { value } = await this.#writer.submit({
        unit: readOnlyUnit(request, this.#options()),
        size: 1,
        also: async (sql, { changed, readOnly }) => {
          if (changed) await setReadOnly(sql, readOnly)
        },
      })
      return value
    },
  }

  readonly hooks: ControlPlaneStore['hooks']
  get recovery(): PgRecovery {
    return this.#recovery
  }

  channel(context: ChannelContext): ChannelStore {
    const { database, history, identity, nowMs, hooks, thresholds } = this.#parts
    return new PgChannel(
      {
        database,
        identity,
        hooks,
        nowMs,
        thresholds,
        writer: this.#writer,
        tail: this.#tail,
        acks: this.#acks,
        checkNow: () => this.#parts.soundness.checkNow(),
        seen: (): Cursor => history.seen,
        onEvidence: (evidence) => history.judge([evidence]),
        onStranger: (zone) => this.#recovery.met(zone),
        onProven: () => this.#firstStep(),
      },
      context,
    )
  }

  upkeep({ lease }: Parameters<ControlPlaneStore['upkeep']>[0] = {}): Promise<Upkeep> {
    return upkeep({
      lease,
      database: this.database,
      options: this.#options(),
      submit: (work) => this.#writer.submit(work),
      freeQuarantined: (nowMs) => this.#freeQuarantined(nowMs, lease),
    })
  }

  async scrub(pace: ScrubPace): Promise<ScrubStep> {
    const { soundness, nowMs } = this.#parts
    const step = await scrubStep({ database: this.database, identity: this.identity, nowMs: nowMs(), ...pace })
    // A sum that was wrong may have stopped all writes: it is right now.
    if (step.found.length > 0) await soundness.lookAnew()
    return step
  }

  get sealing(): ControlPlaneStore['sealing'] {
    const { vault } = this.#parts
    if (vault === undefined) return undefined
    return {
      reseal: (limit) => vault.reseal(this.database, limit),
      rotate: () => vault.rotate(this.database),
      counts: () => vault.counts(this.database),
      activeKeyId: () => vault.activeKeyId,
    }
  }

  get diff(): DiffReader {
    return diffReader(this.database, this.identity)
  }

  faults(): readonly string[] {
    return this.#parts.soundness.faults
  }

  onAdvanced(listener: () => void): () => void {
    return this.#parts.history.onAdvanced(listener)
  }

  /** Finishes what was asked, then lets go of everything; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const steps = [
      () => this.#writer.close(),
      () => this.#statistics.close(),
      () => this.#acks.flush(),
      ...this.#parts.closers,
    ]
    const failures: unknown[] = []
    for (const step of steps) await step().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw new AggregateError(failures, 'the store did not close cleanly')
  }

  async #apply(request: LocalRequest, signal: AbortSignal): Promise<readonly LocalOutcome[]> {
    const { changes, atomic } = request
    if (atomic || changes.length <= 1) return this.#applyTogether(request, signal)
    const outcomes: LocalOutcome[] = []
    for (let from = 0; from < changes.length; from += chunkMax) {
      const chunk = { ...request, changes: changes.slice(from, from + chunkMax) }
      outcomes.push(
        ...(await this.#applyTogether(chunk, signal).catch((error) => this.#applyEach(chunk, error, signal))),
      )
    }
    return outcomes
  }

  async #applyTogether(request: LocalRequest, signal: AbortSignal): Promise<readonly LocalOutcome[]> {
    const unit = localUnit(request, this.#options())
    const { changes, lease, traces } = request
    const traced =
      traces === undefined || traces.length === 0
        ? undefined
        : { traces, types: [...new Set(changes.map(({ key }) => key.type))], wrote: hasWritten }
    return (await this.#writer.submit({ unit, size: changes.length, lease, traced }, signal)).value
  }

  /** The database took none of them: each stands alone, so that only the one at fault is refused. */
  async #applyEach(request: LocalRequest, error: unknown, signal: AbortSignal): Promise<readonly LocalOutcome[]> {
    signal.throwIfAborted()
    if (error instanceof Problem && error.kind === 'unavailable') throw error
    const outcomes: LocalOutcome[] = []
    for (const change of request.changes) {
      try {
        outcomes.push(...(await this.#applyTogether({ ...request, changes: [change] }, signal)))
      } catch (failure) {
        if (!(failure instanceof Problem) || failure.kind === 'unavailable') throw failure
        outcomes.push({ outcome: 'refused', problem: failure })
      }
    }
    return outcomes
  }

  async #freeQuarantined(nowMs: number, lease: HeldLease | undefined): Promise<number> {
    await this.#acks.flush()
    const unit = freeUnit(this.#planOptions(nowMs), await lowestSettled(this.database, this.identity))
    return (await this.#writer.submit({ unit, size: 1, lease })).value
  }

  /** The first agreement with global ends the provisional mesh of a zone; afterwards there is nothing to do. */
  async #firstStep(): Promise<void> {
    const { history } = this.#parts
    if (history.everInStep) return
    await this.#run(firstStepUnit(this.#options()))
    history.everInStep = true
  }

  async #run<T>(unit: Unit<T>): Promise<T> {
    return (await this.#writer.submit({ unit, size: 1 })).value
  }

  async #head(): Promise<Head> {
    const head = await readHead(this.database)
    if (head === undefined) throw new Problem('unavailable', 'the database was emptied under the running store')
    return head
  }

  #options(): PlanOptions {
    return this.#planOptions(this.#parts.nowMs())
  }

  #planOptions(nowMs: number): PlanOptions {
    const { hooks, thresholds } = this.#parts
    return { identity: this.identity, nowMs, hooks, thresholds }
  }
}
