import { comparePositions, endOf, type Position, startOfLog } from '@holdfast/kds'
import type { Origin } from '@holdfast/model'
import { logRevision } from '../log-revision.js'
import type { Row } from '../plan/index.js'
import type { Changes, ChangesQuery } from '../port.js'
import type { LiveImage } from './live-image.js'
import { typeOrder } from './load.js'

/** A page of the log for whoever follows some types of it, as the database answers. */
export function changesIn(image: LiveImage, query: ChangesQuery, own: Origin): Changes | undefined {
  const { after, types, ownTypes, limit, statuses = false } = query
  const positionOf = (row: Row): Position => ({
    revision: logRevision(row, statuses),
    typeOrder: typeOrder(row.type),
    mesh: row.mesh,
    name: row.exportName,
  })
  const { epoch, revision } = image.head
  const from = after?.position ?? startOfLog
  if (after !== undefined && (after.epoch !== epoch || from.revision > revision)) return undefined
  const keys = new Set(image.rowsByRevision.from(from.revision))
  if (statuses) for (const key of image.rowsByStatusRevision.from(from.revision)) keys.add(key)
  const found = [...keys]
    .map((key) => image.rows.get(key) as Row)
    .filter(
      (row) =>
        (types.includes(row.type) || (ownTypes.includes(row.type) && row.origin === own)) &&
        comparePositions(positionOf(row), from) > 0,
    )
    .sort((a, b) => comparePositions(positionOf(a), positionOf(b)))
  const rows = found.slice(0, limit)
  const complete = found.length <= limit
  const last = rows.at(-1)
  const through = complete || last === undefined ? endOf(revision) : positionOf(last)
  return { state: image.state, epoch, rows, through, complete }
}
