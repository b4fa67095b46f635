import type { GuardReport } from '@holdfast/kds'
import {
  type ControlPlaneStore,
  decodeReport,
  type Exceptions,
  emptyReport,
  encodeReport,
  reportOf,
  type ZoneObject,
} from '@holdfast/store'
import type { TraceIds } from '@holdfast/tracing'
import type { Logger } from 'pino'
import { GuardAlarms } from './guard-alarms.js'
import { GuardCauses, type StoredReport } from './guard-causes.js'
import type { SessionMetrics } from './metrics.js'

export interface GuardWatchOptions {
  readonly store: ControlPlaneStore
  readonly log: Logger
  readonly metrics: SessionMetrics
}

/** What another replica, or an operator at another one, has changed is seen within this time. */
const lookEveryMs = 10_000
/** After a sign that something has changed: soon, and not for each of a thousand signs. */
const lookSoonMs = 200
const lookAgainMs = 1_000
/** Rows that are looked at; all of them are counted. */
const rowsMax = 2_000

const nothing: Exceptions = { refused: [], refusedCounts: [], holds: [], reports: [], unpublished: [] }

/**
 * What is refused and held, in memory: for metrics, for one line of log per change, and for what each peer is told of
 * its own. One for a process, whoever has sessions.
 */
export class GuardWatch {
  readonly #options: GuardWatchOptions
  readonly #alarms: GuardAlarms
  readonly #causes = new GuardCauses()
  readonly #listeners = new Set<() => void>()
  #now: Exceptions = nothing
  #reports = new Map<string, GuardReport>()
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #lookedAtMs = 0
  #closed = false
  /** Told to everybody, beside what is told of their own. */
  #zones: readonly ZoneObject[] = []
  #common: GuardReport = { hash: '', body: '' }

  constructor(options: GuardWatchOptions) {
    this.#options = options
    this.#alarms = new GuardAlarms(options.log, this.#causes)
  }

  /** The first look is over when it resolves: a session that opens then knows what its peer was told before. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#look(), lookEveryMs)
    await this.#look()
  }

  /** What we tell a peer, and the hash of what we have kept of its own report. */
  towards(peer: string): { readonly report: GuardReport; readonly kept: string } {
    return {
      report: this.#reports.get(peer) ?? this.#common,
      kept: this.#now.reports.find((row) => row.peer === peer)?.hash ?? '',
    }
  }

  /** Global: what its zones shall remember of its Zone objects. */
  tellZones(zones: readonly ZoneObject[]): void {
    if (JSON.stringify(zones) === JSON.stringify(this.#zones)) return
    this.#zones = zones
    this.#common = encodeReport({ ...emptyReport, ...this.#ofZones() })
    this.#write()
  }

  /** Told when what a peer is to be told has changed, or what is kept of its own. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * Something was stored: a look is worth it if it was refused or held, or if anything is by now.
   * @param ids of the trace that it came with
   */
  stored(report: StoredReport, ids: TraceIds): void {
    this.#causes.note(report, ids)
    const exceptions = report.refused.length + report.heldKeys.length
    if (exceptions > 0 || this.#now.refusedCounts.length > 0 || this.#now.holds.length > 0) this.#lookSoon()
  }

  /** A peer has said what it refuses and holds of ours. */
  async heard(peer: string, sessionId: string, report: GuardReport): Promise<void> {
    if (report.hash === (this.#now.reports.find((row) => row.peer === peer)?.hash ?? '')) return
    await this.#options.store.guards.noteReport({ peer, ...report, atMs: Date.now() }, sessionId)
    await this.#look()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    await this.#looking
  }

  #lookSoon(): void {
    if (this.#soon !== undefined || this.#closed) return
    const waitMs = Math.max(lookSoonMs, this.#lookedAtMs + lookAgainMs - performance.now())
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      void this.#look()
    }, waitMs)
  }

  /** One after the other, so that an older answer never replaces a newer one. */
  #look(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const look = (this.#looking ?? Promise.resolve()).then(() => this.#lookNow())
    this.#looking = look
    return look
  }

  async #lookNow(): Promise<void> {
    if (this.#closed) return
    this.#lookedAtMs = performance.now()
    try {
      this.#take(await this.#options.store.guards.exceptions(rowsMax))
    } catch (error) {
      this.#options.log.warn({ err: error }, 'what is refused and held could not be read; trying again')
    }
  }

  #take(now: Exceptions): void {
    this.#now = now
    this.#alarms.take(now)
    this.#measure(now)
    this.#write()
  }

  #ofZones(): { readonly zones?: readonly ZoneObject[] } {
    return this.#zones.length === 0 ? {} : { zones: this.#zones }
  }

  #write(): void {
    const { refused, refusedCounts, holds, unpublished } = this.#now
    const authors = unpublished.map(({ origin }) => origin)
    const peers = new Set([...[...refusedCounts, ...holds].map(({ peer }) => peer), ...authors])
    this.#reports = new Map(
      [...peers].map((peer): [string, GuardReport] => {
        const total = refusedCounts.reduce((sum, of) => sum + (of.peer === peer ? of.count : 0), 0)
        const own = <T extends { readonly peer: string }>(rows: readonly T[]) => rows.filter((row) => row.peer === peer)
        const theirs = unpublished.filter(({ origin }) => origin === peer)
        return [peer, encodeReport({ ...reportOf(own(refused), total, own(holds), theirs), ...this.#ofZones() })]
      }),
    )
    for (const listener of this.#listeners) listener()
  }

  #measure({ refusedCounts, holds, reports }: Exceptions): void {
    const { refused, refusedByPeer, holds: holdCount, heldResources } = this.#options.metrics
    for (const gauge of [refused, refusedByPeer, holdCount, heldResources]) gauge.reset()
    for (const { peer, type, count } of refusedCounts) refused.set({ peer: named(peer), type }, count)
    for (const { peer, type, keyCount } of holds) {
      holdCount.inc({ peer: named(peer), type })
      heldResources.inc({ peer: named(peer), type }, keyCount)
    }
    for (const { peer, body } of reports)
      for (const { type } of decodeReport(body).refused) refusedByPeer.inc({ peer: named(peer), type })
  }
}

const named = (peer: string): string => (peer === '' ? 'global' : peer)
