import {
  type Channel,
  type ChannelContext,
  type Cursor,
  newSession,
  type PlainMessage,
  type SessionConfig,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
  type StoreAnswer,
  type StoreOp,
  type StoreResults,
} from '@holdfast/kds'
import { emptyDigest } from '@holdfast/model'
import { absenceUnit, memoryReturns } from '@holdfast/store'
import { Scope } from './clock.js'
import { kumaIsAskedFor } from './kuma-zone.js'
import type { End, Link, LinkMessage } from './network.js'
import type { ControlPlane } from './node.js'
import { answerRecall, Recall, testimonyOf, testimonyText } from './returns.js'

/** Who a session is with. The peer's name comes from the connection, never from what it says (ATTR). */
export interface SessionOptions {
  readonly node: ControlPlane
  readonly link: Link
  readonly peer: string
  readonly sessionId: string
  readonly config: SessionConfig
  /** With a zone that speaks plain Kuma KDS, of which each stream is a session of its own. */
  readonly plain?: boolean | undefined
}

/** How long a statement takes to reach the database, and its answer to come back: each operation its own. */
const thereMs = [1, 30] as const
const backMs = [1, 15] as const
const tickMs = 1_000
/** As often as a process looks whether what a Kuma zone has left out of its list has stayed away. */
const graceEveryMs = 20_000
/** An answer may be lost with its stream and a demand may grow: asked again while it lasts. */
const leaseAgainMs = 10_000
/** A block is leased when nobody is being heard as a witness. */
const hearingMs = 100

/**
 * The thin shell around one session machine: performs its effects in order, each store operation in its own time.
 * What was handed to the store before the session ended may still be done there, or not; nobody hears the answer.
 */
export class Session {
  readonly peer: string
  readonly sessionId: string
  readonly link: Link
  readonly node: ControlPlane
  /** What it is fenced by: the whole peer, or one stream of it. */
  readonly key: string
  readonly plain: boolean
  readonly #scope: Scope
  readonly #end: End
  #state: SessionState
  #fence: ChannelContext['fence']
  readonly #beganWallMs: number
  readonly #beganMs: number
  #leaseUnderWay = false
  #owesReturn = false
  readonly #timesPutBack: number
  #recall: Recall | undefined

  constructor({ node, link, peer, sessionId, config, plain = false }: SessionOptions) {
    this.peer = peer
    this.plain = plain
    this.key = plain ? `${peer}/${link.streams[0] === 'GlobalToZoneSync' ? 'down' : 'up'}` : peer
    this.sessionId = sessionId
    this.link = link
    this.node = node
    this.#scope = new Scope(node.process)
    this.#end = node.role
    this.#timesPutBack = node.timesPutBack
    this.#beganWallMs = node.nowMs
    this.#beganMs = node.clock.wallMs
    this.#state = newSession(config)
    link.attach(this.#end, {
      received: (message) => this.#received(message),
      ended: (stream, reason) => this.handle({ type: 'streamClosed', stream, reason, nowMs: this.nowMs }),
    })
    this.#tick()
  }

  /**
   * As `sessionClock` of the product has it: a clock that is set meanwhile is not looked at, and a day that passes has really
   * passed. Else what rests would rest on for a session that is older than that day.
   */
  get nowMs(): number {
    return this.#beganWallMs + this.node.clock.wallMs - this.#beganMs
  }

  get state(): SessionState {
    return this.#state
  }

  get closed(): boolean {
    return this.#scope.closed
  }

  #received(message: LinkMessage): void {
    if (message.type === 'plain') this.handle({ type: 'receivedPlain', message: message.message, nowMs: this.nowMs })
    else this.handle({ type: 'received', message, nowMs: this.nowMs })
  }

  /** Global: a Kuma zone's stream has arrived; `met` when it may speak. */
  meet(met: () => void): void {
    this.later(
      () => {
        const meeting = this.node.store.meetPlain(this.peer)
        if (meeting.admitted) {
          this.node.metPlain(this)
          this.handle({ type: 'opened', extension: false, nowMs: this.nowMs })
          met()
          this.#endGraces()
        } else this.stop(meeting.reason)
      },
      (reason) => this.stop(reason),
    )
  }

  /** What a Kuma zone's whole list has left out goes when it stays away on a stream that lives. */
  #endGraces(): void {
    if (!this.key.endsWith('/up')) return
    const { clock, store } = this.node
    clock.after(graceEveryMs, this.#scope, () => {
      this.later(
        () => {
          const context = { channel: 'up', peer: this.peer, fence: this.#fence } as const
          const unit = absenceUnit(kumaIsAskedFor, context, store.options(store.nowMs()))
          if (this.#fence !== undefined) store.transaction(context, () => store.run(unit))
        },
        () => undefined,
      )
      this.#endGraces()
    })
  }

  handle(event: SessionEvent): void {
    if (this.closed) return
    const { step, watch } = this.node
    const [next, effects] = step(this.#state, event)
    this.#state = next
    watch.stepped(this, event, effects)
    for (const effect of effects) this.#perform(effect)
  }

  /** The process is gone, and with it everything that only it knew. */
  die(): void {
    if (!this.closed) this.link.die(this.#end)
    this.#scope.close()
    this.#forget()
  }

  requestLease(): void {
    const { clock, store, wantedCidrs } = this.node
    if (this.closed || this.#leaseUnderWay || this.#state.machines.down.state.phase !== 'live') return
    const demands = store.demand()
    if (demands.length === 0) return
    this.#leaseUnderWay = true
    this.handle({ type: 'say', message: { type: 'lease', demands, wantedCidrs }, nowMs: this.nowMs })
    clock.after(leaseAgainMs, this.#scope, () => {
      this.#leaseUnderWay = false
      this.requestLease()
    })
  }

  /** Ends it as a person or another part of the process would. */
  stop(reason: string): void {
    this.handle({ type: 'stop', reason, nowMs: this.nowMs })
  }

  /** Says something that no machine decides on. */
  say(message: Extract<SessionEvent, { type: 'say' }>['message']): void {
    this.handle({ type: 'say', message, nowMs: this.nowMs })
  }

  /** Does something in its store, which takes as long as a statement; what fails belongs to the weather. */
  later(act: () => void, failed: (reason: string) => void): void {
    const { clock, random, watch } = this.node
    clock.after(random.between(...thereMs) + random.between(...backMs), this.#scope, () => {
      try {
        act()
      } catch (error) {
        if (!watch.isExpected(error)) throw error
        failed((error as Error).message)
      } finally {
        watch.changed(this.node)
      }
    })
  }

  /** Unless it ends before. */
  after(ms: number, act: () => void): void {
    this.node.clock.after(ms, this.#scope, act)
  }

  /** Where the peer stands in our log is evidence about our own store. */
  #checkHistory(channel: Channel, cursor: Cursor): void {
    const op: StoreOp = { op: 'compare', standing: { cursor, offered: emptyDigest } }
    this.later(
      () => {
        const context: ChannelContext = { channel, peer: this.peer, fence: this.#fence }
        const facts = this.node.watch.around(this, context, op, () => this.node.store.channel(context).perform(op))
        if ((facts as StoreResults['compare']).cursor === 'contradiction') this.#lookAtOwnState()
      },
      () => undefined,
    )
  }

  #lookAtOwnState(): void {
    this.later(
      () => this.handle({ type: 'storeState', state: this.node.store.image.state, nowMs: this.nowMs }),
      () => undefined,
    )
  }

  #tick(): void {
    const { clock, weather } = this.node
    clock.after(tickMs + weather.stallMs(), this.#scope, () => {
      // As the product looks: somebody has made the store ready, and nobody tells.
      const { state } = this.node.store.image
      if (this.#state.storeState !== 'ready' && state !== this.#state.storeState)
        this.handle({ type: 'storeState', state, nowMs: this.nowMs })
      this.handle({ type: 'tick', nowMs: this.nowMs })
      this.#tick()
    })
  }

  #perform(effect: SessionEffect): void {
    switch (effect.type) {
      case 'store':
        this.#ask(effect.channel, effect.op)
        return
      case 'send':
        this.node.watch.sent(this, effect.message)
        this.link.send(this.#end, effect.message)
        return
      case 'report':
        this.node.watch.reported(this, effect.channel, effect.report)
        if (effect.report.type === 'inStep' && this.node.role === 'zone') this.requestLease()
        if (effect.report.type === 'contradiction') this.#lookAtOwnState()
        return
      case 'leaseRequested':
        this.#lease(effect)
        return
      case 'close':
        this.#close(effect.reason)
        return
      case 'met':
        if (this.node.role === 'zone' && this.#state.storeState === 'recovering' && effect.state !== 'uninitialised')
          this.#recall = new Recall(this)
        return
      case 'peerStands':
        if (this.node.looksBack) this.#checkHistory(effect.channel, effect.cursor)
        return
      case 'recallAsked':
        answerRecall(this, effect)
        return
      case 'recalled':
        this.#recall?.heard(effect)
        return
      case 'owedReturn':
        this.#owesReturn = true
        return
      case 'asked':
        this.#answer(effect.id)
        return
      case 'answered':
        if (effect.error === '') this.node.onTestimony(this, effect.body)
        return
      case 'sendPlain':
        this.#sendPlain(effect.message)
        return
      case 'wentPlain':
      case 'typeSetDiffers':
      case 'typesHeard':
      case 'lateHeaders':
      case 'heard':
      case 'leaseAnswered':
      case 'refusedEntry':
        return
    }
  }

  #sendPlain(message: PlainMessage): void {
    this.node.watch.sentPlain(this, message)
    this.link.send(this.#end, { type: 'plain', message })
  }

  #ask(channel: Channel, asked: StoreOp): void {
    const { clock, random, world, weather, pageBytes } = this.node
    // A world of small resources has small pages, or no range would ever be interrupted between two.
    const op = asked.op === 'changes' ? { ...asked, limitBytes: Math.min(asked.limitBytes, pageBytes) } : asked
    const arrived = (): void => {
      // What a Kuma zone lists gets its addresses in the same transaction: witnesses of another log are heard first.
      if (this.plain && op.op === 'apply' && !this.closed && this.node.isHearing()) {
        clock.after(hearingMs, world, arrived)
        return
      }
      // It was on its way when its process died or the session gave up: the database may have got it, or not.
      const heard = !this.closed
      if (!heard && !random.chance(0.5)) return
      if (this.#timesPutBack !== this.node.timesPutBack) return
      const outcome = this.#outcomeOf(channel, op)
      if (!heard) return
      clock.after(random.between(...backMs), this.#scope, () => {
        if ('answer' in outcome) this.handle({ type: 'stored', channel, answer: outcome.answer, nowMs: this.nowMs })
        else this.handle({ type: 'storeFailed', channel, reason: outcome.failed, nowMs: this.nowMs })
      })
    }
    clock.after(random.between(...thereMs) + weather.storeLagMs(), world, arrived)
  }

  #outcomeOf(channel: Channel, op: StoreOp): { readonly answer: StoreAnswer } | { readonly failed: string } {
    const { node, peer } = this
    try {
      // A zone takes the fence with its first operation, global when it lets a zone in: a stranger voids nobody's session.
      if (op.op !== 'admit' && this.#fence === undefined) this.#takeFence()
      const context: ChannelContext = { channel, peer, fence: this.#fence }
      const result = node.watch.around(this, context, op, () => node.store.channel(context).perform(op))
      const answer = { op: op.op, result } as StoreAnswer
      if (op.op === 'admit' && (result as StoreResults['admit']).admitted && !this.closed) {
        node.admitted(this)
        this.#takeFence()
      }
      return { answer }
    } catch (error) {
      if (!node.watch.isExpected(error)) throw error
      return { failed: (error as Error).message }
    }
  }

  #takeFence(): void {
    const { store, watch } = this.node
    const { sessionId, key } = this
    const { fence } = this.#isZones ? this.#record() : store.openSession(key, sessionId)
    this.#fence = this.plain ? { sessionId, fence, key } : { sessionId, fence }
    watch.opened(this)
  }

  /** At global, and not with a Kuma zone: while it is open no other store is let in under the zone's name, or given it. */
  get #isZones(): boolean {
    return this.node.role === 'global' && !this.plain
  }

  /** In a table of the store, as the product has it: the newest of a zone, until it ends or its process does. */
  #record(): { readonly fence: number } {
    const { store, clock, replica } = this.node
    const { sessionId, peer } = this
    for (const older of [...store.image.sessions.values()])
      if (older.peer === peer) store.image.sessions.delete(older.sessionId)
    const [instanceId, peerInstanceId] = [`global ${replica}`, peer]
    const what = { sessionId, peer, instanceId, peerInstanceId, peerVersion: '', extension: true, counters: {} }
    return store.openSession(peer, sessionId, { ...what, openedAtMs: clock.nowMs })
  }

  #forget(): void {
    if (this.#isZones) this.node.store.image.sessions.delete(this.sessionId)
  }

  #lease({
    demands,
    wantedCidrs,
  }: Pick<Extract<SessionEffect, { type: 'leaseRequested' }>, 'demands' | 'wantedCidrs'>): void {
    const { clock, random } = this.node
    clock.after(random.between(...thereMs), this.#scope, () => {
      // What a returning zone holds is known before anybody gets a block that may be its own.
      if (this.node.isHearing()) {
        clock.after(hearingMs, this.#scope, () => this.#lease({ demands, wantedCidrs }))
        return
      }
      const refused = this.node.leaseTo(this.peer, demands, wantedCidrs)
      this.handle({ type: 'say', message: { type: 'lease-answer', refused }, nowMs: this.nowMs })
    })
  }

  /** What this zone remembers of others: the one question that is asked here. */
  #answer(id: string): void {
    this.later(
      () => {
        const body = testimonyText(testimonyOf(this.node.store))
        this.say({ type: 'question-answer', id, error: '', body, more: false })
      },
      (error) => this.say({ type: 'question-answer', id, error, body: '', more: false }),
    )
  }

  #close(reason: string): void {
    this.#scope.close()
    this.#forget()
    this.link.close(this.#end, reason)
    if (this.#owesReturn) this.#beginReturn()
    this.node.ended(this, reason)
  }

  /** The next session says so again if it fails. */
  #beginReturn(): void {
    const { store, watch } = this.node
    try {
      memoryReturns.begin(store, 'global keeps what an earlier store of this zone had written')
    } catch (error) {
      if (!watch.isExpected(error)) throw error
    } finally {
      watch.changed(this.node)
    }
  }
}
