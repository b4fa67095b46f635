/** The right to do what only one process does at a time, as it was when it was taken. Writes say it and are compared. */
export interface HeldLease {
  readonly name: string
  readonly holder: string
  /** Higher with every holder. */
  readonly token: number
}

/** Who has a lease, by the database. */
export interface LeaseRecord extends HeldLease {
  /** Machine and process; '' if the holder could not tell. */
  readonly place: string
  /** How long it has been this holder's, by the database's clock. */
  readonly heldForMs: number
  /** Until it may be taken by others, by the database's clock; 0: now. */
  readonly expiresInMs: number
}

export interface LeaseTake {
  /** New at every start of a process. */
  readonly holder: string
  readonly place: string
  readonly names: readonly string[]
  readonly ttlMs: number
  /** Holders that are known to have ended: what is theirs is free. */
  readonly gone: readonly string[]
}

/** What must be one at a time: each such thing has a lease, with a token that fences whoever lost it. */
export interface LeaseStore {
  /** Takes those that are free or lapsed, and renews those of this holder, in one statement. @returns what it has now */
  take(request: LeaseTake): Promise<readonly HeldLease[]>
  /** Gives back what this holder has of them, so that nobody has to wait. */
  release(holder: string, names: readonly string[]): Promise<void>
  list(): Promise<readonly LeaseRecord[]>
}
