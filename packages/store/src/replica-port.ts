/** A process of this database, as it has said last. */
export interface ReplicaRecord {
  readonly instanceId: string
  /** HOST:PORT for the other ones; '' if it listens for nobody. */
  readonly address: string
  readonly version: string
  readonly draining: boolean
}

/** How the processes of one database find and trust each other. Clocks are the database's. */
export interface ReplicaStore {
  /** Says that this one lives. @returns the others that do; who was silent for `silentMaxMs` is not among them */
  beat(own: ReplicaRecord, options: { readonly silentMaxMs: number }): Promise<readonly ReplicaRecord[]>
  leave(instanceId: string): Promise<void>
  /** 32 bytes, the same for all; `candidate` becomes it where there is none yet. */
  key(candidate: Uint8Array): Promise<Uint8Array>
  /** A stream waits here for its partner. */
  waits(session: string, instanceId: string): Promise<void>
  /** Where the partner of a stream waits. */
  whereWaits(session: string): Promise<string | undefined>
}
