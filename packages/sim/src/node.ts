import type { Demand, SessionConfig, SessionRole, stepSession } from '@holdfast/kds'
import { hashAlgorithm, typeSetHash } from '@holdfast/model'
import { type LocalOutcome, type LocalRequest, type MemoryStore, type Upkeep, upkeepOf } from '@holdfast/store'
import { type Clock, Scope, type WallClock } from './clock.js'
import { kumaIsAskedFor } from './kuma-zone.js'
import type { Link } from './network.js'
import type { Random } from './random.js'
import { Session } from './session.js'
import type { Watch } from './watch.js'

/** What a control plane suffers under while it runs; nothing of it in calm weather. */
export interface Weather {
  /** How much later than usual a tick comes: the process was stalled. */
  stallMs(): number
  storeLagMs(): number
  /** A hint that the log has grown got lost. */
  losesHint(): boolean
  /** What the next commit of its store runs into. */
  commitFailure(): Error | undefined
}

export interface NodeOptions {
  /** Zone name; '' is global. */
  readonly name: string
  /** Which of the processes on its store: 0 where there is one. */
  readonly replica: number
  readonly store: MemoryStore
  readonly clock: Clock
  readonly wall: WallClock
  readonly random: Random
  readonly world: Scope
  readonly weather: Weather
  readonly watch: Watch
  /** The session machine, or a planted bug around it. */
  readonly step: typeof stepSession
  /** `--vip-block`: what the operator gave this zone before it met its global. */
  readonly wantedCidrs: readonly string[]
  /** Pages of a range are cut at so many bytes, or sooner. */
  readonly pageBytes: number
  /** Zones: opens a link to global and says when its headers are there; undefined while there is no way. */
  readonly dial?: (zone: ControlPlane, sessionId: string) => Link | undefined
  /** Worlds in which stores are put back: where a peer stands is looked at as evidence about our own store. */
  readonly looksBack?: boolean | undefined
}

const typeSet = typeSetHash()
const version = '0.1.0-sim'

/** One control plane: a store that lives on, and a process that may die at any moment with all that it knows. */
export class ControlPlane {
  readonly name: string
  readonly replica: number
  readonly role: 'global' | 'zone'
  readonly store: MemoryStore
  readonly clock: Clock
  readonly wall: WallClock
  readonly random: Random
  readonly world: Scope
  readonly weather: Weather
  readonly watch: Watch
  readonly step: typeof stepSession
  readonly wantedCidrs: readonly string[]
  readonly pageBytes: number
  readonly looksBack: boolean
  /** How often its store was put back: what was asked of it before is asked of a database that is gone. */
  timesPutBack = 0
  /** Global: whether witnesses are being heard; nothing is leased before they are. */
  isHearing: () => boolean = () => false
  /** Global: whether a zone that lost its store may have back what is kept of it: who remembers more is heard before. */
  mayReturn: (zone: string) => boolean = () => true
  /** Global: what a zone remembers has arrived. */
  onTestimony: (session: Session, body: string) => void = () => undefined
  /** All processes on its store, itself included. */
  siblings: readonly ControlPlane[] = [this]
  readonly #dial: NodeOptions['dial']
  readonly #sessions = new Map<string, Session>()
  /** Open, but not let in yet: a stranger must not take the place of a session that works. */
  readonly #waiting = new Set<Session>()
  /** With zones that speak plain Kuma KDS, by zone and stream. */
  readonly #plain = new Map<string, Session>()
  #process: Scope
  #attempts = 0
  #hinted = false

  constructor(options: NodeOptions) {
    this.name = options.name
    this.replica = options.replica
    this.role = options.name === '' ? 'global' : 'zone'
    this.store = options.store
    this.clock = options.clock
    this.wall = options.wall
    this.random = options.random
    this.world = options.world
    this.weather = options.weather
    this.watch = options.watch
    this.step = options.step
    this.wantedCidrs = options.wantedCidrs
    this.pageBytes = options.pageBytes
    this.looksBack = options.looksBack ?? false
    this.#dial = options.dial
    this.#process = new Scope(options.world)
    this.#process.close()
    this.store.onAdvanced(() => this.#advanced())
  }

  /** What its own clock says. */
  get nowMs(): number {
    return this.wall.nowMs
  }

  get process(): Scope {
    return this.#process
  }

  get running(): boolean {
    return !this.#process.closed
  }

  /** Sessions that were let in, by peer. */
  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions
  }

  get #all(): readonly Session[] {
    return [...this.#sessions.values(), ...this.#waiting, ...this.#plain.values()]
  }

  start(): void {
    if (this.running) return
    this.#process = new Scope(this.world)
    this.#attempts = 0
    this.#hinted = false
    if (this.role === 'zone') this.#dialSoon()
    else this.#leaseOwn()
  }

  /** Its store is ready: what it owns may be leased. */
  initialised(): void {
    if (this.running && this.replica === 0) this.#leaseOwn()
  }

  /** kill -9. */
  crash(): void {
    for (const session of this.#all) session.die()
    this.#sessions.clear()
    this.#plain.clear()
    this.#waiting.clear()
    this.#process.close()
  }

  /** Ends every session, as a restart of the network would. */
  disconnect(): void {
    for (const session of this.#all) session.handle({ type: 'stop', reason: 'asked to', nowMs: session.nowMs })
  }

  /** A change by an operator of this control plane. Undefined while nobody answers. */
  apply(request: LocalRequest): readonly LocalOutcome[] | undefined {
    if (!this.running) return undefined
    const outcomes = this.store.apply(request)
    this.watch.changed(this)
    return outcomes
  }

  /** Global: a zone's streams have arrived. */
  accept(link: Link, zone: string, sessionId: string): Session | undefined {
    if (!this.running) return undefined
    const session = new Session({ node: this, link, peer: zone, sessionId, config: this.#config('acceptor') })
    this.#waiting.add(session)
    session.handle({ type: 'opened', extension: true, nowMs: session.nowMs })
    return session
  }

  /** Global: one stream of a zone that speaks plain Kuma KDS has arrived; `met` when it may speak. */
  acceptPlain(link: Link, zone: string, sessionId: string, met: () => void): Session | undefined {
    if (!this.running) return undefined
    const isUp = link.streams[0] === 'ZoneToGlobalSync'
    const config = { ...this.#config('acceptor'), plainTypes: isUp ? [...kumaIsAskedFor] : [] }
    const session = new Session({ node: this, link, peer: zone, sessionId, config, plain: true })
    this.#waiting.add(session)
    session.meet(met)
    return session
  }

  metPlain(session: Session): void {
    this.#waiting.delete(session)
    const older = this.#plain.get(session.key)
    this.#plain.set(session.key, session)
    older?.handle({ type: 'stop', reason: 'a newer session of this zone has opened', nowMs: older.nowMs })
  }

  admitted(session: Session): void {
    this.#waiting.delete(session)
    const older = this.#sessions.get(session.peer)
    this.#sessions.set(session.peer, session)
    older?.handle({ type: 'stop', reason: 'a newer session of this zone has opened', nowMs: older.nowMs })
  }

  ended(session: Session, reason: string): void {
    this.#waiting.delete(session)
    if (this.#sessions.get(session.peer) === session) this.#sessions.delete(session.peer)
    if (this.#plain.get(session.key) === session) this.#plain.delete(session.key)
    this.watch.closed(session, reason)
    if (this.role === 'zone') this.#dialSoon()
  }

  /** What a process does now and then. Undefined while it does not run. */
  upkeep(): Upkeep | undefined {
    if (!this.running) return undefined
    try {
      return upkeepOf(this.store)
    } catch (error) {
      if (!this.watch.isExpected(error)) throw error
      return undefined
    } finally {
      this.watch.changed(this)
    }
  }

  leaseTo(owner: string, demands: readonly Demand[], wantedCidrs: readonly string[]): readonly string[] {
    const storeId = owner === '' ? this.store.identity.storeId : (this.store.image.zones.get(owner)?.storeId ?? '')
    try {
      const { granted, refused } = this.store.lease({ owner, storeId, demands, wantedCidrs })
      this.watch.leased(this, granted)
      this.watch.changed(this)
      return refused
    } catch (error) {
      // Nothing was leased; whoever asked asks again while the need lasts.
      if (!this.watch.isExpected(error)) throw error
      return []
    }
  }

  #leaseOwn(): void {
    const demands = this.store.demand()
    if (demands.length > 0 && !this.isHearing()) this.leaseTo('', demands, [])
  }

  #dialSoon(): void {
    const ceilingMs = Math.min(5_000, 250 * 2 ** this.#attempts++)
    this.clock.after(this.random.between(100, ceilingMs), this.#process, () => {
      const sessionId = this.random.uuid()
      const link = this.#dial?.(this, sessionId)
      if (link === undefined) return this.#dialSoon()
      const session = new Session({ node: this, link, peer: '', sessionId, config: this.#config('dialer') })
      this.#sessions.set('', session)
      session.handle({ type: 'opened', extension: true, nowMs: session.nowMs })
    })
  }

  /** The headers of a link that we have dialled are there. */
  headers(link: Link): void {
    const session = this.#sessions.get('')
    if (session?.link !== link) return
    this.#attempts = 0
    session.handle({ type: 'headers', extension: true, nowMs: session.nowMs })
  }

  #config(role: SessionRole): SessionConfig {
    const { identity } = this.store
    return {
      role,
      storeId: identity.storeId,
      state: this.store.status().state,
      everInStep: this.store.image.zones.get(this.name)?.everInStep ?? false,
      version,
      typeSet,
      types: [],
      hashAlgorithm,
      plainTypes: [],
    }
  }

  /** Hints are told once for many commits, each session in its own time, and may get lost. */
  #advanced(): void {
    if (!this.running || this.#hinted) return
    this.#hinted = true
    this.clock.after(this.random.between(0, 20), this.#process, () => {
      this.#hinted = false
      if (this.role === 'global') this.#leaseOwn()
      for (const session of [...this.#sessions.values(), ...this.#plain.values()]) {
        if (this.weather.losesHint()) continue
        const channels = this.role === 'zone' ? (['up', 'status'] as const) : (['down'] as const)
        for (const channel of channels) session.handle({ type: 'advanced', channel, nowMs: session.nowMs })
        if (this.role === 'zone') session.requestLease()
      }
    })
  }
}
