import { deltasWaitingMax, plainRepeatMs } from './constants.js'
import type { Refused } from './messages.js'
import type { PlainRequest, PlainResponse } from './plain.js'
import { andThen, invariant, type Step, withEntry } from './step.js'
import type { Applied, Batch, StoreAnswer, StoreOp } from './sync-store.js'

export type PlainReceiverEvent =
  | { readonly type: 'open'; readonly nowMs: number }
  | (PlainResponse & { readonly nowMs: number })
  | { readonly type: 'stored'; readonly answer: StoreAnswer; readonly nowMs: number }
  | { readonly type: 'tick'; readonly nowMs: number }

export type PlainReceiverEffect =
  | { readonly type: 'store'; readonly op: StoreOp }
  | { readonly type: 'send'; readonly message: PlainRequest }
  | {
      readonly type: 'kept'
      readonly resourceType: string
      readonly writtenRows: number
      readonly refused: readonly Refused[]
      readonly heldKeys: readonly string[]
      readonly warnings: readonly string[]
    }
  | { readonly type: 'violation'; readonly reason: string }

interface Core {
  readonly types: readonly string[]
  /** Per type: our last answer on this stream, undefined before the first. Before that a response is the whole list. */
  readonly answered: ReadonlyMap<string, Answered | undefined>
  readonly busy: PlainResponse | undefined
  readonly inbox: readonly PlainResponse[]
}

interface Answered {
  readonly request: PlainRequest
  readonly atMs: number
}

export type PlainReceiverState = Core &
  ({ readonly phase: 'idle' } | { readonly phase: 'receiving' } | { readonly phase: 'closed' })
export type PlainReceiverStep = Step<PlainReceiverState, PlainReceiverEffect>

/** @param types what to subscribe to, in the order in which it is asked for */
export const newPlainReceiver = (types: readonly string[]): PlainReceiverState => ({
  phase: 'idle',
  types,
  answered: new Map(),
  busy: undefined,
  inbox: [],
})

/**
 * The receiving end towards a plain Kuma.
 *
 *            open: subscribe to every type
 *   idle ──────────────────────────────────▶ receiving ──▶ closed (the peer broke a promise)
 *
 *   of each type, in `receiving`:   first response = whole list      later ones = changes
 *                                   whatever is not in it is absent  nothing else is touched
 *
 * Store, then ack, in the order of arrival; a NACK tells what was refused, everything else of the response is kept.
 * The first answer ends the whole list, whether it is an ACK or a NACK, as a Kuma does it. What was answered is said
 * again after a while, for a Kuma may have forgotten that we wait (see `plainRepeatMs`); it takes it for what it is.
 */
export function stepPlainReceiver(s: PlainReceiverState, e: PlainReceiverEvent): PlainReceiverStep {
  if (s.phase === 'closed') return [s, []]
  switch (e.type) {
    case 'open':
      return opened(s)
    case 'response':
      return work(received(s, e), e.nowMs)
    case 'stored':
      return work(stored(s, e.answer, e.nowMs), e.nowMs)
    case 'tick':
      return repeated(s, e.nowMs)
  }
}

function opened(s: PlainReceiverState): PlainReceiverStep {
  if (s.phase !== 'idle') return [s, []]
  const effects = s.types.map((resourceType): PlainReceiverEffect => {
    return { type: 'send', message: { type: 'subscribe', resourceType, initialVersions: {} } }
  })
  const answered = new Map(s.types.map((type) => [type, undefined]))
  return [{ ...s, phase: 'receiving', answered }, effects]
}

function received(s: PlainReceiverState, response: PlainResponse): PlainReceiverStep {
  const { type, resourceType, nonce, offers, unreadable, removals } = response
  if (!s.answered.has(resourceType)) return violated(s, `sent ${resourceType}, which was not asked for`)
  if (nonce === '') return violated(s, `sent ${resourceType} without a nonce`)
  if (s.inbox.length >= deltasWaitingMax)
    return violated(s, `sent more than ${deltasWaitingMax} responses without waiting for answers`)
  return [{ ...s, inbox: [...s.inbox, { type, resourceType, nonce, offers, unreadable, removals }] }, []]
}

const violated = (s: PlainReceiverState, reason: string): PlainReceiverStep => [
  { ...s, phase: 'closed' },
  [{ type: 'violation', reason }],
]

function stored(s: PlainReceiverState, answer: StoreAnswer, atMs: number): PlainReceiverStep {
  const response = s.busy
  invariant(response !== undefined && answer.op === 'apply', `a plain receiver's store answered ${answer.op} unasked`)
  const { resourceType } = response
  const { writtenRows, refused, heldKeys, warnings } = answer.result
  const request = answerTo(response, answer.result)
  return [
    { ...s, busy: undefined, answered: withEntry(s.answered, resourceType, { request, atMs }) },
    [
      { type: 'kept', resourceType, writtenRows, refused, heldKeys, warnings },
      { type: 'send', message: request },
    ],
  ]
}

/** What is under way will be answered anyway. */
function repeated(s: PlainReceiverState, nowMs: number): PlainReceiverStep {
  const underWay = new Set([...s.inbox, ...(s.busy === undefined ? [] : [s.busy])].map((one) => one.resourceType))
  const due = [...s.answered].flatMap(([type, last]) =>
    last !== undefined && nowMs - last.atMs >= plainRepeatMs && !underWay.has(type) ? [[type, last] as const] : [],
  )
  if (due.length === 0) return [s, []]
  const again = due.map(([type, { request }]) => [type, { request, atMs: nowMs }] as const)
  return [
    { ...s, answered: new Map([...s.answered, ...again]) },
    due.map(([, { request }]) => ({ type: 'send', message: request })),
  ]
}

/** Reasons stand a resource a line, as Kuma writes them. */
function answerTo({ resourceType, nonce }: PlainResponse, { refused }: Applied): PlainRequest {
  if (refused.length === 0) return { type: 'ack', resourceType, nonce }
  return { type: 'nack', resourceType, nonce, message: refused.map((r) => `${r.key}: ${r.reason}`).join('\n') }
}

function work(step: PlainReceiverStep, nowMs: number): PlainReceiverStep {
  return andThen(step, (s) => {
    const [response, ...inbox] = s.inbox
    if (s.phase !== 'receiving' || s.busy !== undefined || response === undefined) return [s, []]
    return [
      { ...s, busy: response, inbox },
      [{ type: 'store', op: { op: 'apply', batch: batchOf(s, response, nowMs), nowMs } }],
    ]
  })
}

function batchOf(s: PlainReceiverState, response: PlainResponse, nowMs: number): Batch {
  const { resourceType: type, offers, unreadable } = response
  // A plain peer does not say when something was deleted; its VIP rests from now on.
  const removals = response.removals.map((key) => ({ key, deletedAtMs: nowMs }))
  const batch = { type, offers, unreadable, removals, absent: [], plain: true }
  return s.answered.get(type) === undefined ? { ...batch, wholeList: true } : batch
}
