import { heartbeatMs, missedMax, unansweredMs } from './constants.js'
import { type Channel, channels, type GuardReport, type Heartbeat, type Mark, type SessionMessage } from './messages.js'
import { ackedRevision } from './receiver-state.js'
import { spokenMark } from './sender-state.js'
import { toReceiver, toSender } from './session-channels.js'
import { askSettled, heardSettled } from './session-settled.js'
import { closed, type Machine, type SessionEffect, type SessionState, type SessionStep } from './session-state.js'
import { andThen } from './step.js'

export const begunBeating = (s: SessionState, nowMs: number): SessionState => ({
  ...s,
  beats: { ...s.beats, nextAtMs: nowMs + heartbeatMs, sequence: 0, tickedAtMs: nowMs, silentMs: 0 },
})

/** Any message of the peer is a sign of life: a heartbeat may stand behind a megabyte on a slow link. */
export function sawLife(s: SessionState, message: SessionMessage): SessionState {
  const { silentMs, owedMs } = s.beats
  const channel = 'channel' in message && message.channel !== 'down' ? message.channel : undefined
  if (silentMs === 0 && (channel === undefined || owedMs[channel] === 0)) return s
  return {
    ...s,
    beats: { ...s.beats, silentMs: 0, owedMs: channel === undefined ? owedMs : { ...owedMs, [channel]: 0 } },
  }
}

/** Whether the peer owes us something: an answer to what was sent, or to a question. */
function isOwed({ role, state }: Machine): boolean {
  if (role === 'sender') return state.flights.size > 0
  return (
    state.phase === 'awaiting-begin' ||
    (state.phase === 'repairing' && state.awaiting === 'peer') ||
    state.asking.size > 0
  )
}

/**
 * Silence is added up on our own ticks, each at most one interval: a tick that comes a minute late, because this process
 * was stalled, is one interval without a word and not twelve.
 */
export function beat(s: SessionState, nowMs: number): SessionStep {
  const { tickedAtMs, nextAtMs, sequence } = s.beats
  const passedMs = Math.min(Math.max(nowMs - tickedAtMs, 0), heartbeatMs)
  const silentMs = s.beats.silentMs + passedMs
  if (silentMs >= missedMax * heartbeatMs)
    return closed(s, 'UNAVAILABLE', `no word from the peer for ${missedMax} heartbeats of ${heartbeatMs / 1000} s`)
  const owed = (channel: 'up' | 'status'): number =>
    isOwed(s.machines[channel]) ? s.beats.owedMs[channel] + passedMs : 0
  const owedMs = { up: owed('up'), status: owed('status') }
  if (Math.max(owedMs.up, owedMs.status) >= unansweredMs)
    return closed(
      s,
      'UNAVAILABLE',
      `no answer on ZoneToGlobalSync for ${unansweredMs / 1000} s, while heartbeats arrive`,
    )
  const ticked: SessionState = { ...s, beats: { ...s.beats, tickedAtMs: nowMs, silentMs, owedMs } }
  if (nowMs < nextAtMs) return [ticked, []]
  const beats = { ...ticked.beats, nextAtMs: nowMs + heartbeatMs, sequence: sequence + 1 }
  const said: SessionState = { ...ticked, beats }
  const spoken: SessionStep = [said, [{ type: 'send', message: { type: 'heartbeat', heartbeat: heartbeatOf(said) } }]]
  return channels.reduce<SessionStep>(
    (step, channel) => andThen(step, (now) => tickChannel(now, channel, nowMs)),
    andThen(spoken, askSettled),
  )
}

function tickChannel(s: SessionState, channel: Channel, nowMs: number): SessionStep {
  if (s.phase === 'closed') return [s, []]
  return s.machines[channel].role === 'sender'
    ? toSender(s, channel, { type: 'tick' })
    : toReceiver(s, channel, { type: 'tick', nowMs })
}

function heartbeatOf(s: SessionState): Heartbeat {
  const { down, up, status } = s.machines
  const { report, reportKept, peerKept } = s.beats
  const main = s.config.role === 'acceptor' ? down : up
  const received = s.config.role === 'acceptor' ? up : down
  return {
    sequence: s.beats.sequence,
    mark: markOf(main),
    statusMark: markOf(status),
    ackedRevision: received.role === 'receiver' ? ackedRevision(received.state) : 0,
    faults: s.faults,
    ...(s.settling.said === undefined ? {} : { settled: s.settling.said }),
    ...(reportKept === '' ? {} : { reportKept }),
    // Of a store that is not ready it is not known what it lacks: what the peer remembers of us stays as it is.
    ...(s.storeState !== 'ready' || peerKept === undefined || peerKept === report.hash ? {} : { report }),
  }
}

/** What is new is said with the next tick; while the peer is a heartbeat behind, it is not said again before that. */
export function reportsChanged(s: SessionState, report: GuardReport, kept: string): SessionState {
  const isNew = report.hash !== s.beats.report.hash && s.beats.peerKept !== undefined
  const nextAtMs = isNew ? 0 : s.beats.nextAtMs
  return { ...s, beats: { ...s.beats, report, reportKept: kept, nextAtMs } }
}

const markOf = (machine: SessionState['machines'][Channel]): Mark | undefined =>
  machine.role === 'sender' ? spokenMark(machine.state) : undefined

/** What the peer sends is proven by its marks while nothing happens. */
export function heardBeat(s: SessionState, heartbeat: Heartbeat, nowMs: number): SessionStep {
  const { mark, statusMark, ackedRevision, faults, report, reportKept = '', settled } = heartbeat
  const heard: SessionEffect = { type: 'heard', ackedRevision, faults }
  const main: Channel = s.config.role === 'acceptor' ? 'up' : 'down'
  const told: readonly SessionEffect[] =
    report === undefined || report.hash === s.beats.reportKept ? [heard] : [heard, { type: 'reported', report }]
  let step: SessionStep = [{ ...s, beats: { ...s.beats, peerKept: reportKept } }, told]
  step = andThen(step, (now) => heardSettled(now, settled))
  if (mark !== undefined) step = andThen(step, (now) => marked(now, main, mark, nowMs))
  if (statusMark !== undefined && s.config.role === 'acceptor')
    step = andThen(step, (now) => marked(now, 'status', statusMark, nowMs))
  return step
}

function marked(s: SessionState, channel: Channel, mark: Mark, nowMs: number): SessionStep {
  const [after, effects] = toReceiver(s, channel, { type: 'mark', mark, nowMs })
  if (channel === 'down') return [after, effects]
  // Heartbeats travel on the other stream than what goes up, which may overtake them: no sign of a sender that went back.
  return [after, effects.filter((e) => e.type !== 'report' || e.report.type !== 'older')]
}
