import type { Cursor } from '@holdfast/kds'
import { displayNameOf, type Labels, namespaceLabel, type ResourceKey, typeOf } from '@holdfast/model'
import { keyText, ownerText } from './keys.js'
import type { BlockRow, LedgerRow, Row } from './types.js'

/**
 * What global keeps of a zone, as it goes back to a zone whose store was lost or put back to an earlier state: a page at
 * a time, the ledger first, so that no service is there before its address is reserved.
 */
export interface ReturnPage {
  readonly standing: ReturnStanding
  /** Blocks of the zone; on the first page. */
  readonly blocks: readonly BlockRow[]
  /** Canonical addresses of the zone's owners, those that rest included. */
  readonly ledger: readonly LedgerRow[]
  readonly rows: readonly ReturnedRow[]
  /** Resources that global knows of and has refused: only that they are known. On the first page. */
  readonly refused: readonly ResourceKey[]
  /** Place to go on after; undefined: this was all. */
  readonly next?: string | undefined
}

/** A resource as everybody but its zone calls it (`name` = export name). */
export interface ReturnedRow extends ResourceKey {
  readonly labels: Labels
  readonly typeUrl: string
  readonly spec: Uint8Array
  readonly status?: Uint8Array | undefined
  /** Gone at its origin. What only global has removed, with its mesh, is alive at its zone. */
  readonly deleted: boolean
  readonly deletedAtMs?: number | undefined
}

/** How far global had heard the zone, and when. */
export interface ReturnStanding {
  /** Where global stands in the log that was lost; undefined: it has not heard the zone since it was returned. */
  readonly cursor?: Cursor | undefined
  /** When that was last proven, on global's clock. */
  readonly provenAtMs?: number | undefined
  /** Global's clock now. */
  readonly nowMs: number
  /** The zone's store is another one than the one that was lost: nothing in it is older than the loss. */
  readonly isAdopted: boolean
}

/**
 * Whose word counts where both have something: rows that the zone changed later than this are newer than all that global
 * had heard; of the others global has the newer version. Undefined: every row of the zone is its newest word.
 */
export interface ReturnRules {
  readonly forkMs: number | undefined
}

/**
 * Everything in a backup is older than what global had last proven of the zone, and everything written after it was put
 * back is newer: the moment of that proof tells them apart. It is on global's clock, so the difference of the clocks is
 * taken out; only a clock that jumps between the proof and now could mislead.
 * @param knows whether the zone's own history has global's cursor: then it has lost nothing that global knows
 */
export function returnRules(standing: ReturnStanding, knows: boolean, nowMs: number): ReturnRules {
  const { provenAtMs, isAdopted } = standing
  if (isAdopted || knows || provenAtMs === undefined) return { forkMs: undefined }
  return { forkMs: provenAtMs + (nowMs - standing.nowMs) }
}

export const isNewest = (row: Pick<Row, 'modifiedAtMs'>, { forkMs }: ReturnRules): boolean =>
  forkMs === undefined || row.modifiedAtMs > forkMs

/** The name under which a zone stores what everybody else calls by its export name. */
export function storedNameOf({ type, name, labels }: Pick<ReturnedRow, 'type' | 'name' | 'labels'>): string {
  if (!typeOf(type).hashed) return name
  const display = displayNameOf(name, labels)
  const namespace = labels[namespaceLabel] ?? ''
  return namespace === '' || namespace === 'default' ? display : `${display}.${namespace}`
}

/** What the pages of one return have told so far, to judge in the end what they have not told of. Bounded by the zone. */
export class ReturnSeen {
  readonly #keys = new Set<string>()
  readonly #resting = new Set<string>()

  note(page: ReturnPage): void {
    for (const row of [...page.rows, ...page.refused]) this.#keys.add(keyText(row))
    for (const row of page.ledger) if (row.state === 'tombstoned') this.#resting.add(ownerText(row))
  }

  /** @param key with the export name */
  has(key: ResourceKey): boolean {
    return this.#keys.has(keyText(key))
  }

  /** Its address rests: it was deleted, although nobody remembers the removal itself any more. */
  rests(owner: Parameters<typeof ownerText>[0]): boolean {
    return this.#resting.has(ownerText(owner))
  }
}

/** What became of a page. */
export interface Returned {
  readonly services: number
  /** Resources that are back, or back at a newer version. */
  readonly returned: number
  /** Deleted since the backup, and now here as well. */
  readonly removed: number
  /** The zone's own newer word, which stays: type, mesh and name of each. */
  readonly kept: readonly string[]
  /** Held for an operator: neither global nor its memory of deletions knows them. */
  readonly held: readonly string[]
  /** Addresses that were given out again meanwhile and go back to whoever had them. */
  readonly moved: readonly string[]
  /** Could not be taken back, and why. */
  readonly refused: readonly string[]
}

export const nothingReturned: Returned = {
  services: 0,
  returned: 0,
  removed: 0,
  kept: [],
  held: [],
  moved: [],
  refused: [],
}

export const addedReturns = (a: Returned, b: Returned): Returned => ({
  services: a.services + b.services,
  returned: a.returned + b.returned,
  removed: a.removed + b.removed,
  kept: [...a.kept, ...b.kept],
  held: [...a.held, ...b.held],
  moved: [...a.moved, ...b.moved],
  refused: [...a.refused, ...b.refused],
})
