import type {
  Channel,
  ChannelContext,
  ChannelReport,
  PlainMessage,
  SessionEffect,
  SessionEvent,
  SessionMessage,
  StoreOp,
} from '@holdfast/kds'
import type { BlockRow, Returned } from '@holdfast/store'
import type { ControlPlane } from './node.js'
import type { Session } from './session.js'

/** Sees everything that control planes do, as it happens; the laws are one. It never changes anything. */
export interface Watch {
  /** A store operation of a session: sees the store before and after. */
  around<T>(session: Session, context: ChannelContext, op: StoreOp, run: () => T): T
  /** A store was changed by its own control plane, not by a session. */
  changed(node: ControlPlane): void
  /** There is a session, and nothing was said in it yet. */
  opened(session: Session): void
  closed(session: Session, reason: string): void
  stepped(session: Session, event: SessionEvent, effects: readonly SessionEffect[]): void
  /** Global has leased these blocks. */
  leased(node: ControlPlane, blocks: readonly BlockRow[]): void
  /** A zone has got back what global keeps of it, and says what it has not taken. */
  returned(node: ControlPlane, returned: Returned): void
  /** Global has forgotten where it stood in the log of a zone that has got everything back. */
  startedOver(node: ControlPlane, peer: string): void
  sent(session: Session, message: SessionMessage): void
  sentPlain(session: Session, message: PlainMessage): void
  reported(session: Session, channel: Channel, report: ChannelReport): void
  /** Errors of the store that belong to the weather: everything else is a mistake of the program. */
  isExpected(error: unknown): boolean
}
