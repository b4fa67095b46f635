import { wireKey } from '@holdfast/model'
import { plainSlowMs, plainTooLargeRetryMs } from './constants.js'
import type { PlainPart, PlainSenderState, Subscription } from './plain-sender-state.js'
import { withEntry, without } from './step.js'

type Late = PlainSenderState['late']

const isSlow = (subscription: Subscription | undefined): boolean =>
  subscription?.state === 'listed' && subscription.flight?.slow === true

/** A page of the log is read when everything of the one before was sent and answered; what is slow is not waited for. */
export const mayReadOn = (s: PlainSenderState): boolean =>
  s.waiting.length === 0 &&
  [...s.subscriptions.values()].every(
    (one) => one.state === 'too-large' || (one.state === 'listed' && (one.flight === undefined || isSlow(one))),
  )

/** Of a slow type only the keys are kept, so that a peer which does not answer costs no memory for what it is to be told. */
export const isLeftBehind = (s: PlainSenderState, type: string): boolean => isSlow(s.subscriptions.get(type))

export function withLate(late: Late, type: string, keys: Iterable<string>): Late {
  return withEntry(late, type, new Set([...(late.get(type) ?? []), ...keys]))
}

export const keysLeftBehind = ({ late }: PlainSenderState): number =>
  [...late.values()].reduce((sum, keys) => sum + keys.size, 0)

/** Keys of a type that is answered again, to be read as they are by now. */
export function nextLate(s: PlainSenderState, max: number): readonly [PlainSenderState, string?, (readonly string[])?] {
  for (const [type, keys] of s.late) {
    const subscription = s.subscriptions.get(type)
    if (subscription?.state !== 'listed' || subscription.flight !== undefined) continue
    // One part of a type waits at most.
    if (s.waiting.some(({ resourceType }) => resourceType === type)) continue
    const now = [...keys].slice(0, max)
    const rest = new Set([...keys].slice(max))
    return [{ ...s, late: rest.size === 0 ? without(s.late, type) : withEntry(s.late, type, rest) }, type, now]
  }
  return [s]
}

/** What time does: a flight becomes slow, and a list that was too large is read again. */
export function aged(s: PlainSenderState, nowMs: number): PlainSenderState {
  let { subscriptions, late, waiting } = s
  for (const [type, one] of s.subscriptions) {
    const older = agedSubscription(s, one, nowMs)
    if (older === one) continue
    subscriptions = withEntry(subscriptions, type, older)
    if (!isSlow(older)) continue
    const behind = waiting.filter(({ resourceType }) => resourceType === type)
    if (behind.length === 0) continue
    waiting = waiting.filter(({ resourceType }) => resourceType !== type)
    late = withLate(late, type, behind.flatMap(keysOfPart))
  }
  return subscriptions === s.subscriptions ? s : { ...s, subscriptions, late, waiting }
}

function agedSubscription(s: PlainSenderState, one: Subscription, nowMs: number): Subscription {
  if (one.state === 'too-large') {
    if (one.seenAtMs === undefined) return { ...one, seenAtMs: nowMs }
    const { since, seenAtMs, initialVersions } = one
    const hasMoved = s.log !== undefined && s.log.position.revision > since
    return hasMoved && nowMs - seenAtMs >= plainTooLargeRetryMs ? { state: 'asked', initialVersions } : one
  }
  if (one.state !== 'listed' || one.flight === undefined || one.flight.slow === true) return one
  const { flight } = one
  if (flight.seenAtMs === undefined) return { ...one, flight: { ...flight, seenAtMs: nowMs } }
  return nowMs - flight.seenAtMs >= plainSlowMs ? { ...one, flight: { ...flight, slow: true } } : one
}

export const keysOfPart = ({ offers, removals }: PlainPart): readonly string[] => [
  ...offers.map(({ resource }) => wireKey(resource.mesh, resource.name)),
  ...removals,
]
