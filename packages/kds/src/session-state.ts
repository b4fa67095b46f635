import type { DescribedType } from '@holdfast/model'
import type {
  Begin,
  Channel,
  Cursor,
  Demand,
  GuardReport,
  Hello,
  Mark,
  ReceiverMessage,
  SessionMessage,
  Settled,
  Standing,
  StoreState,
} from './messages.js'
import type { PlainMessage } from './plain.js'
import type { PlainReceiverEffect, PlainReceiverState } from './plain-receiver.js'
import type { PlainSenderEffect, PlainSenderState } from './plain-sender-state.js'
import { newReceiver, type ReceiverEffect, type ReceiverState } from './receiver-state.js'
import { newSender, type SenderEffect, type SenderState } from './sender-state.js'
import type { AnyOf, Step } from './step.js'
import type { StoreAnswer, StoreOp } from './sync-store.js'

/** `dialer`: a zone. `acceptor`: global. What each sends and receives follows from it. */
export type SessionRole = 'dialer' | 'acceptor'

export interface SessionConfig {
  readonly role: SessionRole
  /** Identity of our store (UUID) and what it is now. */
  readonly storeId: string
  readonly state: StoreState
  readonly everInStep: boolean
  /** Dialer: this peer has shown the extension before, so its silence means a slow link and not a Kuma. */
  readonly peerIsHoldfast?: boolean | undefined
  readonly version: string
  /** Hash over the descriptors of all synced types. */
  readonly typeSet: string
  /** All synced types, to be said to a peer whose set differs. */
  readonly types: readonly DescribedType[]
  /** Dialer: the peer's set, if what it said of it is remembered. */
  readonly knownTypeSet?: string | undefined
  readonly hashAlgorithm: number
  /** What to subscribe to if the peer turns out to be a plain Kuma. */
  readonly plainTypes: readonly string[]
  /** The most that a plain Kuma receives in one message, where it was told otherwise than it comes. */
  readonly plainListBytes?: number | undefined
}

export type SessionEvent =
  /** The streams are open. Acceptor: the request metadata says whether the peer has the extension; a dialer does not know yet. */
  | { readonly type: 'opened'; readonly extension: boolean; readonly nowMs: number }
  /** Dialer: response headers of ZoneToGlobalSync. */
  | { readonly type: 'headers'; readonly extension: boolean; readonly nowMs: number }
  | { readonly type: 'received'; readonly message: SessionMessage; readonly nowMs: number }
  | { readonly type: 'receivedPlain'; readonly message: PlainMessage; readonly nowMs: number }
  | { readonly type: 'stored'; readonly channel: Channel; readonly answer: StoreAnswer; readonly nowMs: number }
  | { readonly type: 'storeFailed'; readonly channel: Channel; readonly reason: string; readonly nowMs: number }
  | { readonly type: 'storeState'; readonly state: StoreState; readonly nowMs: number }
  | { readonly type: 'advanced'; readonly channel: Channel; readonly nowMs: number }
  /** Ours to pass on: lease requests and answers, questions and answers. */
  | { readonly type: 'say'; readonly message: PassedOn; readonly nowMs: number }
  /** What we serve differs from what we keep: said in every heartbeat until it is replaced. */
  | { readonly type: 'faults'; readonly faults: readonly string[]; readonly nowMs: number }
  /** What we refuse and hold of what the peer sends, or which report of the peer's is kept now. */
  | { readonly type: 'reports'; readonly report: GuardReport; readonly kept: string; readonly nowMs: number }
  /** Often enough for the heartbeat: once a second does. */
  | { readonly type: 'tick'; readonly nowMs: number }
  | { readonly type: 'streamClosed'; readonly stream: string; readonly reason: string; readonly nowMs: number }
  | { readonly type: 'stop'; readonly reason: string; readonly nowMs: number }

export type PassedOn = Extract<
  SessionMessage,
  { type: 'lease' | 'lease-answer' | 'recall' | 'recalled' | 'question' | 'question-answer' }
>

/** Names of gRPC status codes. Never OK: a peer would take it for the end of its work and not come back. */
export type CloseStatus = 'UNAVAILABLE' | 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION' | 'DEADLINE_EXCEEDED' | 'INTERNAL'

type Reported<E> = Exclude<E, { type: 'store' | 'send' | 'violation' | 'storeChanged' }>
export type ChannelReport =
  | Reported<SenderEffect>
  | Reported<ReceiverEffect>
  | Reported<PlainSenderEffect>
  | Reported<PlainReceiverEffect>

export type SessionEffect =
  | { readonly type: 'store'; readonly channel: Channel; readonly op: StoreOp }
  | { readonly type: 'send'; readonly message: SessionMessage }
  | { readonly type: 'sendPlain'; readonly channel: Channel; readonly message: PlainMessage }
  /** Something happened on a channel that an operator, a metric or an alarm wants to know. */
  | { readonly type: 'report'; readonly channel: Channel; readonly report: ChannelReport }
  | { readonly type: 'met'; readonly storeId: string; readonly state: StoreState; readonly version: string }
  /** The peer's types are not ours: the proofs speak of different things until one of us is upgraded. */
  | { readonly type: 'typeSetDiffers'; readonly ours: string; readonly theirs: string }
  /** What the peer says of its types, once a session: to be remembered. */
  | { readonly type: 'typesHeard'; readonly typeSet: string; readonly types: readonly DescribedType[] }
  /** Where the peer stands in our log: for the store to check against its own history. */
  | { readonly type: 'peerStands'; readonly channel: Channel; readonly cursor: Cursor }
  | { readonly type: 'wentPlain'; readonly reason: 'no-extension' | 'no-headers' | 'peer-speaks-plain' }
  | { readonly type: 'lateHeaders' }
  | { readonly type: 'heard'; readonly ackedRevision: number; readonly faults: readonly string[] }
  /** What the peer refuses and holds of what we send: to be kept, and then named as kept. */
  | { readonly type: 'reported'; readonly report: GuardReport }
  | { readonly type: 'leaseRequested'; readonly demands: readonly Demand[]; readonly wantedCidrs: readonly string[] }
  | { readonly type: 'leaseAnswered'; readonly refused: readonly string[] }
  | { readonly type: 'recallAsked'; readonly after: string; readonly done: boolean }
  | { readonly type: 'recalled'; readonly body: string; readonly error: string }
  /** Dialer: global keeps what our store does not have. It recovers, and a new session asks for it. */
  | { readonly type: 'owedReturn' }
  | { readonly type: 'asked'; readonly id: string; readonly what: string; readonly body: string }
  | {
      readonly type: 'answered'
      readonly id: string
      readonly error: string
      readonly body: string
      readonly more: boolean
    }
  /** It was to be passed on, but there is nobody yet who would hear it: say it again when the session is open. */
  | { readonly type: 'unsaid'; readonly message: PassedOn; readonly phase: string }
  /** Not let in; the streams end. */
  | { readonly type: 'refusedEntry'; readonly reason: string }
  /** Ends every stream and the heartbeat of this session together. The last effect there is. */
  | { readonly type: 'close'; readonly status: CloseStatus; readonly reason: string }

export type Machine =
  | { readonly role: 'sender'; readonly state: SenderState }
  | { readonly role: 'receiver'; readonly state: ReceiverState }

export interface SessionCore {
  readonly config: SessionConfig
  readonly storeState: StoreState
  readonly machines: Readonly<Record<Channel, Machine>>
  /** Starts of the peer that wait until our store may be shown. */
  readonly held: Readonly<Partial<Record<Channel, Standing>>>
  /** When the next heartbeat is due, and how long the peer has been silent, as our own ticks count it. */
  readonly beats: {
    readonly nextAtMs: number
    readonly sequence: number
    readonly tickedAtMs: number
    readonly silentMs: number
    /** How long something is owed to us on a channel of the stream that has no heartbeat, without a word on it. */
    readonly owedMs: Readonly<Record<Exclude<Channel, 'down'>, number>>
    /** What we refuse and hold, said until the peer has kept it. */
    readonly report: GuardReport
    /** Hash of the peer's report that we have kept. */
    readonly reportKept: string
    /** The peer's word on which of ours it has kept; undefined before its first heartbeat. */
    readonly peerKept: string | undefined
  }
  readonly faults: readonly string[]
  readonly settling: Settling
  /** The peer has said its types. */
  readonly typesHeard: boolean
}

/** What of the peer's removals is settled: here, and at global everywhere. See `session-settled.ts`. */
export interface Settling {
  /** Proof that the store was asked about, until it answers. */
  readonly asked: Cursor | undefined
  /** Acceptor: once all others have come to `head` of our log, everything through `cursor` of the zone's is settled. */
  readonly candidate: { readonly cursor: Cursor; readonly head: number } | undefined
  /** What our heartbeats say. */
  readonly said: Settled | undefined
  /** What the peer's have said and is written down. */
  readonly heard: Settled | undefined
}

/** A receiver that is in step asks for what it has refused; the sender that it asks learns of that from the answer. */
export interface EarlyQuestion {
  readonly channel: Channel
  readonly message: Extract<ReceiverMessage, { type: 'ask' }>
}

export type SessionPhases =
  | { readonly phase: 'new' }
  /** Dialer: is the peer one of us? */
  | { readonly phase: 'awaiting-headers'; readonly deadlineMs: number }
  /** Dialer: what the hello says is being read. */
  | {
      readonly phase: 'reading'
      readonly deadlineMs: number
      readonly down?: Standing | undefined
      readonly up?: Mark | undefined
      readonly status?: Mark | undefined
    }
  | {
      readonly phase: 'awaiting-answer'
      readonly deadlineMs: number
      readonly hello: Hello
      /** What the peer's receivers ask for already: it has overtaken the answer, on the other stream. */
      readonly early: readonly EarlyQuestion[]
    }
  /** Acceptor. */
  | { readonly phase: 'awaiting-hello'; readonly deadlineMs: number }
  | { readonly phase: 'admitting'; readonly deadlineMs: number; readonly hello: Hello }
  /** Acceptor: what the answer says is being read. */
  | {
      readonly phase: 'answering'
      readonly deadlineMs: number
      readonly hello: Hello
      /** What is kept of the zone goes back to it first: until then nothing is received from it. */
      readonly owesReturn: boolean
      readonly begin?: Begin | undefined
      readonly up?: Standing | undefined
      readonly status?: Standing | undefined
      /** What our sender of `down` says already: it follows the answer. At most a page. */
      readonly early: readonly SessionMessage[]
    }
  | { readonly phase: 'open' }
  | { readonly phase: 'plain'; readonly sender: PlainSenderState; readonly receiver: PlainReceiverState }
  | { readonly phase: 'closed' }

export type SessionState = SessionCore & SessionPhases
export type SessionStep = Step<SessionState, SessionEffect>
export type SessionPhase = SessionState['phase']
export type InPhase<P extends SessionPhase> = Extract<SessionState, { phase: P }>

const noReports = { report: { hash: '', body: '' }, reportKept: '', peerKept: undefined }

const sender: Machine = { role: 'sender', state: newSender }
const receiver: Machine = { role: 'receiver', state: newReceiver }

/** What only some phases have. States of all phases have the same fields: they are copied at each step, many at once. */
type OfAnyPhase = AnyOf<SessionPhases>

export const newSession = (config: SessionConfig): SessionState =>
  enter(
    {
      config,
      storeState: config.state,
      machines:
        config.role === 'dialer'
          ? { down: receiver, up: sender, status: sender }
          : { down: sender, up: receiver, status: receiver },
      held: {},
      beats: { nextAtMs: 0, sequence: 0, tickedAtMs: 0, silentMs: 0, owedMs: { up: 0, status: 0 }, ...noReports },
      faults: [],
      settling: { asked: undefined, candidate: undefined, said: undefined, heard: undefined },
      typesHeard: false,
    },
    { phase: 'new' },
  )

/** The same session in another phase: what the phase that is left had goes with it. Field by field, as a sender's is. */
export function enter(s: SessionCore, phase: SessionPhases): SessionState {
  const its: OfAnyPhase = phase
  return {
    config: s.config,
    storeState: s.storeState,
    machines: s.machines,
    held: s.held,
    beats: s.beats,
    faults: s.faults,
    settling: s.settling,
    typesHeard: s.typesHeard,
    deadlineMs: its.deadlineMs,
    hello: its.hello,
    early: its.early,
    owesReturn: its.owesReturn,
    begin: its.begin,
    down: its.down,
    up: its.up,
    status: its.status,
    sender: its.sender,
    receiver: its.receiver,
    phase: its.phase,
  } satisfies Record<keyof SessionCore | keyof OfAnyPhase, unknown> as SessionState
}

export const closed = (s: SessionState, status: CloseStatus, reason: string): SessionStep => [
  enter(s, { phase: 'closed' }),
  [{ type: 'close', status, reason }],
]

/** The peer broke a promise. */
export const violated = (s: SessionState, reason: string): SessionStep =>
  closed(s, 'INVALID_ARGUMENT', `the peer ${reason}`)

/** The channel on which a plain peer is spoken to by our sender, and by our receiver. */
export const plainChannels = (role: SessionRole): { readonly sends: Channel; readonly receives: Channel } =>
  role === 'dialer' ? { sends: 'up', receives: 'down' } : { sends: 'down', receives: 'up' }
