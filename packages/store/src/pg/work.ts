import type { Batch, Channel, Mark } from '@holdfast/kds'
import { type Digest, sumOfDigests } from '@holdfast/model'
import type { TracedWrite } from '@holdfast/tracing'
import type { HeldLease } from '../lease-port.js'
import type { Unit } from '../plan/unit.js'
import type { Sql } from './sql.js'
import type { DigestRow } from './statements/sync-read.js'

/** A session's right to write, as it was when the session opened. */
export interface Fence {
  readonly peer: string
  readonly sessionId: string
  readonly fence: number
}

/** Where a receiver stands after its data is written, decided in the transaction that writes it (DUR). */
export interface ProgressStep {
  readonly peer: string
  readonly channel: Channel
  readonly atMs: number
  readonly step:
    | { readonly kind: 'range'; readonly progress: NonNullable<Batch['progress']> }
    | { readonly kind: 'verify'; readonly mark: Mark }
}

/** What the transaction has found out about a mark. */
export interface Proof {
  readonly verified: boolean
  readonly offered: Digest
}

/** One request to the writer. */
export interface Work<T> {
  readonly unit: Unit<T>
  /** Changes in it: a group has so many at most, but a request is never split. */
  readonly size: number
  readonly fence?: Fence | undefined
  /** Done only while this is held. */
  readonly lease?: HeldLease | undefined
  readonly progress?: ProgressStep | undefined
  /** Written in the same transaction, after the plan; `value` is what the unit has answered. */
  readonly also?: ((sql: Sql, value: T) => Promise<void>) | undefined
  /** It puts back what the database has been found to lack, so it is written although nothing else is. */
  readonly mends?: boolean | undefined
  /** Who reads the revision that it was written with is told of it, if it wrote anything. */
  readonly traced?: (TracedWrite & { readonly wrote: (value: T) => boolean }) | undefined
  /** What changes the sum that a peer's marks are compared with: its name and channel. */
  readonly hearing?: string | undefined
}

export interface Done<T> {
  readonly value: T
  /** Only where a mark was looked at. */
  readonly proof?: Proof | undefined
}

export const markOf = ({ step }: ProgressStep): Mark | undefined =>
  step.kind === 'verify' ? step.mark : step.progress.mark

/** What a peer has offered us: everything at a zone, whose only peer is global; what is attributed to it at global. */
export const offeredDigest = (rows: readonly DigestRow[], channel: Channel, peer: string): Digest =>
  sumOfDigests(rows.filter((row) => channel === 'down' || row.origin === peer).map((row) => row.digest))
