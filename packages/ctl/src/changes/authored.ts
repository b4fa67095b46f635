import type { JsonObject } from '../api.js'

/** What the control plane computes anew each time: no difference that somebody has made. */
const computed = new Set(['creationTime', 'modificationTime', 'kri', 'snis', 'status', 'publication'])

export const authored = (item: JsonObject | undefined): JsonObject | undefined =>
  item === undefined ? undefined : Object.fromEntries(Object.entries(item).filter(([key]) => !computed.has(key)))
