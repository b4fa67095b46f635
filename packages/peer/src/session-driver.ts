import {
  type Channel,
  type Cursor,
  channels,
  type Demand,
  type GuardReport,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
  type StoreAnswer,
  type StoreOp,
  type StoreState,
  stepSession,
} from '@holdfast/kds'
import { emptyDigest, Problem } from '@holdfast/model'
import { Fenced, LeaseLost } from '@holdfast/store'
import type { TraceIds } from '@holdfast/tracing'
import type { Link, LinkEvent } from '@holdfast/transport'
import type { Logger } from 'pino'
import type { AskOptions, SessionBeat, SessionEnd, SessionHandle, SessionView } from './handle.js'
import { type PeerStore, peerStoreOf } from './peer-store.js'
import { plainReport } from './plain-report.js'
import { Proof } from './proof.js'
import { partsOf, Questions } from './questions.js'
import { Reports } from './reports.js'
import type { SessionOptions } from './run-session.js'
import { sessionClock } from './session-clock.js'
import { onlyStream, SessionStores } from './session-stores.js'
import { SessionTraces } from './session-traces.js'
import { Traffic } from './traffic.js'
import { sessionView } from './view.js'

const tickMs = 1_000

/**
 * The only awaits between a session's machines and the world: takes events one at a time, steps, performs the effects in
 * order and feeds what becomes of them back. Nothing has an effect once the machine has closed (OWN); closing waits until
 * everything under way has settled.
 */
export class SessionDriver implements SessionHandle {
  readonly peer: string
  readonly sessionId: string
  readonly ended: Promise<SessionEnd>
  readonly #options: SessionOptions
  readonly #log: Logger
  readonly #reports: Reports
  readonly #questions: Questions
  readonly #stores: SessionStores
  readonly #traffic: Traffic
  readonly #traces: SessionTraces
  readonly #proof: Proof
  readonly #abort = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  /** Each with the trace that it belongs to, for whatever is logged because of it. */
  readonly #queue: { readonly event: SessionEvent; readonly ids: TraceIds }[] = []
  readonly #nowMs = sessionClock()
  readonly #openedAtMs = this.#nowMs()
  readonly #timer: NodeJS.Timeout
  readonly #stopListening: () => void
  readonly #stopWatching: (() => void) | undefined
  #state: SessionState
  #pumping = false
  #end: SessionEnd | undefined
  #settle: (end: SessionEnd) => void = () => undefined
  #met: { readonly storeId: string; readonly state: StoreState; readonly version: string } | undefined
  /** What a plain peer doubts, as it was told last. */
  #doubts: { readonly doubts: unknown; readonly report: GuardReport | undefined } | undefined
  #isKeeping = false
  #peerStore: PeerStore | undefined
  #heard = { ackedRevision: 0, faults: [] as readonly string[] }

  constructor(options: SessionOptions, state: SessionState) {
    this.#options = options
    this.#state = state
    this.peer = options.peer
    this.sessionId = options.sessionId
    this.#log = options.log.child({
      peer: options.peer === '' ? 'global' : options.peer,
      session: options.sessionId.slice(0, 8),
    })
    this.#reports = new Reports(this.#peerName, this.#log, options.metrics)
    this.#questions = new Questions(options.peer)
    this.#stores = new SessionStores(options)
    const { link, role, metrics } = options
    this.#traces = new SessionTraces({ tracing: options.tracing, peer: this.#peerName })
    this.#traffic = new Traffic({ link, role, metrics, peer: this.#peerName, reports: this.#reports })
    this.#proof = new Proof(this.#peerName, metrics)
    this.ended = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#timer = setInterval(() => {
      this.#traffic.count()
      this.#noticeDoubts()
      this.#push({ type: 'tick', nowMs: this.#nowMs() })
      // An operator makes a store ready from another process, and nobody tells us.
      if (this.#state.storeState !== 'ready' && !this.#abort.signal.aborted) this.#track(this.#lookAtOwnState())
    }, tickMs)
    this.#stopListening = options.store.onAdvanced(() => this.#advanced())
    this.#stopWatching = options.guards?.onChange(() => this.#tellReports())
    this.#tellReports()
    options.link.start((event) => this.#heardFromLink(event))
    if (options.role === 'dialer') this.#push({ type: 'opened', extension: false, nowMs: this.#nowMs() })
  }

  requestLease(demands: readonly Demand[], wantedCidrs: readonly string[]): void {
    this.#say({ type: 'lease', demands, wantedCidrs })
  }

  answerLease(refused: readonly string[]): void {
    this.#say({ type: 'lease-answer', refused })
  }

  recall(after: string, { done }: { readonly done: boolean } = { done: false }): void {
    this.#say({ type: 'recall', after, done })
  }

  answerRecall(answer: { readonly body: string; readonly error: string }): void {
    this.#say({ type: 'recalled', ...answer })
  }

  ask(what: string, body: string, options: AskOptions): Promise<string> {
    if (this.#state.phase !== 'open')
      return Promise.reject(
        new Problem(
          'unavailable',
          `${this.peer === '' ? 'global' : `zone ${this.peer}`} answers no questions (its session is ${this.#state.phase}): try again when it is in step`,
        ),
      )
    return this.#questions.ask(what, options, (id) => this.#say({ type: 'question', id, what, body }))
  }

  tellFaults(faults: readonly string[]): void {
    this.#push({ type: 'faults', faults, nowMs: this.#nowMs() })
  }

  beat(): SessionBeat {
    return {
      sessionId: this.sessionId,
      peer: this.peer,
      ackedRevision: this.#heard.ackedRevision,
      counters: this.#reports.types(),
    }
  }

  view(): SessionView {
    return sessionView({
      sessionId: this.sessionId,
      peer: this.peer,
      link: this.#options.link,
      state: this.#state,
      openedAtMs: this.#openedAtMs,
      met: this.#met,
      proof: this.#proof,
      reports: this.#reports,
      heard: this.#heard,
      peerStore: this.#peerStore,
    })
  }

  async close(reason: string): Promise<SessionEnd> {
    this.#end ??= { end: 'closed', reason }
    this.#push({ type: 'stop', reason, nowMs: this.#nowMs() })
    return this.ended
  }

  get #peerName(): string {
    return this.peer === '' ? 'global' : this.peer
  }

  #say(message: Extract<SessionEvent, { type: 'say' }>['message']): void {
    this.#push({ type: 'say', message, nowMs: this.#nowMs() })
  }

  #advanced(): void {
    // The database has lost something, or what it had lost is back: what is sent depends on it.
    if (this.#options.store.faults().length > 0 && !this.#abort.signal.aborted) this.#track(this.#lookAtOwnState())
    for (const channel of channels)
      if (this.#state.machines[channel].role === 'sender')
        this.#push({ type: 'advanced', channel, nowMs: this.#nowMs() })
  }

  #heardFromLink(event: LinkEvent): void {
    const nowMs = this.#nowMs()
    switch (event.type) {
      case 'headers':
        if (this.#options.role === 'acceptor') this.#push({ type: 'opened', extension: event.extension, nowMs })
        else this.#push({ type: 'headers', extension: event.extension, nowMs })
        return
      case 'node':
        this.#peerStore = peerStoreOf(event.node.config) ?? this.#peerStore
        return
      case 'message':
        this.#traffic.received(event.message)
        this.#push({ type: 'received', message: event.message, nowMs }, this.#traces.incoming(event.message))
        return
      case 'plain':
        this.#traffic.receivedPlain(event.message)
        this.#push({ type: 'receivedPlain', message: event.message, nowMs })
        return
      case 'unsendable':
        this.#reports.alarm(
          'down',
          'unsendable',
          event,
          `${event.resourceType} is too large to send: ${event.sizeBytes} bytes, and a peer receives ${event.limitBytes}`,
        )
        return
      case 'violation':
        this.#end ??= { end: 'lost', reason: `the peer sent something malformed on ${event.stream}: ${event.reason}` }
        return
      case 'closed':
        // Global does not believe who we are: a person has to act before another attempt would end otherwise.
        this.#end ??=
          event.by === 'peer' && (event.code === 'UNAUTHENTICATED' || event.code === 'PERMISSION_DENIED')
            ? { end: 'refused', reason: event.reason }
            : { end: 'lost', reason: `${event.code} ${event.reason}` }
        this.#push({
          type: 'streamClosed',
          stream: event.stream ?? 'both',
          reason: `${event.code} ${event.reason}`,
          nowMs,
        })
        return
    }
  }

  #push(event: SessionEvent, ids: TraceIds = {}): void {
    this.#queue.push({ event, ids })
    if (this.#pumping) return
    this.#pumping = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const [state, effects] = stepSession(this.#state, next.event)
        this.#state = state
        for (const effect of effects) this.#perform(effect, next.ids)
      }
      this.#noticeProof()
    } catch (error) {
      // Ours: a broken invariant ends this session and no other.
      this.#log.fatal({ err: error }, 'a session machine broke')
      this.#finish('INTERNAL', `internal error: ${(error as Error).message}`)
    } finally {
      this.#pumping = false
    }
  }

  #perform(effect: SessionEffect, ids: TraceIds): void {
    const { link, onLeaseRequest, onLeaseAnswer, onRecall, onRecalled, onOwedReturn, onMet, metrics } = this.#options
    switch (effect.type) {
      case 'store':
        this.#track(this.#performStore(effect.channel, effect.op))
        return
      case 'send':
        this.#traffic.sent(effect.message)
        link.send(this.#traces.outgoing(effect.message))
        return
      case 'sendPlain':
        this.#traffic.sentPlain(effect.message)
        link.send({ plain: effect.message })
        return
      case 'report':
        this.#reports.report(effect.channel, effect.report, ids)
        if (effect.report.type === 'kept' && effect.report.writtenRows > 0)
          this.#options.onStored?.(effect.report.resourceType)
        if (effect.report.type === 'kept')
          this.#options.guards?.stored({ peer: this.peer, channel: effect.channel, ...effect.report }, ids)
        if (effect.report.type === 'contradiction') this.#track(this.#lookAtOwnState())
        return
      case 'met':
        this.#met = effect
        metrics.sessions.inc({ peer: this.#peerName, event: 'opened' })
        this.#log.info({ version: effect.version, state: effect.state, address: link.peer.remoteAddress }, 'joined')
        onMet?.(this)
        return
      case 'typeSetDiffers':
        this.#log.info(
          { ours: effect.ours, theirs: effect.theirs },
          'the peer knows other resource types than we do: what one side does not know it keeps as it is and passes on',
        )
        return
      case 'typesHeard':
        this.#track(this.#learn(effect))
        return
      case 'peerStands':
        this.#track(this.#checkHistory(effect.channel, effect.cursor))
        return
      case 'wentPlain':
        metrics.sessions.inc({ peer: this.#peerName, event: 'opened' })
        this.#log.info({ why: effect.reason, version: link.peer.version }, 'joined as a plain Kuma peer')
        onMet?.(this)
        return
      case 'lateHeaders':
        this.#log.warn(
          'the peer has the extension after all, but said so too late for this session: the next one begins at once',
        )
        return
      case 'heard':
        if (effect.faults.join() !== this.#heard.faults.join()) {
          if (effect.faults.length > 0)
            this.#log.error({ faults: effect.faults }, 'the peer serves other than it keeps')
          else this.#log.info('the peer serves what it keeps again')
        }
        this.#heard = { ackedRevision: effect.ackedRevision, faults: effect.faults }
        this.#proof.heard(this.#state, effect.ackedRevision, this.#nowMs())
        return
      case 'reported':
        this.#keepReport(effect.report)
        return
      case 'leaseRequested':
        if (this.#met !== undefined) onLeaseRequest?.(this, this.#met.storeId, effect.demands, effect.wantedCidrs)
        return
      case 'leaseAnswered':
        onLeaseAnswer?.(effect.refused)
        return
      case 'recallAsked':
        onRecall?.(this, effect)
        return
      case 'recalled':
        onRecalled?.(effect)
        return
      case 'owedReturn':
        onOwedReturn?.()
        return
      case 'asked':
        this.#track(this.#answer(effect.id, effect.what, effect.body))
        return
      case 'answered':
        this.#questions.answered(effect.id, effect.error, effect.body, effect.more)
        return
      case 'unsaid':
        this.#log.debug({ what: effect.message.type, phase: effect.phase }, 'not said: the session was not open')
        return
      case 'refusedEntry':
        this.#end = { end: 'refused', reason: effect.reason }
        metrics.sessions.inc({ peer: this.#peerName, event: 'refused' })
        return
      case 'close':
        this.#finish(effect.status, effect.reason)
        return
    }
  }

  async #performStore(channel: Channel, op: StoreOp): Promise<void> {
    const applying = this.#traces.applying(channel, op)
    try {
      const { traces } = applying
      const result = await this.#stores.perform(channel, op, { signal: this.#abort.signal, traces })
      // The pairing of operation and result is the port's promise; a union cannot be built from its halves.
      const answer = { op: op.op, result } as StoreAnswer
      if (answer.op === 'apply') applying.end(answer.result)
      if (answer.op === 'changes') this.#traces.read(channel, answer.result)
      if (!this.#abort.signal.aborted)
        this.#push({ type: 'stored', channel, answer, nowMs: this.#nowMs() }, applying.ids)
    } catch (error) {
      applying.end(undefined, (error as Error).message)
      if (this.#abort.signal.aborted) return
      if (error instanceof Fenced || error instanceof LeaseLost)
        this.#end ??= { end: 'superseded', reason: error.message }
      this.#log.warn({ err: error, channel, op: op.op, ...applying.ids }, 'the store failed')
      this.#push({ type: 'storeFailed', channel, reason: (error as Error).message, nowMs: this.#nowMs() }, applying.ids)
    }
  }

  /** Where the peer stands in our log is evidence about our own store: it may have been restored to an earlier state. */
  async #checkHistory(channel: Channel, cursor: Cursor): Promise<void> {
    try {
      const standing = { cursor, offered: emptyDigest }
      const facts = await this.#stores.perform(channel, { op: 'compare', standing }, { signal: this.#abort.signal })
      if (facts.cursor === 'contradiction' && !this.#abort.signal.aborted) {
        this.#reports.report(channel, { type: 'contradiction', cursor, head: facts.head.cursor })
        await this.#lookAtOwnState()
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#log.warn({ err: error }, 'the position of the peer could not be checked')
    }
  }

  async #learn(said: Extract<SessionEffect, { type: 'typesHeard' }>): Promise<void> {
    try {
      const { learned, refused } = await this.#options.store.types.learn(this.peer, said)
      if (learned.length > 0) this.#log.info({ types: learned }, 'learned of resource types that are not known here')
      for (const one of refused) this.#log.warn({ ...one }, 'what the peer says of a resource type is not taken')
      this.#options.onTypesLearned?.(said.typeSet)
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#log.warn({ err: error }, 'the types of the peer could not be written down')
    }
  }

  async #lookAtOwnState(): Promise<void> {
    try {
      const { state } = await this.#options.store.status()
      if (!this.#abort.signal.aborted) this.#push({ type: 'storeState', state, nowMs: this.#nowMs() })
    } catch (error) {
      this.#log.warn({ err: error }, 'the state of our own store could not be read')
    }
  }

  async #answer(id: string, what: string, body: string): Promise<void> {
    const { onQuestion } = this.#options
    try {
      if (onQuestion === undefined) throw new Problem('invalid', `no questions are answered here: ${what}`)
      for (const part of partsOf(await onQuestion(what, body)))
        this.#say({ type: 'question-answer', id, error: '', ...part })
    } catch (error) {
      this.#say({ type: 'question-answer', id, error: (error as Error).message || 'no answer', body: '', more: false })
    }
  }

  /** What we refuse and hold of the peer's, and what we have kept of its own word on ours. */
  #tellReports(): void {
    const { guards } = this.#options
    if (guards === undefined || this.#abort.signal.aborted) return
    this.#push({ type: 'reports', ...guards.towards(this.peer), nowMs: this.#nowMs() })
  }

  #keepReport(report: GuardReport): void {
    const { guards } = this.#options
    if (guards === undefined) return
    const kept = guards.heard(this.peer, this.sessionId, report).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'what the peer refuses could not be kept; it will say it again')
    })
    this.#isKeeping = true
    this.#track(
      kept.finally(() => {
        this.#isKeeping = false
      }),
    )
  }

  /**
   * A plain peer does not report: what it has refused is what our sender doubts. Looked at with every tick, until it is
   * kept: what an earlier session has told is over as well.
   */
  #noticeDoubts(): void {
    const { link } = this.#options
    const sends = this.#options.role === 'acceptor' ? 'down' : 'up'
    if (this.#state.phase !== 'plain' || (onlyStream(link) ?? sends) !== sends || this.#isKeeping) return
    const { doubts } = this.#state.sender
    if (this.#doubts?.doubts !== doubts) this.#doubts = { doubts, report: plainReport(this.#state) }
    const { report } = this.#doubts
    if (report !== undefined && this.#options.guards?.towards(this.peer).kept !== report.hash) this.#keepReport(report)
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }

  #noticeProof(): void {
    const nowMs = this.#nowMs()
    if (!this.#proof.notice(this.#state, nowMs, () => this.#traffic.bytes())) return
    const said = channels.map((channel) => {
      const { sent, received } = this.#reports.channel(channel)
      return `${channel}: ${sent} sent, ${received} received`
    })
    this.#log.info({ bytes: this.#proof.bytes, afterMs: nowMs - this.#openedAtMs, said }, 'in step')
    this.#options.onInStep?.()
  }

  #finish(status: Parameters<Link['close']>[0]['code'], reason: string): void {
    if (this.#abort.signal.aborted) return
    this.#abort.abort(new Error(reason))
    clearInterval(this.#timer)
    this.#stopListening()
    this.#stopWatching?.()
    this.#questions.end(reason)
    this.#traces.end(reason)
    this.#traffic.count()
    const end = this.#end ?? { end: 'lost', reason }
    const { link, metrics } = this.#options
    this.#proof.end()
    metrics.sessions.inc({ peer: this.#peerName, event: end.end })
    this.#log.info({ end: end.end, reason: end.reason }, 'session ended')
    void Promise.allSettled([link.close({ code: status, reason }), ...this.#underWay])
      .then(() => this.#stores.close(end.reason))
      .catch((error: unknown) => this.#log.warn({ err: error }, 'the end of the session could not be recorded'))
      .then(() => this.#settle(end))
  }
}
