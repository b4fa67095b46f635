import {
  type Channel,
  type Cursor,
  channels,
  cursorEquals,
  plainChannels,
  type SessionState,
  spokenMark,
} from '@holdfast/kds'
import type { SessionMetrics } from './metrics.js'

/**
 * Whether the two ends of a channel are proven equal: as a sender, everything was said and acked; as a receiver, the digest of
 * what we were offered agreed with the sender's.
 */
export function channelInStep(state: SessionState, channel: Channel): boolean {
  if (state.phase !== 'open') return false
  const machine = state.machines[channel]
  return machine.role === 'sender'
    ? spokenMark(machine.state) !== undefined
    : machine.state.phase === 'live' && machine.state.proven !== undefined
}

/**
 * As far as it can be told: of a peer that speaks plain Kuma KDS nothing can be proven, but everything that it has asked for
 * was sent and answered, and of everything that we have asked for the whole list has come.
 */
export function channelSettled(state: SessionState, channel: Channel): boolean {
  if (state.phase !== 'plain') return channelInStep(state, channel)
  const { sender, receiver } = state
  if (channel === plainChannels(state.config.role).sends)
    return (
      sender.phase === 'sending' &&
      sender.subscriptions.size > 0 &&
      sender.waiting.length === 0 &&
      [...sender.subscriptions.values()].every((s) => s.state === 'listed' && s.flight === undefined)
    )
  return (
    receiver.phase === 'receiving' &&
    receiver.busy === undefined &&
    receiver.inbox.length === 0 &&
    [...receiver.answered.values()].every((last) => last !== undefined)
  )
}

const isDiverged = (state: SessionState, channel: Channel): boolean =>
  state.phase === 'open' && state.machines[channel].state.phase === 'diverged'

export const inStep = (state: SessionState): boolean => channels.every((channel) => channelInStep(state, channel))

/** When each channel was proven, last, and what the session had taken the first time. */
export class Proof {
  readonly #peer: string
  readonly #metrics: SessionMetrics
  readonly #atMs = new Map<Channel, number>()
  /** As a sender: the position that was acked last, so that it counts once. */
  readonly #acked = new Map<Channel, Cursor>()
  #bytes: number | undefined

  constructor(peer: string, metrics: SessionMetrics) {
    this.#peer = peer
    this.#metrics = metrics
  }

  /** When both ends of a channel were last proven equal: by an ack of everything, a mark that agreed, or a heartbeat. */
  atMs(channel: Channel): number | undefined {
    return this.#atMs.get(channel)
  }

  /** Bytes in both directions together until both ends were first proven equal. */
  get bytes(): number | undefined {
    return this.#bytes
  }

  /** @returns true the first time that every channel is proven */
  notice(state: SessionState, nowMs: number, bytes: () => number): boolean {
    for (const channel of channels) {
      this.#metrics.inStep.set({ peer: this.#peer, channel }, channelInStep(state, channel) ? 1 : 0)
      this.#metrics.diverged.set({ peer: this.#peer, channel }, isDiverged(state, channel) ? 1 : 0)
      this.#noticeChannel(state, channel, nowMs)
    }
    if (!inStep(state) || this.#bytes !== undefined) return false
    this.#bytes = bytes()
    return true
  }

  #noticeChannel(state: SessionState, channel: Channel, nowMs: number): void {
    if (state.phase !== 'open') return
    const machine = state.machines[channel]
    if (machine.role === 'receiver') {
      const { phase, proven } = machine.state
      if (phase === 'live' && proven !== undefined) this.#proven(channel, proven.atMs)
      return
    }
    const mark = spokenMark(machine.state)
    if (mark === undefined || cursorEquals(this.#acked.get(channel), mark.cursor)) return
    this.#acked.set(channel, mark.cursor)
    this.#proven(channel, nowMs)
  }

  /** The peer says in a heartbeat through where it has stored what we send: still everything, or not. */
  heard(state: SessionState, ackedRevision: number, nowMs: number): void {
    if (state.phase !== 'open') return
    const channel: Channel = state.config.role === 'acceptor' ? 'down' : 'up'
    const machine = state.machines[channel]
    const mark = machine.role === 'sender' ? spokenMark(machine.state) : undefined
    if (mark !== undefined && ackedRevision >= mark.cursor.revision) this.#proven(channel, nowMs)
  }

  #proven(channel: Channel, atMs: number): void {
    if (atMs <= (this.#atMs.get(channel) ?? 0)) return
    this.#atMs.set(channel, atMs)
    this.#metrics.provenAt.set({ peer: this.#peer, channel }, atMs / 1000)
  }

  end(): void {
    for (const channel of channels) {
      this.#metrics.inStep.set({ peer: this.#peer, channel }, 0)
      this.#metrics.diverged.set({ peer: this.#peer, channel }, 0)
    }
  }
}
