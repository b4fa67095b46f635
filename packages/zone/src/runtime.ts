import { randomInt, randomUUID } from 'node:crypto'
import { Problem, typeSetHash } from '@holdfast/model'
import {
  type AskOptions,
  Backoff,
  type BackoffOptions,
  GuardWatch,
  isMoving,
  kumaSteadyMs,
  type Leases,
  runSession,
  type SessionEnd,
  type SessionHandle,
  type SessionMetrics,
  type SessionView,
} from '@holdfast/peer'
import { type ControlPlaneStore, isPausedReason } from '@holdfast/store'
import type { Tracing } from '@holdfast/tracing'
import { type DialOptions, dialKds, type Link, limitsFor, type ZoneNodeConfig } from '@holdfast/transport'
import { defaultPools, planLease, ulaPrefix } from '@holdfast/vip'
import type { Logger } from 'pino'
import { type EndpointFile, EndpointKeeper, type EndpointView, globalEndpointsKey } from './endpoints/index.js'
import { Recall } from './recall.js'

export interface ZoneOptions {
  readonly store: ControlPlaneStore
  readonly zone: string
  /** What the operator has configured, each grpc://HOST:PORT of one global; at least one. */
  readonly globalAddresses: readonly string[]
  /** The most that one message of global has; what a Kuma receives as it comes, unless said otherwise. */
  readonly messageBytesMax?: number | undefined
  /** Where the endpoints that global tells are remembered; undefined: in the store alone. */
  readonly endpointFile?: EndpointFile | undefined
  readonly version: string
  readonly instanceId: string
  /** What the node of this zone shows of its configuration, secrets masked. */
  readonly nodeConfig: ZoneNodeConfig
  /** `--vip-block`: what the operator gave this zone before the first contact. */
  readonly wantedCidrs: readonly string[]
  /** What this zone answers when global asks: JSON in, JSON out. */
  readonly answer: (question: string, body: string) => Promise<string>
  /** Answers what a Kuma global asks about the proxies of this zone; ours asks with `answer`. */
  readonly answerAdmin?: DialOptions['answerAdmin']
  /** Where what this zone serves differs from what it keeps, in words. */
  readonly faults?: (() => readonly string[]) | undefined
  /** Of this process, with `dial` among them; undefined: no other process dials for this zone. */
  readonly leases?: Leases | undefined
  /** Whom to believe at global, and what proves who we are; asked for before every attempt. Absent: nothing of both. */
  readonly credentials?: ((address: string) => Promise<Pick<DialOptions, 'tls' | 'token'>>) | undefined
  readonly log: Logger
  readonly metrics: SessionMetrics
  /** Follows changes from one control plane to the next. Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined
  /** Waits between attempts to reach global; those of the product unless said otherwise. */
  readonly backoff?: BackoffOptions | undefined
  /** How global is reached, for whoever wants to look at what is said. Over gRPC unless said otherwise. */
  readonly dial?: ((options: DialOptions) => Link) | undefined
}

/** What only one process of a zone does at a time. */
export const dialLease = 'dial'
const turnWatchMs = 100
const standsByText = (holder: string | undefined): string =>
  holder === undefined
    ? 'it is not known which process of this zone speaks to global; the database does not say'
    : `process ${holder} of this zone has the session with global; this one keeps serving and takes over when that one ends`
/** How long a zone that is refused waits before it asks again; a person has to act first. */
const parkedMs = 30_000
/** Who is paused is let in again by an operator, who waits for it. */
const pausedMs = 5_000
const owedReason = 'global keeps what an earlier store of this zone had written, and this one does not have it'
/** Names in one line of the log. */
const namedMax = 100
const returnedWords: Readonly<Record<string, string>> = {
  kept: 'written here after the store was put back: this zone goes on with its own version',
  held: 'in the backup, and global does not know them: they go on here, are told to nobody, and wait for an operator',
  moved: 'addresses went back to whoever had them',
  refused: 'could not be taken back',
}
/** As long as global waits for a zone. */
const questionTimeoutMs = 10_000
/** What a zone may take of itself. Of an IPv6 prefix it knows only if an operator has named it. */
const kumaPools = defaultPools(ulaPrefix(new Uint8Array(5))).filter(({ family }) => family === 4)
/** Several changes in one moment ask for blocks once. */
const leaseDelayMs = 20
/** Who has a choice does not wait for one of them as long as for the only one. */
const connectTimeoutMs = 3_000
/** A global that is about to stop sends its zones away in turns: no need to wait, but for two that come together. */
const movedWithinMs = 50
const movedSteadyMs = 1_000
/** Between two addresses of one round: enough that a global that is gone is not hit by all zones at once. */
const nextAddressMs = 250
/** How often the record of the session is brought up to date. */
const beatMs = 5_000

/**
 * A zone's side of KDS: dials global, keeps one session, asks for VIP blocks when they run short, answers what global
 * asks. It never needs global to serve, to accept changes or to allocate within its blocks.
 */
export class ZoneRuntime {
  readonly #options: ZoneOptions
  readonly #stop = new AbortController()
  readonly #backoff: Backoff
  #session: SessionHandle | undefined
  #link: Link | undefined
  #lastEnd: SessionEnd | undefined
  /** Of the replica of global that had our last session. */
  #affinity: string | undefined
  /** The last global that was reached said that it is none of ours. */
  #globalIsKuma = false
  /** Global has shown the extension, perhaps too late for that session. */
  #globalIsHoldfast = false
  #running: Promise<void> | undefined
  #lease: NodeJS.Timeout | undefined
  #fatal: ((reason: string) => void) | undefined
  readonly #endpoints: EndpointKeeper
  /** Hash of global's types, if they are not ours and it has told them. */
  #typeSetOfGlobal: string | undefined
  readonly #guards: GuardWatch
  #recall: Recall | undefined
  #recalling: Promise<void> | undefined
  /** Blocks given by the operator are looked at once per session, and a refusal is told once per session. */
  #given: { readonly session: SessionHandle; readonly cidrs: readonly string[] } | undefined

  constructor(options: ZoneOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.backoff)
    const { globalAddresses: configured, store, endpointFile: file, log } = options
    this.#endpoints = new EndpointKeeper({ configured, store, file, log })
    this.#guards = new GuardWatch(options)
  }

  /** @param onFatal told when this zone may not join at all and never was in step: the process should end */
  start(onFatal: (reason: string) => void): void {
    this.#fatal = onFatal
    const stopListening = this.#options.store.onAdvanced(() => this.#askForBlocksSoon())
    const beats = setInterval(() => this.#writeDown(), beatMs)
    this.#running = this.#guards
      .start()
      .then(() => this.#keepSession())
      .finally(() => {
        stopListening()
        clearInterval(beats)
      })
  }

  view(): SessionView | undefined {
    return this.#session?.view()
  }

  /** Which endpoints of global are known, which one is in use, which failed and why. */
  endpoints(): {
    readonly known: readonly EndpointView[]
    readonly problems: readonly string[]
    readonly counts: ReturnType<EndpointKeeper['counts']>
  } {
    return { known: this.#endpoints.view(), problems: this.#endpoints.problems(), counts: this.#endpoints.counts() }
  }

  /** Asks global; see its answers. @throws Problem `unavailable` if there is no session or no answer in time */
  async askGlobal(what: string, body: string, { signal }: Pick<AskOptions, 'signal'> = {}): Promise<string> {
    if (this.#session === undefined)
      throw new Problem(
        'unavailable',
        `zone ${this.#options.zone} has no session with global: try again when it has one; "holdfastctl status" here says why it has none`,
      )
    return this.#session.ask(what, body, { timeoutMs: questionTimeoutMs, signal })
  }

  get lastEnd(): SessionEnd | undefined {
    return this.#lastEnd
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the zone control plane stops'))
    clearTimeout(this.#lease)
    await this.#session?.close('the zone control plane stops')
    await this.#running
    await this.#endpoints.close()
    await this.#guards.close()
  }

  #writeDown(): void {
    const session = this.#session
    if (session === undefined) return
    session.tellFaults(this.#options.faults?.() ?? [])
    void this.#options.store.sessions.heartbeats([session.beat()]).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'the state of the session could not be written down')
    })
  }

  async #keepSession(): Promise<void> {
    const { signal } = this.#stop
    await this.#endpoints.open()
    await this.#rememberTypes()
    for (;;) {
      await this.#turn()
      if (signal.aborted) return
      const startedMs = performance.now()
      const end = await this.#oneSession().catch(
        (error: unknown): SessionEnd => ({ end: 'lost', reason: (error as Error).message }),
      )
      this.#session = undefined
      this.#lastEnd = end
      const moves = isMoving(end.reason)
      if (moves) this.#endpoints.left()
      this.#endpoints.ended(end.reason)
      if (signal.aborted) return
      if (this.#options.leases?.other(dialLease) !== undefined) continue
      if (end.end === 'refused') await this.#refused(end.reason)
      else {
        const waitMs = this.#waitMs(performance.now() - startedMs, moves)
        this.#options.log.warn({ reason: end.reason, waitMs }, `session with global ${end.end}; trying again`)
        await this.#pause(waitMs)
      }
    }
  }

  /** Read once: what global says of its types later is known here first. */
  async #rememberTypes(): Promise<void> {
    try {
      const said = (await this.#options.store.types.learned()).find(({ peer }) => peer === '')
      this.#typeSetOfGlobal = said?.against === typeSetHash() ? said.typeSet : undefined
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the types of global could not be read; it will say them again')
    }
  }

  /** A round of all addresses is one attempt: only when it has found nobody does the zone wait longer. */
  #waitMs(lastedMs: number, moves: boolean): number {
    const chance = randomInt(1_000_000) / 1_000_000
    // Not where all that are dialled say so, one after the other.
    if (moves && lastedMs > movedSteadyMs) return Math.round(chance * movedWithinMs)
    if (this.#endpoints.roundGoesOn) return Math.round(chance * nextAddressMs)
    this.#backoff.ended(lastedMs, this.#globalIsKuma ? kumaSteadyMs : 0)
    return this.#backoff.nextMs(chance)
  }

  /** Of several processes on one store one dials; the others stand by, serve, and take over when it is gone. */
  async #turn(): Promise<void> {
    const { leases, log } = this.#options
    let stoodBy = false
    while (leases !== undefined && leases.held(dialLease) === undefined && !this.#stop.signal.aborted) {
      const reason = standsByText(leases.other(dialLease)?.holder)
      if (this.#lastEnd?.reason !== reason) log.info(`standing by: ${reason}`)
      stoodBy = true
      this.#lastEnd = { end: 'superseded', reason }
      await this.#pause(turnWatchMs)
    }
    if (stoodBy && !this.#stop.signal.aborted) log.info('taking over the session with global')
  }

  /** Until the session ends, or another process has the turn: what this one still has under way is void then. */
  async #whileOurs(session: SessionHandle): Promise<SessionEnd> {
    const { leases } = this.#options
    const look = (): void => {
      const other = leases?.other(dialLease)
      if (other !== undefined) void session.close(standsByText(other.holder))
    }
    const stopListening = leases?.onChange(look)
    look()
    try {
      return await session.ended
    } finally {
      stopListening?.()
    }
  }

  async #refused(reason: string): Promise<void> {
    if (isPausedReason(reason)) {
      this.#options.log.warn({ reason }, 'this zone is paused; it keeps serving what it has and asks again')
      await this.#pause(Math.min(pausedMs, this.#options.backoff?.maxMs ?? pausedMs))
      return
    }
    const known = await this.#options.store.read.cursors()
    if (!known.some((c) => c.side === 'received' && c.cursor !== undefined)) {
      this.#fatal?.(reason)
      this.#stop.abort(new Error(reason))
      return
    }
    this.#options.log.error({ reason }, 'global does not let this zone in; it keeps serving what it has and asks again')
    await this.#pause(parkedMs)
  }

  async #oneSession(): Promise<SessionEnd> {
    const {
      store,
      zone,
      version,
      instanceId,
      nodeConfig,
      log,
      metrics,
      messageBytesMax,
      dial = dialKds,
    } = this.#options
    const sessionId = randomUUID()
    const lease = this.#options.leases?.held(dialLease)
    let isOwed = false
    const address = this.#endpoints.next()
    const proof = await this.#proof(address)
    if ('end' in proof) return proof
    const link = dial({
      address,
      ...proof,
      limits: {
        ...(this.#endpoints.hasChoice ? { connectTimeoutMs } : {}),
        ...(messageBytesMax === undefined ? {} : limitsFor(messageBytesMax)),
      },
      zone,
      sessionId,
      version,
      instanceId,
      nodeConfig,
      answerAdmin: this.#options.answerAdmin,
      affinity: this.#affinity,
      signal: this.#stop.signal,
    })
    const session = await runSession({
      role: 'dialer',
      peer: '',
      sessionId,
      link,
      store,
      version,
      instanceId,
      messageBytesMax,
      peerIsHoldfast: this.#globalIsHoldfast,
      log,
      metrics,
      tracing: this.#options.tracing,
      guards: this.#guards,
      onQuestion: this.#options.answer,
      onMet: (handle) => {
        // What waits for addresses may have been written before it was known that a Kuma leases none.
        this.#askForBlocksSoon()
        this.#recalling = this.#takeBack(handle).finally(() => {
          this.#recalling = undefined
        })
      },
      onRecalled: (said) => this.#recall?.heard(said),
      onOwedReturn: () => {
        isOwed = true
      },
      onInStep: () => {
        this.#endpoints.proven()
        this.#askForBlocksSoon()
      },
      lease,
      knownTypeSet: this.#typeSetOfGlobal,
      onTypesLearned: (typeSet) => {
        this.#typeSetOfGlobal = typeSet
      },
      onStored: (resourceType) => {
        if (resourceType === globalEndpointsKey.type) void this.#endpoints.learn()
      },
      onLeaseAnswer: (refused) => {
        for (const reason of refused) log.error({ reason }, 'global did not grant a VIP block')
      },
    }).catch(async (error: unknown) => {
      // Our own store did not answer: a link that nobody starts would be kept, with its connection, until we stop.
      await link.close({ code: 'UNAVAILABLE', reason: 'the session could not be opened' })
      throw error
    })
    this.#session = session
    this.#link = link
    // The other end may have been met before there was a session to ask on.
    this.#askForBlocksSoon()
    if (this.#stop.signal.aborted) return session.close('the zone control plane stops')
    const end = await this.#whileOurs(session)
    await this.#recalling
    this.#affinity = link.peer.affinity ?? this.#affinity
    this.#globalIsHoldfast ||= link.peer.extension === true
    this.#globalIsKuma = link.peer.extension === false || (this.#globalIsKuma && link.peer.extension !== true)
    if (isOwed) await store.returns.begin(owedReason)
    return end
  }

  /** What is refused here is as if global had refused the session. */
  async #proof(address: string): Promise<Pick<DialOptions, 'tls' | 'token'> | SessionEnd> {
    try {
      return (await this.#options.credentials?.(address)) ?? {}
    } catch (error) {
      if (error instanceof Problem && (error.kind === 'unauthenticated' || error.kind === 'forbidden'))
        return { end: 'refused', reason: error.message }
      throw error
    }
  }

  /** A store that was lost or put back gets back what global keeps of this zone, before anything else is said. */
  async #takeBack(session: SessionHandle): Promise<void> {
    const { store, log } = this.#options
    try {
      const { ownState, extension, peerState } = session.view()
      if (ownState !== 'recovering') return
      if (!extension) {
        log.error(
          'this store recovers, and a plain Kuma global cannot return what it keeps: holdfast init --finish-recovery',
        )
        return
      }
      if (peerState === 'uninitialised') {
        log.warn('this store recovers, and global has nothing to return: it was never initialised')
        return
      }
      this.#recall = new Recall({ session, returns: store.returns, signal: this.#stop.signal, log })
      const { kept, held, moved, refused, ...counts } = await this.#recall.run()
      log.info(counts, 'global has returned what it keeps of this zone')
      for (const [what, of] of Object.entries({ kept, held, moved, refused }))
        if (of.length > 0) log.warn({ count: of.length, of: of.slice(0, namedMax) }, returnedWords[what])
    } catch (error) {
      if (this.#stop.signal.aborted) return
      log.error({ err: error }, 'what global keeps of this zone could not be taken back; trying again')
      await session.close('what global keeps of this zone could not be taken back')
    } finally {
      this.#recall = undefined
    }
  }

  #askForBlocksSoon(): void {
    if (this.#lease !== undefined || this.#stop.signal.aborted) return
    this.#lease = setTimeout(() => {
      this.#lease = undefined
      void this.#askForBlocks().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'could not tell how many VIPs are needed')
      })
    }, leaseDelayMs)
  }

  async #askForBlocks(): Promise<void> {
    const session = this.#session
    if (session === undefined) return
    if (this.#link?.peer.extension === false) return this.#takeBlocks()
    if (!session.view().channels.some((c) => c.channel === 'down' && c.inStep)) return
    const { store, log } = this.#options
    const demands = await store.vip.demand()
    const isFirst = this.#given?.session !== session
    const cidrs = isFirst ? await this.#unconfirmed() : (this.#given?.cidrs ?? [])
    this.#given = { session, cidrs }
    if (demands.length === 0 && (!isFirst || cidrs.length === 0)) return
    log.info({ demands, given: cidrs }, 'asking global for VIP blocks')
    session.requestLease(demands, cidrs)
  }

  /**
   * Under a Kuma global nobody leases anything: the zone takes blocks itself, where its name's hash says, as if an
   * operator had given them. A global of ours is asked to confirm them should there ever be one.
   */
  async #takeBlocks(): Promise<void> {
    const { store, zone, log } = this.#options
    const demands = await store.vip.demand()
    if (demands.length === 0) return
    const [blocks, { identity }] = await Promise.all([store.vip.blocks(), store.status()])
    const cidrs = demands.flatMap((demand) =>
      planLease(kumaPools, blocks, [], { owner: zone, storeId: identity.storeId, ...demand }).add.map(
        ({ cidr }) => cidr,
      ),
    )
    if (cidrs.length === 0) return
    const violations = await store.vip.adoptBlocks(cidrs)
    if (violations.length > 0) log.warn({ violations }, 'this zone could not take blocks of virtual IPs')
    else log.info({ cidrs }, 'a Kuma global leases no virtual IPs: this zone has taken blocks of its own')
  }

  /** Blocks that an operator gave this zone, now or at an earlier start, and that global has not confirmed. */
  async #unconfirmed(): Promise<readonly string[]> {
    const { store, wantedCidrs } = this.#options
    const own = await store.vip.ownBlocks()
    const confirmed = new Set(own.filter((block) => block.generation > 0).map((block) => block.cidr))
    const wanted = new Set([...wantedCidrs, ...own.map((block) => block.cidr)])
    return [...wanted].filter((cidr) => !confirmed.has(cidr))
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stop
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
    })
  }
}
