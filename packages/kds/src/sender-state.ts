import type { Cursor, Delta, Mark, Position, ReceiverMessage, Refused, SenderMessage, Standing } from './messages.js'
import type { AnyOf, Step } from './step.js'
import type { Followed, StoreAnswer, StoreOp } from './sync-store.js'

/** A question of a receiver that repairs, or that asks again for what it refused. */
export type Question = Extract<ReceiverMessage, { type: 'buckets' | 'entries' | 'ask' }>

export type SenderEvent =
  | ReceiverMessage
  /** The handshake proved that the receiver has what this mark says. */
  | { readonly type: 'proven'; readonly mark: Mark }
  /** The log may have grown. Only a hint: a lost one costs until the next tick. */
  | { readonly type: 'advanced' }
  | { readonly type: 'stored'; readonly answer: StoreAnswer }
  /** One heartbeat interval has passed: look at the log unasked. */
  | { readonly type: 'tick' }

export type SenderEffect =
  | { readonly type: 'store'; readonly op: StoreOp }
  | { readonly type: 'send'; readonly message: SenderMessage }
  /** The receiver keeps everything else of the response, remembers these and asks for them again. */
  | { readonly type: 'refusedByPeer'; readonly resourceType: string; readonly refused: readonly Refused[] }
  /** An answer to something that is no longer under way. Without effect. */
  | { readonly type: 'stale'; readonly resourceType: string; readonly nonce: string }
  /** The receiver has a position of our epoch that our log does not know: our store is not what it was. */
  | { readonly type: 'contradiction'; readonly cursor: Cursor; readonly head: Cursor }
  /** Our log is not the one that this session began with. Close: a new session compares. */
  | { readonly type: 'storeChanged'; readonly reason: string }
  /** The peer broke a promise. Close. */
  | { readonly type: 'violation'; readonly reason: string }

/** What a delta carries, before it has a nonce. */
export type Part = Omit<Delta, 'nonce'>

/** A response on its way, one per type at most. What it carries is not believed held before it is acked. */
export interface Flight {
  readonly nonce: string
  readonly purpose: Part['purpose']['kind']
}

export interface SenderCore {
  readonly nonceLast: number
  readonly pageLast: number
  /** What the receiver is known to have: moves when a page with a mark is acked, and by a proof; never on sending. */
  readonly acked: Cursor | undefined
  /** `acked` as it still has to be written; a newer one replaces it. */
  readonly ackedDue: Cursor | undefined
  /** The operation whose answer is outstanding: one at a time. */
  readonly busy: StoreOp['op'] | undefined
  /** That answer belongs to before the newest start. */
  readonly discard: boolean
  readonly flights: ReadonlyMap<string, Flight>
  /** Questions that wait, one per type at most. */
  readonly questions: ReadonlyMap<string, Question>
  /** The answer under way: parts that wait for their type to be free; undefined until the store has answered. */
  readonly answering: { readonly question: Question; readonly parts: readonly Part[] | undefined } | undefined
  /** The log grew while something else was going on: one flag, never a queue. */
  readonly logGrew: boolean
  readonly markDue: boolean
}

export interface Reading {
  readonly phase: 'reading'
  readonly epoch: string
  readonly from: Position
  readonly withRemovals: boolean
  /** The receiver waits for a mark: the page that reaches the head is sent even if it is empty. */
  readonly owesMark: boolean
}

export interface Paging {
  readonly phase: 'paging'
  readonly epoch: string
  readonly through: Position
  /** There exactly when the page reached the head. */
  readonly head: Mark | undefined
  /** Parts not sent yet, in order: none overtakes another. */
  readonly waiting: readonly Part[]
}

export interface Live {
  readonly phase: 'live'
  readonly position: Position
  readonly head: Mark
}

export type SenderPhases =
  | { readonly phase: 'quiet' }
  | { readonly phase: 'comparing'; readonly standing: Standing }
  | Reading
  | Paging
  | Live
  | { readonly phase: 'repairing'; readonly from: Cursor; readonly followed: Followed | undefined }
  | { readonly phase: 'closed' }

export type SenderState = SenderCore & SenderPhases
export type SenderStep = Step<SenderState, SenderEffect>
export type SenderPhase = SenderState['phase']

/** What only some phases have. States of all phases have the same fields: they are copied at each step, many at once. */
type OfAnyPhase = AnyOf<SenderPhases>

export const newSender: SenderState = enter(
  {
    nonceLast: 0,
    pageLast: 0,
    acked: undefined,
    ackedDue: undefined,
    busy: undefined,
    discard: false,
    flights: new Map(),
    questions: new Map(),
    answering: undefined,
    logGrew: false,
    markDue: false,
  },
  { phase: 'quiet' },
)

/**
 * The same state in another phase: what the phase that is left had goes with it. Field by field: objects that are spread
 * into one another are put together property by property by the engine's runtime, and this is done at every look at the log.
 */
export function enter(s: SenderCore, phase: SenderPhases): SenderState {
  const its: OfAnyPhase = phase
  return {
    nonceLast: s.nonceLast,
    pageLast: s.pageLast,
    acked: s.acked,
    ackedDue: s.ackedDue,
    busy: s.busy,
    discard: s.discard,
    flights: s.flights,
    questions: s.questions,
    answering: s.answering,
    logGrew: s.logGrew,
    markDue: s.markDue,
    standing: its.standing,
    epoch: its.epoch,
    from: its.from,
    withRemovals: its.withRemovals,
    owesMark: its.owesMark,
    through: its.through,
    head: its.head,
    waiting: its.waiting,
    position: its.position,
    followed: its.followed,
    phase: its.phase,
  } satisfies Record<keyof SenderCore | keyof OfAnyPhase, unknown> as SenderState
}

export const violated = (s: SenderState, reason: string): SenderStep => [
  enter(s, { phase: 'closed' }),
  [{ type: 'violation', reason }],
]

export const storeChanged = (s: SenderState, reason: string): SenderStep => [
  enter(s, { phase: 'closed' }),
  [{ type: 'storeChanged', reason }],
]

/**
 * What a heartbeat may say: everything through this cursor has been said and acked, and nothing is under way.
 * Undefined while that is not so.
 */
export function spokenMark(s: SenderState): Mark | undefined {
  const idle =
    s.phase === 'live' &&
    s.flights.size === 0 &&
    s.questions.size === 0 &&
    s.answering === undefined &&
    !s.logGrew &&
    !s.discard
  return idle ? s.head : undefined
}
