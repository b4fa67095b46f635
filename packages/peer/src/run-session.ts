import { type Demand, newSession, type SessionRole } from '@holdfast/kds'
import { describedTypes, hashAlgorithm, typeSetHash, typesSentDownToKuma, typesSentUp } from '@holdfast/model'
import type { ControlPlaneStore, HeldLease } from '@holdfast/store'
import type { Tracing } from '@holdfast/tracing'
import type { Link } from '@holdfast/transport'
import type { Logger } from 'pino'
import type { GuardWatch } from './guard-watch.js'
import type { SessionHandle } from './handle.js'
import type { SessionMetrics } from './metrics.js'
import { SessionDriver } from './session-driver.js'

export interface SessionOptions {
  readonly role: SessionRole
  /** Name of the zone that dialled; '' for global. */
  readonly peer: string
  readonly sessionId: string
  readonly link: Link
  readonly store: ControlPlaneStore
  readonly version: string
  readonly instanceId: string
  /** The most that one message has, if it is not what a Kuma receives as it comes. */
  readonly messageBytesMax?: number | undefined
  /** Zone: opened only while this is held. */
  readonly lease?: HeldLease | undefined
  /** Zone: the peer has shown the extension on an earlier link of this process. */
  readonly peerIsHoldfast?: boolean | undefined
  readonly log: Logger
  readonly metrics: SessionMetrics
  /** Follows changes from one control plane to the next. Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined
  /** What both ends refuse and hold; without it the peer is told nothing. */
  readonly guards?: GuardWatch | undefined
  /** Both ends have met and speak; a session takes part in nothing before that. */
  readonly onMet?: ((session: SessionHandle) => void) | undefined
  /** Zone: every channel is proven, for the first time in this session. */
  readonly onInStep?: (() => void) | undefined
  /** Zone: the set of global's types, if what it said of them is remembered. */
  readonly knownTypeSet?: string | undefined
  /** What the peer has said of its types is remembered now. */
  readonly onTypesLearned?: ((typeSet: string) => void) | undefined
  /** Rows of this type were written, of whatever was received. */
  readonly onStored?: ((resourceType: string) => void) | undefined
  /** Global. */
  readonly onLeaseRequest?:
    | ((session: SessionHandle, storeId: string, demands: readonly Demand[], wantedCidrs: readonly string[]) => void)
    | undefined
  /** Global: resolves when every witness of a lost log was heard; before that nothing is given to what a Kuma zone lists. */
  readonly witnessed?: (() => Promise<void>) | undefined
  /** Global: a zone asks for what is kept of it. */
  readonly onRecall?:
    | ((session: SessionHandle, recall: { readonly after: string; readonly done: boolean }) => void)
    | undefined
  /** Zone: what global keeps of it, or why not. */
  readonly onRecalled?: ((answer: { readonly body: string; readonly error: string }) => void) | undefined
  /** Zone: global keeps what our store does not have. The session ends; the store has to recover before the next. */
  readonly onOwedReturn?: (() => void) | undefined
  /** Zone. */
  readonly onLeaseAnswer?: ((refused: readonly string[]) => void) | undefined
  readonly onQuestion?: ((question: string, body: string) => Promise<string>) | undefined
}

/** Begins a session on a link; it runs by itself until `ended`. */
export async function runSession(options: SessionOptions): Promise<SessionHandle> {
  const status = await options.store.status()
  const everInStep = await options.store.read.hasFollowed(options.peer)
  const receives = options.role === 'dialer' ? 'globalToZone' : 'zoneToGlobal'
  const types = options.role === 'dialer' ? typesSentDownToKuma : typesSentUp
  return new SessionDriver(
    options,
    newSession({
      role: options.role,
      storeId: status.identity.storeId,
      state: status.state,
      everInStep,
      // A position in its log was given to us by a Holdfast: a Kuma has none.
      peerIsHoldfast: everInStep || options.peerIsHoldfast === true,
      version: options.version,
      typeSet: typeSetHash(),
      types: describedTypes(),
      knownTypeSet: options.knownTypeSet,
      hashAlgorithm,
      plainTypes: options.link.streams.includes(receives) ? types.map((t) => t.name) : [],
      plainListBytes: options.messageBytesMax,
    }),
  )
}
