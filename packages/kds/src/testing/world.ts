import { heartbeatMs } from '../constants.js'
import type { Channel, SessionMessage, StoreState } from '../messages.js'
import type { PlainMessage } from '../plain.js'
import { stepSession } from '../session.js'
import {
  newSession,
  type SessionConfig,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from '../session-state.js'
import type { StoreAnswer, StoreOp, SyncChannelStore } from '../sync-store.js'
import { garbledPlain, garbledSession } from './garbled.js'
import { renderEffect } from './render.js'
import { toyType, toyTypes } from './toy.js'
import { ToyLog } from './toy-log.js'
import { ToyReplica } from './toy-replica.js'

export type Side = 'zone' | 'global'
export const sides: readonly Side[] = ['zone', 'global']
export const other = (side: Side): Side => (side === 'zone' ? 'global' : 'zone')

type Carried = { readonly session: SessionMessage } | { readonly plain: PlainMessage } | { readonly end: string }
/** One thing that can happen next: a message arrives, or a store answers. */
export type Move =
  | { readonly move: 'deliver'; readonly to: Side; readonly stream: 'down' | 'up' }
  | { readonly move: 'store'; readonly side: Side; readonly channel: Channel }

export interface WorldOptions {
  /** Wraps the machine: how tests plant a bug. */
  readonly step?: typeof stepSession
  readonly config?: Partial<SessionConfig>
}

/** A zone and its global: real session machines over toy stores, and a link that can be cut. Nothing happens by itself. */
export class World {
  nowMs = 0
  readonly zone = { down: new ToyReplica(), up: new ToyLog(), status: new ToyLog() }
  readonly global = { down: new ToyLog(), up: new ToyReplica(), status: new ToyReplica() }
  readonly sessions: Record<Side, SessionState | undefined> = { zone: undefined, global: undefined }
  readonly states: Record<Side, StoreState> = { zone: 'ready', global: 'ready' }
  readonly lines: string[] = []
  readonly effects: { readonly side: Side; readonly effect: SessionEffect }[] = []
  /** Neither reads nor answers: a process that hangs, or a link that is half open. */
  readonly frozen = new Set<Side>()
  /** Types that a side syncs; the name of its set is their names. */
  readonly types: Record<Side, readonly string[]> = { zone: ['types'], global: ['types'] }
  /** The set of the other side that a side has been told, as its store keeps it. */
  readonly told: Partial<Record<Side, string>> = {}
  /** Resources (`TYPE/NAME`) that no receiver can read: what its codec makes of them. */
  readonly garbled = new Set<string>()
  private links = emptyLinks()
  private ops: Record<Side, Record<Channel, StoreOp[]>> = { zone: noOps(), global: noOps() }

  constructor(private readonly options: WorldOptions = {}) {}

  /** How the two find each other. `late`: global's headers come after the dialer has given up waiting. */
  connect(how: 'extension' | 'plain' | 'late' = 'extension'): void {
    this.cut()
    for (const side of sides) this.sessions[side] = newSession(this.config(side))
    const { nowMs } = this
    this.feed('global', { type: 'opened', extension: how !== 'plain', nowMs })
    this.feed('zone', { type: 'opened', extension: false, nowMs })
    if (how !== 'late') this.feed('zone', { type: 'headers', extension: how === 'extension', nowMs })
  }

  private config(side: Side): SessionConfig {
    const role = side === 'zone' ? 'dialer' : 'acceptor'
    const base = {
      storeId: `${side}-store`,
      everInStep: false,
      version: '0.1.0',
      hashAlgorithm: 1,
    }
    return {
      role,
      state: this.states[side],
      plainTypes: toyTypes,
      typeSet: this.types[side].join('+'),
      types: this.types[side].map(toyType),
      knownTypeSet: side === 'zone' ? this.told.zone : undefined,
      ...base,
      ...(side === 'zone' ? this.options.config : {}),
    }
  }

  /** Everything under way is lost, and both sessions are gone. Stores keep what was performed. */
  cut(): void {
    this.links = emptyLinks()
    this.ops = { zone: noOps(), global: noOps() }
    for (const side of sides) this.sessions[side] = undefined
  }

  feed(side: Side, event: SessionEvent): void {
    const session = this.sessions[side]
    if (session === undefined) return
    const [next, effects] = (this.options.step ?? stepSession)(session, event)
    this.sessions[side] = next
    for (const effect of effects) {
      this.lines.push(`  ${side.padEnd(6)} ${renderEffect(effect)}`)
      this.effects.push({ side, effect })
      this.perform(side, effect)
    }
  }

  private perform(side: Side, effect: SessionEffect): void {
    const link = this.links[other(side)]
    if (effect.type === 'store') this.ops[side][effect.channel].push(effect.op)
    if (effect.type === 'send') link[streamOf(effect.message)].push({ session: effect.message })
    if (effect.type === 'sendPlain') link[effect.channel === 'down' ? 'down' : 'up'].push({ plain: effect.message })
    if (effect.type === 'typesHeard') this.told[side] = effect.typeSet
    if (effect.type === 'close') {
      this.ops[side] = noOps()
      for (const stream of ['down', 'up'] as const) link[stream].push({ end: effect.reason })
    }
  }

  /** Everything that could happen now. */
  moves(): readonly Move[] {
    const able = sides.filter((side) => !this.frozen.has(side))
    return able.flatMap((side): Move[] => [
      ...(['down', 'up'] as const).flatMap((stream): Move[] =>
        this.links[side][stream].length > 0 ? [{ move: 'deliver', to: side, stream }] : [],
      ),
      ...(['down', 'up', 'status'] as const).flatMap((channel): Move[] =>
        this.ops[side][channel].length > 0 ? [{ move: 'store', side, channel }] : [],
      ),
    ])
  }

  make(move: Move): void {
    const { nowMs } = this
    if (move.move === 'store') {
      const op = this.ops[move.side][move.channel].shift()
      if (op === undefined) return
      const stores: Record<Channel, SyncChannelStore> = this[move.side]
      const result = stores[move.channel].perform(op)
      const typesKnown = op.op === 'admit' && op.hello.typeSet === this.told.global
      const answer = { op: op.op, result: typesKnown ? { ...(result as object), typesKnown } : result } as StoreAnswer
      this.feed(move.side, { type: 'stored', channel: move.channel, answer, nowMs })
      return
    }
    const carried = this.links[move.to][move.stream].shift()
    if (carried === undefined) return
    if ('session' in carried)
      this.feed(move.to, { type: 'received', message: garbledSession(carried.session, this.garbled), nowMs })
    else if ('plain' in carried)
      this.feed(move.to, { type: 'receivedPlain', message: garbledPlain(carried.plain, this.garbled), nowMs })
    else this.feed(move.to, { type: 'streamClosed', stream: move.stream, reason: carried.end, nowMs })
  }

  /** Until nothing is left to happen. Throws after `max` moves: a conversation that never ends is a bug. */
  run(max = 10_000): void {
    for (let count = 0; count < max; count++) {
      const [move] = this.moves()
      if (move === undefined) return
      this.make(move)
    }
    throw new Error(`still busy after ${max} moves:\n${this.lines.slice(-20).join('\n')}`)
  }

  /** At most so many moves. */
  steps(count: number): void {
    for (let i = 0; i < count; i++) {
      const [move] = this.moves()
      if (move !== undefined) this.make(move)
    }
  }

  tick(side: Side): void {
    if (!this.frozen.has(side)) this.feed(side, { type: 'tick', nowMs: this.nowMs })
  }

  /** Time passes, second by second, and everything that it brings about happens. */
  pass(ms: number, stepMs = 1000): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += stepMs
      for (const side of sides) this.tick(side)
      this.run()
    }
  }

  hint(side: Side, channel: Channel): void {
    this.feed(side, { type: 'advanced', channel, nowMs: this.nowMs })
  }

  /** Bytes do not matter here; how many messages each way does. */
  sent(): Record<Side, number> {
    const count = (side: Side) => this.effects.filter((e) => e.side === side && e.effect.type === 'send').length
    return { zone: count('zone'), global: count('global') }
  }

  /** A whole number of heartbeats, so that a test says how many. */
  beats(count: number): void {
    this.pass(count * heartbeatMs)
  }
}

const emptyLinks = (): Record<Side, Record<'down' | 'up', Carried[]>> => ({
  zone: { down: [], up: [] },
  global: { down: [], up: [] },
})
const noOps = (): Record<Channel, StoreOp[]> => ({ down: [], up: [], status: [] })

/** The two streams are not in step with each other; within one, order holds. */
const streamOf = (message: SessionMessage): 'down' | 'up' =>
  (message.type === 'to-sender' || message.type === 'to-receiver') && message.channel !== 'down' ? 'up' : 'down'
