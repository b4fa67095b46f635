import type { PlainMessage, SessionMessage } from '@holdfast/kds'
import { type Clock, Scope } from './clock.js'
import type { Random } from './random.js'

/** GlobalToZoneSync and ZoneToGlobalSync: each keeps its order, nothing keeps the two in step with each other. */
export type Stream = 'GlobalToZoneSync' | 'ZoneToGlobalSync'
export const streams: readonly [Stream, Stream] = ['GlobalToZoneSync', 'ZoneToGlobalSync']
export type End = 'zone' | 'global'

/** What a zone that speaks plain Kuma KDS and its global say to each other: on a link of one stream. */
export interface PlainSaid {
  readonly type: 'plain'
  readonly message: PlainMessage
}
export type LinkMessage = SessionMessage | PlainSaid

export interface LinkEnd {
  received(message: LinkMessage): void
  /** The stream is over and says no more. */
  ended(stream: Stream, reason: string): void
}

/** Which of the two streams a message travels on, as the transport has it. */
export const streamOf = (message: SessionMessage): Stream =>
  (message.type === 'to-sender' || message.type === 'to-receiver') && message.channel !== 'down'
    ? 'ZoneToGlobalSync'
    : 'GlobalToZoneSync'

const isAnswer = (message: LinkMessage): boolean =>
  message.type === 'to-sender' && (message.message.type === 'ack' || message.message.type === 'nack')

interface Pipe {
  /** What was said last arrives then; nothing overtakes it. */
  arrivesMs: number
  /** Slower than its neighbour by this much, for as long as the link lives. */
  readonly lagMs: number
  /** What goes in is lost, and so is everything after it: a reliable stream has no gaps. */
  broken: boolean
}

/** When the last message of many links is done with: what nobody should have. */
export interface Queue {
  doneMs: number
}

const pipeKey = (stream: Stream, from: End): string => `${stream} from ${from}`

/**
 * The two streams of one session, or one of them where each is a session of its own. A cut loses what is on its way, and each end notices in its own time; half-open, one
 * direction falls silent and no socket ever says so; frozen, everything is late.
 */
export class Link {
  readonly scope: Scope
  readonly #clock: Clock
  readonly #random: Random
  readonly #pipes = new Map<string, Pipe>()
  readonly #ends = new Map<End, LinkEnd>()
  readonly #told = new Set<string>()
  #frozenUntilMs = 0
  /** How long the zone takes for each message of global's, one after the other. */
  slowMs = 0
  /** Chance that an answer is heard a second time, after what was said since: undefined, never. */
  echo: { readonly chance: number; readonly random: Random } | undefined
  /** A planted mistake: what global says waits until everybody has taken what it said before. */
  queue: Queue | undefined
  /** Messages handed over, by end, heartbeats apart: what an idle reconnect is measured by. */
  readonly sent: Record<End, number> = { zone: 0, global: 0 }

  /** One stream alone, or both. */
  readonly streams: readonly Stream[]

  constructor(clock: Clock, random: Random, parent: Scope, only?: Stream) {
    this.#clock = clock
    this.#random = random
    this.scope = new Scope(parent)
    this.streams = only === undefined ? streams : [only]
    for (const stream of this.streams)
      for (const from of ['zone', 'global'] as const)
        this.#pipes.set(pipeKey(stream, from), { arrivesMs: 0, lagMs: random.between(0, 40), broken: false })
  }

  attach(end: End, listener: LinkEnd): void {
    this.#ends.set(end, listener)
  }

  send(from: End, message: LinkMessage): void {
    if (message.type !== 'heartbeat') this.sent[from]++
    const stream = message.type === 'plain' ? this.streams[0] : streamOf(message)
    if (stream === undefined) return
    const to = from === 'zone' ? 'global' : 'zone'
    this.#deliver(stream, from, () => this.#ends.get(to)?.received(message))
    if (isAnswer(message) && this.echo?.random.chance(this.echo.chance) === true)
      this.#echo(stream, from, this.echo.random, () => this.#ends.get(to)?.received(message))
  }

  /** Again, on a way of its own: nothing waits for it, and it may come long after. */
  #echo(stream: Stream, from: End, random: Random, arrive: () => void): void {
    const pipe = this.#pipes.get(pipeKey(stream, from))
    if (pipe === undefined || pipe.broken) return
    const firstMs = pipe.arrivesMs - this.#clock.nowMs
    this.#clock.after(firstMs + random.between(1, 400), this.scope, () => {
      if (!pipe.broken) arrive()
    })
  }

  /** Both directions of both streams, at once; what was on its way is lost. */
  cut(): void {
    for (const pipe of this.#pipes.values()) pipe.broken = true
    for (const end of ['zone', 'global'] as const)
      for (const stream of this.streams)
        this.#clock.after(this.#random.between(0, 4_000), this.scope, () => this.#end(end, stream, 'connection reset'))
  }

  /** One direction falls silent. Nobody is told. */
  silence(from: End, which: readonly Stream[] = this.streams): void {
    for (const stream of which) {
      const pipe = this.#pipes.get(pipeKey(stream, from))
      if (pipe !== undefined) pipe.broken = true
    }
  }

  freeze(forMs: number): void {
    this.#frozenUntilMs = this.#clock.nowMs + forMs
  }

  /** One end closes its streams: what it said before still arrives, then the end of each stream. */
  close(by: End, reason: string): void {
    const to = by === 'zone' ? 'global' : 'zone'
    this.#ends.delete(by)
    for (const stream of this.streams) this.#deliver(stream, by, () => this.#end(to, stream, reason))
  }

  /** A process died: the other end learns it from its kernel, sooner or later. */
  die(who: End): void {
    const other = who === 'zone' ? 'global' : 'zone'
    this.#ends.delete(who)
    for (const stream of this.streams) this.#deliver(stream, who, () => this.#end(other, stream, 'connection closed'))
  }

  #deliver(stream: Stream, from: End, arrive: () => void): void {
    const pipe = this.#pipes.get(pipeKey(stream, from))
    if (pipe === undefined || pipe.broken) return
    const { nowMs } = this.#clock
    const travelledMs = Math.max(nowMs, this.#frozenUntilMs) + pipe.lagMs + this.#random.between(1, 25)
    const queue = from === 'global' ? this.queue : undefined
    const taken = Math.max(pipe.arrivesMs, travelledMs, queue?.doneMs ?? 0)
    pipe.arrivesMs = taken + (from === 'global' ? this.slowMs : 0)
    if (queue !== undefined) queue.doneMs = pipe.arrivesMs
    this.#clock.after(pipe.arrivesMs - nowMs, this.scope, () => {
      if (!pipe.broken) arrive()
    })
  }

  #end(end: End, stream: Stream, reason: string): void {
    const key = `${end} ${stream}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.#ends.get(end)?.ended(stream, reason)
  }
}
