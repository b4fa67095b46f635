import type { TypeDescriptor } from '@holdfast/model'
import type { ChangesQuery, ControlPlaneStore, Row } from '@holdfast/store'
import type { WatchPosition } from './position.js'

/** What a watch reads of the log: contents and statuses of one type. */
export const logQuery = ({ name }: TypeDescriptor, after: WatchPosition | undefined, limit: number): ChangesQuery => ({
  types: [name],
  ownTypes: [],
  statuses: true,
  after,
  limit,
})

const pageSize = 1_000

/** Everything of a type that lives, by the log: pages stay cheap however far in they are. */
export async function* pagesOfLog(store: ControlPlaneStore, type: TypeDescriptor): AsyncIterable<readonly Row[]> {
  for (let after: WatchPosition | undefined; ; ) {
    const changes = await store.read.changes(logQuery(type, after, pageSize))
    if (changes === undefined) {
      // The log was replaced under us: the new one is read from its start.
      after = undefined
      continue
    }
    yield changes.rows.filter(({ deleted }) => !deleted)
    if (changes.complete) return
    after = { epoch: changes.epoch, position: changes.through }
  }
}
