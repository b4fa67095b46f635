import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Credential } from '@holdfast/identity'
import { Problem } from '@holdfast/model'
import {
  type AskOptions,
  GuardWatch,
  movingReason,
  onlyStream,
  runSession,
  type SessionHandle,
  type SessionMetrics,
  type SessionView,
} from '@holdfast/peer'
import type { ControlPlaneStore, RecoveryWait } from '@holdfast/store'
import type { Tracing } from '@holdfast/tracing'
import {
  type AdminQuestion,
  type Admission,
  type AdmissionAnswer,
  type Certified,
  type KdsServer,
  type Link,
  type LinkEnd,
  limitsFor,
  type ServeTls,
  serveKds,
  type TurnedAway,
} from '@holdfast/transport'
import type { Logger } from 'pino'
import { DeletedZones } from './deleted-zones.js'
import { PausedZones } from './paused-zones.js'
import { answerRecall } from './recall.js'
import { Recovery } from './recovery.js'
import type { Replicas } from './replicas/index.js'
import { Withdrawals } from './withdrawals.js'
import { Witnesses } from './witnesses.js'
import { ZoneObjects } from './zone-objects.js'

export interface GlobalOptions {
  readonly store: ControlPlaneStore
  readonly address: string
  readonly port: number
  /** Of a socket that is listened on already, in the place of address and port. */
  readonly descriptor?: number | undefined
  /** The most that one message of a zone has; what a Kuma receives as it comes, unless said otherwise. */
  readonly messageBytesMax?: number | undefined
  readonly version: string
  readonly instanceId: string
  readonly log: Logger
  readonly metrics: SessionMetrics
  /** Follows changes from one control plane to the next. Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined
  /** The other globals on this database; undefined: there are none. */
  readonly replicas?: Replicas | undefined
  /** Who is let in, and how zones get certificates. Absent: everybody, and they get none. */
  readonly gate?: ZoneGate | undefined
  /** What to show to those that dial, asked for at the start. Absent, or nothing: plaintext. */
  readonly tls?: (() => Promise<ServeTls | undefined>) | undefined
  /** What global answers when a zone asks: JSON in, JSON out. */
  readonly answer?: ((zone: string, question: string, body: string) => Promise<string>) | undefined
}

/** Decides about zones; what it knows stands in the store. */
export interface ZoneGate {
  admit(admission: Admission): Promise<AdmissionAnswer>
  certify(zone: string, request: Uint8Array): Promise<Certified | LinkEnd>
  /** Why a session that was let in must end; undefined: it may go on. */
  withdrawn(zone: string, credential: Credential): Promise<string | undefined>
}

/** Several changes in one moment look at global's own need of blocks once. */
const leaseDelayMs = 20
/** How often the records of the sessions are brought up to date: one statement for all zones. */
const beatMs = 5_000
/** Whoever floods us must not fill the log as well. */
const tellAgainMs = 60_000
const absentWords = (zone: string): string =>
  `zone ${zone} is not connected: "holdfastctl zone describe ${zone}" at global says since when, and why`
const noStream = (zone: string): string =>
  `zone ${zone} keeps no stream open on which it could be asked: try again when it is connected, or ask the proxy on its own machine`

/** Between two zones that are sent away, and for all of them together. */
const sendAwayEveryMs = 20
const sendAwayWithinMs = 2_000
/** A zone that is asked and does not answer is told apart from one that is not connected. */
const questionTimeoutMs = 10_000

/**
 * Global's side of KDS: lets zones in, keeps one session per zone (the newest wins), leases VIP blocks to them and to
 * itself, and asks them what only they know.
 */
export class GlobalRuntime {
  readonly #options: GlobalOptions
  readonly #sessions = new Map<string, SessionHandle>()
  readonly #opening = new Set<Promise<void>>()
  /** Let in by their proof, and not met yet: whoever is revoked ends here as well, whatever it has said so far. */
  readonly #arriving = new Set<SessionHandle>()
  readonly #toldOfMs = new Map<TurnedAway['why'], number>()
  readonly #stop = new AbortController()
  readonly #deleted: DeletedZones
  readonly #withdrawals: Withdrawals | undefined
  readonly #guards: GuardWatch
  readonly #paused: PausedZones
  #server: KdsServer | undefined
  #lease: NodeJS.Timeout | undefined
  #stopListening: (() => void) | undefined
  readonly #zoneObjects: ZoneObjects
  #beats: NodeJS.Timeout | undefined
  #draining: Promise<void> | undefined
  readonly #witnesses: Witnesses
  readonly #recovery: Recovery

  constructor(options: GlobalOptions) {
    this.#options = options
    const { store, log, metrics } = options
    this.#guards = new GuardWatch({ store, log, metrics })
    this.#zoneObjects = new ZoneObjects({ store, log, guards: this.#guards })
    const sessions = (): Iterable<SessionHandle> => this.#sessions.values()
    this.#deleted = new DeletedZones({ store, log, sessions })
    this.#paused = new PausedZones({ store, log, sessions })
    const { gate } = options
    if (gate !== undefined)
      this.#withdrawals = new Withdrawals({
        ...{ store, log },
        sessions: () => new Set([...this.#arriving, ...this.#sessions.values()]),
        withdrawn: (...of) => gate.withdrawn(...of),
      })
    this.#witnesses = new Witnesses({ store, log, sessions })
    this.#recovery = new Recovery({
      ...{ store, log, sessions },
      witnesses: this.#witnesses,
      metrics,
      onReady: () => {
        void this.#zoneObjects.look()
        this.#leaseOwnSoon()
      },
    })
  }

  /** @returns the port zones can dial */
  async start(): Promise<number> {
    const { address, port, descriptor, version, instanceId, store, log, replicas, gate, messageBytesMax } =
      this.#options
    await this.#guards.start()
    await this.#zoneObjects.look()
    const tls = await this.#options.tls?.()
    this.#server = await serveKds({
      address,
      port,
      descriptor,
      identity: { version, instanceId },
      tls,
      ...(messageBytesMax === undefined ? {} : { limits: limitsFor(messageBytesMax) }),
      ...(gate === undefined
        ? {}
        : {
            admit: (admission) => gate.admit(admission),
            certify: ({ zone }, request) => gate.certify(zone, request),
          }),
      onLink: (link) => this.accept(link),
      onTurnedAway: (one) => this.#turnedAway(one),
      ...(replicas === undefined ? {} : { seek: (half) => replicas.seek(half) }),
      signal: this.#stop.signal,
    })
    await replicas?.start(this.#server, (question, body) => this.#answerReplica(question, body))
    this.#stopListening = store.onAdvanced(() => {
      this.#leaseOwnSoon()
      this.#deleted.lookSoon()
    })
    this.#beats = setInterval(() => this.#writeDown(), beatMs)
    this.#leaseOwnSoon()
    log.info({ port: this.#server.port, address, tls: tls !== undefined }, 'zones can join')
    return this.#server.port
  }

  /** For connections from here on; sessions that run keep theirs. */
  replaceTls(tls: ServeTls): void {
    this.#server?.replaceTls(tls)
  }

  /** Sessions of this process. */
  views(): readonly SessionView[] {
    return [...this.#sessions.values()].map((s) => s.view())
  }

  /** Those of the other replicas as well, as of a few seconds ago. */
  allViews(): readonly SessionView[] {
    const own = this.views()
    const here = new Set(own.map(({ peer }) => peer))
    const elsewhere = (this.#options.replicas?.views() ?? []) as readonly SessionView[]
    return [...own, ...elsewhere.filter(({ peer }) => !here.has(peer))]
  }

  /** What a recovery waits for; empty while there is none. */
  recoveryWaits(): readonly RecoveryWait[] {
    return this.#recovery.waits()
  }

  /** How many offers were encoded for all zones together: one change is encoded once, whoever it goes to. */
  encodings(): number {
    return this.#server?.encodings() ?? 0
  }

  /**
   * Asks a connected zone; see the zone's questions.
   * @throws Problem `unavailable` if the zone is not connected or does not answer in time; the signal's reason
   */
  async askZone(
    zone: string,
    what: string,
    body: string,
    { signal }: Pick<AskOptions, 'signal'> = {},
  ): Promise<string> {
    const session = this.#sessions.get(zone)
    if (session !== undefined) return session.ask(what, body, { timeoutMs: questionTimeoutMs, signal })
    return String(await this.#askReplicas('zone', { zone, what, body }, absentWords(zone)))
  }

  /** A zone of ours answers questions in its session; a plain one has no session by its bare name. */
  hasSessionOfOurs(zone: string): boolean {
    return this.#sessions.has(zone) || this.allViews().some(({ peer, extension }) => peer === zone && extension)
  }

  /**
   * Asks a plain zone about one of its proxies, over the stream that it keeps open for that.
   * @throws Problem `unavailable` if the zone is not connected or does not answer in time; `invalid` with its own words
   */
  async askProxy(zone: string, question: AdminQuestion, signal: AbortSignal): Promise<Uint8Array> {
    if (this.#server === undefined)
      throw new Problem('unavailable', 'this global is not serving zones yet; ask again in a moment')
    if (this.#server.adminKindsOf(zone).length > 0)
      return this.#server.askAdmin(zone, question, { timeoutMs: questionTimeoutMs, signal })
    return Buffer.from(String(await this.#askReplicas('proxy', { zone, question }, noStream(zone))), 'base64')
  }

  #askReplicas(question: string, body: unknown, absent: string): Promise<unknown> {
    const { replicas } = this.#options
    return replicas === undefined
      ? Promise.reject(new Problem('unavailable', absent))
      : replicas.ask(question, body, absent)
  }

  /** What only this replica knows; undefined: it is not here. */
  async #answerReplica(question: string, body: unknown): Promise<unknown> {
    if (question === 'sessions') return this.views()
    if (question === 'zone') {
      const {
        zone,
        what,
        body: asked,
      } = body as { readonly zone: string; readonly what: string; readonly body: string }
      return this.#sessions.get(zone)?.ask(what, asked, { timeoutMs: questionTimeoutMs })
    }
    if (question !== 'proxy') return undefined
    const { zone, question: asked } = body as { readonly zone: string; readonly question: AdminQuestion }
    if (this.#server === undefined || this.#server.adminKindsOf(zone).length === 0) return undefined
    const signal = AbortSignal.timeout(questionTimeoutMs)
    const answer = await this.#server.askAdmin(zone, asked, { timeoutMs: questionTimeoutMs, signal })
    return Buffer.from(answer).toString('base64')
  }

  /**
   * Sends all zones to the other globals, in turns so that these are not run over, and lets nobody in any more. What global
   * serves otherwise goes on. Resolves when the last one has gone.
   */
  async drain(): Promise<void> {
    if (this.#draining !== undefined) return this.#draining
    this.#draining = this.#sendAway()
    return this.#draining
  }

  async #sendAway(): Promise<void> {
    const { log, replicas } = this.#options
    await replicas?.drain()
    const sessions = [...this.#sessions.values()]
    if (sessions.length > 0) log.info({ zones: sessions.length }, 'zones are sent to the other globals')
    const everyMs = Math.min(sendAwayEveryMs, sendAwayWithinMs / Math.max(1, sessions.length))
    const ended: Promise<unknown>[] = []
    for (const session of sessions) {
      ended.push(session.close(movingReason('this global is about to stop')))
      await sleep(everyMs)
    }
    await Promise.all(ended)
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the global control plane stops'))
    clearTimeout(this.#lease)
    clearInterval(this.#beats)
    this.#stopListening?.()
    await Promise.allSettled(this.#opening)
    await Promise.all([...this.#sessions.values()].map((s) => s.close('the global control plane stops')))
    await this.#deleted.close()
    await this.#zoneObjects.close()
    await this.#paused.close()
    await this.#withdrawals?.close()
    await this.#recovery.close()
    await this.#witnesses.close()
    await this.#options.replicas?.close()
    await this.#server?.close()
    await this.#guards.close()
  }

  /** A flood is told of once a minute and kind; how many it was is counted. */
  #turnedAway({ why, reason, remoteAddress }: TurnedAway): void {
    this.#options.metrics.turnedAway.inc({ why })
    const nowMs = performance.now()
    if (nowMs - (this.#toldOfMs.get(why) ?? Number.NEGATIVE_INFINITY) < tellAgainMs) return
    this.#toldOfMs.set(why, nowMs)
    this.#options.log.warn({ remoteAddress, why }, `a connection was turned away: ${reason}`)
  }

  #writeDown(): void {
    const beats = [...this.#sessions.values()].map((session) => session.beat())
    if (beats.length === 0) return
    void this.#options.store.sessions.heartbeats(beats).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'the state of the sessions could not be written down')
    })
  }

  /** A zone has dialled and proven its name: it is let in, or told why not. */
  accept(link: Link): void {
    if (this.#draining !== undefined) {
      void link.close({ code: 'UNAVAILABLE', reason: movingReason('this global is about to stop') })
      return
    }
    const work = this.#run(link).catch((error: unknown) => {
      this.#options.log.error({ err: error, zone: link.peer.name }, 'a session could not be opened')
      void link.close({
        code: 'UNAVAILABLE',
        reason: 'global could not open the session: its log says why; the zone dials again by itself',
      })
    })
    this.#opening.add(work)
    void work.finally(() => this.#opening.delete(work))
  }

  async #run(link: Link): Promise<void> {
    const { store, version, instanceId, log, metrics, answer } = this.#options
    const zone = link.peer.name
    if (link.peer.extension === false) {
      const met = await store.sessions.meetPlain(zone)
      if (!met.admitted) {
        log.warn({ zone, reason: met.reason }, 'a Kuma zone may not join')
        await link.close({ code: 'FAILED_PRECONDITION', reason: met.reason })
        return
      }
      if (met.created) log.info({ zone, version: link.peer.version }, 'a Kuma zone has joined for the first time')
    }
    const session = await runSession({
      role: 'acceptor',
      peer: zone,
      sessionId: link.peer.sessionId ?? randomUUID(),
      link,
      store,
      version,
      instanceId,
      messageBytesMax: this.#options.messageBytesMax,
      log,
      metrics,
      tracing: this.#options.tracing,
      guards: this.#guards,
      // Only a zone that was let in takes the place of an older session: a stranger with the same name must not.
      onMet: (handle) => this.#admit(zone, link, handle),
      ...(answer === undefined ? {} : { onQuestion: (question: string, body: string) => answer(zone, question, body) }),
      onLeaseRequest: (handle, storeId, demands, wantedCidrs) => {
        void this.#leaseTo(zone, handle, storeId, demands, wantedCidrs)
      },
      witnessed: () => this.#witnesses.settled(),
      onRecall: (handle, recall) => {
        const unheard = (): Promise<readonly string[]> => this.#recovery.unheardBeside(zone)
        const epoch = async (): Promise<string> => (await store.status()).head.epoch
        void answerRecall(zone, handle, recall, { returns: store.returns, unheard, epoch, log })
      },
    })
    if (link.peer.credential !== undefined) {
      this.#arriving.add(session)
      this.#withdrawals?.watch(session, link.peer.credential)
    }
    void session.ended.then(() => {
      this.#arriving.delete(session)
      const key = sessionKey(zone, link)
      if (this.#sessions.get(key) === session) this.#sessions.delete(key)
    })
  }

  /** The newest session of a zone wins. Streams of a plain zone are sessions of their own and leave each other alone. */
  #admit(zone: string, link: Link, session: SessionHandle): void {
    const key = sessionKey(zone, link)
    const rivals = link.streams.length > 1 ? [zone, `${zone}/down`, `${zone}/up`] : [zone, key]
    for (const rival of rivals) {
      const older = this.#sessions.get(rival)
      if (older === undefined || older === session) continue
      this.#sessions.delete(rival)
      void older.close('a newer session of this zone has opened')
    }
    this.#sessions.set(key, session)
    // A plain zone says no hello that could be refused.
    if (!session.view().extension) this.#deleted.lookSoon()
  }

  async #leaseTo(
    zone: string,
    session: SessionHandle,
    storeId: string,
    demands: Parameters<ControlPlaneStore['vip']['lease']>[0]['demands'],
    wantedCidrs: readonly string[],
  ): Promise<void> {
    const { store, log } = this.#options
    try {
      // What a returning zone holds is known before anybody gets a block that may be its own.
      await this.#witnesses.settled()
      const { granted, refused } = await store.vip.lease({ owner: zone, storeId, demands, wantedCidrs })
      if (granted.length > 0) log.info({ zone, blocks: granted.map((b) => `${b.kind} ${b.cidr}`) }, 'VIP blocks leased')
      if (refused.length > 0) log.warn({ zone, refused }, 'VIP blocks not leased')
      session.answerLease(refused)
    } catch (error) {
      log.error({ err: error, zone }, 'a VIP block could not be leased; the zone will ask again')
    }
  }

  #leaseOwnSoon(): void {
    if (this.#lease !== undefined || this.#stop.signal.aborted) return
    this.#lease = setTimeout(() => {
      this.#lease = undefined
      void this.#leaseOwn().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, "global's own VIP blocks could not be leased")
      })
    }, leaseDelayMs)
  }

  async #leaseOwn(): Promise<void> {
    const { store, log } = this.#options
    const demands = await store.vip.demand()
    if (demands.length === 0) return
    await this.#witnesses.settled()
    const { identity } = await store.status()
    const { granted, refused } = await store.vip.lease({
      owner: '',
      storeId: identity.storeId,
      demands,
      wantedCidrs: [],
    })
    if (granted.length > 0)
      log.info({ blocks: granted.map((b) => `${b.kind} ${b.cidr}`) }, 'VIP blocks leased to global')
    if (refused.length > 0) log.warn({ refused }, "global's own VIP blocks not leased")
  }
}

const sessionKey = (zone: string, link: Link): string => {
  const stream = onlyStream(link)
  return stream === undefined ? zone : `${zone}/${stream}`
}
