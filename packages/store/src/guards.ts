import type { Origin, ResourceKey } from '@holdfast/model'
import type { HoldDecision, HoldRequest } from './plan/hold-decisions.js'
import type { HoldRow, RefusedRow, Row } from './plan/types.js'

/** What a hold keeps, by the name under which it is stored here. */
export interface KeptKey extends ResourceKey {
  readonly displayName: string
}

/** What was left out of a plain Kuma peer's whole list, and is neither back nor decided. */
export interface AbsentCount {
  readonly type: string
  readonly origin: Origin
  readonly count: number
  /** Of the one that has been missing for longest. */
  readonly sinceMs: number
}

/** What a peer refuses and holds of what we offer, as it has told last. */
export interface PeerReportRow {
  readonly peer: string
  /** 16 hex digits over the body; '' for an empty one. */
  readonly hash: string
  readonly body: string
  readonly atMs: number
}

/** Resources of a zone in a mesh that global does not have: kept, and told to nobody until it is made. */
export interface WaitingForMesh {
  readonly origin: Origin
  readonly mesh: string
  readonly count: number
}

export interface Exceptions {
  /** The oldest ones first. */
  readonly refused: readonly RefusedRow[]
  readonly refusedCounts: readonly { readonly peer: string; readonly type: string; readonly count: number }[]
  /** Those that wait for an operator. */
  readonly holds: readonly HoldRow[]
  readonly reports: readonly PeerReportRow[]
  /** What a policy hook has refused or does not answer for, so that its last good version is published, or nothing. */
  readonly unpublished: readonly Row[]
}

/** What was not obeyed or not believed, and what an operator decides about it. */
export interface GuardStore {
  /** Open ones first, then the newest; what became of them included. */
  holds(limit: number): Promise<readonly HoldRow[]>
  hold(id: string): Promise<HoldRow | undefined>
  /** Names of what a hold keeps now. */
  heldKeys(id: string, limit: number): Promise<readonly KeptKey[]>
  /**
   * Deletes what is still held, in one transaction.
   * @throws Problem `missing` for a hold that never was, `conflict` for one that is decided, ended or has grown
   */
  approve(request: HoldRequest): Promise<HoldDecision>
  /** What is held stays until its sender offers or removes it. Throws as `approve` does. */
  reject(request: HoldRequest): Promise<HoldDecision>
  absent(): Promise<readonly AbsentCount[]>
  /** Global: what zones have in meshes that are not here. */
  waitingForMeshes(): Promise<readonly WaitingForMesh[]>
  /** Writes nothing if it says what was known, or if the session is not the newest of its peer any more. */
  noteReport(report: PeerReportRow, sessionId: string): Promise<void>
  /** What is refused and held now, for metrics, alarms and reports: at most so many rows, and all counts. */
  exceptions(limit: number): Promise<Exceptions>
  reports(): Promise<readonly PeerReportRow[]>
}
