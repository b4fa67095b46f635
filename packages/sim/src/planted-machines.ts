import type { SessionEffect, SessionEvent, SessionState, stepSession } from '@holdfast/kds'

type Step = typeof stepSession

/** What is sent counts as held, before anybody has said so. */
export const believeOnSend =
  (inner: Step): Step =>
  (state, event) => {
    let [now, effects] = inner(state, event)
    for (const effect of effects) {
      const ack = ackOf(effect, event)
      if (ack === undefined) continue
      const [after, more] = inner(now, ack)
      now = after
      effects = [...effects, ...more]
    }
    return [now, effects]
  }

function ackOf(effect: SessionEffect, { nowMs }: SessionEvent): SessionEvent | undefined {
  if (effect.type !== 'send' || effect.message.type !== 'to-receiver') return undefined
  const { channel, message } = effect.message
  if (message.type !== 'delta') return undefined
  const { type: resourceType, nonce } = message.delta
  const ack = { type: 'ack', resourceType, nonce } as const
  return { type: 'received', message: { type: 'to-sender', channel, message: ack }, nowMs }
}

/** A NACK is an answer like any other. */
export const nackAsAck =
  (inner: Step): Step =>
  (state, event) => {
    if (event.type !== 'received' || event.message.type !== 'to-sender') return inner(state, event)
    const { channel, message } = event.message
    if (message.type !== 'nack') return inner(state, event)
    const { resourceType, nonce } = message
    return inner(state, {
      ...event,
      message: { type: 'to-sender', channel, message: { type: 'ack', resourceType, nonce } },
    })
  }

/** Acked as soon as it has arrived; the store hears of it later, or never. */
export const ackBeforeStore =
  (inner: Step): Step =>
  (state, event) => {
    const [now, effects] = inner(state, event)
    if (event.type !== 'received' || event.message.type !== 'to-receiver') return [now, effects]
    const { channel, message } = event.message
    if (message.type !== 'delta' || now.phase === 'closed') return [now, effects]
    const { type: resourceType, nonce } = message.delta
    const ack = { type: 'ack', resourceType, nonce } as const
    return [now, [{ type: 'send', message: { type: 'to-sender', channel, message: ack } }, ...effects]]
  }

/** One stream that is silent while the other one beats is not noticed. */
export const oneStreamForgotten =
  (inner: Step): Step =>
  (state, event) =>
    inner({ ...state, beats: { ...state.beats, owedMs: { up: 0, status: 0 } } }, event)

/** The peer is alive while its socket is. */
export const neverDead =
  (inner: Step): Step =>
  (state, event) => {
    const alive: SessionState = event.type === 'tick' ? { ...state, beats: { ...state.beats, silentMs: 0 } } : state
    return inner(alive, event)
  }

/** Any answer answers what is under way, whichever it was given to. */
export const noNonceCheck =
  (inner: Step): Step =>
  (state, event) => {
    if (event.type !== 'received' || event.message.type !== 'to-sender') return inner(state, event)
    const { channel, message } = event.message
    if (message.type !== 'ack' && message.type !== 'nack') return inner(state, event)
    const machine = state.machines[channel]
    const flight = machine.role === 'sender' ? machine.state.flights.get(message.resourceType) : undefined
    if (flight === undefined) return inner(state, event)
    return inner(state, {
      ...event,
      message: { type: 'to-sender', channel, message: { ...message, nonce: flight.nonce } },
    })
  }

/** What was said is said again before anybody has answered. */
export const saidTwice =
  (inner: Step): Step =>
  (state, event) => {
    const [now, effects] = inner(state, event)
    return [
      now,
      effects.flatMap((effect) =>
        effect.type === 'send' && effect.message.type === 'to-receiver' && effect.message.message.type === 'delta'
          ? [effect, effect]
          : [effect],
      ),
    ]
  }

/** Whoever asks is told what there is, also by a store that was never initialised. */
export const firstListFromNothing =
  (inner: Step): Step =>
  (state, event) =>
    inner({ ...state, storeState: 'ready' }, event)
