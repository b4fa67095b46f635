import type { Digest } from '@holdfast/model'
import type { Cursor, Delta, Mark, ReceiverMessage, Refused, SenderMessage, Standing, TypeDigest } from './messages.js'
import type { Reached } from './position.js'
import type { AnyOf, Step } from './step.js'
import type { StoreAnswer, StoreOp } from './sync-store.js'

export type ReceiverEvent =
  | (SenderMessage & { readonly nowMs: number })
  /** Read where we stand and say it. */
  | { readonly type: 'present'; readonly nowMs: number }
  /** The handshake has said it for us. */
  | { readonly type: 'presented'; readonly standing: Standing; readonly nowMs: number }
  /** What a heartbeat says of the sender's side. */
  | { readonly type: 'mark'; readonly mark: Mark; readonly nowMs: number }
  | { readonly type: 'stored'; readonly answer: StoreAnswer; readonly nowMs: number }
  | { readonly type: 'tick'; readonly nowMs: number }

export type ReceiverEffect =
  | { readonly type: 'store'; readonly op: StoreOp }
  | { readonly type: 'send'; readonly message: ReceiverMessage }
  /** A delta was stored, all but what is refused. */
  | {
      readonly type: 'kept'
      readonly resourceType: string
      readonly writtenRows: number
      readonly refused: readonly Refused[]
      readonly heldKeys: readonly string[]
      readonly warnings: readonly string[]
    }
  /** Proven: what we were offered is what the sender's view is at this mark. */
  | { readonly type: 'inStep'; readonly mark: Mark }
  /** Alarm: what we were offered does not add up to what the sender says. */
  | { readonly type: 'mismatch'; readonly mark: Mark; readonly offered: Digest }
  | { readonly type: 'repairing'; readonly types: readonly string[] }
  /** Alarm: a repair did not help. Last-known-good stays, changes go on, the next repair is tried then. */
  | { readonly type: 'diverged'; readonly types: readonly string[]; readonly retryAtMs: number }
  /** Alarm: the sender went back within its epoch. Nothing of it was applied. */
  | { readonly type: 'older'; readonly what: string; readonly revision: number; readonly reached: number }
  | { readonly type: 'ignored'; readonly resourceType: string; readonly nonce: string; readonly reason: string }
  | { readonly type: 'violation'; readonly reason: string }

/** Piece of a repair: `level` compares sums below some prefixes, `entries` compares names in some buckets. */
export type RepairTask =
  | {
      readonly kind: 'level'
      readonly resourceType: string
      readonly level: number
      readonly prefixes: readonly number[]
    }
  | { readonly kind: 'entries'; readonly resourceType: string; readonly buckets: readonly number[] }

/** A delta that waits for the store, or is with it. */
export interface Waiting {
  readonly delta: Delta
  /** With it every part of its page is there. */
  readonly lastOfPage: boolean
}

export type Busy =
  | { readonly op: 'apply'; readonly waiting: Waiting }
  | { readonly op: 'verify'; readonly mark: Mark }
  | {
      readonly op:
        | 'standing'
        | 'offered-types'
        | 'repair-turns'
        | 'repaired'
        | 'offered-buckets'
        | 'offered-entries'
        | 'due-refusals'
        | 'diverged'
    }

export interface ReceiverCore {
  readonly busy: Busy | undefined
  /** That answer belongs to before the newest presentation, and is of no use now. */
  readonly discard: boolean
  readonly inbox: readonly Waiting[]
  /** Page under way: its parts come in order on one stream. */
  readonly page: { readonly number: number; readonly parts: number; readonly seen: number } | undefined
  /** How far the sender's log is stored here. */
  readonly reached: Reached | undefined
  /** The cursor as it is stored. */
  readonly cursor: Cursor | undefined
  readonly proven: { readonly mark: Mark; readonly atMs: number } | undefined
  readonly verifyDue: { readonly mark: Mark; readonly by: 'begin' | 'heartbeat' } | undefined
  readonly divergedDue: boolean
  /** Nothing that differs may be repaired sooner, so there is no use in comparing. */
  readonly repairNotBeforeMs: number
  /** Types that differ although they were repaired within the last minute. */
  readonly undue: readonly string[]
  readonly refusalsAtMs: number
  readonly refusalsDue: boolean
  /** Types about whose refusals a question is under way. */
  readonly asking: ReadonlySet<string>
}

/** Why we present ourselves: `open`, with all we know; `repair`, so that the sender compares; `repaired`, from its cursor. */
export type Presentation =
  | { readonly why: 'open' }
  | { readonly why: 'repair' }
  | { readonly why: 'repaired'; readonly from: Cursor }

export interface Repairing {
  readonly phase: 'repairing'
  readonly from: Cursor
  readonly digests: readonly TypeDigest[]
  /** Undefined until our own digests have been read; the first one is under way. */
  readonly tasks: readonly RepairTask[] | undefined
  /** Undefined until the store has said whose turn it is; the types that `tasks` began with. */
  readonly due: readonly string[] | undefined
  readonly awaiting: 'store' | 'peer'
  /** What the sender does not have of the type under way, so far: the store is told when all of the type is known. */
  readonly absent: readonly string[]
}

export type ReceiverPhases =
  | { readonly phase: 'idle' }
  | { readonly phase: 'presenting'; readonly presentation: Presentation }
  | { readonly phase: 'awaiting-begin'; readonly standing: Standing; readonly why: Presentation['why'] }
  | { readonly phase: 'syncing' }
  | { readonly phase: 'live' }
  | Repairing
  | { readonly phase: 'diverged'; readonly retryAtMs: number }
  | { readonly phase: 'closed' }

export type ReceiverState = ReceiverCore & ReceiverPhases
export type ReceiverStep = Step<ReceiverState, ReceiverEffect>
export type ReceiverPhase = ReceiverState['phase']

/** What only some phases have. States of all phases have the same fields: they are copied at each step, many at once. */
type OfAnyPhase = AnyOf<ReceiverPhases>

export const newReceiver: ReceiverState = enter(
  {
    busy: undefined,
    discard: false,
    inbox: [],
    page: undefined,
    reached: undefined,
    cursor: undefined,
    proven: undefined,
    verifyDue: undefined,
    divergedDue: false,
    repairNotBeforeMs: 0,
    undue: [],
    refusalsAtMs: 0,
    refusalsDue: false,
    asking: new Set(),
  },
  { phase: 'idle' },
)

/** The same state in another phase: what the phase that is left had goes with it. Field by field, as a sender's is. */
export function enter(s: ReceiverCore, phase: ReceiverPhases): ReceiverState {
  const its: OfAnyPhase = phase
  return {
    busy: s.busy,
    discard: s.discard,
    inbox: s.inbox,
    page: s.page,
    reached: s.reached,
    cursor: s.cursor,
    proven: s.proven,
    verifyDue: s.verifyDue,
    divergedDue: s.divergedDue,
    repairNotBeforeMs: s.repairNotBeforeMs,
    undue: s.undue,
    refusalsAtMs: s.refusalsAtMs,
    refusalsDue: s.refusalsDue,
    asking: s.asking,
    presentation: its.presentation,
    standing: its.standing,
    why: its.why,
    from: its.from,
    digests: its.digests,
    tasks: its.tasks,
    due: its.due,
    awaiting: its.awaiting,
    absent: its.absent,
    retryAtMs: its.retryAtMs,
    phase: its.phase,
  } satisfies Record<keyof ReceiverCore | keyof OfAnyPhase, unknown> as ReceiverState
}

/**
 * Everything under way on this channel is void from here on: the sender will begin anew. An apply that is with the store
 * is still acked when it is done; deltas that only wait are dropped, nobody believes that we have them.
 */
export const present = (s: ReceiverState, presentation: Presentation): ReceiverState => ({
  ...enter(s, { phase: 'presenting', presentation }),
  inbox: [],
  page: undefined,
  proven: undefined,
  verifyDue: undefined,
  refusalsDue: false,
  asking: new Set(),
  discard: s.busy !== undefined && s.busy.op !== 'apply',
})

export const violated = (s: ReceiverState, reason: string): ReceiverStep => [
  enter(s, { phase: 'closed' }),
  [{ type: 'violation', reason }],
]

/** Revision through which everything of the sender is stored: what a heartbeat says of our receiving side. */
export const ackedRevision = (s: ReceiverState): number => s.cursor?.revision ?? 0
