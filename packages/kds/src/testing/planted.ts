import type { Channel, ReceiverMessage, SessionMessage } from '../messages.js'
import { stepSession } from '../session.js'
import type { SessionEffect, SessionEvent, SessionState } from '../session-state.js'

/** Bugs that a tired engineer could write, planted around the real machine. Each must be caught by a law. */
export type Bug = typeof stepSession

const asMessage = (e: SessionEvent): SessionMessage | undefined => (e.type === 'received' ? e.message : undefined)

const toSender = (e: SessionEvent, change: (channel: Channel, m: ReceiverMessage) => ReceiverMessage): SessionEvent => {
  const message = asMessage(e)
  if (e.type !== 'received' || message?.type !== 'to-sender') return e
  return { ...e, message: { ...message, message: change(message.channel, message.message) } }
}

const senderOf = (s: SessionState, channel: Channel) => {
  const machine = s.machines[channel]
  return machine.role === 'sender' ? machine.state : undefined
}

/** What was sent counts as acked at once. */
export const believesOnSend: Bug = (s, e) => {
  let [state, effects] = stepSession(s, e)
  const sent = effects.flatMap((x) =>
    x.type === 'send' && x.message.type === 'to-receiver' && x.message.message.type === 'delta'
      ? [{ channel: x.message.channel, delta: x.message.message.delta }]
      : [],
  )
  for (const { channel, delta } of sent) {
    const message: ReceiverMessage = { type: 'ack', resourceType: delta.type, nonce: delta.nonce }
    const [after, more] = believesOnSend(state, {
      type: 'received',
      message: { type: 'to-sender', channel, message },
      nowMs: e.nowMs,
    })
    state = after
    effects = [...effects, ...more]
  }
  return [state, effects]
}

/** Any answer of a type is taken for the answer to what is in flight. */
export const checksNoNonce: Bug = (s, e) =>
  stepSession(
    s,
    toSender(e, (channel, m) => {
      const flight =
        m.type === 'ack' || m.type === 'nack' ? senderOf(s, channel)?.flights.get(m.resourceType) : undefined
      return (m.type === 'ack' || m.type === 'nack') && flight !== undefined ? { ...m, nonce: flight.nonce } : m
    }),
  )

/** A refusal is not an answer: the page never ends. */
export const waitsForAcksOnly: Bug = (s, e) => {
  const message = asMessage(e)
  const refusal = message?.type === 'to-sender' && message.message.type === 'nack'
  return refusal ? [s, []] : stepSession(s, e)
}

/** A receiver that forgets how far it was. */
export const forgetsPosition: Bug = (s, e) => {
  const machines = Object.fromEntries(
    Object.entries(s.machines).map(([channel, m]) => [
      channel,
      m.role === 'receiver' ? { ...m, state: { ...m.state, reached: undefined } } : m,
    ]),
  )
  return stepSession({ ...s, machines: { ...s.machines, ...machines } }, e)
}

/** Every mark is taken to agree. */
export const believesMarks: Bug = (s, e) => {
  if (e.type !== 'stored') return stepSession(s, e)
  const { answer } = e
  if (answer.op === 'verify')
    return stepSession(s, { ...e, answer: { op: 'verify', result: { ...answer.result, verified: true } } })
  if (answer.op !== 'apply' || answer.result.verified === undefined) return stepSession(s, e)
  return stepSession(s, { ...e, answer: { op: 'apply', result: { ...answer.result, verified: true } } })
}

/** A repair brings what is missing, and leaves what should be gone. */
export const repairsHalf: Bug = (s, e) => {
  const message = asMessage(e)
  if (e.type !== 'received' || message?.type !== 'to-receiver' || message.message.type !== 'delta')
    return stepSession(s, e)
  const { delta } = message.message
  if (delta.purpose.kind !== 'repair') return stepSession(s, e)
  const half = { ...message.message, delta: { ...delta, absent: [], removals: [] } }
  return stepSession(s, { ...e, message: { ...message, message: half } })
}

/** Heartbeats are only a sign of life. */
export const hearsNoMarks: Bug = (s, e) => {
  const message = asMessage(e)
  if (e.type !== 'received' || message?.type !== 'heartbeat') return stepSession(s, e)
  const { sequence, ackedRevision, faults } = message.heartbeat
  return stepSession(s, { ...e, message: { type: 'heartbeat', heartbeat: { sequence, ackedRevision, faults } } })
}

/** Acks before the store has answered. */
export const acksBeforeStore: Bug = (s, e) => {
  const [state, effects] = stepSession(s, e)
  const early = effects.flatMap((x): SessionEffect[] => {
    if (x.type === 'store' && x.op.op === 'apply' && e.type === 'received') {
      const message = asMessage(e)
      if (message?.type !== 'to-receiver' || message.message.type !== 'delta') return [x]
      const { type: resourceType, nonce } = message.message.delta
      const ack: SessionMessage = {
        type: 'to-sender',
        channel: message.channel,
        message: { type: 'ack', resourceType, nonce },
      }
      return [{ type: 'send', message: ack }, x]
    }
    return [x]
  })
  return [state, early]
}

/** A plain peer's NACK is read as an ACK: what it refused is never offered again. */
export const readsNackAsAck: Bug = (s, e) => {
  if (e.type !== 'receivedPlain' || e.message.type !== 'nack') return stepSession(s, e)
  const { resourceType, nonce } = e.message
  return stepSession(s, { ...e, message: { type: 'ack', resourceType, nonce } })
}

/** Every response of a plain peer is taken for a whole list. */
export const takesDeltasForLists: Bug = (s, e) => {
  const [state, effects] = stepSession(s, e)
  if (state.phase !== 'plain') return [state, effects]
  return [
    state,
    effects.map((x) =>
      x.type === 'store' && x.op.op === 'apply'
        ? { ...x, op: { ...x.op, batch: { ...x.op.batch, wholeList: true } } }
        : x,
    ),
  ]
}

/** What was sent to a plain peer counts as acked at once. */
export const believesPlainOnSend: Bug = (s, e) => {
  let [state, effects] = stepSession(s, e)
  const sent = effects.flatMap((x) => (x.type === 'sendPlain' && x.message.type === 'response' ? [x.message] : []))
  for (const { resourceType, nonce } of sent) {
    const ack = { type: 'receivedPlain', message: { type: 'ack', resourceType, nonce }, nowMs: e.nowMs } as const
    const [after, more] = believesPlainOnSend(state, ack)
    state = after
    effects = [...effects, ...more]
  }
  return [state, effects]
}
