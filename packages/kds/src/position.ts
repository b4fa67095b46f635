import type { Cursor, Position } from './messages.js'

/** Before everything. A range starts strictly after its position. */
export const startOfLog: Position = { revision: 0, typeOrder: 0, mesh: '', name: '' }

/** No type has it: whatever stands in a revision comes before it. The largest that fits PostgreSQL's `integer`. */
const afterEveryType = 2_147_483_647

/** After everything of a revision. */
export const endOf = (revision: number): Position => ({ revision, typeOrder: afterEveryType, mesh: '', name: '' })

/** Negative: `a` comes first. Names compare by code unit, as PostgreSQL's collation "C" does for the names there are. */
export function comparePositions(a: Position, b: Position): number {
  if (a.revision !== b.revision) return a.revision - b.revision
  if (a.typeOrder !== b.typeOrder) return a.typeOrder - b.typeOrder
  if (a.mesh !== b.mesh) return a.mesh < b.mesh ? -1 : 1
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return 0
}

export const cursorEquals = (a: Cursor | undefined, b: Cursor | undefined): boolean =>
  a !== undefined && b !== undefined && a.epoch === b.epoch && a.revision === b.revision && a.tag === b.tag

/** How far a log has been stored. Revisions of different epochs do not compare. */
export interface Reached {
  readonly epoch: string
  readonly position: Position
}

export const reachedBy = (cursor: Cursor): Reached => ({ epoch: cursor.epoch, position: endOf(cursor.revision) })

/** MONO: within an epoch nothing older than what was reached is ever applied. */
export const isOlder = (there: Reached, reached: Reached | undefined): boolean =>
  reached !== undefined && there.epoch === reached.epoch && comparePositions(there.position, reached.position) < 0
