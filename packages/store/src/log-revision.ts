import type { Row } from './plan/types.js'

/** Where a row stands in the log for who follows statuses too, or contents alone. */
export const logRevision = (row: Pick<Row, 'revision' | 'statusRevision'>, statuses: boolean): number =>
  statuses ? Math.max(row.revision, row.statusRevision) : row.revision
