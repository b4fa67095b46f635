import { plainListBytes } from './constants.js'
import type { Cursor, Mark, Position } from './messages.js'
import type { PlainRequest, PlainResponse } from './plain.js'
import type { Step } from './step.js'
import type { StoreAnswer, StoreOp } from './sync-store.js'

export type PlainSenderEvent =
  | (PlainRequest & { readonly nowMs: number })
  /** Our own store may be shown. Before that nobody gets a list: a Kuma tolerates silence and would obey an empty list. */
  | { readonly type: 'ready'; readonly nowMs: number }
  | { readonly type: 'advanced'; readonly nowMs: number }
  | { readonly type: 'stored'; readonly answer: StoreAnswer; readonly nowMs: number }
  | { readonly type: 'tick'; readonly nowMs: number }

export type PlainSenderEffect =
  | { readonly type: 'store'; readonly op: StoreOp }
  | { readonly type: 'send'; readonly message: PlainResponse }
  /** Everything in the response is in doubt: the peer says why, not which. */
  | {
      readonly type: 'refusedByPlainPeer'
      readonly resourceType: string
      readonly keys: readonly string[]
      readonly reason: string
    }
  /**
   * The first list must be whole and the peer would not take it: this type stays out, the others go on. With a key it is
   * this resource alone that stays out.
   */
  | {
      readonly type: 'tooLarge'
      readonly resourceType: string
      readonly key?: string
      readonly sizeBytes: number
      readonly limitBytes: number
    }
  | { readonly type: 'stale'; readonly resourceType: string; readonly nonce: string }
  | { readonly type: 'storeChanged'; readonly reason: string }
  | { readonly type: 'violation'; readonly reason: string }

/** A response on its way: what was sent in it, by key. '' is the version of a removal. */
export interface PlainFlight {
  readonly nonce: string
  readonly versions: ReadonlyMap<string, string>
  /** Our first tick that saw it. */
  readonly seenAtMs?: number | undefined
  /** Unanswered for so long that the other types go on without it. */
  readonly slow?: boolean | undefined
}

export type Subscription =
  | { readonly state: 'asked'; readonly initialVersions: Readonly<Record<string, string>> }
  | { readonly state: 'listed'; readonly since: number; readonly flight: PlainFlight | undefined }
  /** Asked again some time after `seenAtMs`, our first tick that saw it, if the log has passed `since`. */
  | {
      readonly state: 'too-large'
      readonly since: number
      readonly seenAtMs?: number | undefined
      readonly initialVersions: Readonly<Record<string, string>>
    }

/** What a peer refused: offered again when it changes, or when the back-off has passed. */
export interface Doubt {
  readonly version: string
  /** How often this very version was refused. */
  readonly tries: number
  /** When this very version was refused first, and what the peer said last about the response that it was in. */
  readonly sinceMs: number
  readonly reason: string
  readonly retryAtMs: number
}

export interface PlainPart {
  readonly resourceType: string
  readonly offers: PlainResponse['offers']
  readonly removals: readonly string[]
}

export interface PlainSenderState {
  readonly phase: 'holding' | 'sending' | 'closed'
  /** The most that the peer receives in one message. */
  readonly listBytesMax: number
  readonly nonceLast: number
  readonly subscriptions: ReadonlyMap<string, Subscription>
  /** The operation whose answer is outstanding, and the type that it is about ('' for the log). */
  readonly busy: { readonly op: 'list' | 'keys' | 'changes' | 'acked'; readonly resourceType: string } | undefined
  /** How far the log has been read, over all types; undefined before the first list. */
  readonly log: { readonly epoch: string; readonly position: Position } | undefined
  readonly logGrew: boolean
  /** Parts of the page under way that are not sent yet. */
  readonly waiting: readonly PlainPart[]
  /** Keys of slow types that have changed since, by type: what they are then is read when the type is answered. */
  readonly late: ReadonlyMap<string, ReadonlySet<string>>
  /** The head that the page under way reaches: acked with its last part. */
  readonly head: Mark | undefined
  /** What the peer has answered through; never before a page of the log said so. */
  readonly acked: Cursor | undefined
  readonly ackedDue: Cursor | undefined
  /** By type and key. */
  readonly doubts: ReadonlyMap<string, ReadonlyMap<string, Doubt>>
  /** Refused keys that are to be offered again. */
  readonly retries: readonly { readonly resourceType: string; readonly keys: readonly string[] }[]
}

export type PlainSenderStep = Step<PlainSenderState, PlainSenderEffect>

export const newPlainSender: PlainSenderState = {
  phase: 'holding',
  listBytesMax: plainListBytes,
  nonceLast: 0,
  subscriptions: new Map(),
  busy: undefined,
  log: undefined,
  logGrew: false,
  waiting: [],
  late: new Map(),
  head: undefined,
  acked: undefined,
  ackedDue: undefined,
  doubts: new Map(),
  retries: [],
}

export const plainViolated = (s: PlainSenderState, reason: string): PlainSenderStep => [
  { ...s, phase: 'closed' },
  [{ type: 'violation', reason }],
]
