import type { Channel, ReceiverMessage, SenderMessage, Standing } from './messages.js'
import { stepReceiver } from './receiver.js'
import type { ReceiverEffect, ReceiverEvent } from './receiver-state.js'
import { stepSender } from './sender.js'
import type { SenderEffect, SenderEvent } from './sender-state.js'
import {
  type ChannelReport,
  closed,
  type Machine,
  type SessionEffect,
  type SessionState,
  type SessionStep,
  violated,
} from './session-state.js'
import { andThen } from './step.js'

/** Steps the sender of a channel. The channel must be one that we send. */
export function toSender(s: SessionState, channel: Channel, event: SenderEvent): SessionStep {
  const machine = s.machines[channel]
  if (machine.role !== 'sender') return violated(s, `spoke to a sender of ${channel}, which it sends itself`)
  const [state, effects] = stepSender(machine.state, event)
  return performed({ ...s, machines: replaced(s.machines, channel, { role: 'sender', state }) }, channel, effects)
}

/** Steps the receiver of a channel. The channel must be one that we receive. */
export function toReceiver(s: SessionState, channel: Channel, event: ReceiverEvent): SessionStep {
  const machine = s.machines[channel]
  if (machine.role !== 'receiver') return violated(s, `sent on ${channel}, which it receives`)
  const [state, effects] = stepReceiver(machine.state, event)
  return performed({ ...s, machines: replaced(s.machines, channel, { role: 'receiver', state }) }, channel, effects)
}

const replaced = ({ down, up, status }: SessionState['machines'], channel: Channel, machine: Machine) => ({
  down: channel === 'down' ? machine : down,
  up: channel === 'up' ? machine : up,
  status: channel === 'status' ? machine : status,
})

type Inner = SenderEffect | ReceiverEffect

/** Effects of a machine become those of the session, in order; one that ends the session is the last. */
function performed(s: SessionState, channel: Channel, effects: readonly Inner[]): SessionStep {
  return effects.reduce<SessionStep>((step, effect) => andThen(step, (now) => perform(now, channel, effect)), [s, []])
}

function perform(s: SessionState, channel: Channel, effect: Inner): SessionStep {
  if (s.phase === 'closed') return [s, []]
  switch (effect.type) {
    case 'store':
      return [s, [{ type: 'store', channel, op: effect.op }]]
    case 'send':
      return sent(s, channel, effect.message)
    case 'violation':
      return violated(s, `${effect.reason} (${channel})`)
    case 'storeChanged':
      return closed(s, 'UNAVAILABLE', `our own store changed: ${effect.reason} (${channel})`)
    case 'contradiction':
      return contradicted(s, channel, effect)
    case 'refusedByPeer':
    case 'stale':
    case 'kept':
    case 'inStep':
    case 'mismatch':
    case 'repairing':
    case 'diverged':
    case 'older':
    case 'ignored':
      return [s, [report(channel, effect)]]
  }
}

/** A zone that was put back to an earlier state gets back what it lacks before it says anything about itself. */
function contradicted(
  s: SessionState,
  channel: Channel,
  effect: Extract<Inner, { type: 'contradiction' }>,
): SessionStep {
  const reported: SessionStep = [s, [report(channel, effect)]]
  return s.config.role === 'dialer'
    ? andThen(reported, (now) =>
        closed(now, 'UNAVAILABLE', 'our own store was put back to an earlier state: it recovers'),
      )
    : reported
}

const report = (channel: Channel, inner: ChannelReport): SessionEffect => ({ type: 'report', channel, report: inner })

function sent(s: SessionState, channel: Channel, message: ReceiverMessage | SenderMessage): SessionStep {
  switch (message.type) {
    case 'begin':
      // The first begin of `down` travels inside the answer: one round trip for everything.
      if (s.phase === 'answering') return [{ ...s, begin: message.begin }, []]
      return [s, [{ type: 'send', message: { type: 'to-receiver', channel, message } }]]
    case 'delta':
    case 'bucket-answer': {
      const said = { type: 'to-receiver', channel, message } as const
      if (s.phase === 'answering') return [{ ...s, early: [...s.early, said] }, []]
      return [s, [{ type: 'send', message: said }]]
    }
    case 'start':
    case 'ack':
    case 'nack':
    case 'buckets':
    case 'entries':
    case 'ask':
      return [s, [{ type: 'send', message: { type: 'to-sender', channel, message } }]]
  }
}

/** A start is answered only from a store that may be shown: before that it waits, the newest one. */
export function startSender(s: SessionState, channel: Channel, standing: Standing): SessionStep {
  if (s.storeState !== 'ready') return [{ ...s, held: { ...s.held, [channel]: standing } }, []]
  return toSender(s, channel, { type: 'start', standing })
}

/** What the peer says to one of our machines. */
export function routed(
  s: SessionState,
  channel: Channel,
  message: ReceiverMessage | SenderMessage,
  nowMs: number,
): SessionStep {
  switch (message.type) {
    case 'begin':
    case 'delta':
    case 'bucket-answer':
      return toReceiver(s, channel, { ...message, nowMs })
    case 'start':
      if (s.machines[channel].role === 'sender') return startSender(s, channel, message.standing)
      return toSender(s, channel, message)
    case 'ack':
    case 'nack':
    case 'buckets':
    case 'entries':
    case 'ask':
      return toSender(s, channel, message)
  }
}

/** The store of a machine has answered. */
export function answeredBy(
  s: SessionState,
  channel: Channel,
  event: Extract<ReceiverEvent, { type: 'stored' }>,
): SessionStep {
  return s.machines[channel].role === 'sender'
    ? toSender(s, channel, { type: 'stored', answer: event.answer })
    : toReceiver(s, channel, event)
}
