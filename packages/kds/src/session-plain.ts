import type { Channel } from './messages.js'
import type { PlainMessage } from './plain.js'
import {
  newPlainReceiver,
  type PlainReceiverEffect,
  type PlainReceiverEvent,
  stepPlainReceiver,
} from './plain-receiver.js'
import { stepPlainSender } from './plain-sender.js'
import { newPlainSender, type PlainSenderEffect, type PlainSenderEvent } from './plain-sender-state.js'
import {
  closed,
  enter,
  type InPhase,
  plainChannels,
  type SessionEffect,
  type SessionState,
  type SessionStep,
  violated,
} from './session-state.js'
import { andThen } from './step.js'
import type { StoreAnswer } from './sync-store.js'

type Plain = InPhase<'plain'>

/** The peer has no extension, or does not say so in time: from here on this is a conversation between two Kumas. */
export function goPlain(
  s: SessionState,
  reason: Extract<SessionEffect, { type: 'wentPlain' }>['reason'],
  nowMs: number,
): SessionStep {
  const receiver = newPlainReceiver(s.config.plainTypes)
  const sender = { ...newPlainSender, listBytesMax: s.config.plainListBytes ?? newPlainSender.listBytesMax }
  const plain: SessionStep = [enter(s, { phase: 'plain', sender, receiver }), [{ type: 'wentPlain', reason }]]
  return andThen(plain, (now) => storeMayBeShown(now, nowMs))
}

/** Nothing is sent from a store that is not ready, and one that was never initialised takes nothing either. */
export function storeMayBeShown(s: SessionState, nowMs: number): SessionStep {
  if (s.phase !== 'plain' || s.storeState === 'uninitialised') return [s, []]
  const opened = plainReceive(s, { type: 'open', nowMs })
  return s.storeState === 'ready' ? andThen(opened, (now) => plainSend(now, { type: 'ready', nowMs })) : opened
}

export function plainMessage(s: Plain, message: PlainMessage, nowMs: number): SessionStep {
  switch (message.type) {
    case 'response':
      return plainReceive(s, { ...message, nowMs })
    case 'subscribe':
    case 'ack':
    case 'nack':
      return plainSend(s, { ...message, nowMs })
  }
}

export function plainStored(s: Plain, channel: Channel, answer: StoreAnswer, nowMs: number): SessionStep {
  const { sends } = plainChannels(s.config.role)
  // It was found out after this session had begun, and nobody tells a stream on which nothing is sent. The next one knows.
  if (answer.op === 'apply' && answer.result.recovering === true && s.storeState === 'ready')
    return closed(s, 'UNAVAILABLE', 'our own store is recovering, and what it was told has to be said again')
  const event = { type: 'stored', answer, nowMs } as const
  return channel === sends ? plainSend(s, event) : plainReceive(s, event)
}

export function plainSend(s: SessionState, event: PlainSenderEvent): SessionStep {
  if (s.phase !== 'plain') return [s, []]
  const [sender, effects] = stepPlainSender(s.sender, event)
  return performed({ ...s, sender }, plainChannels(s.config.role).sends, effects)
}

export function plainReceive(s: SessionState, event: PlainReceiverEvent): SessionStep {
  if (s.phase !== 'plain') return [s, []]
  const [receiver, effects] = stepPlainReceiver(s.receiver, event)
  return performed({ ...s, receiver }, plainChannels(s.config.role).receives, effects)
}

type Inner = PlainSenderEffect | PlainReceiverEffect

const performed = (s: SessionState, channel: Channel, effects: readonly Inner[]): SessionStep =>
  effects.reduce<SessionStep>((step, effect) => andThen(step, (now) => perform(now, channel, effect)), [s, []])

function perform(s: SessionState, channel: Channel, effect: Inner): SessionStep {
  if (s.phase === 'closed') return [s, []]
  switch (effect.type) {
    case 'store': {
      const { op } = effect
      const asked: SessionEffect = { type: 'store', channel, op }
      // It cannot say what it has let go of: what it has acked has to do.
      return op.op === 'acked'
        ? [
            s,
            [asked, { type: 'store', channel, op: { op: 'peer-settled', settled: { cursor: op.cursor, except: [] } } }],
          ]
        : [s, [asked]]
    }
    case 'send':
      return [s, [{ type: 'sendPlain', channel, message: effect.message }]]
    case 'violation':
      return violated(s, `${effect.reason} (${channel})`)
    case 'storeChanged':
      return closed(s, 'UNAVAILABLE', `our own store changed: ${effect.reason} (${channel})`)
    case 'refusedByPlainPeer':
    case 'tooLarge':
    case 'stale':
    case 'kept':
      return [s, [{ type: 'report', channel, report: effect }]]
  }
}
