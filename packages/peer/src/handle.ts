import type { Channel, Demand, StoreState } from '@holdfast/kds'
import type { PeerStore } from './peer-store.js'

/** How a session ended, for the log, the record and the decision when to try again. */
export type SessionEnd =
  | { readonly end: 'lost'; readonly reason: string }
  | { readonly end: 'closed'; readonly reason: string }
  /** Global does not let this zone in; trying again soon would not help. */
  | { readonly end: 'refused'; readonly reason: string }
  /** Our own store said that the session is no longer the newest of its peer. */
  | { readonly end: 'superseded'; readonly reason: string }

export interface ChannelView {
  readonly channel: Channel
  readonly phase: string
  readonly inStep: boolean
  /** When both ends were last proven equal; undefined: not in this session, or the peer proves nothing. */
  readonly provenAtMs?: number | undefined
  readonly sent: number
  readonly received: number
  readonly written: number
  readonly refused: number
  readonly held: number
  readonly lastError?: string | undefined
}

/** A running session as `inspect`, metrics and the API show it. */
export interface SessionView {
  readonly sessionId: string
  readonly peer: string
  readonly peerVersion: string
  readonly peerInstanceId: string
  readonly peerState?: StoreState | undefined
  /** Of our own store, as this session sees it. */
  readonly ownState: StoreState
  readonly extension: boolean
  /** As its node says; a plain Kuma zone tells its whole configuration. */
  readonly peerStore?: PeerStore | undefined
  readonly openedAtMs: number
  /** Where the peer dials from, or is dialled. */
  readonly address: string
  readonly inStep: boolean
  readonly ackedRevision?: number | undefined
  readonly payloadBytesSent: number
  readonly payloadBytesReceived: number
  /** What had been said in both directions together when both ends were first proven equal. */
  readonly bytesToProven?: number | undefined
  readonly channels: readonly ChannelView[]
  readonly faults: readonly string[]
}

export interface SessionBeat {
  readonly sessionId: string
  readonly peer: string
  /** Revision of our log through which the peer has stored what we send. */
  readonly ackedRevision: number
  readonly counters: Readonly<
    Record<string, { readonly sent: number; readonly acked: number; readonly refused: number }>
  >
}

export interface AskOptions {
  readonly timeoutMs: number
  /** Whoever asked is gone: what comes after is nobody's answer, and takes nobody's place. */
  readonly signal?: AbortSignal | undefined
}

/** What the roles may do with a session that runs. */
export interface SessionHandle {
  readonly peer: string
  readonly sessionId: string
  /** Zone: asks global for blocks. */
  requestLease(demands: readonly Demand[], wantedCidrs: readonly string[]): void
  /** Global: what was not granted, and why. Grants arrive as resources. */
  answerLease(refused: readonly string[]): void
  /** Zone: what global keeps of it, after a place; with `done` that all of it is stored. One question at a time. */
  recall(after: string, options?: { readonly done: boolean }): void
  /** Global: the page, or why there is none. */
  answerRecall(answer: { readonly body: string; readonly error: string }): void
  /** Asks the other end something that only it knows. Rejects after `timeoutMs`, with the signal, or when the session ends. */
  ask(what: string, body: string, options: AskOptions): Promise<string>
  /** Zone: where what it serves differs from what it keeps; goes with every heartbeat from here on. */
  tellFaults(faults: readonly string[]): void
  view(): SessionView
  /** What is written down of it every few seconds, in one statement for all sessions. */
  beat(): SessionBeat
  /** Ends the session with a status for the peer; resolves when all its work has settled. */
  close(reason: string): Promise<SessionEnd>
  readonly ended: Promise<SessionEnd>
}
