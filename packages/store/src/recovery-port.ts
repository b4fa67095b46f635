import type {
  Owner,
  RebuildPlan,
  RecoveryItem,
  RecoveryWait,
  ReleaseOutcome,
  Remembered,
  RememberedRow,
  Testimony,
} from './plan/index.js'

/** How a zone stands that is connected to one of the processes of a global that recovers. */
export interface WitnessRow {
  readonly zone: string
  readonly heard: boolean
  readonly inStep: boolean
  /** What it said against what is known here. */
  readonly conflicts: readonly string[]
  /** What the zones of its process remember otherwise than it is here; undefined: they were not asked yet. */
  readonly open?: readonly RecoveryWait[] | undefined
}

/** What a store offers when it, or its global, has lost something. */
export interface RecoveryStore {
  /** What we hold or remember as deleted that is not ours: what we can testify to. In the order of type, mesh and name. */
  remembered(
    after: string | undefined,
    limit: number,
  ): Promise<{ readonly items: readonly RememberedRow[]; readonly next?: string | undefined }>
  /**
   * Global: takes over what a zone remembers of pools, blocks and addresses; nothing that is known here changes. A conflict
   * over an address stays one while the log is the same and both say what they said, whatever generation it is given.
   */
  remember(testimony: Testimony): Promise<Remembered>
  /**
   * Global: what of global's own the witnesses remember otherwise than it is here, in the order of what depends on what.
   * With `apply` it is done, in audited transactions; what cannot be done says why and hinders nothing else.
   */
  recover(request: {
    readonly testimonies: readonly Testimony[]
    /** Only what this zone remembers; undefined: what anybody does. */
    readonly zone?: string | undefined
    readonly apply: boolean
    readonly actor: string
  }): Promise<readonly RecoveryItem[]>
  /**
   * Global: what this process sees of the zones that are connected to it, for the other processes. Until a zone was heard
   * again, what it said against us before stands.
   */
  noteWitnesses(rows: readonly WitnessRow[]): Promise<void>
  /** Global: what all processes have said of their zones within this time, in the present log. */
  witnesses(withinMs: number): Promise<readonly WitnessRow[]>
  /** Global: zones that hold a lease or were ever in step, and were not since the present log began. */
  missingZones(): Promise<readonly string[]>
  /**
   * What the ledger has lost against the services that stand here and its own history; with `apply` it is put back.
   * Rows that stand are never changed.
   */
  rebuild(request: { readonly apply: boolean; readonly actor: string }): Promise<RebuildPlan>
  /** Ends the quarantine of an owner that is gone. */
  release(owner: Owner, actor: string): Promise<ReleaseOutcome>
  /**
   * Global: told of zones that were in step with a log that is not ours, while ours goes on: they may hold blocks that
   * we know nothing of. Returns the way to stop listening.
   */
  onStranger(listener: (zone: string) => void): () => void
}
