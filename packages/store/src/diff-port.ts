import type { BucketDigest, Cursor, TypeDigest } from '@holdfast/kds'

/** What is compared: what one end shows the other on a channel, or what the other keeps of it. */
export interface DiffSide {
  readonly channel: 'down' | 'up'
  /** Zone name, or '' for global. */
  readonly peer: string
  readonly role: 'sender' | 'receiver'
}

export interface DiffEntry {
  /** `mesh/name` as on the wire, with the name that it has everywhere but at its origin. */
  readonly key: string
  /** Hex; undefined: nothing is kept of it, it was refused. */
  readonly entry?: string | undefined
  /** Hash of what its origin owns of it, without its VIPs. */
  readonly content?: string | undefined
  /** Why its removal is held. */
  readonly held?: string | undefined
  /** Why what was offered of it was refused. */
  readonly refused?: string | undefined
}

/** Reads for `sync diff`: narrowed by bucket digests, so that what is equal is never listed. */
export interface DiffReader {
  types(side: DiffSide): Promise<{ readonly head: Cursor; readonly types: readonly TypeDigest[] }>
  buckets(
    side: DiffSide,
    of: { readonly type: string; readonly level: number; readonly prefixes: readonly number[] },
  ): Promise<readonly BucketDigest[]>
  /** Of the buckets named; of the whole type if none is. */
  entries(
    side: DiffSide,
    of: { readonly type: string; readonly buckets: readonly number[] },
  ): Promise<readonly DiffEntry[]>
}
