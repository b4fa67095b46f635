import { randomInt, randomUUID } from 'node:crypto'
import {
  Backoff,
  runSession,
  type SessionEnd,
  type SessionHandle,
  type SessionMetrics,
  type SessionView,
} from '@holdfast/peer'
import type { ControlPlaneStore } from '@holdfast/store'
import { type DialOptions, dialKds, type Link, type ZoneNodeConfig } from '@holdfast/transport'
import type { Logger } from 'pino'

export interface ZoneOptions {
  readonly store: ControlPlaneStore
  readonly zone: string
  /** grpc://HOST:PORT of global. */
  readonly globalAddress: string
  readonly version: string
  readonly instanceId: string
  /** What the node of this zone shows of its configuration, secrets masked. */
  readonly nodeConfig: ZoneNodeConfig
  /** `--vip-block`: what the operator gave this zone before the first contact. */
  readonly wantedCidrs: readonly string[]
  /** What this zone answers when global asks: JSON in, JSON out. */
  readonly answer: (question: string, body: string) => Promise<string>
  readonly log: Logger
  readonly metrics: SessionMetrics
  /** How global is reached, for whoever wants to look at what is said. Over gRPC unless said otherwise. */
  readonly dial?: ((options: DialOptions) => Link) | undefined
}

/** How long a zone that is refused waits before it asks again; a person has to act first. */
const parkedMs = 30_000
/** Several changes in one moment ask for blocks once. */
const leaseDelayMs = 20
/** How often the record of the session is brought up to date. */
const beatMs = 5_000

/**
 * A zone's side of KDS: dials global, keeps one session, asks for VIP blocks when they run short, answers what global
 * asks. It never needs global to serve, to accept changes or to allocate within its blocks.
 */
export class ZoneRuntime {
  readonly #options: ZoneOptions
  readonly #stop = new AbortController()
  readonly #backoff = new Backoff()
  #session: SessionHandle | undefined
  #lastEnd: SessionEnd | undefined
  #running: Promise<void> | undefined
  #lease: NodeJS.Timeout | undefined
  #fatal: ((reason: string) => void) | undefined

  constructor(options: ZoneOptions) {
    this.#options = options
  }

  /** @param onFatal told when this zone may not join at all and never was in step: the process should end */
  start(onFatal: (reason: string) => void): void {
    this.#fatal = onFatal
    const stopListening = this.#options.store.onAdvanced(() => this.#askForBlocksSoon())
    const beats = setInterval(() => this.#writeDown(), beatMs)
    this.#running = this.#keepSession().finally(() => {
      stopListening()
      clearInterval(beats)
    })
  }

  view(): SessionView | undefined {
    return this.#session?.view()
  }

  get lastEnd(): SessionEnd | undefined {
    return this.#lastEnd
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the zone control plane stops'))
    clearTimeout(this.#lease)
    await this.#session?.close('the zone control plane stops')
    await this.#running
  }

  #writeDown(): void {
    const session = this.#session
    if (session === undefined) return
    void this.#options.store.sessions.heartbeats([session.beat()]).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'the state of the session could not be written down')
    })
  }

  async #keepSession(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const startedMs = performance.now()
      const end = await this.#oneSession().catch(
        (error: unknown): SessionEnd => ({ end: 'lost', reason: (error as Error).message }),
      )
      this.#session = undefined
      this.#lastEnd = end
      if (signal.aborted) return
      if (end.end === 'refused') await this.#refused(end.reason)
      else {
        this.#backoff.ended(performance.now() - startedMs)
        const waitMs = this.#backoff.nextMs(randomInt(1_000_000) / 1_000_000)
        this.#options.log.warn({ reason: end.reason, waitMs }, `session with global ${end.end}; trying again`)
        await this.#pause(waitMs)
      }
    }
  }

  async #refused(reason: string): Promise<void> {
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
    const { store, zone, globalAddress, version, instanceId, nodeConfig, log, metrics, dial = dialKds } = this.#options
    const sessionId = randomUUID()
    const link = dial({
      address: globalAddress,
      zone,
      sessionId,
      version,
      instanceId,
      nodeConfig,
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
      log,
      metrics,
      onQuestion: this.#options.answer,
      onInStep: () => this.#askForBlocksSoon(),
      onLeaseAnswer: (refused) => {
        for (const reason of refused) log.error({ reason }, 'global did not grant a VIP block')
      },
    })
    this.#session = session
    if (this.#stop.signal.aborted) return session.close('the zone control plane stops')
    return session.ended
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
    if (session === undefined || !session.view().channels.some((c) => c.channel === 'down' && c.inStep)) return
    const demands = await this.#options.store.vip.demand()
    if (demands.length === 0) return
    this.#options.log.info({ demands }, 'asking global for VIP blocks')
    session.requestLease(demands, this.#options.wantedCidrs)
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
