import type { Cursor, StoreState } from '@holdfast/kds'
import type { Labels, Origin, Vips } from '@holdfast/model'
import { authoredOf } from './forms.js'
import type { HoldRow, LedgerRow, Row } from './types.js'
import type { ZoneObject } from './zone-objects.js'

/** Who remembers: a zone, as its session has authenticated it. */
export interface Witness {
  readonly zone: string
  readonly storeId: string
  readonly state: StoreState
  /** How far it has followed the log of its global. */
  readonly cursor?: Cursor | undefined
}

/** A resource that a zone holds, or remembers as deleted, and that is not its own. */
export interface RememberedRow {
  readonly type: string
  readonly mesh: string
  /** What every control plane but the origin calls it. */
  readonly exportName: string
  readonly origin: Origin
  readonly displayName: string
  readonly namespace: string
  readonly labels: Labels
  readonly typeUrl: string
  readonly spec: Uint8Array
  readonly vips?: Vips | undefined
  /** Undefined: it lives. Only explicit removals: what merely went missing is no memory of a deletion. */
  readonly deletedAtMs?: number | undefined
  /** When the zone stored it, on the zone's clock. */
  readonly modifiedAtMs: number
  /** It is what the zone was offered last: neither held nor kept in the place of a version that was refused. */
  readonly asOffered?: boolean | undefined
}

/** A page of the ledger or of the resources of a zone. */
export interface Testimony {
  readonly witness: Witness
  readonly rows: readonly RememberedRow[]
  readonly ledger: readonly LedgerRow[]
  /** What it was told of global's Zone objects; undefined: nothing on this page, or it never was. */
  readonly zones?: readonly ZoneObject[] | undefined
}

/** How the rows of a zone testify: see `rememberedOf`. */
export type Remember = (row: Row) => RememberedRow | undefined

/**
 * How the rows of this control plane testify. What its own operator has let go because its origin lacked it was not
 * removed by anybody else: if the origin had lost it, that is no reason to lose it for good.
 *
 * @param approved every hold that was ever approved here
 */
export function remembering(own: Origin, approved: Iterable<HoldRow>): Remember {
  const fate = (type: string, origin: Origin, atMs: number | undefined): string => JSON.stringify([type, origin, atMs])
  const letGo = new Set([...approved].map(({ type, origin, endedAtMs }) => fate(type, origin, endedAtMs)))
  return (row) =>
    row.deleted && letGo.has(fate(row.type, row.origin, row.deletedAtMs)) ? undefined : rememberedOf(row, own)
}

/** What this row testifies to; undefined if it is our own, or says nothing about what its origin wanted. */
function rememberedOf(row: Row, own: Origin): RememberedRow | undefined {
  if (row.origin === own || (row.deleted && (row.absentSinceMs !== undefined || row.deletedAtMs === undefined)))
    return undefined
  // What lives at another zone is that zone's to say; that it has deleted something, others may have heard before us.
  if (row.origin !== '' && !row.deleted) return undefined
  const { type, mesh, exportName, origin, displayName, namespace, labels, typeUrl, spec, vips, modifiedAtMs } =
    authoredOf(row)
  return {
    ...{ type, mesh, exportName, origin, displayName, namespace, labels, typeUrl, spec, vips, modifiedAtMs },
    ...(row.deleted ? { deletedAtMs: row.deletedAtMs } : { asOffered: isAsOffered(row) }),
  }
}

const isAsOffered = ({ offeredEntry, entry, holdId }: Row): boolean => offeredEntry === entry && holdId === undefined
