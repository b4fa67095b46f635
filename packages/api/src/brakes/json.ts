import type { Brake } from '@holdfast/store'

/** Who has stopped something on purpose; null where nobody has. */
export const brakeJson = (brake: Brake | undefined) =>
  brake === undefined ? null : { by: brake.by, since: new Date(brake.atMs).toISOString(), reason: brake.reason }
