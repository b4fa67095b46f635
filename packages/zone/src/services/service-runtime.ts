import type { Position } from '@holdfast/kds'
import type { Leases } from '@holdfast/peer'
import type { ControlPlaneStore, HeldLease, LocalChange, LocalOutcome } from '@holdfast/store'
import type { Logger } from 'pino'
import { followedOwnTypes, followedTypes, ServiceIndex, type ServiceKey } from './service-index.js'
import { planService, type ServicePlan, type ServiceProblem, type ServiceRules } from './service-plan.js'

export interface ServiceOptions extends Pick<ServiceRules, 'zone' | 'graceMs' | 'propagated'> {
  readonly store: Pick<ControlPlaneStore, 'read' | 'local' | 'onAdvanced'>
  readonly log: Logger
  readonly nowMs: () => number
  /** Of this process, with `services` among them; undefined: no other process makes services for this zone. */
  readonly leases?: Leases | undefined
}

/** What only one process of a zone writes at a time. */
export const servicesLease = 'services'

/** A problem with when it was first seen. */
export interface KnownProblem extends ServiceProblem {
  readonly sinceMs: number
}

/** Rows of the log in one read. */
const pageMax = 1_000
/** Services in one request to the store. */
const batchMax = 500
/** After a failure of the store. */
const retryMs = 1_000
/** What stands in the way may be another zone's, of which nothing is heard here. */
const refusedMs = 30_000
/** The longest that a timer of Node waits. */
const timerMaxMs = 2_147_483_647

/**
 * Makes MeshServices of this zone's Dataplanes and keeps what is computed of all its services up to date: follows the
 * change log from its start, then change by change, and writes what follows. It reacts to commits, not to a clock, and
 * every write holds only for the service as it was read. Where several processes serve one zone each of them runs this and
 * knows what is wrong; the one with the lease writes, and who takes over plans everything anew.
 *
 *   log grows ──▶ read to its end ──▶ services that are due ──▶ plan each ──▶ write, a batch at a time
 *                    ▲                       ▲ a grace ends
 *                    └── another epoch, or a log that begins later: from the start, with a new index
 */
export class ServiceRuntime {
  readonly #options: ServiceOptions
  readonly #stop = new AbortController()
  #index = new ServiceIndex()
  #after: { readonly epoch: string; readonly position: Position } | undefined
  #running: Promise<void> | undefined
  /** The log has grown, or a grace has ended, since the last look. */
  #isCalled = false
  #timer: NodeJS.Timeout | undefined
  #stopListening: (() => void) | undefined
  /** When to look again at services although nothing changes: a grace ends, or a refusal may be over. */
  readonly #waits = new Map<string, { readonly key: ServiceKey; readonly endsAtMs: number }>()
  #notedVersion = 0
  #mayWrite = false
  /** The index lacks what is due. */
  #isStale = false
  readonly #problems = new Map<string, readonly KnownProblem[]>()

  constructor(options: ServiceOptions) {
    this.#options = options
  }

  start(): void {
    const stopHearing = this.#options.store.onAdvanced(() => this.#call())
    const stopWatching = this.#options.leases?.onChange(() => this.#turned())
    this.#stopListening = () => {
      stopHearing()
      stopWatching?.()
    }
    this.#mayWrite = this.#turn() !== undefined
    this.#call()
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the zone control plane stops'))
    this.#stopListening?.()
    clearTimeout(this.#timer)
    await this.#running
  }

  /** What an operator should know, ordered by mesh and name. */
  problems(): readonly KnownProblem[] {
    return [...this.#problems.values()].flat().sort((a, b) => compare(a.mesh, b.mesh) || compare(a.name, b.name))
  }

  /** What was planned while somebody else wrote was given up: all of it is planned again. */
  #turned(): void {
    const mayWrite = this.#turn() !== undefined
    if (mayWrite && !this.#mayWrite) {
      this.#isStale = true
      this.#call()
    }
    this.#mayWrite = mayWrite
  }

  /** Undefined: another process writes. */
  #turn(): HeldLease | 'alone' | undefined {
    const { leases } = this.#options
    return leases === undefined ? 'alone' : leases.held(servicesLease)
  }

  #call(): void {
    this.#isCalled = true
    if (this.#running !== undefined || this.#stop.signal.aborted) return
    this.#running = this.#run()
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return
        this.#options.log.warn({ err: error }, 'services could not be generated; trying again')
        this.#isCalled = false
        this.#callIn(retryMs)
      })
      .finally(() => {
        this.#running = undefined
        // Who called after the last look and before this moment was told that somebody is running.
        if (this.#isCalled) this.#call()
      })
  }

  #callIn(ms: number): void {
    clearTimeout(this.#timer)
    if (!this.#stop.signal.aborted) this.#timer = setTimeout(() => this.#call(), Math.min(ms, timerMaxMs))
  }

  async #run(): Promise<void> {
    let isReady = true
    while (this.#isCalled && !this.#stop.signal.aborted) {
      this.#isCalled = false
      isReady = await this.#readOn()
      // Nothing is concluded from a store that may lack something: what is missing there is not gone.
      if (!isReady) continue
      this.#endWaits()
      // A batch in every turn, however fast the log grows; the next one sees what came meanwhile.
      do await this.#writeBatch()
      while (this.#index.dueCount > 0 && !this.#isCalled && !this.#stop.signal.aborted)
      this.#noteUnusable()
    }
    let next = isReady ? Number.POSITIVE_INFINITY : this.#options.nowMs() + retryMs
    for (const { endsAtMs } of this.#waits.values()) next = Math.min(next, endsAtMs)
    if (Number.isFinite(next)) this.#callIn(Math.max(0, next - this.#options.nowMs()))
  }

  /** Reads the log to its end. Whether the store is one that conclusions may be drawn from. */
  async #readOn(): Promise<boolean> {
    if (this.#isStale) this.#forget()
    for (;;) {
      this.#stop.signal.throwIfAborted()
      const page = await this.#options.store.read.changes({
        types: followedTypes,
        ownTypes: followedOwnTypes,
        after: this.#after,
        limit: pageMax,
      })
      if (page === undefined) {
        this.#forget()
        continue
      }
      for (const row of page.rows) this.#index.apply(row)
      this.#after = { epoch: page.epoch, position: page.through }
      if (page.complete) return page.state === 'ready'
    }
  }

  #forget(): void {
    this.#index = new ServiceIndex()
    this.#notedVersion = 0
    this.#waits.clear()
    this.#after = undefined
    this.#isStale = false
  }

  #endWaits(): void {
    const nowMs = this.#options.nowMs()
    for (const [text, { key, endsAtMs }] of this.#waits)
      if (endsAtMs <= nowMs) {
        this.#waits.delete(text)
        this.#index.becomesDue(key)
      }
  }

  async #writeBatch(): Promise<void> {
    const { store } = this.#options
    const keys = this.#index.takeDue(batchMax)
    const plans = keys.map((key) => this.#planned(key))
    const planned = plans.flatMap(({ key, plan }) => (plan.change === undefined ? [] : [{ key, change: plan.change }]))
    const turn = this.#turn()
    if (planned.length === 0 || turn === undefined) return
    try {
      const outcomes = await store.local.apply(
        {
          changes: planned.map(({ change }) => change),
          atomic: false,
          actor: 'meshservice-generator',
          ...(turn === 'alone' ? {} : { lease: turn }),
        },
        { signal: this.#stop.signal },
      )
      for (const [i, { key, change }] of planned.entries()) this.#written(key, change, outcomes[i])
    } catch (error) {
      for (const key of keys) this.#index.becomesDue(key)
      throw error
    }
  }

  #planned(key: ServiceKey): { readonly key: ServiceKey; readonly plan: ServicePlan } {
    const { zone, graceMs, propagated, nowMs } = this.#options
    const plan = planService(key, this.#index, { zone, graceMs, propagated, nowMs: nowMs() })
    const text = textOf(key)
    if (plan.lookAgainAtMs === undefined) this.#waits.delete(text)
    else this.#waits.set(text, { key, endsAtMs: plan.lookAgainAtMs })
    // Whether a refusal is over shows when the change is made.
    const refusals = plan.change === undefined ? [] : (this.#problems.get(text) ?? []).filter(isRefusal)
    this.#note(text, [...plan.problems, ...refusals])
    return { key, plan }
  }

  #written(key: ServiceKey, change: LocalChange, outcome: LocalOutcome | undefined): void {
    if (outcome === undefined || outcome.outcome === 'stale') return
    const text = textOf(key)
    const others = (this.#problems.get(text) ?? []).filter((one) => !isRefusal(one))
    if (outcome.outcome === 'refused') {
      this.#note(text, [...others, { ...key, reason: 'Refused', message: outcome.problem.message }])
      this.#waits.set(text, { key, endsAtMs: this.#options.nowMs() + refusedMs })
      return
    }
    this.#note(text, others)
    if (change.change === 'compute') this.#index.setStatus(key, change.status)
  }

  /** Names that no service can have belong to Dataplanes. */
  #noteUnusable(): void {
    if (this.#index.unusableVersion === this.#notedVersion) return
    this.#notedVersion = this.#index.unusableVersion
    const stillThere = new Set<string>()
    for (const { proxy, problems } of this.#index.unusable()) {
      const text = `dataplane ${textOf(proxy)}`
      stillThere.add(text)
      this.#note(
        text,
        problems.map(({ reason, service, message }) => ({
          mesh: proxy.mesh,
          name: service,
          reason,
          message: `Dataplane ${proxy.name}: ${message}`,
        })),
      )
    }
    for (const text of this.#problems.keys())
      if (text.startsWith('dataplane ') && !stillThere.has(text)) this.#note(text, [])
  }

  /** Logs what is new and what is over, and keeps since when it has been so. */
  #note(text: string, problems: readonly ServiceProblem[]): void {
    const { log, nowMs } = this.#options
    const before = this.#problems.get(text) ?? []
    const sameOf = (one: ServiceProblem) =>
      before.find((known) => known.reason === one.reason && known.message === one.message)
    const after = problems.map((one): KnownProblem => {
      const known = sameOf(one)
      if (known !== undefined) return known
      log.warn({ mesh: one.mesh, service: one.name, reason: one.reason }, one.message)
      return { ...one, sinceMs: nowMs() }
    })
    for (const { mesh, name, reason } of before)
      if (!after.some((one) => one.reason === reason))
        log.info({ mesh, service: name, reason }, 'no longer a problem of this service')
    if (after.length === 0) this.#problems.delete(text)
    else this.#problems.set(text, after)
  }
}

const isRefusal = ({ reason }: ServiceProblem): boolean => reason === 'Refused'
const textOf = ({ mesh, name }: ServiceKey): string => `${mesh}\u0000${name}`
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
